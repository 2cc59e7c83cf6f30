// The identity and owner of the store (auth/store-ownership.ts), in one step under the writers' lock: the rule of
// judgeClaim, then the lease. A process claims the store when it opens it and with each renewal. An adoption ends all
// leases and changes the epoch, so that a suspended process of the former owner notices it before it is served again.

import { isolated, leaseMs } from "./writer-lock.ts";

/**
 * outcome: a ClaimOutcome; `living`: other leases prevent an adoption; `damaged`: the identity is malformed. `refused`,
 * `living` and `damaged` change nothing and leave no lease.
 */
export const ownershipFunctions: string = `
CREATE OR REPLACE FUNCTION roost.claim(
  a_holder text, a_fingerprints text[], a_adopts boolean,
  OUT outcome text, OUT identity text, OUT last_id bigint, OUT wall_ms bigint, OUT life text
) LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  owners text[];
  identities bigint;
  now_ms bigint;
BEGIN
  PERFORM FROM sequence FOR UPDATE;
  now_ms := roost.wall_us() / 1000;
  SELECT coalesce(array_agg(o.fingerprint), '{}') INTO owners FROM owner o;
  SELECT count(*), min(i.identity) INTO identities, claim.identity FROM identity i;
  IF owners && a_fingerprints OR (owners = '{}' AND a_fingerprints = '{}') THEN outcome := 'kept';
  ELSIF owners = '{}' THEN outcome := 'taken';
  ELSIF NOT a_adopts THEN outcome := 'refused'; RETURN;
  ELSIF EXISTS (
    -- A lease that ends later than any lease can was left by a clock that was ahead.
    SELECT FROM node n WHERE n.until_ms > now_ms AND n.until_ms <= now_ms + ${leaseMs} AND n.holder <> a_holder
  ) THEN outcome := 'living'; RETURN;
  ELSE outcome := 'adopted';
  END IF;
  IF identities <> 1 OR identity !~ '^[0-9a-f]{32}$' THEN
    IF NOT a_adopts THEN outcome := 'damaged'; RETURN; END IF;
    identities := 0;
  END IF;
  IF outcome IN ('taken', 'adopted') THEN
    DELETE FROM owner;
    INSERT INTO owner SELECT DISTINCT unnest(a_fingerprints);
  END IF;
  IF outcome = 'adopted' THEN DELETE FROM node; END IF;
  -- Also of one that was nobody's: a copy of it, which another process takes, is another store.
  IF outcome IN ('taken', 'adopted') OR identities = 0 THEN
    identity := replace(gen_random_uuid()::text, '-', '');
    DELETE FROM identity;
    INSERT INTO identity AS i (identity, epoch) VALUES (claim.identity, replace(gen_random_uuid()::text, '-', ''));
    IF identities = 0 THEN outcome := 'adopted'; END IF;
  END IF;
  SELECT r.last_id, r.wall_ms, r.life INTO last_id, wall_ms, life FROM roost.renew_lease(a_holder) r;
END $$;

-- False, and nothing is changed, if the owner is another cluster than the one with the fingerprints a_mine.
CREATE OR REPLACE FUNCTION roost.set_owners(a_life text, a_mine text[], a_fingerprints text[])
RETURNS boolean LANGUAGE plpgsql ${isolated} AS $$
BEGIN
  PERFORM FROM sequence FOR UPDATE;
  IF EXISTS (SELECT FROM owner) AND NOT EXISTS (SELECT FROM owner o WHERE o.fingerprint = ANY (a_mine)) THEN
    RETURN false;
  END IF;
  PERFORM roost.require_life(a_life);
  DELETE FROM owner o WHERE o.fingerprint <> ALL (a_fingerprints);
  INSERT INTO owner SELECT DISTINCT unnest(a_fingerprints) ON CONFLICT DO NOTHING;
  RETURN true;
END $$;
`;
