// Pinned messages, invitations and requests to join, of an import: functions that roost.import_page calls. A later
// record of the same one takes its place. What has ended meanwhile is passed over.

import { pinnedMessagesMax } from "../../../base/limits/fixed.ts";
import { importedCode, requestsGoneAt } from "../groups/join-functions.ts";
import { messageState } from "../message-state.ts";

/** Those that return a text say why the record cannot be stored, or null. Bounds are in the records. */
export const importTailFunctions = `
-- Passes over a message that the import has not brought, and a recalled one. The newest pins of a conversation stay: an
-- export that was gone on with has those of both times.
CREATE OR REPLACE FUNCTION roost.import_pin(a_app text, a_import bigint, a_record json, a_id bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  pinned roost.message;
  its_first bigint;
  its_other bigint;
BEGIN
  SELECT m.* INTO pinned FROM import_id d JOIN message m ON m.id = d.id
    WHERE d.import = a_import AND d.former = (a_record ->> 'messageId')::bigint
      AND coalesce(m.state, 0) & ${messageState.recalled} = 0;
  IF NOT FOUND THEN RETURN; END IF;
  its_first := CASE WHEN pinned.inbox < 0 THEN pinned.inbox ELSE least(pinned.inbox, pinned.sender) END;
  its_other := CASE WHEN pinned.inbox < 0 THEN 0 ELSE greatest(pinned.inbox, pinned.sender) END;
  DELETE FROM pin p WHERE p.message = pinned.id;
  INSERT INTO pin (message, first, other, entry, account)
    VALUES (pinned.id, its_first, its_other, a_id, CASE WHEN a_record ->> 'account' = '' THEN pinned.sender
      ELSE (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1] END);
  DELETE FROM pin p WHERE p.message IN (
    SELECT o.message FROM pin o WHERE o.first = its_first AND o.other = its_other
    ORDER BY o.entry DESC OFFSET ${pinnedMessagesMax});
END $$;

-- Passes over one that has expired.
CREATE OR REPLACE FUNCTION roost.import_invitation(a_app text, a_record json, a_wall_us bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  its CONSTANT bigint := roost.group_number(a_app, a_record ->> 'group');
  stored CONSTANT text := ${importedCode("a_record ->> 'code'", "a_app")};
BEGIN
  IF its IS NULL THEN RETURN 'invitation.group ' || (a_record ->> 'group') || ' has no record before it'; END IF;
  IF (a_record ->> 'expiresAt')::bigint <= a_wall_us / 1000000 THEN RETURN null; END IF;
  DELETE FROM invitation i WHERE i.code = stored;
  IF (SELECT count(*) FROM invitation i WHERE i.chat_group = its) >= (a_record ->> 'perGroup')::bigint THEN
    RETURN 'invitation.group ' || (a_record ->> 'group') || ' would have more invitations than '
      || (a_record ->> 'perGroup');
  END IF;
  INSERT INTO invitation (app, code, chat_group, maker, expires_s, uses_left)
    VALUES (a_app, stored, its, (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1],
      (a_record ->> 'expiresAt')::bigint, CASE (a_record ->> 'usesLeft')::integer WHEN 0 THEN -1
        ELSE (a_record ->> 'usesLeft')::integer END);
  RETURN null;
END $$;

-- Passes over one that is too old, and over that of a member.
CREATE OR REPLACE FUNCTION roost.import_join_request(a_app text, a_record json, a_wall_us bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  its CONSTANT bigint := roost.group_number(a_app, a_record ->> 'group');
  asked CONSTANT bigint := (a_record ->> 'time')::bigint;
  now_s CONSTANT bigint := a_wall_us / 1000000;
  its_account bigint;
BEGIN
  IF its IS NULL THEN RETURN 'joinRequest.group ' || (a_record ->> 'group') || ' has no record before it'; END IF;
  IF asked > now_s THEN RETURN 'joinRequest.time ' || asked || ' is in the future: it is ' || now_s || ' now'; END IF;
  IF asked <= ${requestsGoneAt("now_s")} THEN RETURN null; END IF;
  its_account := (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1];
  IF EXISTS (
    SELECT FROM member m WHERE m.chat_group = its AND m.account = its_account AND m.until_id IS NULL)
  THEN
    RETURN null;
  END IF;
  DELETE FROM join_request r WHERE r.chat_group = its AND r.account = its_account;
  IF (SELECT count(*) FROM join_request r WHERE r.chat_group = its) >= (a_record ->> 'perGroup')::bigint THEN
    RETURN 'joinRequest.group ' || (a_record ->> 'group') || ' would have more requests than '
      || (a_record ->> 'perGroup');
  END IF;
  IF (SELECT count(*) FROM join_request r WHERE r.account = its_account) >= (a_record ->> 'perAccount')::bigint THEN
    RETURN 'joinRequest.account ' || (a_record ->> 'account') || ' would have more requests than '
      || (a_record ->> 'perAccount');
  END IF;
  INSERT INTO join_request (chat_group, account, at_s, text) VALUES (its, its_account, asked, a_record ->> 'text');
  RETURN null;
END $$;
`;
