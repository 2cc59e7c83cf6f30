// Erases messages, as functions of the database: recalled ones, those of deleted accounts, and those behind the
// watermark of an app. Their rows stay without text, mentions, reactions, pin and files: ids, counts and cursors of
// others rest on them.
//
// A client may have written anything into a clientId: a digest takes its place, by which a retry is recognised still.
// It is longer than any clientId, so that no client can send one. Of a sender that was deleted nothing stays.

import { messageState } from "../message-state.ts";

const erasedPattern = "^erased:[0-9a-f]{64}$";

export const eraseFunctions = `
CREATE OR REPLACE FUNCTION roost.erased_client_id(a_sender bigint, a_client_id text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN a_client_id ~ '${erasedPattern}' THEN a_client_id
    ELSE 'erased:' || encode(sha256(convert_to(a_sender || ':' || a_client_id, 'UTF8')), 'hex') END
$$;

CREATE OR REPLACE FUNCTION roost.erase_messages(a_ids bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO erased_sender (account)
    SELECT DISTINCT m.sender FROM unnest(a_ids) AS gone (id) JOIN message m ON m.id = gone.id
    WHERE m.client_id IS NOT NULL AND (SELECT a.app FROM account a WHERE a.number = m.sender) <> ''
    ON CONFLICT DO NOTHING;
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
CREATE OR REPLACE FUNCTION roost.stored_client_ids(a_senders bigint[], a_client_ids text[]) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM erased_sender e WHERE e.account = ANY (a_senders)) THEN RETURN a_client_ids; END IF;
  RETURN ARRAY(
    SELECT coalesce(
      (SELECT m.client_id FROM message m
        WHERE t.client_id <> '' AND m.sender = t.sender
          AND m.client_id = roost.erased_client_id(t.sender, t.client_id)),
      t.client_id)
    FROM unnest(a_senders, a_client_ids) WITH ORDINALITY AS t (sender, client_id, position) ORDER BY t.position);
END $$;
`;
