// The operator's way to the keys of a store in a file, on a connection of its own, beside chat nodes or without them.

import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { leaseHolder } from "../../lease-holder.ts";
import type { Clock } from "../../../base/clock.ts";
import type { ApiKeyStore } from "../../api-keys.ts";
import type { KeyTool } from "../../key-tool.ts";
import { IdSequence, refusedClock } from "../../snowflake.ts";
import { StoreUnavailable } from "../../store.ts";
import { refuseForeignLog } from "../backup/foreign-log.ts";
import { openConnection } from "../connection.ts";
import { beginImmediate, lockWaitMsMax } from "../locking.ts";
import { NodeLease } from "../node-lease.ts";
import { failureOf } from "../refusal.ts";
import { requireCurrent } from "../schema.ts";
import { SequenceRow } from "../sequence-row.ts";
import { createKey, keysAfter, revokeKey } from "./keys.ts";

const cacheKib = 1024;

/** Opens the store at `path`; throws StoreUnavailable if there is none, or if it belongs to another program. */
export function openSqliteKeyTool(path: string, clock: Clock): KeyTool {
  if (!existsSync(path))
    throw new StoreUnavailable(`there is no message store at ${path}; name the right one with --data or --store`);
  return withSentence(() => {
    requireCurrent(path);
    refuseForeignLog(path);
    const db = openConnection({ path, synchronous: "FULL", cacheKib });
    // The write lock is polled for from now on (locking.ts).
    db.run("PRAGMA busy_timeout = 0");
    return { keys: keysOf(db, clock), close: () => Promise.try(() => db.close()) };
  });
}

function keysOf(db: Database, clock: Clock): ApiKeyStore {
  return {
    create: async (draft) => {
      const key = transact(db, clock, (ids, wallMs) => createKey(db, draft, ids, wallMs));
      return key === undefined ? { result: "full" } : { result: "stored", key };
    },
    revoke: async (id) => transact(db, clock, (ids, wallMs) => revokeKey(db, id, ids, wallMs)),
    after: async (version, limit) => withSentence(() => keysAfter(db, version, limit)),
  };
}

/** The node number is leased for the transaction alone. */
function transact<T>(db: Database, clock: Clock, work: (ids: IdSequence, wallMs: number) => T): T {
  return withSentence(() => {
    const sequence = new SequenceRow(db);
    const lease = new NodeLease(db, leaseHolder());
    beginImmediate(db, lockWaitMsMax);
    try {
      const wallMs = Math.floor(clock.wallMs());
      const refused = refusedClock(wallMs, "this machine's");
      if (refused !== undefined) throw new StoreUnavailable(refused);
      const { last_id: lastId } = sequence.read();
      const ids = new IdSequence(lastId, lease.hold(wallMs, lastId));
      const result = work(ids, wallMs);
      if (ids.last !== lastId) sequence.save(ids.last, wallMs);
      lease.release();
      db.run("COMMIT");
      return result;
    } catch (error) {
      if (db.inTransaction) db.run("ROLLBACK");
      throw error;
    }
  });
}

/** Turns failures of the machine or the file into StoreUnavailable. */
function withSentence<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const sentence = failureOf(error)?.sentence;
    throw sentence === undefined ? error : new StoreUnavailable(sentence, { cause: error });
  }
}
