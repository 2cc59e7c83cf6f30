// Which messages of a conversation an account sees, as functions of the database: above what it has cleared, without
// what it has hidden, and in a group only what was sent in its windows. The two directions of a direct conversation are
// merged.

import { endId, isInWindow, windowsOf } from "./conversation-functions.ts";

/**
 * A condition: `a_me` has hidden a message. It is no EXISTS, which the planner would turn into a join over all that the
 * account has hidden while the table is small.
 */
export function isHidden(id: string): string {
  return `coalesce((SELECT true FROM roost.hidden h WHERE h.id = ${id} AND h.account = a_me), false)`;
}

/**
 * Returns the function of one direction. Ids are above a_above and below a_below, at most a_count; with a_root only
 * that message and the replies of its thread.
 */
function scan(name: string, order: "ASC" | "DESC"): string {
  const ranged = (id: string): string =>
    `${id} > a_above AND ${id} < a_below AND NOT ${isHidden(id)} ORDER BY ${id} ${order} LIMIT a_count`;
  const direct = (sender: string, inbox: string): string =>
    `SELECT m.id FROM roost.message m
       WHERE m.sender = ${sender} AND m.inbox = ${inbox} AND m.inbox >= 1 AND ${ranged("m.id")}`;
  const isIn = `(CASE WHEN a_other < 0 THEN m.inbox = a_other
        ELSE m.sender = a_me AND m.inbox = a_other OR m.sender = a_other AND m.inbox = a_me END)`;
  const isHere = `${isIn} AND (a_other > 0 OR ${isInWindow("a_me", "-a_other", "m.id")})`;
  // The system has one that holds everything.
  const windows = `((SELECT * FROM ${windowsOf("a_me", "-a_other")} m)
        UNION ALL SELECT 0, null WHERE a_other < 0 AND roost.is_system_of(a_me, -a_other))`;
  return `
CREATE OR REPLACE FUNCTION roost.${name}(
  a_me bigint, a_other bigint, a_above bigint, a_below bigint, a_root bigint, a_count bigint
) RETURNS bigint[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_root > 0 THEN
    -- All of a thread is in one conversation: nobody searches another one's in vain. The retention may have deleted its
    -- first messages.
    IF NOT EXISTS (
      SELECT FROM roost.message m
      WHERE ${isIn} AND m.id = coalesce(
        (SELECT f.id FROM roost.message f WHERE f.id = a_root),
        (SELECT r.id FROM roost.reply r WHERE r.root = a_root ORDER BY r.id LIMIT 1)))
    THEN
      RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT u.id FROM (
      (SELECT m.id FROM roost.message m WHERE m.id = a_root AND ${isHere} AND ${ranged("m.id")})
      UNION ALL
      (SELECT s.id FROM (
        SELECT 0::bigint AS from_id, ${endId}::bigint AS until_id WHERE a_other > 0
        UNION ALL
        SELECT w.from_id, coalesce(w.until_id, ${endId}) FROM ${windows} w WHERE a_other < 0
      ) w, LATERAL (
        SELECT r.id FROM roost.reply r JOIN roost.message m ON m.id = r.id
        WHERE r.root = a_root AND r.id > w.from_id AND r.id < w.until_id AND ${ranged("r.id")}
      ) s ORDER BY s.id ${order} LIMIT a_count)
    ) u ORDER BY u.id ${order} LIMIT a_count);
  END IF;
  IF a_other = a_me THEN
    RETURN ARRAY(${direct("a_me", "a_me")});
  END IF;
  IF a_other > 0 THEN
    RETURN ARRAY(SELECT u.id FROM (
      (${direct("a_me", "a_other")})
      UNION ALL
      (${direct("a_other", "a_me")})
    ) u ORDER BY u.id ${order} LIMIT a_count);
  END IF;
  RETURN ARRAY(
    SELECT s.id FROM ${windows} w, LATERAL (
      SELECT m.id FROM roost.message m
      WHERE m.inbox = a_other AND m.id > w.from_id AND m.id < coalesce(w.until_id, ${endId}) AND ${ranged("m.id")}
    ) s
    ORDER BY s.id ${order} LIMIT a_count);
END $$;
`;
}

/** A page of a history; ids is null if the account never had the conversation. a_at: `at` of HistoryQuery. */
const page = `
CREATE OR REPLACE FUNCTION roost.history_page(
  a_app text, a_account text, a_to_group boolean, a_dest text, a_at text, a_id bigint, a_limit bigint, a_thread bigint,
  OUT me bigint, OUT ids bigint[], OUT has_before boolean, OUT has_after boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  its_other bigint;
  cleared bigint;
  older bigint[] := '{}';
  newer bigint[] := '{}';
  -- How many of each to read; one more tells whether there are more.
  older_count bigint := CASE a_at WHEN 'after' THEN 0 WHEN 'around' THEN a_limit / 2 ELSE a_limit END;
  newer_count bigint := a_limit - older_count;
  middle bigint := CASE a_at WHEN 'newest' THEN ${endId} WHEN 'after' THEN a_id ELSE a_id - 1 END;
BEGIN
  me := roost.account_number(a_app, a_account);
  its_other := roost.conversation_of(a_app, me, a_to_group, a_dest);
  IF its_other IS NULL THEN RETURN; END IF;
  cleared := greatest(
    (SELECT c.cleared_id FROM roost.conversation c WHERE c.account = me AND c.other = its_other),
    roost.watermark_of(a_app));
  -- Up to the middle, and above it.
  older := roost.ids_before(me, its_other, cleared, CASE middle WHEN ${endId} THEN middle ELSE middle + 1 END, a_thread,
    older_count + 1);
  IF a_at <> 'newest' THEN
    newer := roost.ids_after(me, its_other, greatest(cleared, middle), ${endId}, a_thread, newer_count + 1);
  END IF;
  has_before := cardinality(older) > older_count;
  has_after := cardinality(newer) > newer_count;
  ids := ARRAY(SELECT id FROM unnest(older[1:older_count]) id ORDER BY id) || newer[1:newer_count];
END $$;
`;

export const historyFunctions: string = [scan("ids_before", "DESC"), scan("ids_after", "ASC"), page].join("\n");
