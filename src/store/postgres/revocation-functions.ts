// Kicks and revocations (Store.revoke), as a function of the database: one call is one transaction.

import { kickKeptMs } from "../revocations.ts";
import { isolated } from "./writer-lock.ts";

/** Returns the new row's id, or null if a_kept_max others are stored. A null a_device means all devices. */
export const revocationFunctions: string = `
CREATE OR REPLACE FUNCTION roost.revoke(
  a_holder text, a_life text, a_app text, a_account text, a_kind text, a_device text,
  a_before_ms bigint, a_kept_max bigint
) RETURNS bigint LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  new_id bigint;
  known_ms bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  SELECT max(r.before_ms) INTO known_ms FROM revocation r
    WHERE r.app = a_app AND r.account = a_account AND r.kind = a_kind AND r.device IS NOT DISTINCT FROM a_device;
  IF known_ms IS NULL AND (SELECT count(*) FROM revocation) >= a_kept_max THEN
    DELETE FROM revocation r WHERE r.kind = 'kick' AND r.before_ms < held.wall_us / 1000 - ${kickKeptMs};
    IF (SELECT count(*) FROM revocation) >= a_kept_max THEN RETURN null; END IF;
  END IF;
  DELETE FROM revocation r
    WHERE r.app = a_app AND r.account = a_account AND r.kind = a_kind AND r.device IS NOT DISTINCT FROM a_device;
  new_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
  INSERT INTO revocation (id, app, account, kind, device, before_ms)
    VALUES (new_id, a_app, a_account, a_kind, a_device, greatest(a_before_ms, known_ms));
  PERFORM roost.move_last(new_id, held.wall_us / 1000);
  RETURN new_id;
END $$;
`;
