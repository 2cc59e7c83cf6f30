// Reads of an account over all its conversations, as functions of the database: its list of them, messages by id, and
// who has read one.

import { unreadMax } from "../../base/limits/fixed.ts";
import { endId, isInWindow, mayRead, otherOf } from "./conversation-functions.ts";
import { isHidden } from "./history-functions.ts";

/** Whose newest visible message is asked for: an expression for each direction. */
function lastOf(sender: string, inbox: string): string {
  return `(SELECT m.id FROM roost.message m
        WHERE m.sender = ${sender} AND m.inbox = ${inbox} AND m.inbox > 0 AND m.id > k.cleared_id
          AND NOT ${isHidden("m.id")}
        ORDER BY m.id DESC LIMIT 1)`;
}

const unreadDirect = `(SELECT count(*) FROM (
        SELECT FROM roost.message m
        WHERE m.sender = p.other AND m.inbox = a_me AND m.inbox > 0 AND p.other <> a_me AND m.id > p.seen_id
          AND NOT ${isHidden("m.id")}
        ORDER BY m.id LIMIT ${unreadMax}) n)`;

const unreadInGroup = `(SELECT count(*) FROM (
        SELECT FROM roost.member w, LATERAL (
          SELECT FROM roost.message m
          WHERE m.inbox = p.other AND m.id > greatest(w.from_id, p.seen_id) AND m.id < coalesce(w.until_id, ${endId})
            AND m.sender <> a_me AND NOT ${isHidden("m.id")}
          ORDER BY m.id LIMIT ${unreadMax}) m
        WHERE w.account = a_me AND w.chat_group = -p.other LIMIT ${unreadMax}) n)`;

const unreadMentions = `(SELECT count(*) FROM (
        SELECT FROM unnest(ARRAY[a_me, 0]) AS t (account), LATERAL (
          SELECT FROM roost.mention n
          WHERE n.account = t.account AND n.other = p.other AND n.id > p.seen_id AND NOT ${isHidden("n.id")}
            AND (p.other > 0 OR ${isInWindow("a_me", "-p.other", "n.id")})
            AND (t.account > 0 OR NOT EXISTS (SELECT FROM roost.message m WHERE m.id = n.id AND m.sender = a_me))
          LIMIT ${unreadMax}) n
        LIMIT ${unreadMax}) n)`;

/**
 * The conversations of a page, the pinned ones first, and one more if there are more. The newest message (last_id, 0
 * if it sees none) and the own join are activity. seen_id: nothing up to there is unread.
 */
const list = `
CREATE OR REPLACE FUNCTION roost.conversation_page(a_me bigint, a_before bigint, a_limit bigint, a_with_hidden boolean)
RETURNS TABLE (
  other bigint, activity_id bigint, last_id bigint, is_pinned boolean, is_muted boolean, is_hidden boolean,
  read_id bigint, peer_read_id bigint, unread bigint, unread_mentions bigint
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY WITH known AS MATERIALIZED (
    SELECT c.other, c.is_pinned, c.is_muted, c.hidden_id, c.cleared_id, 0::bigint AS joined_id
    FROM roost.conversation c WHERE c.account = a_me AND c.other > 0
    UNION ALL
    SELECT -w.chat_group, coalesce(c.is_pinned, false), coalesce(c.is_muted, false), coalesce(c.hidden_id, 0),
      coalesce(c.cleared_id, 0), w.joined_id
    FROM (
      SELECT m.chat_group, max(m.from_id) AS joined_id FROM roost.member m
      WHERE m.account = a_me AND NOT EXISTS (
        SELECT FROM roost.unfinished_group u WHERE u.chat_group = m.chat_group)
      GROUP BY m.chat_group
    ) w
    -- LIMIT makes it look each up by the key.
    LEFT JOIN LATERAL (
      SELECT * FROM roost.conversation c WHERE c.account = a_me AND c.other = -w.chat_group LIMIT 1
    ) c ON true
  ), active AS MATERIALIZED (
    SELECT k.*, coalesce(CASE
      WHEN k.other > 0 THEN greatest(
        ${lastOf("a_me", "k.other")},
        ${lastOf("k.other", "a_me")})
      ELSE (
        SELECT max(s.id) FROM roost.member w, LATERAL (
          SELECT m.id FROM roost.message m
          WHERE m.inbox = k.other AND m.id > greatest(w.from_id, k.cleared_id) AND m.id < coalesce(w.until_id, ${endId})
            AND NOT ${isHidden("m.id")}
          ORDER BY m.id DESC LIMIT 1) s
        WHERE w.account = a_me AND w.chat_group = -k.other)
      END, 0) AS last_id
    FROM known k
  ), shown AS (
    SELECT a.*, greatest(a.last_id, a.joined_id) AS activity_id,
      a.hidden_id > 0 AND greatest(a.last_id, a.joined_id) <= a.hidden_id AS is_hidden
    FROM active a
  ), page AS MATERIALIZED (
    (SELECT s.* FROM shown s
     WHERE s.is_pinned AND a_before = 0 AND s.activity_id > 0 AND (a_with_hidden OR NOT s.is_hidden))
    UNION ALL
    (SELECT s.* FROM shown s
     WHERE NOT s.is_pinned AND s.activity_id > 0 AND (a_before = 0 OR s.activity_id < a_before)
       AND (a_with_hidden OR NOT s.is_hidden)
     ORDER BY s.activity_id DESC LIMIT a_limit + 1)
  ), read AS MATERIALIZED (
    SELECT p.*, coalesce(
        (SELECT c.read_id FROM roost.read_cursor c WHERE c.account = a_me AND c.other = p.other), 0) AS read_id,
      CASE WHEN p.other > 0 THEN coalesce(
        (SELECT c.read_id FROM roost.read_cursor c WHERE c.account = p.other AND c.other = a_me), 0)
      ELSE 0 END AS peer_read_id
    FROM page p
  )
  SELECT p.other, p.activity_id, p.last_id, p.is_pinned, p.is_muted, p.is_hidden, p.read_id, p.peer_read_id,
    CASE WHEN p.last_id <= p.seen_id THEN 0
      WHEN p.other > 0 THEN ${unreadDirect}
      ELSE ${unreadInGroup} END,
    CASE WHEN p.last_id <= p.seen_id THEN 0 ELSE ${unreadMentions} END
  FROM (SELECT r.*, greatest(r.read_id, r.cleared_id) AS seen_id FROM read r OFFSET 0) p
  ORDER BY p.is_pinned DESC, p.activity_id DESC;
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
    WHERE ${mayRead("a_me", "m")} AND NOT ${isHidden("m.id")}
      AND NOT EXISTS (
        SELECT FROM roost.conversation c
        WHERE c.account = a_me AND c.other = ${otherOf("a_me", "m")} AND c.cleared_id >= m.id)
    ORDER BY t.position);
END $$;
`;

/** Who has read a message of a group: the members whose window holds it, but for its author, above a_after. */
const readers = `
CREATE OR REPLACE FUNCTION roost.readers(
  a_app text, a_account text, a_message bigint, a_after text, a_limit bigint, a_members_max bigint, a_age_ms bigint,
  OUT result text, OUT count bigint, OUT accounts text[]
) LANGUAGE plpgsql STABLE AS $$
DECLARE
  me bigint;
  its roost.message;
  all_accounts text[];
BEGIN
  me := roost.account_number(a_app, a_account);
  SELECT * INTO its FROM roost.message m WHERE m.id = a_message;
  IF its.id IS NULL OR its.inbox > 0 OR NOT coalesce(${mayRead("me", "its")}, false) THEN
    result := 'notFound';
    RETURN;
  END IF;
  IF its.sender <> me AND NOT EXISTS (
    SELECT FROM roost.member m WHERE m.chat_group = -its.inbox AND m.account = me AND m.until_id IS NULL
  ) THEN
    result := 'forbidden';
    RETURN;
  END IF;
  IF (SELECT g.member_count FROM roost.chat_group g WHERE g.number = -its.inbox) > a_members_max THEN
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
    WHERE m.chat_group = -its.inbox AND m.until_id IS NULL AND m.account <> its.sender
      AND ${isInWindow("m.account", "-its.inbox", "its.id")}
      AND EXISTS (
        SELECT FROM roost.read_cursor c
        WHERE c.account = m.account AND c.other = its.inbox AND c.read_id >= its.id)
    ORDER BY a.name COLLATE "C");
  result := 'found';
  count := cardinality(all_accounts);
  accounts := ARRAY(
    SELECT n FROM unnest(all_accounts) n WHERE n COLLATE "C" > a_after ORDER BY n COLLATE "C" LIMIT a_limit);
END $$;
`;

export const listFunctions: string = [list, visible, readers].join("\n");
