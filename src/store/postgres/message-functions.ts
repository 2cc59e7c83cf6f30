// Stores messages and acknowledgements, as a function of the database: one call is one transaction, so a batch costs
// one round trip and no transaction waits for a client.
//
// Every statement looks rows up by an index, which the connections' settings force (connection.ts): the planner's
// statistics of a table that was empty a second ago are wrong, and a plan outlives them. What is asked for each of many
// rows is no EXISTS, but a subquery for a value: the planner may make a join or a hash of an EXISTS, for which it reads
// all rows of an account, of a group or of the table.

import { outcome } from "../jobs.ts";
import { nodeNumbers } from "../snowflake.ts";
import { linkFunctions } from "./link-functions.ts";
import { messageState } from "./message-state.ts";
import { isolated } from "./writer-lock.ts";

/**
 * An expression: the newest message of an inbox below an id that is not behind the watermark of its app; null if there
 * is none. Few stores have watermarks: one look for the whole batch tells.
 */
function idBefore(inbox: string, id: string, sender: string): string {
  return `(SELECT b.id FROM message b
            WHERE b.inbox = ${inbox} AND b.id < ${id}
              AND b.id > CASE WHEN has_watermarks THEN roost.watermark_for(${sender}) ELSE 0 END
            ORDER BY b.id DESC LIMIT 1)`;
}

/**
 * An expression: the newest entry of an inbox below an id that is not quiet, or 0. Most stores have entries of groups,
 * and many have none in direct conversations: one look for the whole batch tells.
 */
function entryBefore(inbox: string, id: string): string {
  return `CASE WHEN ${inbox} < 0 OR has_direct_entries THEN coalesce((
          SELECT b.id FROM entry b WHERE b.inbox = ${inbox} AND NOT b.quiet AND b.id < ${id} ORDER BY b.id DESC LIMIT 1
        ), 0) ELSE 0 END`;
}

/** An expression: why a member may not talk in a group, 0 if it may. */
const memberDenial = `coalesce((
                SELECT CASE
                  WHEN m.muted_until > held.wall_us / 1000000 THEN ${outcome.muted}
                  WHEN r.for_admins AND m.role = 0 AND r.owner <> m.account THEN ${outcome.forAdmins}
                  ELSE 0 END
                FROM member m
                WHERE m.chat_group = -r.inbox AND m.account = r.sender AND m.until_id IS NULL
              ), CASE WHEN roost.is_system_of(r.sender, -r.inbox) THEN 0 ELSE ${outcome.forbidden} END)`;

/**
 * Rows of results are in order, messages first: an outcome, its five numbers, and for a message the accounts' numbers,
 * which the caller may pass next time instead of null. Names of accounts are read unless all numbers are given and no
 * talk is in a_linked. Lookups are subqueries inside CASE and coalesce, so that only the necessary ones run. Few talks
 * mention somebody, reply or name files: a_linked has their positions, from 1, and the arrays after it what they name.
 * a_starts has the positions of the talks whose direct conversation may not have begun: the caller knows that all
 * others have. a_guards: the version up to which the caller knows that no receiver is in guard
 * (people/guard-functions.ts); null where one may be.
 *
 * Statements read arrays by position where they can: unnest copies every array of a batch, row by row.
 *
 * Missing accounts are created in the first of two passes, under the writers' lock: nobody else creates them meanwhile,
 * and the second pass finds all of them, but for receivers of talks that are refused.
 */
const store = `
CREATE OR REPLACE FUNCTION roost.store_talks(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_starts integer[], a_guards bigint, a_linked integer[], a_mentions text[], a_replies bigint[], a_media text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, previous_entry_id bigint,
  sender bigint, inbox bigint
) LANGUAGE plpgsql ${isolated} AS $$
#variable_conflict use_column
DECLARE
  held record;
  talks CONSTANT integer := cardinality(a_apps);
  first_id bigint;
  senders bigint[];
  -- The receiver's account, or minus the group's number; null for a group that does not exist.
  inboxes bigint[];
  versions bigint[];
  -- Why a talk may not be stored; null where it may.
  denials bigint[];
  -- Why what a talk names denies it; null where it does not, and if none names anything.
  link_denials bigint[];
  is_complete boolean;
  -- Which receivers had to be made; null where none had.
  made boolean[];
  stored_count bigint;
  is_all_stored boolean;
  -- What talks name; null for most.
  mentions text[];
  replies bigint[];
  place integer;
  has_direct_entries boolean;
  has_watermarks boolean;
  may_refuse boolean;
  -- With digests for those that repeat an erased message.
  client_ids text[] := a_client_ids;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF talks > 0 THEN
    first_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
    may_refuse := a_guards IS NULL OR EXISTS (SELECT FROM guard g WHERE g.version > a_guards);
    -- Mostly all talks are between accounts that the caller knows.
    IF array_position(a_sender_numbers, null) IS NULL AND array_position(a_dest_numbers, null) IS NULL
      AND NOT true = ANY (a_to_groups) AND coalesce(cardinality(a_linked), 0) = 0
    THEN
      senders := a_sender_numbers;
      inboxes := a_dest_numbers;
      versions := array_fill(0::bigint, ARRAY[talks]);
      denials := array_fill(null::bigint, ARRAY[talks]);
      client_ids := roost.stored_client_ids(senders, a_client_ids, first_id);
      IF may_refuse THEN denials := roost.refuse_talks(senders, inboxes, denials, client_ids, null); END IF;
    ELSE
      FOR pass IN 1..2 LOOP
        SELECT array_agg(r.sender), array_agg(r.inbox), array_agg(coalesce(r.version, 0)),
            array_agg(CASE
              WHEN NOT r.to_group THEN CASE WHEN r.inbox IS NULL AND r.to_known THEN ${outcome.unknown} END
              WHEN coalesce(r.member_count, 0) = 0 THEN ${outcome.notFound}
              ELSE nullif(${memberDenial}, 0)
            END::bigint),
            bool_and(r.sender IS NOT NULL AND (r.to_group OR r.to_known OR r.inbox IS NOT NULL))
          INTO senders, inboxes, versions, denials, is_complete
          FROM (
            SELECT t.to_group, t.to_known, t.version, t.member_count, t.for_admins, t.owner,
              coalesce(t.sender_number, (SELECT a.number FROM account a WHERE a.app = t.app AND a.name = t.sender))
                AS sender,
              CASE WHEN t.to_group THEN -t.group_number ELSE
                coalesce(t.dest_number, (SELECT a.number FROM account a WHERE a.app = t.app AND a.name = t.dest))
              END AS inbox
            FROM (
              SELECT u.*, g.number AS group_number, g.version, g.member_count, g.for_admins, g.owner
              FROM unnest(
                  a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns
                ) WITH ORDINALITY AS u (app, sender, sender_number, to_group, dest, dest_number, to_known, position)
              LEFT JOIN LATERAL (
                SELECT * FROM chat_group g WHERE u.to_group AND g.app = u.app AND g.id = u.dest LIMIT 1
              ) g ON true
              OFFSET 0
            ) t
            ORDER BY t.position
          ) r;
        client_ids := roost.stored_client_ids(senders, a_client_ids, first_id);
        IF cardinality(a_linked) > 0 THEN link_denials := array_fill(null::bigint, ARRAY[talks]); END IF;
        FOR link IN 1..coalesce(cardinality(a_linked), 0) LOOP
          place := a_linked[link];
          CONTINUE WHEN denials[place] IS NOT NULL;
          link_denials[place] := roost.link_denial(
            a_apps[place], senders[place], coalesce(inboxes[place], 0), a_senders[place], a_dests[place],
            a_mentions[link], a_replies[link], a_media[link]);
        END LOOP;
        IF may_refuse THEN
          denials := roost.refuse_talks(senders, inboxes, denials, client_ids, link_denials);
        END IF;
        -- Receivers decide first.
        FOREACH place IN ARRAY coalesce(a_linked, '{}') LOOP
          denials[place] := coalesce(denials[place], link_denials[place]);
        END LOOP;
        EXIT WHEN is_complete OR pass = 2;
        made := ARRAY(
          SELECT inbox IS NULL FROM unnest(inboxes) WITH ORDINALITY AS t (inbox, position) ORDER BY position);
        PERFORM roost.add_accounts(a_apps, a_senders);
        -- Rows of accounts stay for ever, and only stored talks are charged: the others make none. Of several talks
        -- with one clientId those behind the first are not stored.
        PERFORM roost.add_accounts(array_agg(t.app), array_agg(t.dest))
          FROM (
            SELECT u.*, count(*) FILTER (WHERE u.denial IS NULL) OVER (
                PARTITION BY u.app, u.sender_name, u.client_id ORDER BY u.position
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_count
            FROM unnest(a_apps, a_senders, senders, a_to_groups, a_dests, inboxes, denials, client_ids)
              WITH ORDINALITY
              AS u (app, sender_name, sender, to_group, dest, inbox, denial, client_id, position)
          ) t
          WHERE t.inbox IS NULL AND NOT t.to_group AND t.denial IS NULL
            AND (t.client_id = '' OR t.earlier_count = 0 AND (
              SELECT true FROM message m WHERE m.sender = t.sender AND m.client_id = t.client_id) IS NULL);
      END LOOP;
    END IF;

    IF cardinality(a_linked) > 0 THEN
      mentions := array_fill(null::text, ARRAY[talks]);
      replies := array_fill(null::bigint, ARRAY[talks]);
    END IF;
    FOR link IN 1..coalesce(cardinality(a_linked), 0) LOOP
      place := a_linked[link];
      mentions[place] := nullif(a_mentions[link], '');
      replies[place] := nullif(a_replies[link], 0);
    END LOOP;

    -- Of several talks with one clientId the first is stored, or none where there is an earlier one.
    INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id, mentions, reply_to)
      SELECT roost.id_after(first_id, at - 1), inboxes[at], senders[at], a_types[at], a_bodies[at], a_extras[at],
        held.wall_us * 1000 + at - 1, nullif(client_ids[at], ''), mentions[at], replies[at]
      FROM generate_series(1, talks) AS t (at)
      WHERE denials[at] IS NULL AND inboxes[at] IS NOT NULL
      ORDER BY at
      ON CONFLICT (sender, client_id) WHERE client_id IS NOT NULL DO NOTHING;
    GET DIAGNOSTICS stored_count = ROW_COUNT;
    PERFORM roost.move_last(roost.id_after(first_id, talks - 1), held.wall_us / 1000);
    is_all_stored := stored_count = talks;
    -- A conversation begins with its first message, for both sides at once: looked up once for each pair of a_starts.
    IF cardinality(a_starts) > 0 THEN
      INSERT INTO conversation (account, other)
        SELECT DISTINCT side.account, side.other
        FROM (
          SELECT p.inbox, p.sender
          FROM (
            SELECT DISTINCT inboxes[at] AS inbox, senders[at] AS sender
            FROM unnest(a_starts) AS t (at)
            WHERE denials[at] IS NULL AND inboxes[at] > 0
              AND (is_all_stored OR (SELECT true FROM message m WHERE m.id = roost.id_after(first_id, at - 1)))
          ) p
          WHERE (SELECT true FROM conversation c WHERE c.account = p.inbox AND c.other = p.sender) IS NULL
          OFFSET 0
        ) begun, LATERAL (VALUES (begun.inbox, begun.sender), (begun.sender, begun.inbox)) AS side (account, other);
    END IF;
    FOR link IN 1..coalesce(cardinality(a_linked), 0) LOOP
      place := a_linked[link];
      PERFORM roost.add_links(roost.id_after(first_id, place - 1), a_apps[place], a_media[link]);
    END LOOP;
  END IF;

  IF cardinality(a_ack_apps) > 0 THEN
    PERFORM roost.add_accounts(a_ack_apps, a_ack_accounts);
    INSERT INTO cursor AS c (account, device, acked)
      SELECT a.number, t.device, max(t.acked)
      FROM unnest(a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids) AS t (app, account, device, acked)
      JOIN account a ON a.app = t.app AND a.name = t.account
      WHERE t.acked > 0 AND t.acked <= held.last_id
      GROUP BY a.number, t.device
      ON CONFLICT (account, device) DO UPDATE SET acked = excluded.acked WHERE excluded.acked > c.acked;
  END IF;

  has_direct_entries := EXISTS (SELECT FROM entry e WHERE e.inbox > 0 AND NOT e.quiet);
  has_watermarks := EXISTS (SELECT FROM app_data d WHERE d.watermark_id > 0);
  -- Every statement sees what the ones before it wrote. Mostly all talks were stored: no earlier one is looked for, and
  -- the message before is either in the batch, too, or looked up for the first one to its inbox.
  IF is_all_stored THEN
    RETURN QUERY
      SELECT CASE WHEN made[t.at] THEN ${outcome.storedForNew} ELSE ${outcome.stored} END::bigint,
        t.new_id, held.wall_us * 1000 + t.at - 1,
        coalesce(
          lag(t.new_id) OVER (PARTITION BY t.inbox ORDER BY t.at),
          ${idBefore("t.inbox", "t.new_id", "senders[t.at]")},
          0),
        versions[t.at],
        ${entryBefore("t.inbox", "t.new_id")},
        senders[t.at], t.inbox
      FROM (
        SELECT n.at, roost.id_after(first_id, n.at - 1) AS new_id, inboxes[n.at] AS inbox
        FROM generate_series(1, talks) AS n (at)
      ) t
      ORDER BY t.at;
  -- A talk whose clientId was stored before is told so, whatever its rights are now: its sender may have left the
  -- group.
  ELSE RETURN QUERY
    SELECT
      CASE
        -- No account was made for the receiver.
        WHEN t.inbox IS NULL AND NOT t.to_group AND t.denial IS DISTINCT FROM ${outcome.unknown}
          AND (t.keyed).id IS NOT NULL THEN ${outcome.conflict}
        WHEN t.inbox IS NULL THEN coalesce(t.denial, ${outcome.notFound})
        WHEN (t.keyed).id IS NULL THEN
          coalesce(t.denial, CASE WHEN made[t.position] THEN ${outcome.storedForNew} ELSE ${outcome.stored} END)
        WHEN (t.keyed).inbox <> t.inbox THEN ${outcome.conflict}
        -- An edited message has another text by now, a recalled one none.
        WHEN coalesce((t.keyed).state, 0) & ${messageState.edited | messageState.recalled} = 0 AND (
          (t.keyed).type <> t.type OR (t.keyed).body <> t.body OR (t.keyed).extra <> t.extra
        ) THEN ${outcome.conflict}
        WHEN (t.keyed).id > held.since_id AND ((t.keyed).id >> 12) & ${nodeNumbers - 1} = held.node
          THEN ${outcome.repeated}
        ELSE ${outcome.repeatedElsewhere}
      END,
      coalesce((t.keyed).id, t.new_id),
      coalesce((t.keyed).sent_ns, held.wall_us * 1000 + t.position - 1),
      coalesce(${idBefore("t.inbox", "coalesce((t.keyed).id, t.new_id)", "t.sender")}, 0),
      t.version,
      ${entryBefore("t.inbox", "coalesce((t.keyed).id, t.new_id)")},
      t.sender, t.inbox
    FROM (
      SELECT *, CASE WHEN n.client_id <> '' THEN (
        SELECT k FROM message k WHERE k.sender = n.sender AND k.client_id = n.client_id AND k.id < n.new_id
      ) END AS keyed
      FROM (
        SELECT *, roost.id_after(first_id, u.position - 1) AS new_id
        FROM unnest(
            inboxes, senders, versions, denials, a_to_groups, a_types, a_bodies, a_extras, client_ids
          ) WITH ORDINALITY
          AS u (inbox, sender, version, denial, to_group, type, body, extra, client_id, position)
      ) n
      OFFSET 0
    ) t
    ORDER BY t.position;
  END IF;
  RETURN QUERY
    SELECT CASE WHEN acked > held.last_id THEN ${outcome.future} ELSE ${outcome.done} END::bigint,
      0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint
    FROM unnest(a_ack_ids) WITH ORDINALITY AS t (acked, position) ORDER BY position;
END $$;
`;

export const messageFunctions: string = [store, linkFunctions].join("\n");
