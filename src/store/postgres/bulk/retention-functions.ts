// The retention of apps (store/data.ts), as functions of the database. The looks at the clocks move the watermarks
// (purge-functions.ts).

import { formerMs, isFormerHolder } from "../../lease-holder.ts";
import { isolated, leaseMs } from "../writer-lock.ts";

export const retentionFunctions = `
CREATE OR REPLACE FUNCTION roost.set_retention(a_holder text, a_life text, a_app text, a_days bigint)
RETURNS SETOF roost.app_data LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, a_life);
  -- No row: a program of a former schema uses the store.
  IF a_days > 0 AND EXISTS (
    SELECT FROM node n WHERE ${isFormerHolder("n.holder")}
      AND n.until_ms BETWEEN held.wall_us / 1000 - ${formerMs} AND held.wall_us / 1000 + ${leaseMs})
  THEN RETURN; END IF;
  RETURN QUERY INSERT INTO app_data AS d (watermark_id, purged_id, keep_days, checked_id, app, import_state)
    VALUES (0, 0, a_days, 0, a_app, 'none')
    ON CONFLICT (app) DO UPDATE SET keep_days = excluded.keep_days RETURNING d.*;
END $$;

-- Erases a slice of what is behind the watermark of an app; false if there is nothing. Reads a_rows messages, whomever
-- they belong to. Those that a purge holds are about to be gone.
CREATE OR REPLACE FUNCTION roost.retention_slice(a_holder text, a_life text, a_rows bigint) RETURNS boolean
LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  its roost.app_data;
  ids bigint[];
BEGIN
  IF NOT EXISTS (SELECT FROM app_data d WHERE d.purged_id < d.watermark_id) THEN RETURN false; END IF;
  PERFORM roost.hold(a_holder, a_life);
  SELECT * INTO its FROM app_data d WHERE d.purged_id < d.watermark_id ORDER BY d.app LIMIT 1;
  IF NOT FOUND THEN RETURN false; END IF;
  ids := ARRAY(
    SELECT m.id FROM message m WHERE m.id > its.purged_id AND m.id <= its.watermark_id ORDER BY m.id LIMIT a_rows);
  PERFORM roost.erase_messages(ARRAY(
    SELECT m.id FROM unnest(ids) AS read (id) JOIN message m ON m.id = read.id
    WHERE (SELECT a.app FROM account a WHERE a.number = m.sender) = its.app
    FOR UPDATE OF m SKIP LOCKED));
  UPDATE app_data d
    SET purged_id = CASE WHEN cardinality(ids) < a_rows THEN its.watermark_id ELSE ids[cardinality(ids)] END
    WHERE d.app = its.app;
  RETURN true;
END $$;
`;
