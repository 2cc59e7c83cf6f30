// Keys of the API (ApiKeyStore) and bans (RevocationStore.ban), as functions of the database: one call is one
// transaction.

import { apiKeysMax } from "../../../base/limits/fixed.ts";
import { isolated } from "../writer-lock.ts";

export const keyFunctions: string = `
-- The key as it is stored now; no row if too many are in force.
CREATE OR REPLACE FUNCTION roost.create_key(
  a_holder text, a_life text, a_id text, a_hash text, a_app text, a_scopes text, a_name text
) RETURNS SETOF roost.api_key LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  new_id bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF NOT EXISTS (SELECT FROM api_key k WHERE k.hash = a_hash) THEN
    IF (SELECT count(*) FROM api_key) >= ${apiKeysMax} THEN
      DELETE FROM api_key k WHERE k.id =
        (SELECT r.id FROM api_key r WHERE r.revoked_ms > 0 ORDER BY r.revoked_ms, r.version LIMIT 1);
      IF NOT FOUND THEN RETURN; END IF;
    END IF;
    new_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
    INSERT INTO api_key (id, hash, app, scopes, name, created_ms, revoked_ms, version)
      VALUES (a_id, a_hash, a_app, a_scopes, a_name, held.wall_us / 1000, 0, new_id);
    PERFORM roost.move_last(new_id, held.wall_us / 1000);
  END IF;
  RETURN QUERY SELECT * FROM api_key k WHERE k.hash = a_hash;
END $$;

-- The key as it is stored now; no row if there is none.
CREATE OR REPLACE FUNCTION roost.revoke_key(a_holder text, a_life text, a_id text)
RETURNS SETOF roost.api_key LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
  new_id bigint;
BEGIN
  held := roost.hold(a_holder, a_life);
  IF EXISTS (SELECT FROM api_key k WHERE k.id = a_id AND k.revoked_ms = 0) THEN
    new_id := roost.first_id(held.last_id, held.wall_us / 1000, held.node);
    UPDATE api_key k SET revoked_ms = held.wall_us / 1000, version = new_id WHERE k.id = a_id;
    PERFORM roost.move_last(new_id, held.wall_us / 1000);
  END IF;
  RETURN QUERY SELECT * FROM api_key k WHERE k.id = a_id;
END $$;

-- An a_until_ms of 0 ends a ban. Returns the new id of the account's revocation; null if a_kept_max others are stored;
-- 0 if there was no ban to end.
CREATE OR REPLACE FUNCTION roost.ban(
  a_holder text, a_life text, a_app text, a_account text, a_before_ms bigint, a_until_ms bigint, a_kept_max bigint
) RETURNS bigint LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  new_id bigint;
BEGIN
  PERFORM roost.hold(a_holder, a_life);
  IF a_until_ms = 0 THEN
    DELETE FROM ban b WHERE b.app = a_app AND b.account = a_account;
    IF NOT FOUND THEN RETURN 0; END IF;
  END IF;
  new_id := roost.revoke(a_holder, a_life, a_app, a_account, 'revoke', null, a_before_ms, a_kept_max);
  IF new_id IS NOT NULL AND a_until_ms > 0 THEN
    INSERT INTO ban (app, account, until_ms) VALUES (a_app, a_account, a_until_ms)
      ON CONFLICT (app, account) DO UPDATE SET until_ms = excluded.until_ms;
  END IF;
  RETURN new_id;
END $$;
`;
