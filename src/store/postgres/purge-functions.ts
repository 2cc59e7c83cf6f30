// The horizons and marks (store/horizon.ts) as the database keeps them, and the deletion of what is older, as functions of
// the database. What is deleted depends on them and on the database's clock, never on what a process says of the time.

import { isolated } from "./writer-lock.ts";

/**
 * Saves what a look has made of the horizons, with a mark if it made one. False: another process has saved its look since
 * `a_turn` was read, and nothing is saved.
 */
const saveLook = `
CREATE OR REPLACE FUNCTION roost.save_look(a_turn bigint, a_horizons json, a_mark_id bigint, a_mark_ms bigint)
RETURNS boolean LANGUAGE plpgsql ${isolated} AS $$
BEGIN
  UPDATE look l SET turn = l.turn + 1 WHERE l.turn = a_turn;
  IF NOT FOUND THEN RETURN false; END IF;
  INSERT INTO horizon AS h SELECT * FROM json_populate_recordset(null::horizon, a_horizons)
    ON CONFLICT (kind) DO UPDATE SET (at_ms, keep_ms, looked_ms, credit_ms, is_waiting, proven_ms) =
      (excluded.at_ms, excluded.keep_ms, excluded.looked_ms, excluded.credit_ms, excluded.is_waiting,
        excluded.proven_ms);
  INSERT INTO mark (id, at_ms) SELECT a_mark_id, a_mark_ms
    WHERE a_mark_id IS NOT NULL AND NOT EXISTS (SELECT FROM mark m WHERE m.id >= a_mark_id)
      AND NOT EXISTS (SELECT FROM mark m WHERE m.at_ms >= a_mark_ms);
  RETURN true;
END $$;
`;

/**
 * Everything up to this id was written at this moment or before; null: nothing was, as far as is known. The last one of
 * what is that old may be an hour further.
 */
const lastIdAt = `
CREATE OR REPLACE FUNCTION roost.last_id_at(a_wall_ms bigint) RETURNS bigint
LANGUAGE sql STABLE AS $$
  SELECT m.id FROM roost.mark m WHERE m.at_ms <= a_wall_ms ORDER BY m.at_ms DESC LIMIT 1;
$$;
`;

/**
 * Deletes a slice of what is older than the horizon, from id `a_above_id` on, by one process at a time; what comes back is
 * where to go on, or null when there is nothing more. It does not take the writers' lock: nobody else touches rows that
 * old.
 */
const purgeSlice = `
CREATE OR REPLACE FUNCTION roost.purge_slice(a_above_id bigint, a_rows integer) RETURNS bigint
LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  end_id bigint;
  last_deleted bigint;
  deleted_rows bigint;
  deleted_windows bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(hashtextextended('roost.purge', 0)) THEN RETURN null; END IF;
  -- A horizon of the future is no horizon.
  SELECT roost.last_id_at(least(h.at_ms, roost.wall_us() / 1000 - h.keep_ms)) INTO end_id
    FROM horizon h WHERE h.kind = 'messages';
  IF end_id IS NULL THEN RETURN null; END IF;
  -- A slice that is lost in a crash is deleted again: nobody waits for the disk.
  PERFORM set_config('synchronous_commit', 'off', true);
  WITH deleted AS (
    DELETE FROM message WHERE id IN (
      SELECT m.id FROM message m
      WHERE m.id > a_above_id AND m.id <= end_id ORDER BY m.id LIMIT a_rows)
    RETURNING id
  ) SELECT max(id), count(*) INTO last_deleted, deleted_rows FROM deleted;
  WITH deleted AS (
    DELETE FROM member WHERE number IN (
      SELECT m.number FROM member m WHERE m.until_id <= end_id ORDER BY m.until_id LIMIT a_rows)
    RETURNING number
  ) SELECT count(*) INTO deleted_windows FROM deleted;
  IF deleted_rows < a_rows AND deleted_windows < a_rows THEN
    -- The newest of those that are old is the one that is asked for.
    DELETE FROM mark m WHERE m.id < end_id;
    RETURN null;
  END IF;
  RETURN coalesce(last_deleted, a_above_id);
END $$;
`;

export const purgeFunctions: string = [saveLook, lastIdAt, purgeSlice].join("\n");
