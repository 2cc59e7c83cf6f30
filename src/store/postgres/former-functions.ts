// What programs of schema 1 call: a rolling upgrade has them on the new schema for as long as they run. They gave the time
// of their own machine (a_wall_ms) and the id below which to delete; neither counts any more.

import { isolated } from "./writer-lock.ts";

export const formerFunctions: string = `
-- Not called from outside. A call of the former commit_messages or change_groups may be about to call it.
CREATE OR REPLACE FUNCTION roost.hold(
  a_holder text, a_wall_ms bigint,
  OUT last_id bigint, OUT node bigint, OUT since_id bigint
) LANGUAGE plpgsql AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder);
  last_id := held.last_id;
  node := held.node;
  since_id := held.since_id;
END $$;

CREATE OR REPLACE FUNCTION roost.commit_messages(
  a_holder text, a_wall_ms bigint,
  a_apps text[], a_senders text[], a_sender_numbers bigint[],
  a_to_groups boolean[], a_dests text[], a_dest_numbers bigint[],
  a_types integer[], a_bodies text[], a_extras text[], a_client_ids text[],
  a_ack_apps text[], a_ack_accounts text[], a_ack_devices text[], a_ack_ids bigint[]
) RETURNS TABLE (
  outcome bigint, id bigint, sent_ns bigint, previous_id bigint, group_version bigint, sender bigint, inbox bigint
) LANGUAGE plpgsql ${isolated} AS $$
BEGIN
  RETURN QUERY SELECT * FROM roost.commit_messages(
    a_holder, a_apps, a_senders, a_sender_numbers, a_to_groups, a_dests, a_dest_numbers, a_types, a_bodies, a_extras,
    a_client_ids, a_ack_apps, a_ack_accounts, a_ack_devices, a_ack_ids);
END $$;

CREATE OR REPLACE FUNCTION roost.change_groups(a_holder text, a_wall_ms bigint, a_changes json)
RETURNS TABLE (outcome bigint, number_1 bigint, number_2 bigint)
LANGUAGE plpgsql ${isolated} AS $$
BEGIN
  RETURN QUERY SELECT * FROM roost.change_groups(a_holder, a_changes);
END $$;

CREATE OR REPLACE FUNCTION roost.renew(a_holder text, a_wall_ms bigint) RETURNS bigint
LANGUAGE plpgsql ${isolated} AS $$
BEGIN
  RETURN (roost.hold(a_holder)).node;
END $$;

-- A program with a wrong clock, or one whose retention was mistyped, deletes nothing: the new programs do it.
CREATE OR REPLACE FUNCTION roost.purge(a_above_id bigint, a_below_id bigint, a_rows integer) RETURNS bigint
LANGUAGE plpgsql ${isolated} AS $$
BEGIN
  RETURN null;
END $$;
`;
