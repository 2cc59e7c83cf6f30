// What only some messages have, as functions that store_talks calls: mentions (names joined by commas; "*" is
// everybody), the message that they answer, and files (ids joined by commas).

import { outcome } from "../jobs.ts";
import { isInWindow } from "./conversation-functions.ts";

export const linkFunctions = `
-- Why a talk may not name these; null if it may. a_inbox: 0 for a receiver without an account.
CREATE OR REPLACE FUNCTION roost.link_denial(
  a_app text, a_sender bigint, a_inbox bigint, a_sender_name text, a_dest text, a_mentions text, a_reply bigint,
  a_media text
) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  IF a_mentions = '*' THEN
    IF a_inbox >= 0 OR roost.standing(-a_inbox, a_sender) NOT IN ('admin', 'owner', 'system') THEN
      RETURN ${outcome.mentionOfAll};
    END IF;
  ELSIF a_mentions <> '' AND EXISTS (
    SELECT FROM (
      SELECT n.name, roost.account_number(a_app, n.name) AS account
      FROM unnest(string_to_array(a_mentions, ',')) AS n (name) OFFSET 0
    ) t
    WHERE CASE WHEN a_inbox >= 0 THEN t.name NOT IN (a_sender_name, a_dest)
      ELSE (
        SELECT true FROM member m
        WHERE m.chat_group = -a_inbox AND m.account = t.account AND m.until_id IS NULL) IS NULL
      END
  ) THEN
    RETURN ${outcome.mentionOfStranger};
  END IF;
  IF a_media <> '' AND NOT roost.are_media_usable(a_sender, a_media) THEN RETURN ${outcome.mediaUnusable}; END IF;
  IF a_reply <> 0 AND NOT EXISTS (
    SELECT FROM message m WHERE m.id = a_reply AND m.id > roost.watermark_of(a_app) AND CASE
      WHEN a_inbox < 0 THEN m.inbox = a_inbox AND ${isInWindow("a_sender", "-a_inbox", "m.id")}
      ELSE m.sender = a_sender AND m.inbox = a_inbox OR m.sender = a_inbox AND m.inbox = a_sender
    END
  ) THEN
    RETURN ${outcome.replyElsewhere};
  END IF;
  RETURN null;
END $$;

-- Posts a message, if it was stored, under its thread, and to whom it mentions but for its sender.
CREATE OR REPLACE FUNCTION roost.add_links(a_id bigint, a_app text, a_media text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  added roost.message;
BEGIN
  SELECT * INTO added FROM message m WHERE m.id = a_id;
  IF added.id IS NULL THEN RETURN; END IF;
  IF a_media <> '' THEN PERFORM roost.add_media(a_id, a_media); END IF;
  IF added.reply_to IS NOT NULL THEN
    INSERT INTO reply (id, root)
      VALUES (a_id, coalesce((SELECT r.root FROM reply r WHERE r.id = added.reply_to), added.reply_to));
  END IF;
  INSERT INTO mention (account, other, id)
    SELECT DISTINCT t.account, CASE WHEN added.inbox > 0 THEN added.sender ELSE added.inbox END, a_id
    FROM (
      SELECT CASE WHEN n.name = '*' THEN 0 ELSE roost.account_number(a_app, n.name) END AS account
      FROM unnest(string_to_array(added.mentions, ',')) AS n (name)
    ) t
    WHERE t.account <> added.sender;
END $$;
`;
