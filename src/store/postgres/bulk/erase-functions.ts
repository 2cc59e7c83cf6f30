// Erases messages, as functions of the database: recalled ones, those of deleted accounts, and those behind the
// watermark of an app. Their rows stay without text, mentions, reactions, pin and files: ids, counts and cursors of
// others rest on them.
//
// A client may have written anything into a clientId: a digest takes its place, by which a retry is recognised still.
// It is longer than any clientId, so that no client can send one. Of a sender that was deleted nothing stays.

import { messageState } from "../message-state.ts";

const erasedPattern = "^erased:[0-9a-f]{64}$";
/** The distance of ids of 7 days: retries come within 24 hours, and the clock may leap. */
const retriedIds = `(${7 * 86_400_000}::bigint << 22)`;

export const eraseFunctions = `
CREATE OR REPLACE FUNCTION roost.digest_of(a_sender bigint, a_client_id text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT 'erased:' || encode(sha256(convert_to(a_sender || ':' || a_client_id, 'UTF8')), 'hex')
$$;

CREATE OR REPLACE FUNCTION roost.erased_client_id(a_sender bigint, a_client_id text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN a_client_id ~ '${erasedPattern}' THEN a_client_id ELSE roost.digest_of(a_sender, a_client_id) END
$$;

CREATE OR REPLACE FUNCTION roost.erase_messages(a_ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO erased_sender AS e (account, newest_id)
    SELECT m.sender, max(m.id) FROM unnest(a_ids) AS gone (id) JOIN message m ON m.id = gone.id
    WHERE m.client_id IS NOT NULL AND (SELECT a.app FROM account a WHERE a.number = m.sender) <> ''
    GROUP BY m.sender
    ON CONFLICT (account) DO UPDATE SET newest_id = greatest(e.newest_id, excluded.newest_id);
  -- A clientId may have been used again when the erased message of that name was too old to be compared: its digest
  -- stands for the newest one.
  UPDATE message SET client_id = null
    FROM unnest(a_ids) AS gone (id) JOIN message m ON m.id = gone.id
    WHERE m.client_id !~ '${erasedPattern}' AND message.sender = m.sender
      AND message.client_id = roost.digest_of(m.sender, m.client_id);
  UPDATE message SET body = '', extra = '', mentions = null,
      client_id = CASE WHEN message.client_id IS NOT NULL
          AND (SELECT a.app FROM account a WHERE a.number = message.sender) <> ''
        THEN roost.erased_client_id(message.sender, message.client_id) END,
      state = coalesce(message.state, 0) | ${messageState.recalled}
    FROM unnest(a_ids) AS gone (id) WHERE message.id = gone.id;
  DELETE FROM mention USING unnest(a_ids) AS gone (id) WHERE mention.id = gone.id;
  DELETE FROM reaction USING unnest(a_ids) AS gone (id) WHERE reaction.message = gone.id;
  DELETE FROM reaction_count USING unnest(a_ids) AS gone (id) WHERE reaction_count.message = gone.id;
  DELETE FROM pin USING unnest(a_ids) AS gone (id) WHERE pin.message = gone.id;
  DELETE FROM media_use USING unnest(a_ids) AS gone (id) WHERE media_use.message = gone.id;
  UPDATE entry SET client_id = CASE WHEN (SELECT a.app FROM account a WHERE a.number = entry.actor) <> ''
      THEN roost.erased_client_id(entry.actor, entry.client_id) END
    FROM unnest(a_ids) AS gone (id) WHERE entry.refers = gone.id AND entry.client_id IS NOT NULL;
END $$;

-- The clientIds of talks, with the digests of those that repeat an erased message. a_senders: null for new accounts.
-- a_new_id: of the first talk. Only senders of erased messages that may still be retried cost more than a look.
CREATE OR REPLACE FUNCTION roost.stored_client_ids(a_senders bigint[], a_client_ids text[], a_new_id bigint)
RETURNS text[] LANGUAGE plpgsql STABLE AS $$
DECLARE
  above CONSTANT bigint := a_new_id - ${retriedIds};
BEGIN
  IF NOT EXISTS (SELECT FROM erased_sender e WHERE e.account = ANY (a_senders) AND e.newest_id > above) THEN
    RETURN a_client_ids;
  END IF;
  RETURN ARRAY(
    SELECT coalesce(
      (SELECT m.client_id FROM message m
        WHERE e.account IS NOT NULL AND t.client_id <> '' AND m.sender = e.account
          AND m.client_id = roost.digest_of(t.sender, t.client_id)),
      t.client_id)
    FROM unnest(a_senders, a_client_ids) WITH ORDINALITY AS t (sender, client_id, position)
    LEFT JOIN erased_sender e ON e.account = t.sender AND e.newest_id > above
    ORDER BY t.position);
END $$;
`;
