// Changes messages, as functions of the database: one call is one transaction, under the writers' lock. Batches also
// have the changes of accounts' own views (setting-functions.ts). Changes and answers are JSON objects with the fields
// of store/change-jobs.ts and store/conversations.ts; ids are text.
//
// A purge deletes messages without the writers' lock. A message whose row it holds is about to be gone, so changes skip
// it; and a purge that waits for a change deletes what the change added.

import { reactionKindsMax } from "../../base/limits/fixed.ts";
import { entryKind } from "../conversations.ts";
import { mayRead } from "./conversation-functions.ts";
import { messageState } from "./message-state.ts";
import { isolated } from "./writer-lock.ts";

/** The newest entries of a list among which the one is searched that took a reaction back. */
const entriesSearched = 64;

/** rightTo of store/rights.ts. */
const rights = `
CREATE OR REPLACE FUNCTION roost.right_to(
  a_action text, is_author boolean, may_read boolean, may_talk boolean, is_admin boolean, is_recalled boolean,
  is_recent boolean
) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE
    WHEN NOT may_read THEN 'notFound'
    WHEN a_action = 'edit' THEN CASE
      WHEN NOT is_author OR NOT may_talk THEN 'forbidden'
      WHEN is_recalled THEN 'recalled'
      WHEN is_recent THEN 'allowed'
      ELSE 'late'
    END
    WHEN a_action = 'recall' THEN CASE
      WHEN NOT is_author AND NOT is_admin THEN 'forbidden'
      WHEN is_recalled THEN 'unchanged'
      WHEN is_admin OR is_recent THEN 'allowed'
      ELSE 'late'
    END
    WHEN NOT may_talk THEN 'forbidden'
    WHEN is_recalled THEN 'recalled'
    ELSE 'allowed'
  END;
$$;
`;

const batch = `
CREATE OR REPLACE FUNCTION roost.change_conversations(a_holder text, a_life text, a_changes json)
RETURNS TABLE (answer text) LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  last_id bigint;
  next_id bigint;
  change json;
  is_own boolean;
  me bigint;
  given json;
BEGIN
  held := roost.hold(a_holder, a_life);
  last_id := held.last_id;
  FOR change IN SELECT value FROM json_array_elements(a_changes) LOOP
    next_id := roost.first_id(last_id, held.wall_us / 1000, held.node);
    IF change ->> 'kind' IN ('people', 'media', 'group') THEN
      IF change ->> 'kind' = 'media' THEN
        given := roost.change_media(change -> 'call', next_id, (change ->> 'unnamedMax')::bigint,
          (change ->> 'unnamedBytesMax')::bigint);
        IF given ->> 'result' = 'stored' THEN last_id := next_id; END IF;
      ELSIF change ->> 'kind' = 'people' THEN
        given := roost.change_people(change -> 'call', next_id, (change ->> 'blocksMax')::bigint);
        IF given ->> 'result' = 'stored' THEN last_id := next_id; END IF;
      ELSE
        given := roost.call_group(change -> 'call', change -> 'bounds', next_id, held.wall_us);
        last_id := coalesce((given ->> 'lastId')::bigint, last_id);
      END IF;
      answer := given::text;
      RETURN NEXT;
      CONTINUE;
    END IF;
    is_own := change ->> 'kind' IN ('set', 'hide');
    me := roost.account_number(change ->> 'app', change ->> CASE WHEN is_own THEN 'account' ELSE 'actor' END);
    IF change ->> 'kind' = 'set' THEN
      given := roost.set_conversation(change, me, next_id, last_id);
    ELSIF change ->> 'kind' = 'hide' THEN
      given := roost.hide_messages(change, me, next_id);
    ELSE
      given := roost.change_message(change, me, next_id, held.wall_us * 1000);
    END IF;
    IF given ->> 'result' = 'stored' THEN last_id := next_id; END IF;
    answer := given::text;
    RETURN NEXT;
  END LOOP;
  IF last_id <> held.last_id THEN PERFORM roost.move_last(last_id, held.wall_us / 1000); END IF;
END $$;
`;

const ofMessage = `
CREATE OR REPLACE FUNCTION roost.change_message(a_change json, a_me bigint, a_id bigint, a_at_ns bigint)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  action CONSTANT text := a_change ->> 'kind';
  window_ms CONSTANT bigint := coalesce((a_change ->> 'windowMs')::bigint, 0);
  changed roost.message;
  its_group roost.chat_group;
  verdict text;
  former roost.entry;
  partner bigint;
  to_inbox bigint;
BEGIN
  SELECT * INTO changed FROM message m WHERE m.id = (a_change ->> 'messageId')::bigint FOR UPDATE SKIP LOCKED;
  IF changed.id IS NULL OR a_me IS NULL OR changed.id <= roost.watermark_of(a_change ->> 'app') THEN
    RETURN json_build_object('result', 'notFound');
  END IF;
  IF action = 'edit' AND a_change ->> 'clientId' <> '' THEN
    SELECT * INTO former FROM entry e
      WHERE e.refers = changed.id AND e.kind = ${entryKind.edited} AND e.actor = a_me
        AND e.client_id IN (a_change ->> 'clientId', roost.erased_client_id(a_me, a_change ->> 'clientId'))
      ORDER BY e.id LIMIT 1;
    IF FOUND THEN RETURN roost.unchanged_by(former); END IF;
  END IF;
  IF changed.inbox < 0 THEN
    SELECT * INTO its_group FROM chat_group g WHERE g.number = -changed.inbox;
  ELSE
    partner := CASE WHEN changed.sender = a_me THEN changed.inbox ELSE changed.sender END;
  END IF;
  to_inbox := coalesce(partner, changed.inbox);
  verdict := roost.right_to(
    action, changed.sender = a_me, ${mayRead("a_me", "changed")},
    CASE WHEN changed.inbox > 0 THEN roost.may_reach(a_me, partner, 'write')
      ELSE roost.talk_right(-changed.inbox, a_me, a_at_ns / 1000000000) = 'allowed' END,
    changed.inbox < 0 AND its_group.member_count > 0
      AND roost.standing(-changed.inbox, a_me) IN ('admin', 'owner', 'system'),
    coalesce(changed.state, 0) & ${messageState.recalled} <> 0,
    window_ms > 0 AND a_at_ns - changed.sent_ns <= window_ms * 1000000);
  IF verdict = 'unchanged' THEN
    SELECT * INTO former FROM entry e WHERE e.refers = changed.id AND e.kind = ${entryKind.recalled} LIMIT 1;
    RETURN roost.unchanged_by(former);
  END IF;
  IF verdict <> 'allowed' THEN RETURN json_build_object('result', verdict); END IF;

  IF action = 'edit' THEN
    UPDATE message m SET body = a_change ->> 'body', extra = a_change ->> 'extra',
        state = coalesce(m.state, 0) | ${messageState.edited}
      WHERE m.id = changed.id;
  ELSIF action = 'recall' THEN
    PERFORM roost.erase_messages(ARRAY[changed.id]);
  ELSE
    verdict := roost.react(changed.id, a_me, a_change ->> 'reaction', (a_change ->> 'isOff')::boolean, a_id);
    IF verdict = 'full' THEN RETURN json_build_object('result', verdict); END IF;
    IF verdict = '0' THEN
      -- What took it back, if that was lately: repeating it is free of charge.
      SELECT * INTO former FROM (
          SELECT * FROM entry e WHERE e.inbox = to_inbox ORDER BY e.id DESC LIMIT ${entriesSearched}) e
        WHERE e.refers = changed.id AND e.actor = a_me AND e.reaction = a_change ->> 'reaction'
        ORDER BY e.id DESC LIMIT 1;
      RETURN roost.unchanged_by(former);
    ELSIF verdict IS NOT NULL THEN
      SELECT * INTO former FROM entry e WHERE e.id = verdict::bigint;
      RETURN roost.unchanged_by(former);
    END IF;
  END IF;
  INSERT INTO entry (id, inbox, actor, refers, at_ns, kind, is_off, client_id, reaction)
    VALUES (a_id, to_inbox, a_me, changed.id, a_at_ns,
      CASE action WHEN 'edit' THEN ${entryKind.edited} WHEN 'recall' THEN ${entryKind.recalled}
        ELSE ${entryKind.reacted} END,
      coalesce((a_change ->> 'isOff')::boolean, false), nullif(a_change ->> 'clientId', ''), a_change ->> 'reaction');
  RETURN json_build_object(
    'result', 'stored', 'entryId', a_id::text, 'time', a_at_ns::text,
    'account', coalesce(roost.account_name(partner), ''), 'group', coalesce(its_group.id, ''),
    'groupVersion', coalesce(its_group.version, 0)::text,
    'previousEntryId', coalesce(
      (SELECT e.id FROM entry e WHERE e.inbox = to_inbox AND NOT e.quiet AND e.id < a_id ORDER BY e.id DESC LIMIT 1),
      0)::text);
END $$;

CREATE OR REPLACE FUNCTION roost.unchanged_by(a_entry roost.entry) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
  RETURN json_build_object('result', 'unchanged', 'entryId', coalesce(a_entry.id, 0)::text,
    'time', coalesce(a_entry.at_ns, 0)::text);
END $$;

-- Null if the reaction was added or removed; else 'full', or the entry that had done it (0 if none).
CREATE OR REPLACE FUNCTION roost.react(a_message bigint, a_me bigint, a_reaction text, a_is_off boolean, a_id bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  former bigint;
BEGIN
  SELECT r.entry INTO former FROM reaction r
    WHERE r.message = a_message AND r.reaction = a_reaction AND r.account = a_me;
  IF a_is_off THEN
    IF former IS NULL THEN RETURN '0'; END IF;
    DELETE FROM reaction r WHERE r.message = a_message AND r.reaction = a_reaction AND r.account = a_me;
    UPDATE reaction_count c SET accounts = c.accounts - 1 WHERE c.message = a_message AND c.reaction = a_reaction;
    DELETE FROM reaction_count c WHERE c.message = a_message AND c.reaction = a_reaction AND c.accounts = 0;
    RETURN null;
  END IF;
  IF former IS NOT NULL THEN RETURN former::text; END IF;
  UPDATE reaction_count c SET accounts = c.accounts + 1 WHERE c.message = a_message AND c.reaction = a_reaction;
  IF NOT FOUND THEN
    IF (SELECT count(*) FROM reaction_count c WHERE c.message = a_message) >= ${reactionKindsMax} THEN
      RETURN 'full';
    END IF;
    INSERT INTO reaction_count (message, accounts, reaction) VALUES (a_message, 1, a_reaction);
  END IF;
  INSERT INTO reaction (message, account, entry, reaction) VALUES (a_message, a_me, a_id, a_reaction);
  RETURN null;
END $$;
`;

export const changeFunctions: string = [rights, batch, ofMessage].join("\n");
