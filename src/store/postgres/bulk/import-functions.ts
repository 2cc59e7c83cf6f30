// Stores pages of imports, as a function of the database under the writers' lock (store/data.ts). New ids follow the
// order of records; times are those of the records. Records are JSON objects as in store/data-records.ts.

import { recordKinds } from "../../data-records.ts";
import { messageState } from "../message-state.ts";
import { isolated } from "../writer-lock.ts";
import { importOwnFunctions } from "./import-own-functions.ts";
import { importTailFunctions } from "./import-tail-functions.ts";

/** A record of the page cannot be stored: what the page has stored before it is rolled back. */
const invalidState = "RO010";
/** Messages of others that one call looks at. */
const checkedRowsMax = 20_000;

const place = `
CREATE OR REPLACE FUNCTION roost.import_cursor(a_stored bigint) RETURNS text LANGUAGE sql IMMUTABLE RETURN
  CASE WHEN a_stored = 0 THEN '' ELSE a_stored::text END;

CREATE OR REPLACE FUNCTION roost.set_import_state(a_app text, a_state text, a_last_id bigint) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO roost.app_data (watermark_id, purged_id, keep_days, checked_id, app, import_state)
    VALUES (0, 0, 0, a_last_id, a_app, a_state)
    ON CONFLICT (app) DO UPDATE SET checked_id = excluded.checked_id, import_state = excluded.import_state;
$$;

-- Why an app takes no page: an outcome, or null. checking: more was committed since the last page than one call looks
-- at.
CREATE OR REPLACE FUNCTION roost.import_refusal(a_app text, a_last_id bigint) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  its roost.app_data;
  looked record;
BEGIN
  SELECT * INTO its FROM app_data d WHERE d.app = a_app;
  IF NOT FOUND OR its.import_state = 'none' THEN
    RETURN CASE WHEN EXISTS (SELECT FROM account a WHERE a.app = a_app)
      OR EXISTS (SELECT FROM chat_group g WHERE g.app = a_app)
      THEN json_build_object('result', 'live', 'isComplete', false) END;
  END IF;
  IF its.import_state <> 'importing' THEN
    RETURN json_build_object('result', 'live', 'isComplete', its.import_state = 'complete');
  END IF;
  SELECT count(*) AS messages, max(m.id) AS last, bool_or(a.app = a_app) AS is_used INTO looked
    FROM (
      SELECT m.id, m.sender FROM message m WHERE m.id > its.checked_id ORDER BY m.id LIMIT ${checkedRowsMax}) m
    JOIN account a ON a.number = m.sender;
  IF looked.is_used THEN
    UPDATE app_data d SET import_state = 'live', checked_id = a_last_id WHERE d.app = a_app;
    RETURN json_build_object('result', 'live', 'isComplete', false);
  END IF;
  IF looked.messages < ${checkedRowsMax} THEN RETURN null; END IF;
  UPDATE app_data d SET checked_id = looked.last WHERE d.app = a_app;
  RETURN json_build_object('result', 'checking');
END $$;

-- Lets no import begin any more in the app of an account that is about to be deleted: it could bring it back. Null if
-- that is so; importing: one has begun, and nobody has used the app in another way; checking: repeat the call.
CREATE OR REPLACE FUNCTION roost.close_imports(a_holder text, a_life text, a_app text, a_name text) RETURNS text
LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  state text;
  refusal json;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF roost.account_number(a_app, a_name) IS NULL THEN RETURN null; END IF;
  state := coalesce((SELECT d.import_state FROM app_data d WHERE d.app = a_app), 'none');
  IF state = 'none' THEN PERFORM roost.set_import_state(a_app, 'live', held.last_id); END IF;
  IF state <> 'importing' THEN RETURN null; END IF;
  refusal := roost.import_refusal(a_app, held.last_id);
  RETURN CASE WHEN refusal IS NULL THEN 'importing' WHEN refusal ->> 'result' = 'checking' THEN 'checking' END;
END $$;
`;

const accounts = `
-- Makes accounts before a page is stored; nothing for a page that will not be, which is told why. True: repeat it.
CREATE OR REPLACE FUNCTION roost.import_accounts(
  a_holder text, a_life text, a_app text, a_name text, a_cursor text, a_names json
) RETURNS boolean LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  refusal json;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF a_cursor <> roost.import_cursor(coalesce(
    (SELECT i.stored FROM import i WHERE i.app = a_app AND i.name = a_name), 0)) THEN RETURN false; END IF;
  refusal := roost.import_refusal(a_app, held.last_id);
  IF refusal IS NOT NULL THEN RETURN refusal ->> 'result' = 'checking'; END IF;
  INSERT INTO import (stored, page_records, last_id, app, name) VALUES (0, 0, 0, a_app, a_name) ON CONFLICT DO NOTHING;
  PERFORM roost.set_import_state(a_app, 'importing', held.last_id);
  PERFORM roost.account_numbers(a_app, ARRAY(SELECT json_array_elements_text(a_names)));
  RETURN false;
END $$;
`;

const page = `
CREATE OR REPLACE FUNCTION roost.import_page(
  a_holder text, a_life text, a_app text, a_name text, a_cursor text, a_records json, a_is_last boolean
) RETURNS json LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  its roost.import;
  refusal json;
  count CONSTANT bigint := json_array_length(a_records);
  its_cursor text;
  former_cursor text;
  last_id bigint;
  next_id bigint;
  given record;
BEGIN
  held := roost.hold(a_holder, a_life);
  SELECT * INTO its FROM import i WHERE i.app = a_app AND i.name = a_name;
  its_cursor := roost.import_cursor(coalesce(its.stored, 0));
  former_cursor := roost.import_cursor(coalesce(its.stored - its.page_records, 0));
  IF count > 0 AND a_cursor = former_cursor AND its_cursor <> former_cursor AND count = its.page_records THEN
    RETURN json_build_object('result', 'stored', 'cursor', its_cursor, 'stored', its.stored, 'isRepeated', true);
  END IF;
  refusal := roost.import_refusal(a_app, held.last_id);
  IF refusal IS NOT NULL THEN RETURN refusal; END IF;
  IF count = 0 AND NOT a_is_last THEN
    RETURN json_build_object(
      'result', 'stored', 'cursor', its_cursor, 'stored', coalesce(its.stored, 0), 'isRepeated', false);
  END IF;
  IF a_cursor <> its_cursor THEN RETURN json_build_object('result', 'elsewhere', 'cursor', its_cursor); END IF;
  last_id := held.last_id;
  -- What is rolled back with a record that cannot be stored.
  DECLARE
    problem text;
    at bigint;
  BEGIN
    IF its.number IS NULL THEN
      INSERT INTO import (stored, page_records, last_id, app, name)
        VALUES (0, 0, 0, a_app, a_name) RETURNING * INTO its;
    END IF;
    FOR given IN SELECT value, ordinality - 1 AS position FROM json_array_elements(a_records) WITH ORDINALITY LOOP
      next_id := roost.first_id(last_id, held.wall_us / 1000, held.node);
      at := given.position;
      IF given.value -> 'message' IS NOT NULL THEN
        problem := roost.import_message(a_app, its.number, given.value -> 'message', next_id, held.wall_us);
        last_id := next_id;
      ELSIF given.value -> 'group' IS NOT NULL THEN
        problem := roost.import_group(a_app, given.value -> 'group', held.wall_us);
      ELSIF given.value -> 'member' IS NOT NULL THEN
        last_id := roost.first_id(next_id, held.wall_us / 1000, held.node);
        problem := roost.import_member(a_app, given.value -> 'member', next_id, last_id, held.wall_us);
      ELSIF given.value -> 'profile' IS NOT NULL THEN
        PERFORM roost.set_profile(
          ((given.value -> 'profile')::jsonb || jsonb_build_object('app', a_app))::json, next_id);
        last_id := next_id;
      ELSIF given.value -> 'account' IS NOT NULL THEN
        SELECT a.problem, a.last_id INTO problem, last_id
          FROM roost.import_account(a_app, given.value -> 'account', next_id) a;
      ELSIF given.value -> 'conversation' IS NOT NULL THEN
        problem := roost.import_conversation(a_app, its.number, given.value -> 'conversation', next_id);
        last_id := next_id;
      ELSIF given.value -> 'pin' IS NOT NULL THEN
        PERFORM roost.import_pin(a_app, its.number, given.value -> 'pin', next_id);
        last_id := next_id;
      ELSIF given.value -> 'invitation' IS NOT NULL THEN
        problem := roost.import_invitation(a_app, given.value -> 'invitation', held.wall_us);
      ELSIF given.value -> 'joinRequest' IS NOT NULL THEN
        problem := roost.import_join_request(a_app, given.value -> 'joinRequest', held.wall_us);
      ELSIF given.value -> 'file' IS NULL THEN
        -- A file is passed over: its content is elsewhere.
        problem := 'it has none of ${recordKinds}';
      END IF;
      IF problem IS NOT NULL THEN RAISE EXCEPTION '%', problem USING ERRCODE = '${invalidState}'; END IF;
    END LOOP;
  EXCEPTION WHEN SQLSTATE '${invalidState}' THEN
    RETURN json_build_object('result', 'invalid', 'position', at, 'reason', problem);
  END;
  next_id := roost.first_id(last_id, held.wall_us / 1000, held.node);
  IF roost.end_dismissed(a_app, a_records, next_id) THEN last_id := next_id; END IF;
  UPDATE import i SET stored = i.stored + count, page_records = count WHERE i.number = its.number RETURNING * INTO its;
  PERFORM roost.set_import_state(a_app, CASE WHEN a_is_last THEN 'complete' ELSE 'importing' END, last_id);
  IF a_is_last THEN
    DELETE FROM import_id d WHERE d.import IN (SELECT i.number FROM import i WHERE i.app = a_app);
  END IF;
  PERFORM roost.move_last(last_id, held.wall_us / 1000);
  RETURN json_build_object('result', 'stored', 'cursor', roost.import_cursor(its.stored), 'stored', its.stored,
    'isRepeated', false);
END $$;
`;

/** Each returns why the record cannot be stored, or null. */
const records = `
CREATE OR REPLACE FUNCTION roost.import_message(
  a_app text, a_import bigint, a_record json, a_id bigint, a_wall_us bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  sent CONSTANT bigint := (a_record ->> 'sendTime')::bigint;
  former CONSTANT bigint := coalesce((a_record ->> 'messageId')::bigint, 0);
  parent CONSTANT bigint := coalesce((a_record ->> 'replyTo')::bigint, 0);
  is_recalled CONSTANT boolean := coalesce((a_record ->> 'recalled')::boolean, false);
  last_former bigint;
  its_sender bigint;
  its_inbox bigint;
  its_parent bigint;
  its_mentions text;
  names text[];
BEGIN
  IF sent > a_wall_us * 1000 THEN
    RETURN 'message.sendTime ' || sent || ' is in the future: it is ' || a_wall_us * 1000 || ' now';
  END IF;
  IF former > 0 THEN
    UPDATE import i SET last_id = former WHERE i.number = a_import AND i.last_id < former;
    IF NOT FOUND THEN
      SELECT i.last_id INTO last_former FROM import i WHERE i.number = a_import;
      RETURN 'message.messageId ' || former || ' is not above ' || last_former || ', the one before it';
    END IF;
  END IF;
  IF a_record ->> 'group' IS NOT NULL THEN
    SELECT -g.number INTO its_inbox FROM chat_group g WHERE g.app = a_app AND g.id = a_record ->> 'group';
    IF NOT FOUND THEN RETURN 'message.group ' || (a_record ->> 'group') || ' has no record before it'; END IF;
  ELSE
    its_inbox := (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1];
  END IF;
  its_sender := (roost.account_numbers(a_app, ARRAY[a_record ->> 'sender']))[1];
  IF parent > 0 THEN
    SELECT d.id INTO its_parent FROM import_id d WHERE d.import = a_import AND d.former = parent;
  END IF;
  IF NOT is_recalled AND a_record -> 'mentions' IS NOT NULL THEN
    names := ARRAY(SELECT json_array_elements_text(a_record -> 'mentions'));
    its_mentions := nullif(array_to_string(names, ','), '');
    -- Those who come with a later record, too, are told, and forgotten with their accounts.
    PERFORM roost.account_numbers(a_app, array_remove(names, '*'));
  END IF;
  INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id, mentions, reply_to, state)
    VALUES (a_id, its_inbox, its_sender, coalesce((a_record ->> 'type')::integer, 1),
      CASE WHEN is_recalled THEN '' ELSE coalesce(a_record ->> 'body', '') END,
      CASE WHEN is_recalled THEN '' ELSE coalesce(a_record ->> 'extra', '') END,
      sent, null, its_mentions, its_parent,
      nullif(CASE WHEN (a_record ->> 'edited')::boolean THEN ${messageState.edited} ELSE 0 END
        + CASE WHEN is_recalled THEN ${messageState.recalled} ELSE 0 END, 0));
  IF its_inbox < 0 AND NOT EXISTS (
    SELECT FROM member m WHERE m.chat_group = -its_inbox AND m.account = its_sender AND m.until_id IS NULL)
  THEN
    INSERT INTO import_speaker (account, chat_group) VALUES (its_sender, -its_inbox) ON CONFLICT DO NOTHING;
  END IF;
  IF its_inbox > 0 AND (
    SELECT true FROM conversation c WHERE c.account = its_inbox AND c.other = its_sender) IS NULL
  THEN
    INSERT INTO conversation (account, other)
      SELECT DISTINCT side.account, side.other
      FROM (VALUES (its_inbox, its_sender), (its_sender, its_inbox)) AS side (account, other);
  END IF;
  IF its_parent IS NOT NULL OR its_mentions IS NOT NULL THEN PERFORM roost.add_links(a_id, a_app, ''); END IF;
  IF former > 0 THEN INSERT INTO import_id (import, former, id) VALUES (a_import, former, a_id); END IF;
  IF is_recalled OR a_record -> 'reactions' IS NULL THEN RETURN null; END IF;
  names := ARRAY(SELECT t.account FROM json_to_recordset(a_record -> 'reactions') AS t (account text));
  INSERT INTO reaction (message, account, entry, reaction)
    SELECT a_id, t.number, 0, t.reaction
    FROM ROWS FROM (
        json_to_recordset(a_record -> 'reactions') AS (reaction text), unnest(roost.account_numbers(a_app, names))
      ) AS t (reaction, number)
    ON CONFLICT DO NOTHING;
  INSERT INTO reaction_count (message, accounts, reaction)
    SELECT r.message, count(*), r.reaction FROM reaction r WHERE r.message = a_id GROUP BY r.message, r.reaction;
  RETURN null;
END $$;

-- A group that is there already came with an earlier record: nobody else makes groups in this app.
CREATE OR REPLACE FUNCTION roost.import_group(a_app text, a_record json, a_wall_us bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  created CONSTANT bigint := coalesce((a_record ->> 'createdAt')::bigint, 0);
BEGIN
  IF created > a_wall_us / 1000000 THEN
    RETURN 'group.createdAt ' || created || ' is in the future: it is ' || a_wall_us / 1000000 || ' now';
  END IF;
  IF EXISTS (SELECT FROM chat_group g WHERE g.app = a_app AND g.id = a_record ->> 'id') THEN RETURN null; END IF;
  INSERT INTO chat_group (app, id, name, avatar, introduction, announcement, owner, closed, approval, for_admins,
      created_ms, version, member_count)
    VALUES (a_app, a_record ->> 'id', coalesce(a_record ->> 'name', ''), coalesce(a_record ->> 'avatar', ''),
      coalesce(a_record ->> 'introduction', ''), coalesce(a_record ->> 'announcement', ''),
      CASE WHEN a_record ->> 'owner' = '' THEN 0
        ELSE (roost.account_numbers(a_app, ARRAY[a_record ->> 'owner']))[1] END,
      coalesce((a_record ->> 'closed')::boolean, false), coalesce((a_record ->> 'approval')::boolean, false),
      coalesce((a_record ->> 'muted')::boolean, false), created * 1000, 0, 0);
  RETURN null;
END $$;

-- Members and messages of a group that was dismissed follow with later records, so such a group ends anew behind each
-- page that has something of it; no row of a member is closed before the import is complete. Whether there is one.
CREATE OR REPLACE FUNCTION roost.end_dismissed(a_app text, a_records json, a_id bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE chat_group g SET dismissed_id = a_id, version = a_id, member_count = 0, closing = true
    FROM (
      SELECT
        coalesce(r.value -> 'message' ->> 'group', r.value -> 'member' ->> 'group', r.value -> 'group' ->> 'id') AS id,
        bool_or(coalesce((r.value -> 'group' ->> 'dismissed')::boolean, false)) AS is_dismissed
      FROM json_array_elements(a_records) AS r (value) GROUP BY 1) AS given
    WHERE g.app = a_app AND g.id = given.id AND (given.is_dismissed OR g.dismissed_id > 0);
  RETURN FOUND;
END $$;

-- Windows begin and end among the messages as the records do. a_id: of the joining; a_next_id: of the leaving.
CREATE OR REPLACE FUNCTION roost.import_member(
  a_app text, a_record json, a_id bigint, a_next_id bigint, a_wall_us bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  joined CONSTANT bigint := coalesce((a_record ->> 'joinTime')::bigint, 0);
  left_at CONSTANT bigint := coalesce((a_record ->> 'leaveTime')::bigint, 0);
  its_group bigint;
  its_account bigint;
BEGIN
  SELECT g.number INTO its_group FROM chat_group g WHERE g.app = a_app AND g.id = a_record ->> 'group';
  IF NOT FOUND THEN RETURN 'member.group ' || (a_record ->> 'group') || ' has no record before it'; END IF;
  IF greatest(joined, left_at) > a_wall_us / 1000000 THEN
    RETURN 'member.joinTime or member.leaveTime is in the future: it is ' || a_wall_us / 1000000 || ' now';
  END IF;
  its_account := (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1];
  IF NOT EXISTS (
    SELECT FROM member m WHERE m.chat_group = its_group AND m.account = its_account AND m.until_id IS NULL)
  THEN
    PERFORM roost.add_members(its_group, its_account, ARRAY[its_account], false, a_id, joined * 1000000);
    -- Also without a mute: that of an earlier row stays otherwise.
    UPDATE member m SET role = CASE WHEN a_record ->> 'role' = 'admin' THEN 1 ELSE 0 END,
        alias = coalesce(a_record ->> 'alias', ''),
        muted_until = CASE WHEN its_account = (SELECT g.owner FROM chat_group g WHERE g.number = its_group) THEN 0
          ELSE coalesce((a_record ->> 'mutedUntil')::bigint, 0) END
      WHERE m.chat_group = its_group AND m.account = its_account AND m.until_id IS NULL;
  END IF;
  IF left_at > 0 THEN
    PERFORM roost.end_members(its_group, its_account, ARRAY[its_account], a_next_id, left_at * 1000000);
  END IF;
  RETURN null;
END $$;
`;

export const importFunctions: string = [place, records, importOwnFunctions, importTailFunctions, accounts, page].join(
  "\n",
);
