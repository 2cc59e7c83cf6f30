// The first step of every writing function: the lock of the row of the last id, the clock, the node number, and the
// rule for allocating ids. The lock is held until the transaction ends, so writers commit one after the other, ids
// follow the order of commits, and nobody else adds what a function finds missing (an account, an earlier message with
// that clientId).
//
// Conditions that an operator can remove are raised with `refusalState`; the message is a sentence.

import { clockMsEnd, nodeNumbers, snowflakeEpochMs } from "../snowflake.ts";
import { accountTrigger, replacedState } from "./life.ts";

/** The SQLSTATE of refusals by roost.hold. */
export const refusalState = "RO001";

export const leaseMs = 30_000;
/** A lease is extended after this much of it. */
export const renewAfterMs = 10_000;

/** For functions that are called from outside; functions that they call inherit it. */
export const isolated = "SET search_path = roost, pg_temp";

/**
 * The last id that was committed under each node number. The rows outlast leases: whoever was told of a commit can look
 * whether it is still there (primary/acknowledged.ts).
 */
export const lastIdsOfNodes = `
SELECT FROM roost.sequence FOR UPDATE;
CREATE TABLE roost.node_last (
  number integer PRIMARY KEY,
  last_id bigint NOT NULL
) WITH (fillfactor = 50);
INSERT INTO roost.node_last SELECT number, 0 FROM generate_series(0, ${nodeNumbers - 1}) AS n (number);
`;

/**
 * Takes the lock and checks the life (life.ts; null is not compared), the clock and the node number. The time is the
 * database's, read under the lock; writers' own clocks do not matter. A clock behind the last id refuses nobody: ids
 * continue above it. A lease's row belongs to its holder until another takes it over under this lock; so no two holders
 * ever write under one number, whatever the clock says about the lease.
 */
const hold = `
-- Microseconds since 1970.
CREATE OR REPLACE FUNCTION roost.wall_us() RETURNS bigint
LANGUAGE sql VOLATILE AS $$
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
$$;

CREATE OR REPLACE FUNCTION roost.hold(
  a_holder text, a_life text,
  OUT last_id bigint, OUT node bigint, OUT since_id bigint, OUT wall_us bigint
) LANGUAGE plpgsql AS $$
DECLARE
  now_ms bigint;
  left_ms bigint;
BEGIN
  SELECT s.last_id INTO last_id FROM sequence s FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the store has lost its row of the last id; restore the database from a backup'
      USING ERRCODE = '${refusalState}';
  END IF;
  IF a_life IS NOT NULL AND a_life IS DISTINCT FROM roost.life() THEN
    RAISE EXCEPTION 'the database holds another store than before' USING ERRCODE = '${replacedState}';
  END IF;
  -- Read after the lock is held.
  wall_us := roost.wall_us();
  now_ms := wall_us / 1000;
  IF now_ms NOT BETWEEN ${snowflakeEpochMs} AND ${clockMsEnd - 1} THEN
    RAISE EXCEPTION 'the database''s clock says %: ids need a clock between 2020 and 2085; set it right',
      to_char(to_timestamp(now_ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
      USING ERRCODE = '${refusalState}';
  END IF;
  -- Whoever turned it off for the whole database did not mean messages that were acknowledged.
  IF current_setting('synchronous_commit') = 'off' THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;

  SELECT n.number, n.since_id, n.until_ms - now_ms INTO node, hold.since_id, left_ms
    FROM node n WHERE n.holder = a_holder;
  IF FOUND THEN
    IF left_ms < ${leaseMs - renewAfterMs} OR left_ms > ${leaseMs} THEN
      UPDATE node n SET until_ms = now_ms + ${leaseMs} WHERE n.holder = a_holder;
    END IF;
    RETURN;
  END IF;
  -- A lease that ends later than any lease can was left by a clock that was ahead, or its holder has not renewed it
  -- since the clock was set back: its number is taken where no other is free.
  SELECT free.number INTO node
    FROM generate_series(0, ${nodeNumbers - 1}) free (number) LEFT JOIN node n ON n.number = free.number
    WHERE n.number IS NULL OR n.until_ms < now_ms OR n.until_ms > now_ms + ${leaseMs}
    ORDER BY coalesce(n.until_ms, 0) > now_ms, free.number LIMIT 1;
  IF node IS NULL THEN
    RAISE EXCEPTION 'all ${nodeNumbers} node numbers of the store are leased; stop a process that uses it, or wait ${
      leaseMs / 1000
    } s after a crash' USING ERRCODE = '${refusalState}';
  END IF;
  since_id := last_id;
  INSERT INTO node AS n VALUES (node, a_holder, now_ms + ${leaseMs}, since_id)
    ON CONFLICT (number) DO UPDATE
    SET holder = excluded.holder, until_ms = excluded.until_ms, since_id = excluded.since_id;
END $$;
`;

/** The end of roost.claim: extends the lease; returns the last id, the database's time and the life. */
const renew = `
CREATE OR REPLACE FUNCTION roost.renew_lease(a_holder text, OUT last_id bigint, OUT wall_ms bigint, OUT life text)
LANGUAGE plpgsql ${isolated} AS $$
DECLARE
  held record;
BEGIN
  held := roost.hold(a_holder, null::text);
  life := roost.life();
  IF life IS NULL THEN
    RAISE EXCEPTION
      'the store is not complete: it has lost its identity, or the trigger ${accountTrigger} of roost.account. '
      'If it is not being restored now, start this process again, which makes the trigger'
      USING ERRCODE = '${refusalState}';
  END IF;
  last_id := held.last_id;
  wall_ms := held.wall_us / 1000;
END $$;
`;

/** The rule of nextId in snowflake.ts, and the ids after it: id i is the i-th after the next one. */
const ids = `
CREATE OR REPLACE FUNCTION roost.first_id(a_last_id bigint, a_wall_ms bigint, a_node bigint) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
  own CONSTANT bigint := ((a_wall_ms - ${snowflakeEpochMs}) << 22) | (a_node << 12);
  same_time CONSTANT bigint := ((a_last_id >> 22) << 22) | (a_node << 12);
BEGIN
  IF own > a_last_id THEN RETURN own; END IF;
  IF same_time > a_last_id THEN RETURN same_time; END IF;
  IF a_last_id - same_time < 4095 THEN RETURN a_last_id + 1; END IF;
  RETURN same_time + (1::bigint << 22);
END $$;

CREATE OR REPLACE FUNCTION roost.id_after(a_first_id bigint, a_count bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE RETURN
  (a_first_id & ~4095::bigint)
  + ((((a_first_id & 4095) + a_count) >> 12) << 22)
  + (((a_first_id & 4095) + a_count) & 4095);

-- The last id of a commit has the number of the node that committed it. A function in the language sql would be planned
-- at each call.
CREATE OR REPLACE FUNCTION roost.move_last(a_last_id bigint, a_wall_ms bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE roost.sequence SET last_id = a_last_id, committed_ms = a_wall_ms;
  UPDATE roost.node_last SET last_id = a_last_id WHERE number = ((a_last_id >> 12) & ${nodeNumbers - 1})::integer;
END $$;
`;

export const writerLock: string = [hold, renew, ids].join("\n");
