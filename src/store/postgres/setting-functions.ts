// An account's own view of its conversations, as functions of the database: its settings and the messages that it hides
// (called by change-functions.ts), and its read cursors, which do not take the writers' lock.

import { hiddenMax, pinnedMax } from "../../base/limits/fixed.ts";
import { endId, isCleared, isInWindow, mayRead } from "./conversation-functions.ts";
import { isHidden } from "./history-functions.ts";
import { isBlocked } from "./people/guard-functions.ts";
import { isolated } from "./writer-lock.ts";

const settings = `
CREATE OR REPLACE FUNCTION roost.set_conversation(a_change json, a_me bigint, a_id bigint, a_last_id bigint)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  its_other bigint;
  former roost.conversation;
  changed roost.conversation;
  hides CONSTANT boolean := (a_change ->> 'isHidden')::boolean;
BEGIN
  its_other := roost.conversation_of(
    a_change ->> 'app', a_me, (a_change ->> 'toGroup')::boolean, a_change ->> 'dest');
  IF its_other IS NULL THEN RETURN json_build_object('result', 'notFound'); END IF;
  SELECT * INTO former FROM conversation c WHERE c.account = a_me AND c.other = its_other;
  IF NOT FOUND THEN former := (a_me, its_other, 0, 0, 0, false, false); END IF;
  changed := former;
  changed.is_pinned := coalesce((a_change ->> 'isPinned')::boolean, former.is_pinned);
  changed.is_muted := coalesce((a_change ->> 'isMuted')::boolean, former.is_muted);
  changed.cleared_id := greatest(
    former.cleared_id, least(coalesce((a_change ->> 'clearUpTo')::bigint, 0), a_last_id));
  IF hides IS FALSE THEN
    changed.hidden_id := 0;
  ELSIF hides AND (former.hidden_id = 0 OR cardinality(roost.ids_after(
    a_me, its_other, greatest(former.hidden_id, former.cleared_id, roost.watermark_for(a_me)), ${endId}, 0, 1)) > 0
    OR EXISTS (
      SELECT FROM member m
      WHERE m.account = a_me AND m.chat_group = -its_other AND m.from_id > former.hidden_id)
  ) THEN
    changed.hidden_id := a_id;
  END IF;
  IF changed = former THEN
    RETURN json_build_object('result', 'unchanged', 'version', former.version::text);
  END IF;
  IF changed.is_pinned AND NOT former.is_pinned
    AND (SELECT count(*) FROM conversation c WHERE c.account = a_me AND c.is_pinned) >= ${pinnedMax}
  THEN
    RETURN json_build_object('result', 'full');
  END IF;
  changed.version := a_id;
  INSERT INTO conversation SELECT changed.*
    ON CONFLICT (account, other) DO UPDATE SET hidden_id = excluded.hidden_id, cleared_id = excluded.cleared_id,
      version = excluded.version, is_pinned = excluded.is_pinned, is_muted = excluded.is_muted;
  RETURN json_build_object('result', 'stored', 'version', a_id::text);
END $$;

CREATE OR REPLACE FUNCTION roost.hide_messages(a_change json, a_me bigint, a_id bigint)
RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  ids CONSTANT bigint[] := ARRAY(
    SELECT value::bigint FROM json_array_elements_text(a_change -> 'messageIds') ORDER BY value::bigint);
  fresh CONSTANT bigint[] := ARRAY(
    SELECT m.id
    FROM message m
    WHERE m.id = ANY (ids) AND ${mayRead("a_me", "m")}
      AND NOT ${isHidden("m.id")} AND NOT ${isCleared("a_me", "m")}
    FOR UPDATE OF m SKIP LOCKED);
BEGIN
  IF cardinality(fresh) = 0 THEN
    RETURN json_build_object('result', 'unchanged', 'version', coalesce(
      (SELECT max(h.version) FROM hidden h WHERE h.account = a_me AND h.id = ANY (ids)), 0)::text);
  END IF;
  IF (SELECT count(*) FROM hidden h WHERE h.account = a_me) + cardinality(fresh) > ${hiddenMax} THEN
    RETURN json_build_object('result', 'full');
  END IF;
  INSERT INTO hidden (account, id, version) SELECT a_me, t.id, a_id FROM unnest(fresh) AS t (id);
  RETURN json_build_object('result', 'stored', 'version', a_id::text);
END $$;
`;

/**
 * Moves read cursors forward; the rows of results are in order: null if the id is no message of the conversation that
 * the account may read, -1 for an id that is none yet, else the cursor before and now; is_private: the account blocks
 * the partner. A crash may lose the moves of the last moments. Rows are locked in one order, so that processes do not
 * wait for each other in a circle.
 */
const readMarks = `
CREATE OR REPLACE FUNCTION roost.move_cursors(
  a_life text, a_apps text[], a_accounts text[], a_to_groups boolean[], a_dests text[], a_ids bigint[]
) RETURNS TABLE (former_id bigint, read_id bigint, is_private boolean) LANGUAGE plpgsql ${isolated} AS $$
#variable_conflict use_column
DECLARE
  last_id bigint;
  accounts bigint[];
  others bigint[];
  formers bigint[];
  -- The ids; null and -1 as above.
  targets bigint[];
BEGIN
  PERFORM roost.require_life(a_life);
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT s.last_id INTO last_id FROM sequence s;
  SELECT array_agg(t.me ORDER BY t.position), array_agg(t.other ORDER BY t.position),
      array_agg(t.former ORDER BY t.position),
      array_agg(CASE
        WHEN t.id > last_id OR t.id < 0 THEN -1
        WHEN t.other IS NULL OR t.me IS NULL THEN null
        WHEN t.id <= t.former THEN t.id
        WHEN EXISTS (
          SELECT FROM message m WHERE m.id = t.id AND m.id > roost.watermark_of(t.app) AND CASE
            WHEN t.other < 0 THEN m.inbox = t.other AND ${isInWindow("t.me", "-t.other", "m.id")}
            ELSE m.sender = t.me AND m.inbox = t.other OR m.sender = t.other AND m.inbox = t.me
          END
        ) THEN t.id
      END ORDER BY t.position)
    INTO accounts, others, formers, targets
    FROM (
      SELECT n.*, coalesce(
        (SELECT c.read_id FROM read_cursor c WHERE c.account = n.me AND c.other = n.other), 0) AS former
      FROM (
        SELECT u.position, u.id, u.app,
          (SELECT a.number FROM account a WHERE a.app = u.app AND a.name = u.account) AS me,
          CASE WHEN u.to_group THEN (SELECT -g.number FROM chat_group g WHERE g.app = u.app AND g.id = u.dest)
            ELSE (SELECT a.number FROM account a WHERE a.app = u.app AND a.name = u.dest) END AS other
        FROM unnest(a_apps, a_accounts, a_to_groups, a_dests, a_ids) WITH ORDINALITY
          AS u (app, account, to_group, dest, id, position)
        OFFSET 0
      ) n
      OFFSET 0
    ) t;
  INSERT INTO read_cursor AS c (account, other, read_id)
    SELECT t.account, t.other, max(t.target)
    FROM unnest(accounts, others, targets, formers) AS t (account, other, target, former)
    WHERE t.target > t.former
    GROUP BY t.account, t.other
    ORDER BY t.account, t.other
    ON CONFLICT (account, other) DO UPDATE SET read_id = excluded.read_id WHERE excluded.read_id > c.read_id;
  RETURN QUERY
    SELECT
      CASE WHEN t.target >= 0 THEN
        -- An earlier mark of the batch may have moved it.
        greatest(t.former, max(t.target) OVER (
          PARTITION BY t.account, t.other ORDER BY t.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
      ELSE t.target END,
      coalesce((SELECT c.read_id FROM read_cursor c WHERE c.account = t.account AND c.other = t.other), 0),
      ${isBlocked("t.account", "t.other")}
    FROM unnest(accounts, others, targets, formers) WITH ORDINALITY AS t (account, other, target, former, position)
    ORDER BY t.position;
END $$;
`;

export const settingFunctions: string = [settings, readMarks].join("\n");
