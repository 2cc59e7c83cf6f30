// The operator's purge of a store in a file, on a connection of its own, beside servers or without one. Servers find
// what it has set when they next look at the clocks.

import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import type { Clock } from "../../base/clock.ts";
import { lookAt, waitMsOf } from "../horizon.ts";
import { purgePauseMs, surveyMessagesMax, type PurgeSurvey, type PurgeTool } from "../purge.ts";
import { refusedClock } from "../snowflake.ts";
import { StoreUnavailable } from "../store.ts";
import { checkpoint } from "./checkpoint.ts";
import { openConnection } from "./connection.ts";
import { Horizons } from "./horizons.ts";
import { beginImmediate, lockWaitMsMax } from "./locking.ts";
import { refuseForeignLog } from "./backup/foreign-log.ts";
import { MessageCount, PurgeSlices } from "./purge-slices.ts";
import { failureOf } from "./refusal.ts";
import { requireCurrent } from "./schema.ts";

const cacheKib = 4096;

/** Opens the store at `path`; throws StoreUnavailable if there is none, or if it belongs to another program. */
export function openSqlitePurgeTool(path: string, clock: Clock): PurgeTool {
  if (!existsSync(path)) {
    throw new StoreUnavailable(`there is no message store at ${path}; name the right one with --data or --store`);
  }
  return withSentence(() => {
    requireCurrent(path);
    refuseForeignLog(path);
    return new SqlitePurgeTool(openConnection({ path, synchronous: "FULL", cacheKib }), clock);
  });
}

class SqlitePurgeTool implements PurgeTool {
  private readonly db: Database;
  private readonly clock: Clock;
  private readonly horizons: Horizons;

  constructor(db: Database, clock: Clock) {
    this.db = db;
    this.clock = clock;
    this.horizons = new Horizons(db);
    // The write lock is polled for from now on (locking.ts).
    db.run("PRAGMA busy_timeout = 0");
  }

  survey(asked: number | undefined): Promise<PurgeSurvey> {
    return Promise.try(() =>
      withSentence(() => {
        const wallMs = this.wallMs();
        const keepMs = asked ?? this.horizons.keptMs();
        const { committedMs } = this.horizons.newest();
        const nothing = { keepMs, wallMs, committedMs, messages: 0, waitMs: 0 };
        if (keepMs === undefined) return nothing;
        const upTo = this.horizons.confirmedUpTo(keepMs, wallMs);
        const { messages } = new MessageCount(this.db).count(0n, upTo, surveyMessagesMax + 1);
        const horizon = this.horizons.ofMessages(keepMs, wallMs);
        const waitMs = waitMsOf(lookAt(horizon, keepMs, { wallMs, monotonicMs: 0 }, undefined));
        return { ...nothing, messages, waitMs };
      }),
    );
  }

  async purgeNow(keepMs: number, deleted: (messages: number) => void): Promise<number> {
    const slices = new PurgeSlices(this.db);
    const upTo = this.transact(() => this.horizons.confirm(keepMs, this.wallMs()));
    for (let total = 0; ;) {
      const { messages, isMore } = this.transact(() => slices.drop(upTo));
      // An idle server does not checkpoint.
      withSentence(() => checkpoint(this.db));
      total += messages;
      deleted(total);
      if (!isMore) return total;
      await Bun.sleep(purgePauseMs);
    }
  }

  close(): Promise<void> {
    return Promise.try(() => this.db.close());
  }

  private wallMs(): number {
    const wallMs = Math.floor(this.clock.wallMs());
    const refused = refusedClock(wallMs, "this machine's");
    if (refused !== undefined) throw new StoreUnavailable(refused);
    return wallMs;
  }

  private transact<T>(work: () => T): T {
    return withSentence(() => {
      beginImmediate(this.db, lockWaitMsMax);
      try {
        const result = work();
        this.db.run("COMMIT");
        return result;
      } catch (error) {
        if (this.db.inTransaction) this.db.run("ROLLBACK");
        throw error;
      }
    });
  }
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
