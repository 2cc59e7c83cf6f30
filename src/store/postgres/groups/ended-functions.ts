// Removes what groups leave that have ended, in slices: the rows of members of a dismissed one are closed, which frees
// their counts; invitations and requests are deleted. Nothing of it shows. Groups of an app that is being imported
// wait: their members may see messages that are still to come.

import { isolated } from "../writer-lock.ts";

/** Closing a row costs as much as several messages, which wait for a slice. */
export const closedRowsMax = 100;

const isDue = `g.closing AND NOT EXISTS (
    SELECT FROM app_data d WHERE d.app = g.app AND d.import_state = 'importing')`;

export const endedFunctions = `
-- Removes a slice; true if there is more.
CREATE OR REPLACE FUNCTION roost.clean_ended(a_holder text, a_life text, a_rows bigint) RETURNS boolean
LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  ended record;
  closed bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM chat_group g WHERE ${isDue}) THEN RETURN false; END IF;
  PERFORM roost.hold(a_holder, a_life);
  -- A slice that is lost in a crash is removed again: nobody waits for the disk.
  PERFORM set_config('synchronous_commit', 'off', true);
  SELECT g.number, g.dismissed_id INTO ended FROM chat_group g WHERE ${isDue} ORDER BY g.number LIMIT 1;
  IF NOT FOUND THEN RETURN false; END IF;
  IF ended.dismissed_id > 0 THEN
    UPDATE member SET until_id = ended.dismissed_id WHERE number IN (
      SELECT m.number FROM member m WHERE m.chat_group = ended.number AND m.until_id IS NULL LIMIT a_rows);
    GET DIAGNOSTICS closed = ROW_COUNT;
    IF closed >= a_rows THEN RETURN true; END IF;
  END IF;
  DELETE FROM invitation i WHERE i.chat_group = ended.number;
  DELETE FROM join_request r WHERE r.chat_group = ended.number;
  UPDATE chat_group g SET closing = false WHERE g.number = ended.number;
  RETURN EXISTS (SELECT FROM chat_group g WHERE ${isDue});
END $$;
`;
