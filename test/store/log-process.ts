// For tests: a process that uses the log and its index, without threads.

import { limitValues } from "../../src/base/limits/table.ts";
import type { Database } from "bun:sqlite";
import type { Clock } from "../../src/base/clock.ts";
import { outcome, outcomeSlots, type Job } from "../../src/store/jobs.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { IndexKeeper } from "../../src/store/sqlite/index/index-keeper.ts";
import { LogIndex } from "../../src/store/sqlite/index/log-index.ts";
import { readerLists, writerLists } from "../../src/store/sqlite/index/posting.ts";
import { Reader } from "../../src/store/sqlite/reader.ts";
import { migrate } from "../../src/store/sqlite/schema.ts";
import { Writer } from "../../src/store/sqlite/writer.ts";

/** What a talk's outcome begins with when it was stored now. */
export const storedCodes: readonly (bigint | undefined)[] = [outcome.stored, outcome.storedForNew];

/** Small ones let few messages reach them. */
export interface IndexBounds {
  readonly memtableMessagesMax?: number;
  /** Of unflushed messages at a start. */
  readonly unflushedMax?: number;
}

/** One process: its connections, and how it dies. */
export class Process {
  readonly writer: Writer;
  readonly reader: Reader;
  readonly keeper: IndexKeeper;
  private readonly connections: Database[] = [];
  private readonly indexes: LogIndex[] = [];
  private readonly reading: Database;
  private readonly readerIndex: LogIndex;

  constructor(path: string, holder: string, clock: Clock, flushMessages: number, bounds: IndexBounds = {}) {
    const { memtableMessagesMax, ...atStart } = bounds;
    const connect = (): Database => {
      const db = openConnection({ path, synchronous: "NORMAL", cacheKib: 256 });
      this.connections.push(db);
      return db;
    };
    const indexPath = indexPathOf(path);
    const log = connect();
    migrate(log, path);
    this.keeper = new IndexKeeper(log, { path: indexPath, holder, flushMessages, ...atStart }, clock);
    const writing = connect();
    // As in the writer's thread, which waits itself.
    writing.run("PRAGMA busy_timeout = 0");
    const reading = connect();
    const writerIndex = new LogIndex(writing, indexPath, writerLists, memtableMessagesMax);
    const readerIndex = new LogIndex(reading, indexPath, readerLists, memtableMessagesMax);
    this.indexes.push(writerIndex, readerIndex);
    this.reading = reading;
    this.readerIndex = readerIndex;
    this.writer = new Writer(writing, path, writerIndex, holder, clock, limitValues());
    this.reader = new Reader(reading, path, readerIndex);
  }

  /** Forgets everything in memory; gives nothing back. */
  die(): void {
    for (const index of this.indexes) index.close();
    for (const db of this.connections) db.close();
  }

  /** Looks something up in the reader's index, in one snapshot. */
  look<T>(work: (index: LogIndex, log: Database) => T): T {
    this.readerIndex.begin();
    this.reading.run("BEGIN");
    try {
      this.readerIndex.follow();
      return work(this.readerIndex, this.reading);
    } finally {
      this.reading.run("ROLLBACK");
      this.readerIndex.end();
    }
  }

  /** Opens the index that is at the path now. */
  reopenIndex(): void {
    for (const index of this.indexes) index.close();
    this.writer.indexReopened(false);
  }

  /** Does all the work on the index that there is. */
  settle(): void {
    while (this.keeper.compact());
  }
}

/** The outcome of each job of a batch: its code and its numbers. */
export function commit(process: Process, jobs: readonly Job[]): bigint[][] {
  const numbers = process.writer.commit(jobs);
  return jobs.map((_, i) => [...numbers.slice(i * outcomeSlots, (i + 1) * outcomeSlots)]);
}

export interface Asked {
  readonly account: string;
  readonly after?: bigint;
  readonly includeSent?: boolean;
  readonly limit?: number;
}

export function idsOf(process: Process, { account, after = 1n, includeSent = false, limit = 2000 }: Asked): bigint[] {
  const query = { kind: "index", app: "app", account, device: "", after: `${after}`, includeSent, limit } as const;
  const { numbers } = process.reader.index(query);
  return [...numbers].filter((_, at) => at % 3 === 0);
}
