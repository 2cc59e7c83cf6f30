// What accounts have set, and their views of their conversations, of an import: functions that roost.import_page calls.

import { pinnedMax } from "../../../base/limits/fixed.ts";
import { isInWindow } from "../conversation-functions.ts";

export const importOwnFunctions = `
-- blocksMax of the record: the accounts that an account may block. a_id: the first version; last_id: the last one that
-- was taken.
CREATE OR REPLACE FUNCTION roost.import_account(
  a_app text, a_record json, a_id bigint, OUT problem text, OUT last_id bigint
) LANGUAGE plpgsql AS $$
DECLARE
  me bigint;
  fresh bigint[];
BEGIN
  last_id := a_id;
  PERFORM roost.set_consent((a_record::jsonb || jsonb_build_object('app', a_app))::json, a_id);
  IF json_array_length(a_record -> 'blocked') = 0 THEN RETURN; END IF;
  me := (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1];
  fresh := ARRAY(
    SELECT DISTINCT t.number
    FROM unnest(roost.account_numbers(a_app, ARRAY(SELECT json_array_elements_text(a_record -> 'blocked')))) t (number)
    WHERE NOT EXISTS (SELECT FROM block b WHERE b.account = me AND b.blocked = t.number AND NOT b.is_off));
  IF cardinality(fresh) = 0 THEN RETURN; END IF;
  IF (SELECT count(*) FROM block b WHERE b.account = me) + cardinality(fresh) >
    (a_record ->> 'blocksMax')::bigint
  THEN
    problem := 'account.blocked: ' || (a_record ->> 'account') || ' would block more accounts than an account may';
    RETURN;
  END IF;
  -- Each has a version of its own: devices read them in pages.
  last_id := roost.id_after(a_id, cardinality(fresh));
  INSERT INTO block (account, blocked, version, is_off)
    SELECT me, t.number, roost.id_after(a_id, t.position), false
    FROM unnest(fresh) WITH ORDINALITY AS t (number, position)
    ON CONFLICT (account, blocked) DO UPDATE SET version = excluded.version, is_off = false;
  PERFORM roost.guard_account(me, last_id);
END $$;

-- A later record of the same conversation takes its place. Returns why it cannot be stored, or null.
CREATE OR REPLACE FUNCTION roost.import_conversation(
  a_app text, a_import bigint, a_record json, a_id bigint
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  pins CONSTANT boolean := coalesce((a_record ->> 'pinned')::boolean, false);
  mutes CONSTANT boolean := coalesce((a_record ->> 'muted')::boolean, false);
  hides CONSTANT boolean := coalesce((a_record ->> 'hidden')::boolean, false);
  me bigint;
  its_other bigint;
  cleared CONSTANT bigint := coalesce((
    SELECT d.id FROM import_id d WHERE d.import = a_import AND d.former = (a_record ->> 'clearedTo')::bigint), 0);
  read_to CONSTANT bigint := (
    SELECT d.id FROM import_id d WHERE d.import = a_import AND d.former = (a_record ->> 'readTo')::bigint);
BEGIN
  me := (roost.account_numbers(a_app, ARRAY[a_record ->> 'account']))[1];
  IF a_record ->> 'group' IS NOT NULL THEN
    SELECT -g.number INTO its_other FROM chat_group g WHERE g.app = a_app AND g.id = a_record ->> 'group';
    IF NOT FOUND THEN RETURN 'conversation.group ' || (a_record ->> 'group') || ' has no record before it'; END IF;
  ELSE
    its_other := (roost.account_numbers(a_app, ARRAY[a_record ->> 'peer']))[1];
  END IF;
  IF pins AND (SELECT count(*) FROM conversation c WHERE c.account = me AND c.is_pinned AND c.other <> its_other)
    >= ${pinnedMax}
  THEN
    RETURN 'conversation.pinned: ' || (a_record ->> 'account')
      || ' has pinned ${pinnedMax} others, and more may not be';
  END IF;
  IF pins OR mutes OR hides OR cleared > 0
    OR EXISTS (SELECT FROM conversation c WHERE c.account = me AND c.other = its_other AND c.version > 0)
  THEN
    -- Of a direct conversation, both sides have rows.
    INSERT INTO conversation (account, other) SELECT its_other, me WHERE its_other > 0 AND its_other <> me
      ON CONFLICT DO NOTHING;
    INSERT INTO conversation (account, other, hidden_id, cleared_id, version, is_pinned, is_muted)
      VALUES (me, its_other, CASE WHEN hides THEN a_id ELSE 0 END, cleared, a_id, pins, mutes)
      ON CONFLICT (account, other) DO UPDATE SET hidden_id = excluded.hidden_id, cleared_id = excluded.cleared_id,
        version = excluded.version, is_pinned = excluded.is_pinned, is_muted = excluded.is_muted;
  END IF;
  -- As the account may mark as read.
  IF EXISTS (
    SELECT FROM message m WHERE m.id = read_to AND CASE
      WHEN its_other < 0 THEN m.inbox = its_other AND ${isInWindow("me", "-its_other", "m.id")}
      ELSE m.sender = me AND m.inbox = its_other OR m.sender = its_other AND m.inbox = me END)
  THEN
    INSERT INTO read_cursor AS c (account, other, read_id) VALUES (me, its_other, read_to)
      ON CONFLICT (account, other) DO UPDATE SET read_id = greatest(c.read_id, excluded.read_id);
  END IF;
  RETURN null;
END $$;
`;
