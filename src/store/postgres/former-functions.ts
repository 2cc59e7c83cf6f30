// Functions for programs of schemas 1 to 8, which run on the new schema during a rolling upgrade. Schema 7 had neither
// blocks nor mutes, nor entries of groups, and did not say why somebody was left out of a group. Schema 6 did not say
// which conversations had begun. Schemas 4 and 5 had no mentions, replies and entries. Schema 3 did not report who was
// left out of a group, and had only the initial limits. Schemas 1 and 2 do not know the life of the store (life.ts), so
// it is not compared. Schema 1 passed the time of its own machine (a_wall_ms) and the id below which to delete; both
// are ignored.
//
// Former functions keep their names, and current ones have others: the types of parameters would not distinguish them.

import { groupLimits } from "../../base/limits/group-limits.ts";
import { outcome } from "../jobs.ts";
import { isolated } from "./writer-lock.ts";

const { groupsPerAccount, groupsPutPerAccount, groupMembers } = groupLimits;

const ofMessages = `a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]`;
const outcomeOfMessage = `outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint,
  sender bigint, inbox bigint`;
const outcomeOfGroup = "outcome bigint, number_1 bigint, number_2 bigint";

/** A function that is called from outside. */
function called(head: string, body: string): string {
  return `CREATE OR REPLACE FUNCTION roost.${head} LANGUAGE plpgsql ${isolated} AS $$\n${body}\n$$;`;
}

const ofSchema8 = [
  // Its programs know no files.
  called(
    `append_talks(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_starts integer[], a_guards bigint, a_linked integer[], a_mentions text[], a_replies bigint[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, previous_entry_id bigint,
  sender bigint, inbox bigint
)`,
    `BEGIN
  RETURN QUERY SELECT * FROM roost.store_talks(
    a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns,
    a_types, a_bodies, a_extras, a_client_ids, a_starts, a_guards, a_linked, a_mentions, a_replies,
    array_fill(''::text, ARRAY[coalesce(cardinality(a_linked), 0)]),
    a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids);
END`,
  ),
];

const ofSchema7 = [
  // Its programs know no refusal of a talk but that of strangers.
  called(
    `append_batch(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_starts integer[], a_linked integer[], a_mentions text[], a_replies bigint[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, previous_entry_id bigint,
  sender bigint, inbox bigint
)`,
    `BEGIN
  RETURN QUERY SELECT
      CASE WHEN m.outcome IN (${outcome.muted}, ${outcome.forAdmins}, ${outcome.unwilling}) THEN ${outcome.forbidden}
        ELSE m.outcome END::bigint,
      m.id, m.sent_ns, m.previous_id, m.group_version, m.previous_entry_id, m.sender, m.inbox
    FROM roost.append_talks(
      a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns,
      a_types, a_bodies, a_extras, a_client_ids, a_starts, null, a_linked, a_mentions, a_replies,
      a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids) m;
END`,
  ),
  // Nor do they know another refusal of a join, or of what becomes of a group.
  called(
    `change_memberships(
  a_holder text, a_life text, a_changes json, a_own_max bigint, a_put_max bigint, a_members_max bigint
) RETURNS TABLE (outcome bigint, number_1 bigint, number_2 bigint, number_3 bigint, number_4 bigint)`,
    `BEGIN
  RETURN QUERY SELECT
      CASE WHEN c.outcome IN (${outcome.closed}, ${outcome.approval}, ${outcome.unwilling}) THEN ${outcome.forbidden}
        WHEN c.outcome = ${outcome.createdWithoutFull} THEN ${outcome.created}
        ELSE c.outcome END::bigint,
      c.number_1, c.number_2, c.number_3, c.number_4
    FROM roost.change_members(a_holder, a_life, a_changes, a_own_max, a_put_max, a_members_max) c;
END`,
  ),
  called(
    `mark_read(
  a_life text, a_apps text[], a_accounts text[], a_to_groups boolean[], a_dests text[], a_ids bigint[]
) RETURNS TABLE (former_id bigint, read_id bigint)`,
    `BEGIN
  RETURN QUERY SELECT c.former_id, c.read_id
    FROM roost.move_cursors(a_life, a_apps, a_accounts, a_to_groups, a_dests, a_ids) c;
END`,
  ),
];

const ofSchema6 = [
  called(
    `append_messages(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_linked integer[], a_mentions text[], a_replies bigint[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, previous_entry_id bigint,
  sender bigint, inbox bigint
)`,
    `BEGIN
  RETURN QUERY SELECT * FROM roost.append_batch(
    a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns,
    a_types, a_bodies, a_extras, a_client_ids, ARRAY(SELECT generate_subscripts(a_apps, 1)), a_linked, a_mentions,
    a_replies, a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids);
END`,
  ),
];

const ofSchema5 = [
  `-- Not called from outside. A call of the former store_messages that waits for the upgrade is about to call it, and
-- has begun no conversations.
CREATE OR REPLACE FUNCTION roost.save_last(a_last_id bigint, a_wall_ms bigint) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO roost.conversation (account, other)
    SELECT side.account, side.other
    FROM roost.message m, LATERAL (VALUES (m.inbox, m.sender), (m.sender, m.inbox)) AS side (account, other)
    WHERE m.id > (SELECT s.last_id FROM roost.sequence s) AND m.inbox > 0
    ON CONFLICT (account, other) DO NOTHING;
  SELECT roost.move_last(a_last_id, a_wall_ms);
$$;`,
  called(
    `store_messages(
  a_holder text, a_life text,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[], a_to_knowns boolean[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (${outcomeOfMessage})`,
    `BEGIN
  RETURN QUERY SELECT m.outcome, m.id, m.sent_ns, m.previous_id, m.group_version, m.sender, m.inbox
    FROM roost.append_messages(
      a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_to_knowns,
      a_types, a_bodies, a_extras, a_client_ids, null, null, null,
      a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids) m;
END`,
  ),
];

const ofSchema3 = [
  called(
    `write_messages(a_holder text, a_life text, ${ofMessages}) RETURNS TABLE (${outcomeOfMessage})`,
    `BEGIN
  RETURN QUERY SELECT CASE WHEN m.outcome = ${outcome.storedForNew} THEN ${outcome.stored} ELSE m.outcome END,
      m.id, m.sent_ns, m.previous_id, m.group_version, m.sender, m.inbox
    FROM roost.store_messages(
      a_holder, a_life, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers,
      array_fill(false, ARRAY[cardinality(a_apps)]), a_types, a_bodies, a_extras, a_client_ids,
      a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids) m;
END`,
  ),
  called(
    `write_groups(a_holder text, a_life text, a_changes json) RETURNS TABLE (${outcomeOfGroup})`,
    `BEGIN
  RETURN QUERY SELECT c.outcome, c.number_1, c.number_2 FROM roost.change_memberships(
    a_holder, a_life, a_changes,
    ${groupsPerAccount.initial}, ${groupsPutPerAccount.initial}, ${groupMembers.initial}) c;
END`,
  ),
];

/** The functions that schemas 1 and 2 have alike: programs of schema 1 pass their time, those of 2 are told it. */
function writersOf(schema: 1 | 2): string[] {
  const wall = schema === 1 ? ", a_wall_ms bigint" : "";
  const [outWall, tellWall] = schema === 2 ? [", OUT wall_us bigint", "\n  wall_us := held.wall_us;"] : ["", ""];
  return [
    `-- Not called from outside. A call of the former commit_messages or change_groups may be about to call it.
CREATE OR REPLACE FUNCTION roost.hold(
  a_holder text${wall}, OUT last_id bigint, OUT node bigint, OUT since_id bigint${outWall}
) LANGUAGE plpgsql AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, null::text);
  last_id := held.last_id;
  node := held.node;
  since_id := held.since_id;${tellWall}
END $$;`,
    called(
      `commit_messages(a_holder text${wall}, ${ofMessages}) RETURNS TABLE (${outcomeOfMessage})`,
      `BEGIN
  RETURN QUERY SELECT * FROM roost.write_messages(
    a_holder, null, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_types, a_bodies,
    a_extras, a_client_ids, a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids);
END`,
    ),
    called(
      `change_groups(a_holder text${wall}, a_changes json) RETURNS TABLE (${outcomeOfGroup})`,
      "BEGIN RETURN QUERY SELECT * FROM roost.write_groups(a_holder, null, a_changes); END",
    ),
  ];
}

const ofSchema2 = [
  ...writersOf(2),
  called(
    "renew(a_holder text, OUT last_id bigint, OUT wall_ms bigint)",
    `DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, null::text);
  last_id := held.last_id;
  wall_ms := held.wall_us / 1000;
END`,
  ),
  called(
    `save_look(
  a_turn bigint, a_ran_ms bigint, a_leapt_ms bigint, a_later_ms bigint, a_latest_ms bigint,
  a_horizons json, a_marks json
) RETURNS boolean`,
    `BEGIN
  RETURN roost.save_look(a_turn, a_ran_ms, a_leapt_ms, a_later_ms, a_latest_ms, a_horizons, a_marks, null);
END`,
  ),
  called(
    `delete_slice(
  a_above_id bigint, a_end_id bigint, a_rows integer, OUT next_id bigint, OUT messages bigint, OUT is_busy boolean
)`,
    `BEGIN
  SELECT s.next_id, s.messages, s.is_busy INTO next_id, messages, is_busy
    FROM roost.delete_slice(a_above_id, a_end_id, a_rows, null) s;
END`,
  ),
  called(
    "purge_slice(a_above_id bigint, a_rows integer) RETURNS bigint",
    "BEGIN RETURN roost.purge_slice(a_above_id, a_rows, null); END",
  ),
];

const ofSchema1 = [
  ...writersOf(1),
  called(
    "renew(a_holder text, a_wall_ms bigint) RETURNS bigint",
    "BEGIN RETURN (roost.hold(a_holder, null::text)).node; END",
  ),
  // A program with a wrong clock, or one whose retention was mistyped, deletes nothing: the new programs do it.
  called("purge(a_above_id bigint, a_below_id bigint, a_rows integer) RETURNS bigint", "BEGIN RETURN null; END"),
];

export const formerFunctions: string = [
  ...ofSchema8,
  ...ofSchema7,
  ...ofSchema6,
  ...ofSchema5,
  ...ofSchema3,
  ...ofSchema2,
  ...ofSchema1,
].join("\n\n");
