// The functions that write, as the database keeps them: one call is one transaction, so a batch costs one round trip and
// no transaction ever waits for a client. They are installed by the first migration (schema.ts).
//
// Invariants:
// - Every function that writes begins with roost.hold, which locks the row of the last id until the transaction ends.
//   So writers commit one after the other, ids follow the order of commits, and whatever a function finds missing (an
//   account, an earlier talk with that clientId) nobody else adds meanwhile.
// - Every statement looks rows up by an index, from the first row on: the connections' settings (connection.ts) force
//   it, because what the planner believes of a table that was empty a second ago is wrong, and a plan outlives it.
// - What an operator can mend is raised with the SQLSTATE of `refusalState`; its message is a sentence.

import { groupMembersMax, groupsPerAccountMax } from "../../base/limits.ts";
import { outcome } from "../jobs.ts";
import { nodeNumbers, snowflakeEpochMs } from "../snowflake.ts";

/** The SQLSTATE of what roost.hold refuses. */
export const refusalState = "RO001";

export const leaseMs = 30_000;
/** A lease is extended when this much of it has passed. */
export const renewAfterMs = 10_000;
const clockOffMsMax = 60_000;

/** On the functions that are called from outside; what they call inherits it. */
const isolated = "SET search_path = roost, pg_temp";

/**
 * The lock, the clock and the node number (semantics, Messages 4 and Ids). Leases and times are compared with the
 * database's own clock, which all writers share. A lease's row is its holder's until somebody else takes it over,
 * which happens inside this lock; so no two transactions ever write under one number for two holders.
 */
const hold = `
CREATE FUNCTION roost.hold(
  a_holder text, a_wall_ms bigint,
  OUT last_id bigint, OUT node bigint, OUT since_id bigint
) LANGUAGE plpgsql AS $$
DECLARE
  saved_ms bigint;
  now_ms bigint;
  left_ms bigint;
BEGIN
  SELECT s.last_id, s.committed_ms INTO last_id, saved_ms FROM sequence s FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the store has lost its row of the last id; restore the database from a backup'
      USING ERRCODE = '${refusalState}';
  END IF;
  -- Read after the lock is held.
  now_ms := floor(extract(epoch FROM clock_timestamp()) * 1000);
  IF a_wall_ms < ${snowflakeEpochMs} THEN
    RAISE EXCEPTION 'this machine''s clock says a year before 2020; set it' USING ERRCODE = '${refusalState}';
  ELSIF abs(a_wall_ms - now_ms) > ${clockOffMsMax} THEN
    RAISE EXCEPTION 'this machine''s clock is % s % the database''s; nothing is written until the clocks agree',
      abs(a_wall_ms - now_ms) / 1000, CASE WHEN a_wall_ms < now_ms THEN 'behind' ELSE 'ahead of' END
      USING ERRCODE = '${refusalState}';
  ELSIF saved_ms - a_wall_ms > ${clockOffMsMax} THEN
    RAISE EXCEPTION 'this machine''s clock is % s behind the store''s newest commit; nothing is written until the clock is right',
      (saved_ms - a_wall_ms) / 1000 USING ERRCODE = '${refusalState}';
  END IF;
  -- Whoever turned it off for the whole database did not mean messages that were acknowledged.
  IF current_setting('synchronous_commit') = 'off' THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;

  SELECT n.number, n.since_id, n.until_ms - now_ms INTO node, hold.since_id, left_ms
    FROM node n WHERE n.holder = a_holder;
  IF FOUND THEN
    IF left_ms < ${leaseMs - renewAfterMs} OR left_ms > ${leaseMs} THEN
      UPDATE node n SET until_ms = now_ms + ${leaseMs} WHERE n.holder = a_holder;
    END IF;
    RETURN;
  END IF;
  SELECT min(number) INTO node FROM generate_series(0, ${nodeNumbers - 1}) number
    WHERE NOT EXISTS (SELECT FROM node n WHERE n.number = number.number AND n.until_ms >= now_ms);
  IF node IS NULL THEN
    RAISE EXCEPTION 'all ${nodeNumbers} node numbers of the store are leased; stop a process that uses it, or wait ${
      leaseMs / 1000
    } s after a crash' USING ERRCODE = '${refusalState}';
  END IF;
  since_id := last_id;
  INSERT INTO node AS n VALUES (node, a_holder, now_ms + ${leaseMs}, since_id)
    ON CONFLICT (number) DO UPDATE
    SET holder = excluded.holder, until_ms = excluded.until_ms, since_id = excluded.since_id;
END $$;
`;

/** Extends the lease, or finds out that nothing can be committed. */
const renew = `
CREATE FUNCTION roost.renew(a_holder text, a_wall_ms bigint) RETURNS bigint
LANGUAGE plpgsql ${isolated} AS $$
BEGIN
  RETURN (roost.hold(a_holder, a_wall_ms)).node;
END $$;
`;

/** The same rule as nextId in snowflake.ts, and the ids after it: id 0 is the next one, id i the i-th after it. */
const ids = `
CREATE FUNCTION roost.first_id(a_last_id bigint, a_wall_ms bigint, a_node bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  own CONSTANT bigint := ((a_wall_ms - ${snowflakeEpochMs}) << 22) | (a_node << 12);
  same_time CONSTANT bigint := ((a_last_id >> 22) << 22) | (a_node << 12);
BEGIN
  IF own > a_last_id THEN RETURN own; END IF;
  IF same_time > a_last_id THEN RETURN same_time; END IF;
  IF a_last_id - same_time < 4095 THEN RETURN a_last_id + 1; END IF;
  RETURN same_time + (1::bigint << 22);
END $$;

CREATE FUNCTION roost.id_after(a_first_id bigint, a_count bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE RETURN
  (a_first_id & ~4095::bigint)
  + ((((a_first_id & 4095) + a_count) >> 12) << 22)
  + (((a_first_id & 4095) + a_count) & 4095);

CREATE FUNCTION roost.save_last(a_last_id bigint, a_wall_ms bigint) RETURNS void
LANGUAGE sql AS $$
  UPDATE roost.sequence SET last_id = a_last_id, committed_ms = greatest(committed_ms, a_wall_ms);
$$;
`;

/**
 * Talks and acknowledgements. Rows come back in their order, talks first: an outcome, its four numbers, and for a talk
 * the accounts' numbers, which the caller may give the next time instead of null. Look-ups are sub-queries inside CASE
 * and coalesce, so that only those run which a talk needs.
 */
const commitMessages = `
CREATE FUNCTION roost.commit_messages(
  a_holder text, a_wall_ms bigint,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, sender bigint, inbox bigint
) LANGUAGE plpgsql ${isolated} AS $$
#variable_conflict use_column
DECLARE
  held record;
  first_id bigint;
  senders bigint[];
  -- The receiver's account, or minus the group's number; null for a group that does not exist.
  inboxes bigint[];
  versions bigint[];
  -- Why a talk may not be stored; null where it may.
  denials bigint[];
  is_complete boolean;
  stored_count bigint;
BEGIN
  held := roost.hold(a_holder, a_wall_ms);
  IF cardinality(a_apps) > 0 THEN
    first_id := roost.first_id(held.last_id, a_wall_ms, held.node);
    LOOP
      SELECT array_agg(r.sender), array_agg(r.inbox), array_agg(coalesce((r.found).version, 0)),
          array_agg(CASE
            WHEN NOT r.to_group THEN null
            WHEN coalesce((r.found).member_count, 0) = 0 THEN ${outcome.notFound}
            WHEN NOT EXISTS (
              SELECT FROM member m
              WHERE m.chat_group = (r.found).number AND m.account = r.sender AND m.until_id IS NULL
            ) THEN ${outcome.forbidden}
          END::bigint),
          bool_and(r.sender IS NOT NULL AND (r.to_group OR r.inbox IS NOT NULL))
        INTO senders, inboxes, versions, denials, is_complete
        FROM (
          SELECT t.to_group, t.found,
            coalesce(t.sender_number, (SELECT a.number FROM account a WHERE a.app = t.app AND a.name = t.sender))
              AS sender,
            CASE WHEN t.to_group THEN -(t.found).number ELSE
              coalesce(t.dest_number, (SELECT a.number FROM account a WHERE a.app = t.app AND a.name = t.dest))
            END AS inbox
          FROM (
            SELECT *, CASE WHEN u.to_group
              THEN (SELECT g FROM chat_group g WHERE g.app = u.app AND g.id = u.dest) END AS found
            FROM unnest(a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers) WITH ORDINALITY
              AS u (app, sender, sender_number, to_group, dest, dest_number, position)
            OFFSET 0
          ) t
          ORDER BY t.position
        ) r;
      EXIT WHEN is_complete;
      PERFORM roost.add_accounts(a_apps, a_senders);
      PERFORM roost.add_accounts(array_agg(app), array_agg(dest))
        FROM unnest(a_apps, a_dests, a_to_groups) AS t (app, dest, to_group) WHERE NOT to_group;
    END LOOP;

    -- Of several talks with one clientId the first is stored, or none where there is an earlier one.
    INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id)
      SELECT roost.id_after(first_id, position - 1), inbox, sender, type, body, extra,
        a_wall_ms * 1000000 + position - 1, nullif(client_id, '')
      FROM unnest(inboxes, senders, denials, a_types, a_bodies, a_extras, a_client_ids) WITH ORDINALITY
        AS t (inbox, sender, denial, type, body, extra, client_id, position)
      WHERE denial IS NULL
      ORDER BY position
      ON CONFLICT (sender, client_id) WHERE client_id IS NOT NULL DO NOTHING;
    GET DIAGNOSTICS stored_count = ROW_COUNT;
    PERFORM roost.save_last(roost.id_after(first_id, cardinality(a_apps) - 1), a_wall_ms);
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

  -- Every statement sees what the ones before it wrote. Where all talks were stored no earlier one is looked for. A talk
  -- whose clientId was stored before is told so, whatever its rights are now: its sender may have left the group since.
  RETURN QUERY
    SELECT
      CASE
        WHEN t.inbox IS NULL THEN ${outcome.notFound}
        WHEN (t.keyed).id IS NULL THEN coalesce(t.denial, ${outcome.stored})
        WHEN (t.keyed).inbox <> t.inbox OR (t.keyed).type <> t.type OR (t.keyed).body <> t.body
          OR (t.keyed).extra <> t.extra THEN ${outcome.conflict}
        WHEN (t.keyed).id > held.since_id AND ((t.keyed).id >> 12) & ${nodeNumbers - 1} = held.node
          THEN ${outcome.repeated}
        ELSE ${outcome.repeatedElsewhere}
      END,
      coalesce((t.keyed).id, t.new_id),
      coalesce((t.keyed).sent_ns, a_wall_ms * 1000000 + t.position - 1),
      coalesce(
        (SELECT b.id FROM message b WHERE b.inbox = t.inbox AND b.id < coalesce((t.keyed).id, t.new_id)
         ORDER BY b.id DESC LIMIT 1),
        0),
      t.version, t.sender, t.inbox
    FROM (
      SELECT *, CASE WHEN stored_count < cardinality(a_apps) AND n.client_id <> '' THEN (
        SELECT k FROM message k WHERE k.sender = n.sender AND k.client_id = n.client_id AND k.id < n.new_id
      ) END AS keyed
      FROM (
        SELECT *, roost.id_after(first_id, u.position - 1) AS new_id
        FROM unnest(inboxes, senders, versions, denials, a_types, a_bodies, a_extras, a_client_ids) WITH ORDINALITY
          AS u (inbox, sender, version, denial, type, body, extra, client_id, position)
      ) n
      OFFSET 0
    ) t
    ORDER BY t.position;
  RETURN QUERY
    SELECT CASE WHEN acked > held.last_id THEN ${outcome.future} ELSE ${outcome.done} END::bigint,
      0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint
    FROM unnest(a_ack_ids) WITH ORDINALITY AS t (acked, position) ORDER BY position;
END $$;

CREATE FUNCTION roost.add_accounts(a_apps text[], a_names text[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO account (app, name)
    SELECT DISTINCT t.app, t.name FROM unnest(a_apps, a_names) AS t (app, name)
    WHERE NOT EXISTS (SELECT FROM account a WHERE a.app = t.app AND a.name = t.name);
END $$;
`;

/**
 * Creating, joining and quitting, one after the other in one transaction. A change is a JSON object; rows come back in
 * the order of the changes.
 */
const changeGroups = `
CREATE FUNCTION roost.change_groups(a_holder text, a_wall_ms bigint, a_changes json)
RETURNS TABLE (outcome bigint, number_1 bigint, number_2 bigint)
LANGUAGE plpgsql ${isolated} AS $$
#variable_conflict use_column
DECLARE
  held record;
  -- The last id that is taken, and what the next change would take.
  last_id bigint;
  next_id bigint;
  change json;
  changed chat_group;
  kind text;
  its_app text;
  names text[];
  members bigint[];
  actor bigint;
  target bigint;
  is_in boolean;
  answer bigint[];
BEGIN
  held := roost.hold(a_holder, a_wall_ms);
  last_id := held.last_id;
  FOR change IN SELECT value FROM json_array_elements(a_changes) LOOP
    kind := change ->> 'kind';
    its_app := change ->> 'app';
    next_id := roost.first_id(last_id, a_wall_ms, held.node);
    SELECT * INTO changed FROM chat_group g WHERE g.app = its_app AND g.id = change ->> 'group';

    IF kind = 'create' THEN
      names := ARRAY(SELECT json_array_elements_text(change -> 'members'));
      PERFORM roost.add_accounts(array_fill(its_app, ARRAY[cardinality(names)]), names);
      members := ARRAY(
        SELECT a.number FROM unnest(names) WITH ORDINALITY AS t (name, position)
        JOIN account a ON a.app = its_app AND a.name = t.name ORDER BY t.position);
      answer := roost.create_group(change, changed, members, next_id, a_wall_ms);
    ELSIF changed.number IS NULL OR changed.member_count = 0 THEN
      answer := ARRAY[${outcome.notFound}, 0, 0];
    ELSE
      names := ARRAY[change ->> 'actor', change ->> 'account'];
      PERFORM roost.add_accounts(ARRAY[its_app, its_app], names);
      SELECT a.number INTO actor FROM account a WHERE a.app = its_app AND a.name = names[1];
      SELECT a.number INTO target FROM account a WHERE a.app = its_app AND a.name = names[2];
      is_in := EXISTS (
        SELECT FROM member m WHERE m.chat_group = changed.number AND m.account = target AND m.until_id IS NULL);
      IF actor <> target AND actor <> changed.owner THEN
        answer := ARRAY[${outcome.forbidden}, 0, 0];
      ELSIF kind = 'join' THEN
        answer := roost.join_group(changed, actor, target, is_in, next_id, a_wall_ms);
      ELSE
        answer := roost.quit_group(changed, actor, target, is_in, next_id);
      END IF;
    END IF;
    IF answer[1] = ${outcome.changed} OR answer[1] = ${outcome.created} AND answer[2] = next_id THEN
      last_id := next_id;
    END IF;
    RETURN QUERY SELECT answer[1], answer[2], answer[3];
  END LOOP;
  IF last_id <> held.last_id THEN PERFORM roost.save_last(last_id, a_wall_ms); END IF;
END $$;

-- Members in their order, the owner first. Full: the position of the first one that is in too many groups.
CREATE FUNCTION roost.create_group(
  a_draft json, a_existing roost.chat_group, a_members bigint[], a_id bigint, a_wall_ms bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  first_full bigint;
  new_number bigint;
BEGIN
  -- 128 random bits meet only when a caller repeats a request whose answer it did not get.
  IF a_existing.number IS NOT NULL THEN RETURN ARRAY[${outcome.created}, a_existing.version, 0]; END IF;
  SELECT min(t.position) - 1 INTO first_full
    FROM unnest(a_members) WITH ORDINALITY AS t (account, position) WHERE roost.is_full(t.account);
  IF first_full IS NOT NULL THEN RETURN ARRAY[${outcome.full}, first_full, 0]; END IF;
  INSERT INTO chat_group (app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)
    VALUES (a_draft ->> 'app', a_draft ->> 'group', a_draft ->> 'name', a_draft ->> 'avatar',
      a_draft ->> 'introduction', a_members[1], (a_draft ->> 'closed')::boolean, a_wall_ms, a_id,
      (SELECT count(DISTINCT account) FROM unnest(a_members) account))
    RETURNING number INTO new_number;
  INSERT INTO member (chat_group, account, from_id, joined_ms)
    SELECT new_number, account, a_id, a_wall_ms
    FROM unnest(a_members) WITH ORDINALITY AS t (account, position)
    GROUP BY account ORDER BY min(position);
  RETURN ARRAY[${outcome.created}, a_id, 0];
END $$;

CREATE FUNCTION roost.is_full(a_account bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN (SELECT count(*) FROM member m WHERE m.account = a_account AND m.until_id IS NULL) >= ${groupsPerAccountMax};
END $$;

CREATE FUNCTION roost.join_group(
  a_group roost.chat_group, a_actor bigint, a_account bigint, a_is_in boolean, a_id bigint, a_wall_ms bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
  IF a_is_in THEN RETURN ARRAY[${outcome.unchanged}, 0, 0]; END IF;
  IF a_group.closed AND a_actor <> a_group.owner THEN RETURN ARRAY[${outcome.forbidden}, 0, 0]; END IF;
  IF a_group.member_count >= ${groupMembersMax} OR roost.is_full(a_account) THEN
    RETURN ARRAY[${outcome.full}, 0, 0];
  END IF;
  INSERT INTO member (chat_group, account, from_id, joined_ms) VALUES (a_group.number, a_account, a_id, a_wall_ms);
  UPDATE chat_group g SET version = a_id, member_count = g.member_count + 1 WHERE g.number = a_group.number;
  RETURN ARRAY[${outcome.changed}, a_group.version, a_id];
END $$;

-- The owner's leaving hands the group to its longest member: members are numbered in the order of joining.
CREATE FUNCTION roost.quit_group(
  a_group roost.chat_group, a_actor bigint, a_account bigint, a_is_in boolean, a_id bigint
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
  heir bigint;
BEGIN
  IF NOT a_is_in THEN
    RETURN ARRAY[CASE WHEN a_actor = a_account THEN ${outcome.forbidden} ELSE ${outcome.unchanged} END, 0, 0];
  END IF;
  UPDATE member m SET until_id = a_id
    WHERE m.chat_group = a_group.number AND m.account = a_account AND m.until_id IS NULL;
  IF a_account = a_group.owner THEN
    SELECT m.account INTO heir FROM member m
      WHERE m.chat_group = a_group.number AND m.until_id IS NULL ORDER BY m.number LIMIT 1;
  END IF;
  UPDATE chat_group g SET version = a_id, member_count = g.member_count - 1, owner = coalesce(heir, g.owner)
    WHERE g.number = a_group.number;
  RETURN ARRAY[${outcome.changed}, a_group.version, a_id];
END $$;
`;

/**
 * Deletes a slice of what is older than an id, by one process at a time; what comes back is where to go on, or null
 * when there is nothing more. It does not take the writers' lock: nobody else touches rows that old.
 */
const purge = `
CREATE FUNCTION roost.purge(a_above_id bigint, a_below_id bigint, a_rows integer) RETURNS bigint
LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  last_deleted bigint;
  deleted_rows bigint;
  deleted_windows bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('roost.purge', 0)) THEN RETURN null; END IF;
  -- A slice that is lost in a crash is deleted again: nobody waits for the disk.
  PERFORM set_config('synchronous_commit', 'off', true);
  WITH deleted AS (
    DELETE FROM message WHERE id IN (
      SELECT m.id FROM message m WHERE m.id > a_above_id AND m.id < a_below_id ORDER BY m.id LIMIT a_rows)
    RETURNING id
  ) SELECT max(id), count(*) INTO last_deleted, deleted_rows FROM deleted;
  WITH deleted AS (
    DELETE FROM member WHERE number IN (
      SELECT m.number FROM member m WHERE m.until_id < a_below_id ORDER BY m.until_id LIMIT a_rows)
    RETURNING number
  ) SELECT count(*) INTO deleted_windows FROM deleted;
  IF deleted_rows < a_rows AND deleted_windows < a_rows THEN RETURN null; END IF;
  RETURN coalesce(last_deleted, a_above_id);
END $$;
`;

/** All of them, in the order in which they need each other. */
export const writeFunctions: string = [hold, renew, ids, commitMessages, changeGroups, purge].join("\n");
