// Files that messages name (store/media.ts), as functions of the database. Those that writers call run under the
// writers' lock; a purge deletes uses beside it. A talk passes over a file whose row a purge holds, as changes pass
// over messages: it is about to be gone. So no writer waits for a purge here, and both count on the row of the file.

import { mediaState } from "../../media.ts";
import { keyedMs } from "../../trusted-time.ts";
import { messageState } from "../message-state.ts";
import { isolated } from "../writer-lock.ts";

const { complete, gone, named, promised } = mediaState;

const uses = `
-- Whether all of these files, their ids joined by commas, are complete and the account's own. Keeps them so until the
-- transaction ends.
CREATE OR REPLACE FUNCTION roost.are_media_usable(a_account bigint, a_media text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
  usable bigint;
BEGIN
  SELECT count(*) INTO usable FROM (
    SELECT FROM media m
    WHERE m.id = ANY (string_to_array(a_media, ',')) AND m.account = a_account AND m.state IN (${complete}, ${named})
    ORDER BY m.id
    FOR UPDATE SKIP LOCKED
  ) t;
  RETURN usable = cardinality(string_to_array(a_media, ','));
END $$;

-- A message that was stored names these files.
CREATE OR REPLACE FUNCTION roost.add_media(a_message bigint, a_media text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO media_use (message, place, media)
    SELECT a_message, t.place - 1, t.id FROM unnest(string_to_array(a_media, ',')) WITH ORDINALITY AS t (id, place);
  UPDATE media m SET state = ${named}, uses = m.uses + 1 WHERE m.id = ANY (string_to_array(a_media, ','));
  UPDATE message m SET state = coalesce(m.state, 0) | ${messageState.hasMedia} WHERE m.id = a_message;
END $$;

-- Whatever deletes the last use: a recall, the retention, an operator.
CREATE OR REPLACE FUNCTION roost.media_unused() RETURNS trigger LANGUAGE plpgsql ${isolated} AS $$
BEGIN
  UPDATE media m SET uses = m.uses - 1, state = CASE WHEN m.uses <= 1 THEN ${gone} ELSE m.state END
    WHERE m.id = OLD.media;
  RETURN null;
END $$;
CREATE OR REPLACE TRIGGER media_unused AFTER DELETE ON roost.media_use
  FOR EACH ROW EXECUTE FUNCTION roost.media_unused();
`;

const calls = `
-- A call of MediaStore that writes: MediaCall of store/media.ts. a_id: the version of a promise.
CREATE OR REPLACE FUNCTION roost.change_media(
  a_call json, a_id bigint, a_unnamed_max bigint, a_unnamed_bytes_max bigint
) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
  me bigint;
  unnamed record;
BEGIN
  IF a_call ->> 'call' = 'forget' THEN
    DELETE FROM media m
      WHERE m.id IN (SELECT json_array_elements_text(a_call -> 'ids')) AND m.state = ${gone};
  ELSIF a_call ->> 'call' = 'complete' THEN
    me := roost.account_number(a_call ->> 'app', a_call ->> 'account');
    UPDATE media m SET state = ${complete}
      WHERE m.id IN (SELECT json_array_elements_text(a_call -> 'ids')) AND m.account = me AND m.state = ${promised};
  ELSE
    me := (roost.account_numbers(a_call ->> 'app', ARRAY[a_call ->> 'account']))[1];
    SELECT count(*) AS count, coalesce(sum(m.size), 0) AS bytes INTO unnamed
      FROM media m WHERE m.account = me AND m.state < ${named};
    IF unnamed.count >= a_unnamed_max THEN RETURN json_build_object('result', 'full'); END IF;
    IF unnamed.bytes + (a_call ->> 'size')::bigint > a_unnamed_bytes_max THEN
      RETURN json_build_object('result', 'fullOfBytes');
    END IF;
    -- Behind what was known lately come the files of the last minute or so: an account may have any number of files.
    IF (a_call -> 'quota' ->> 'bytes')::bigint + (a_call ->> 'size')::bigint + coalesce((
      SELECT sum(n.size) FROM (
        SELECT m.account, m.size, m.state FROM media m
        WHERE m.number > (a_call -> 'quota' ->> 'upTo')::bigint ORDER BY m.number) n
      WHERE n.account = me AND n.state <> ${gone}), 0) > (a_call -> 'quota' ->> 'bytesMax')::bigint
    THEN
      RETURN json_build_object('result', 'fullOfAll');
    END IF;
    INSERT INTO media (account, size, version, state, id, name, type)
      VALUES (me, (a_call ->> 'size')::bigint, a_id, ${promised}, a_call ->> 'id', a_call ->> 'name',
        a_call ->> 'type');
  END IF;
  RETURN json_build_object('result', 'stored');
END $$;

-- A slice of the files that no message has named for as long as a talk may be retried is gone; true if there is more.
CREATE OR REPLACE FUNCTION roost.expire_media(a_life text, a_rows bigint) RETURNS boolean
LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  keyed_id bigint;
  expired bigint;
BEGIN
  PERFORM roost.require_life(a_life);
  SELECT m.id INTO keyed_id
    FROM mark m WHERE m.ran_ms <= (SELECT l.ran_ms FROM look l) - ${keyedMs} ORDER BY m.id DESC LIMIT 1;
  IF keyed_id IS NULL THEN RETURN false; END IF;
  UPDATE media SET state = ${gone} WHERE number IN (
    SELECT m.number FROM media m WHERE m.state < ${named} AND m.version <= keyed_id
    ORDER BY m.version LIMIT a_rows FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS expired = ROW_COUNT;
  RETURN expired >= a_rows;
END $$;
`;

const reads = `
-- The files of a message, each as JSON: [id, name, type, size].
CREATE OR REPLACE FUNCTION roost.media_of(a_message bigint) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN ARRAY(
    SELECT json_build_array(m.id, m.name, m.type, m.size)::text
    FROM roost.media_use u JOIN roost.media m ON m.id = u.media
    WHERE u.message = a_message ORDER BY u.place);
END $$;

-- The same for an account that may read it, or (null) for whoever may read all messages of the app; null: it may not.
CREATE OR REPLACE FUNCTION roost.readable_media(a_app text, a_account text, a_message bigint) RETURNS text[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
  IF a_account IS NULL THEN
    IF NOT EXISTS (
      SELECT FROM roost.message m JOIN roost.account a ON a.number = m.sender
      WHERE m.id = a_message AND m.id > roost.watermark_of(a_app) AND a.app = a_app)
    THEN
      RETURN null;
    END IF;
  ELSIF cardinality(roost.visible_of(roost.account_number(a_app, a_account), ARRAY[a_message])) = 0 THEN
    RETURN null;
  END IF;
  RETURN roost.media_of(a_message);
END $$;
`;

export const mediaFunctions: string = [uses, calls, reads].join("\n");
