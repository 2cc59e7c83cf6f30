// Pinned messages of a conversation, as functions of the database. A recall and the retention take a pin away without
// an entry of its own. A message that a purge holds is about to be gone: nobody pins it (change-functions.ts).

import { pinnedMessagesMax } from "../../../base/limits/fixed.ts";
import { entryKind } from "../../conversations.ts";
import { messageState } from "../message-state.ts";
import { mayRead } from "../conversation-functions.ts";

/** A condition for a message m: it is in the conversation of two accounts, or in a group; other: minus its number. */
function isIn(account: string, other: string): string {
  return `CASE WHEN ${other} < 0 THEN m.inbox = ${other}
        ELSE m.sender = ${account} AND m.inbox = ${other} OR m.sender = ${other} AND m.inbox = ${account} END`;
}

export const pinFunctions = `
CREATE OR REPLACE FUNCTION roost.pin_message(a_call json, a_id bigint, a_wall_us bigint) RETURNS json
LANGUAGE plpgsql AS $$
DECLARE
  its_app CONSTANT text := a_call ->> 'app';
  to_group CONSTANT boolean := (a_call ->> 'toGroup')::boolean;
  me CONSTANT bigint := roost.account_number(its_app, a_call ->> 'actor');
  ends CONSTANT boolean := (a_call ->> 'isOff')::boolean;
  its_group bigint;
  its_other bigint;
  verdict text;
  pinned roost.message;
BEGIN
  IF to_group THEN
    its_group := roost.group_number(its_app, a_call ->> 'dest');
    its_other := -its_group;
    verdict := roost.right_of('pin', its_group, me);
    IF verdict <> 'allowed' THEN RETURN roost.refused(verdict); END IF;
  ELSE
    its_other := roost.account_number(its_app, a_call ->> 'dest');
  END IF;
  SELECT * INTO pinned FROM message m
    WHERE m.id = (a_call ->> 'messageId')::bigint AND ${isIn("me", "its_other")} AND ${mayRead("me", "m")}
      AND coalesce(m.state, 0) & ${messageState.recalled} = 0
    FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN RETURN roost.refused('notFound'); END IF;
  IF NOT to_group AND NOT roost.may_reach(me, its_other, 'write') THEN RETURN roost.refused('unwilling'); END IF;
  IF EXISTS (SELECT FROM pin p WHERE p.message = pinned.id) <> ends THEN RETURN roost.refused('unchanged'); END IF;
  IF ends THEN
    DELETE FROM pin p WHERE p.message = pinned.id;
  ELSE
    IF (
      SELECT count(*) FROM pin p
      WHERE p.first = ${first("me", "its_other")} AND p.other = ${second("me", "its_other")}
    ) >= ${pinnedMessagesMax} THEN
      RETURN roost.refused('full', 'pinnedMessagesMax');
    END IF;
    INSERT INTO pin (message, first, other, entry, account)
      VALUES (pinned.id, ${first("me", "its_other")}, ${second("me", "its_other")}, a_id, me);
  END IF;
  RETURN roost.stored_in(its_group, ARRAY[roost.add_entry(
    a_id, its_other, me, ${entryKind.pinned}, a_wall_us * 1000, a_refers => pinned.id, ends => ends)]);
END $$;

-- The newest pin first; null if the account may not see them, or has no such conversation.
CREATE OR REPLACE FUNCTION roost.pinned_in(a_app text, a_account text, a_to_group boolean, a_dest text)
RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  me CONSTANT bigint := roost.account_number(a_app, a_account);
  its_other CONSTANT bigint := CASE WHEN a_to_group THEN -roost.group_number(a_app, a_dest)
    ELSE roost.account_number(a_app, a_dest) END;
BEGIN
  IF me IS NULL OR its_other IS NULL THEN RETURN null; END IF;
  IF a_to_group AND roost.right_of('see', -its_other, me) <> 'allowed' THEN RETURN null; END IF;
  IF NOT a_to_group AND NOT roost.have_talked(me, its_other) THEN RETURN null; END IF;
  RETURN ARRAY(
    SELECT p.message FROM roost.pin p
    WHERE p.first = ${first("me", "its_other")} AND p.other = ${second("me", "its_other")}
      AND p.message > roost.watermark_of(a_app)
    ORDER BY p.entry DESC LIMIT ${pinnedMessagesMax});
END $$;
`;

/** The key of a conversation in the table of pins. */
function first(account: string, other: string): string {
  return `least(${other}, CASE WHEN ${other} > 0 THEN ${account} END)`;
}

function second(account: string, other: string): string {
  return `CASE WHEN ${other} > 0 THEN greatest(${account}, ${other}) ELSE 0 END`;
}
