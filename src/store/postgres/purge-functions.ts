// The horizons and marks (store/horizon.ts, store/trusted-time.ts) in the database, and the deletion of older content.
// What is deleted depends on them and on the database's clock, never on a process's clock.

import { horizonDayMs } from "../horizon.ts";
import { protectedMs } from "../hooks.ts";
import { keyedMs } from "../trusted-time.ts";
import { isolated } from "./writer-lock.ts";

/**
 * Saves the horizons and marks of a look, and moves the watermarks of apps, never back. Moves earlier marks later by
 * `a_later_ms`, but not beyond `a_latest_ms`. Returns false, saving nothing, if another process has saved a look since
 * `a_turn` was read.
 */
const saveLook = `
CREATE OR REPLACE FUNCTION roost.save_look(
  a_turn bigint, a_ran_ms bigint, a_leapt_ms bigint, a_later_ms bigint, a_latest_ms bigint,
  a_horizons json, a_marks json, a_life text
) RETURNS boolean LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  trusted_ms bigint;
BEGIN
  UPDATE look l SET turn = l.turn + 1, ran_ms = a_ran_ms, leapt_ms = a_leapt_ms WHERE l.turn = a_turn;
  IF NOT FOUND THEN RETURN false; END IF;
  -- A restored store may have the same turn.
  IF a_life IS NOT NULL THEN PERFORM roost.require_life(a_life); END IF;
  DELETE FROM horizon h WHERE h.kind IN ('messages', 'time');
  INSERT INTO horizon SELECT * FROM json_populate_recordset(null::horizon, a_horizons);
  IF a_later_ms > 0 THEN
    UPDATE mark m SET at_ms = greatest(m.at_ms, least(m.at_ms + a_later_ms, a_latest_ms));
  END IF;
  INSERT INTO mark SELECT * FROM json_populate_recordset(null::mark, a_marks) ON CONFLICT (id) DO NOTHING;
  SELECT h.at_ms INTO trusted_ms FROM horizon h WHERE h.kind = 'time';
  UPDATE app_data d SET watermark_id = roost.last_id_at(trusted_ms - d.keep_days * ${horizonDayMs})
    WHERE d.keep_days > 0 AND roost.last_id_at(trusted_ms - d.keep_days * ${horizonDayMs}) > d.watermark_id;
  RETURN true;
END $$;
`;

/** Everything up to this id had been stored at that time; null if nothing had, by the marks. */
const lastIdAt = `
CREATE OR REPLACE FUNCTION roost.last_id_at(a_wall_ms bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT m.id FROM roost.mark m WHERE m.at_ms <= a_wall_ms ORDER BY m.at_ms DESC, m.id DESC LIMIT 1;
$$;
`;

/**
 * Deletes a slice of messages above `a_above_id` and up to `a_end_id`, in one process at a time; `next_id` is where to
 * continue, or null at the end. It does not take the writers' lock: only changes touch rows that old, and they skip
 * what this holds (change-functions.ts).
 */
const deleteSlice = `
CREATE OR REPLACE FUNCTION roost.delete_slice(
  a_above_id bigint, a_end_id bigint, a_rows integer, a_life text,
  OUT next_id bigint, OUT messages bigint, OUT is_busy boolean
) LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  last_deleted bigint;
  deleted_ids bigint[];
  windows bigint;
  entries bigint;
BEGIN
  messages := 0;
  is_busy := NOT pg_try_advisory_xact_lock(hashtextextended('roost.purge', 0));
  IF is_busy THEN RETURN; END IF;
  IF a_life IS NOT NULL THEN PERFORM roost.require_life(a_life); END IF;
  -- A slice that is lost in a crash is deleted again: nobody waits for the disk.
  PERFORM set_config('synchronous_commit', 'off', true);
  WITH deleted AS (
    DELETE FROM message WHERE id IN (
      SELECT m.id FROM message m WHERE m.id > a_above_id AND m.id <= a_end_id ORDER BY m.id LIMIT a_rows)
    RETURNING id
  ) SELECT max(id), count(*), array_agg(id) INTO last_deleted, messages, deleted_ids FROM deleted;
  -- Later statements: a change that this waited for is seen (change-functions.ts).
  DELETE FROM entry USING unnest(deleted_ids) AS gone (id) WHERE entry.refers = gone.id;
  DELETE FROM mention USING unnest(deleted_ids) AS gone (id) WHERE mention.id = gone.id;
  DELETE FROM reply USING unnest(deleted_ids) AS gone (id) WHERE reply.id = gone.id;
  DELETE FROM reaction USING unnest(deleted_ids) AS gone (id) WHERE reaction.message = gone.id;
  DELETE FROM reaction_count USING unnest(deleted_ids) AS gone (id) WHERE reaction_count.message = gone.id;
  DELETE FROM hidden USING unnest(deleted_ids) AS gone (id) WHERE hidden.id = gone.id;
  DELETE FROM pin USING unnest(deleted_ids) AS gone (id) WHERE pin.message = gone.id;
  DELETE FROM media_use USING unnest(deleted_ids) AS gone (id) WHERE media_use.message = gone.id;
  -- Entries of groups are about no message.
  DELETE FROM entry WHERE id IN (SELECT e.id FROM entry e WHERE e.id <= a_end_id ORDER BY e.id LIMIT a_rows);
  GET DIAGNOSTICS entries = ROW_COUNT;
  WITH deleted AS (
    DELETE FROM member WHERE number IN (
      SELECT m.number FROM member m WHERE m.until_id <= a_end_id ORDER BY m.until_id LIMIT a_rows)
    RETURNING number
  ) SELECT count(*) INTO windows FROM deleted;
  IF greatest(messages, windows, entries) >= a_rows THEN
    next_id := coalesce(last_deleted, a_above_id);
  ELSE
    -- The newest mark of what is gone is the one that is asked for.
    DELETE FROM mark m WHERE m.id < a_end_id;
  END IF;
END $$;
`;

/**
 * Deletes a slice of what the horizon of the messages has passed, except messages that may still be retried. A horizon
 * ahead of the clock counts only up to the clock.
 */
const purgeSlice = `
CREATE OR REPLACE FUNCTION roost.purge_slice(a_above_id bigint, a_rows integer, a_life text) RETURNS bigint
LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  end_id bigint;
  keyed_id bigint;
  told_id bigint;
  unprotected_id bigint;
BEGIN
  IF a_life IS NOT NULL THEN PERFORM roost.require_life(a_life); END IF;
  SELECT roost.last_id_at(least(h.at_ms, roost.wall_us() / 1000 - h.keep_ms)),
      roost.last_id_at(least(h.at_ms + h.keep_ms, roost.wall_us() / 1000) - ${protectedMs})
    INTO end_id, unprotected_id
    FROM horizon h WHERE h.kind = 'messages';
  SELECT m.id INTO keyed_id
    FROM mark m WHERE m.ran_ms <= (SELECT l.ran_ms FROM look l) - ${keyedMs} ORDER BY m.id DESC LIMIT 1;
  IF end_id IS NULL OR keyed_id IS NULL THEN RETURN null; END IF;
  -- What webhooks were not told is kept for a while. Of the lanes that are told something:
  SELECT min(least(
      CASE WHEN k.events LIKE '%message.undelivered%' THEN k.undelivered END,
      CASE WHEN k.events ~ 'message[.](stored|edited|recalled)|group[.]changed' THEN k.told END))
    INTO told_id FROM hook k;
  end_id := least(end_id, keyed_id, greatest(coalesce(told_id, 9223372036854775807), coalesce(unprotected_id, 0)));
  UPDATE hook k SET lost = k.lost + (
      SELECT count(*)
      FROM (
        SELECT m.id, m.sender FROM message m WHERE m.id > a_above_id AND m.id <= end_id ORDER BY m.id LIMIT a_rows
      ) gone
      WHERE gone.id > k.told AND (SELECT a.app FROM account a WHERE a.number = gone.sender) = k.app)
    WHERE k.told < end_id AND k.events LIKE '%message.stored%';
  RETURN (roost.delete_slice(a_above_id, end_id, a_rows, a_life)).next_id;
END $$;
`;

export const purgeFunctions: string = [saveLook, lastIdAt, deleteSlice, purgeSlice].join("\n");
