// Reads of an account over all its conversations, as functions of the database: its list of them, messages by id, and
// who has read one.

import { mentionsReadMax, unreadMax } from "../../base/limits/fixed.ts";
import { endId, isCleared, isInWindow, mayRead, windowsOf } from "./conversation-functions.ts";
import { isHidden } from "./history-functions.ts";
import { isBlocked } from "./people/guard-functions.ts";

/** Whose newest visible message is asked for: an expression for each direction. */
function lastOf(sender: string, inbox: string): string {
  return `(SELECT m.id FROM roost.message m
        WHERE m.sender = ${sender} AND m.inbox = ${inbox} AND m.inbox >= 1 AND m.id > k.cleared_id
          AND NOT ${isHidden("m.id")}
        ORDER BY m.id DESC LIMIT 1)`;
}

const unreadDirect = `(SELECT count(*) FROM (
        SELECT FROM roost.message m
        WHERE m.sender = p.other AND m.inbox = a_me AND m.inbox >= 1 AND p.other <> a_me AND m.id > p.seen_id
          AND (has_none_hidden OR NOT ${isHidden("m.id")})
        ORDER BY m.id LIMIT ${unreadMax}) n)`;

const unreadInGroup = `(SELECT count(*) FROM (
        SELECT FROM ${windowsOf("a_me", "-p.other")} w, LATERAL (
          SELECT FROM roost.message m
          WHERE m.inbox = p.other AND m.id > greatest(w.from_id, p.seen_id) AND m.id < coalesce(w.until_id, ${endId})
            AND m.sender <> a_me AND (has_none_hidden OR NOT ${isHidden("m.id")})
          ORDER BY m.id LIMIT ${unreadMax}) m
        LIMIT ${unreadMax}) n)`;

const unreadMentions = `(SELECT count(*) FROM (
        SELECT FROM unnest(ARRAY[a_me, 0]) AS t (account), LATERAL (
          SELECT FROM (
            SELECT m.id FROM roost.mention m WHERE m.account = t.account AND m.other = p.other AND m.id > p.seen_id
            ORDER BY m.id DESC LIMIT ${mentionsReadMax}) n
          WHERE NOT ${isHidden("n.id")}
            AND (p.other > 0 OR ${isInWindow("a_me", "-p.other", "n.id")})
            AND (t.account > 0 OR (SELECT m.sender = a_me FROM roost.message m WHERE m.id = n.id) IS NOT TRUE)
          LIMIT ${unreadMax}) n
        LIMIT ${unreadMax}) n)`;

/**
 * Which conversations are on a page, the pinned ones first, and one more if there are more. Their newest messages (0 if
 * there is none to see) and the own joins are activity. a_among: the direct conversations to look at besides the pinned
 * ones; null for all.
 */
const order = `
CREATE OR REPLACE FUNCTION roost.newest_conversations(
  a_me bigint, a_before bigint, a_limit bigint, a_with_hidden boolean, a_among bigint[],
  OUT others bigint[], OUT activity_ids bigint[], OUT last_ids bigint[], OUT unpinned bigint, OUT oldest_id bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  watermark CONSTANT bigint := roost.watermark_for(a_me);
BEGIN
  WITH known AS MATERIALIZED (
    SELECT c.other, c.is_pinned, c.hidden_id, c.cleared_id, 0::bigint AS joined_id
    FROM roost.conversation c WHERE a_among IS NULL AND c.account = a_me AND c.other > 0
    UNION ALL
    SELECT c.other, c.is_pinned, c.hidden_id, c.cleared_id, 0
    FROM roost.conversation c WHERE a_among IS NOT NULL AND c.account = a_me AND c.is_pinned AND c.other > 0
    UNION ALL
    -- LIMIT makes it look each up by the key.
    SELECT c.other, c.is_pinned, c.hidden_id, c.cleared_id, 0
    FROM unnest(a_among) AS t (other), LATERAL (
      SELECT * FROM roost.conversation c WHERE c.account = a_me AND c.other = t.other LIMIT 1) c
    WHERE NOT c.is_pinned
    UNION ALL
    SELECT -w.chat_group, coalesce(c.is_pinned, false), coalesce(c.hidden_id, 0), coalesce(c.cleared_id, 0), w.joined_id
    FROM (
      SELECT m.chat_group, max(m.from_id) AS joined_id FROM roost.member m
      WHERE m.account = a_me AND NOT EXISTS (
        SELECT FROM roost.unfinished_group u WHERE u.chat_group = m.chat_group)
      GROUP BY m.chat_group
    ) w
    LEFT JOIN LATERAL (
      SELECT * FROM roost.conversation c WHERE c.account = a_me AND c.other = -w.chat_group LIMIT 1
    ) c ON true
  ), active AS MATERIALIZED (
    SELECT k.*, coalesce(CASE
      WHEN k.other > 0 THEN greatest(
        ${lastOf("a_me", "k.other")},
        ${lastOf("k.other", "a_me")})
      ELSE (
        SELECT max(s.id) FROM ${windowsOf("a_me", "-k.other")} w, LATERAL (
          SELECT m.id FROM roost.message m
          WHERE m.inbox = k.other AND m.id > greatest(w.from_id, k.cleared_id) AND m.id < coalesce(w.until_id, ${endId})
            AND NOT ${isHidden("m.id")}
          ORDER BY m.id DESC LIMIT 1) s)
      END, 0) AS last_id
    FROM (
      SELECT n.other, n.is_pinned, n.hidden_id, greatest(n.cleared_id, watermark) AS cleared_id, n.joined_id
      FROM known n
    ) k
  ), shown AS MATERIALIZED (
    SELECT a.other, a.is_pinned, a.last_id, greatest(a.last_id, a.joined_id) AS activity_id
    FROM active a
    WHERE greatest(a.last_id, a.joined_id) > 0
      AND (a_with_hidden OR greatest(a.last_id, a.joined_id) > a.hidden_id)
  ), page AS (
    (SELECT s.* FROM shown s WHERE s.is_pinned AND a_before = 0)
    UNION ALL
    (SELECT s.* FROM shown s
     WHERE NOT s.is_pinned AND (a_before = 0 OR s.activity_id < a_before)
     ORDER BY s.activity_id DESC LIMIT a_limit + 1)
  )
  SELECT array_agg(p.other ORDER BY p.is_pinned DESC, p.activity_id DESC),
      array_agg(p.activity_id ORDER BY p.is_pinned DESC, p.activity_id DESC),
      array_agg(p.last_id ORDER BY p.is_pinned DESC, p.activity_id DESC),
      count(*) FILTER (WHERE NOT p.is_pinned), min(p.activity_id) FILTER (WHERE NOT p.is_pinned)
    INTO others, activity_ids, last_ids, unpinned, oldest_id
    FROM page p;
END $$;
`;

/**
 * A page of conversations in its order. An account with many has the page in its newest messages, mostly: whoever has
 * none above the horizon, where these end in one direction, is on a later page.
 */
const list = `
CREATE OR REPLACE FUNCTION roost.conversation_page(a_me bigint, a_before bigint, a_limit bigint, a_with_hidden boolean)
RETURNS TABLE (
  other bigint, activity_id bigint, last_id bigint, is_pinned boolean, is_muted boolean, is_hidden boolean,
  read_id bigint, peer_read_id bigint, unread bigint, unread_mentions bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
  end_id CONSTANT bigint := CASE a_before WHEN 0 THEN ${endId} ELSE a_before END;
  -- How many messages of each direction to look at.
  recent_count CONSTANT bigint := 2 * a_limit;
  -- Most accounts have not, and unread messages may be many.
  has_none_hidden CONSTANT boolean := NOT EXISTS (SELECT FROM roost.hidden h WHERE h.account = a_me);
  watermark CONSTANT bigint := roost.watermark_for(a_me);
  recent bigint[];
  horizon bigint;
  found record;
BEGIN
  -- By the order of ids alone the planner may look among all messages of all accounts.
  WITH newest AS MATERIALIZED (
    (SELECT m.id, m.sender AS other, true AS is_received FROM roost.message m
     WHERE m.inbox BETWEEN a_me AND a_me AND m.id < end_id
     ORDER BY m.inbox DESC, m.id DESC LIMIT recent_count)
    UNION ALL
    (SELECT m.id, m.inbox, false FROM roost.message m
     WHERE m.sender BETWEEN a_me AND a_me AND m.inbox > 0 AND m.inbox <> m.sender AND m.id < end_id
     ORDER BY m.sender DESC, m.id DESC LIMIT recent_count)
  ), ends AS MATERIALIZED (
    SELECT greatest(
      CASE WHEN count(*) FILTER (WHERE n.is_received) = recent_count THEN min(n.id) FILTER (WHERE n.is_received) END,
      CASE WHEN count(*) FILTER (WHERE NOT n.is_received) = recent_count
        THEN min(n.id) FILTER (WHERE NOT n.is_received) END,
      0) AS horizon
    FROM newest n
  )
  SELECT array_agg(DISTINCT n.other), min(e.horizon) INTO recent, horizon
    FROM newest n, ends e WHERE n.id >= e.horizon;
  found := roost.newest_conversations(
    a_me, a_before, a_limit, a_with_hidden, CASE WHEN horizon > 0 THEN recent END);
  IF horizon > 0 AND (found.unpinned <= a_limit OR found.oldest_id < horizon) THEN
    found := roost.newest_conversations(a_me, a_before, a_limit, a_with_hidden, null);
  END IF;
  RETURN QUERY
  SELECT p.other, p.activity_id, p.last_id, p.is_pinned, p.is_muted,
    p.hidden_id > 0 AND p.activity_id <= p.hidden_id, p.read_id, p.peer_read_id,
    CASE WHEN p.last_id <= p.seen_id THEN 0
      WHEN p.other > 0 THEN ${unreadDirect}
      ELSE ${unreadInGroup} END,
    CASE WHEN p.last_id <= p.seen_id THEN 0 ELSE ${unreadMentions} END
  FROM (
    SELECT r.*, greatest(r.read_id, r.cleared_id, watermark) AS seen_id
    FROM (
      SELECT t.*, coalesce(c.is_pinned, false) AS is_pinned, coalesce(c.is_muted, false) AS is_muted,
        coalesce(c.hidden_id, 0) AS hidden_id, coalesce(c.cleared_id, 0) AS cleared_id,
        coalesce(
          (SELECT r.read_id FROM roost.read_cursor r WHERE r.account = a_me AND r.other = t.other), 0) AS read_id,
        -- Who blocks an account shows it no cursor.
        CASE WHEN t.other > 0 AND NOT ${isBlocked("t.other", "a_me")} THEN coalesce(
          (SELECT r.read_id FROM roost.read_cursor r WHERE r.account = t.other AND r.other = a_me), 0)
        ELSE 0 END AS peer_read_id
      FROM unnest(found.others, found.activity_ids, found.last_ids) WITH ORDINALITY
        AS t (other, activity_id, last_id, position)
      LEFT JOIN LATERAL (
        SELECT * FROM roost.conversation c WHERE c.account = a_me AND c.other = t.other LIMIT 1
      ) c ON true
      OFFSET 0
    ) r
    OFFSET 0
  ) p
  ORDER BY p.position;
END $$;
`;

/** Messages by id, in the order asked, without those that an account may not read or does not see any more. */
const visible = `
CREATE OR REPLACE FUNCTION roost.visible_of(a_me bigint, a_ids bigint[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT m.id
    FROM unnest(a_ids) WITH ORDINALITY AS t (id, position) JOIN roost.message m ON m.id = t.id
    WHERE ${mayRead("a_me", "m")} AND NOT ${isHidden("m.id")} AND NOT ${isCleared("a_me", "m")}
    ORDER BY t.position);
END $$;
`;

/**
 * Who has read a message of a group: the members whose window holds it, but for its author and those who block the
 * asker, above a_after.
 */
const readers = `
CREATE OR REPLACE FUNCTION roost.readers(
  a_app text, a_account text, a_message bigint, a_after text, a_limit bigint, a_members_max bigint, a_age_ms bigint,
  OUT result text, OUT count bigint, OUT accounts text[]
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  me bigint;
  its roost.message;
  -- A dismissed group has no members, whatever their rows say.
  members bigint;
  all_accounts text[];
BEGIN
  me := roost.account_number(a_app, a_account);
  SELECT * INTO its FROM roost.message m WHERE m.id = a_message;
  IF its.id IS NULL OR its.inbox > 0 OR NOT coalesce(${mayRead("me", "its")}, false) THEN
    result := 'notFound';
    RETURN;
  END IF;
  members := (SELECT g.member_count FROM roost.chat_group g WHERE g.number = -its.inbox);
  IF its.sender <> me AND (members = 0 OR NOT EXISTS (
    SELECT FROM roost.member m WHERE m.chat_group = -its.inbox AND m.account = me AND m.until_id IS NULL)
  ) THEN
    result := 'forbidden';
    RETURN;
  END IF;
  IF members > a_members_max THEN
    result := 'tooLarge';
    RETURN;
  END IF;
  IF roost.wall_us() / 1000 - its.sent_ns / 1000000 > a_age_ms THEN
    result := 'tooOld';
    RETURN;
  END IF;
  all_accounts := ARRAY(
    SELECT a.name COLLATE "C"
    FROM roost.member m JOIN roost.account a ON a.number = m.account
    WHERE members > 0 AND m.chat_group = -its.inbox AND m.until_id IS NULL AND m.account <> its.sender
      AND ${isInWindow("m.account", "-its.inbox", "its.id")}
      AND (
        SELECT c.read_id >= its.id FROM roost.read_cursor c WHERE c.account = m.account AND c.other = its.inbox)
      AND NOT ${isBlocked("m.account", "me")}
    ORDER BY a.name COLLATE "C");
  result := 'found';
  count := cardinality(all_accounts);
  accounts := ARRAY(
    SELECT n FROM unnest(all_accounts) n WHERE n COLLATE "C" > a_after ORDER BY n COLLATE "C" LIMIT a_limit);
END $$;
`;

export const listFunctions: string = [order, list, visible, readers].join("\n");
