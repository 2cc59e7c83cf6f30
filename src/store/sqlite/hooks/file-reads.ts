// Reads for webhooks in the thread that tells them, through a connection of its own: a page of the log need not be
// written and read again on its way from thread to thread, and the compactor has its time for the index.
//
// The store's threads alone judge the files: what is not as it was, damaged or busy ends the connection, and the store
// is asked in its place, which reports it and opens the files again. For that it needs to be the only one that has them
// open (store-files.ts), so a connection that nobody uses is closed, too.

import type { Database } from "bun:sqlite";
import { databaseIdentity, OpenFiles } from "../../../base/open-files.ts";
import { type Cancel, sleep, type Timers } from "../../../base/timers.ts";
import type { OwnReads } from "../../hook-reads.ts";
import type { Batch, HookFile, HookPage, HookQuery, HookReads, HookRecord, Receiver } from "../../hooks.ts";
import { openConnection } from "../connection.ts";
import { HookReader } from "./hook-reader.ts";
import { type HookAnswers, type HookLogAsked, type HookQuestionOf, logQuestions } from "./requests.ts";

const cacheKib = 1024;
/**
 * Messages, and entries, that are read without a pause: some 0.3 ms of work. Linux lets a thread that has got a core
 * keep it for a slice of time, whatever the priorities are (RUN_TO_PARITY), and those who wake up there wait for that.
 */
const sliceMax = 125;
const slicePauseMs = 1;
/** Longer than a lane pauses between two reads. */
const idleMs = 1_000;
/** The pause after a connection has failed. */
const pauseMs = 1_000;

interface Opened {
  readonly db: Database;
  readonly reader: HookReader;
  readonly files: OpenFiles;
}

export class FileReads implements OwnReads {
  private readonly store: HookReads;
  private readonly fileOf: () => Promise<HookFile | undefined>;
  private readonly timers: Pick<Timers, "after">;
  private opened: Opened | undefined;
  private opening: Promise<Opened | undefined> | undefined;
  /** The connection was used since the timer began. */
  private isUsed = false;
  /** Of an open connection, until it is idle; after a failure, until another one is tried. */
  private cancel: Cancel | undefined;
  private isPausing = false;
  private isClosed = false;

  constructor(store: HookReads, fileOf: () => Promise<HookFile | undefined>, timers: Pick<Timers, "after">) {
    this.store = store;
    this.fileOf = fileOf;
    this.timers = timers;
  }

  waiting(endpoint: bigint): Promise<readonly Batch[]> {
    return this.answer(logQuestions.waiting(endpoint), () => this.store.waiting(endpoint));
  }

  async page(query: HookQuery): Promise<HookPage> {
    const records: HookRecord[] = [];
    let { after } = query;
    for (let left = query.limit; ; left -= sliceMax) {
      const slice = { ...query, after, limit: Math.min(left, sliceMax) };
      const page = await this.answer(logQuestions.page(slice), () => this.store.page(slice));
      records.push(...page.records);
      after = page.upTo;
      const isLast = !page.isMore || left <= sliceMax;
      // Also after the last one: much is rendered then.
      if (!isLast || records.length > sliceMax) await sleep(this.timers, slicePauseMs);
      if (isLast) return { ...page, records };
    }
  }

  records(ids: readonly bigint[]): Promise<readonly HookRecord[]> {
    return this.answer(logQuestions.records(ids), () => this.store.records(ids));
  }

  receivers(messageIds: readonly bigint[], membersMax: number): Promise<readonly Receiver[]> {
    return this.answer(logQuestions.receivers(messageIds, membersMax), () =>
      this.store.receivers(messageIds, membersMax),
    );
  }

  close(): void {
    this.isClosed = true;
    this.leave();
  }

  private async answer<Name extends HookLogAsked>(
    question: HookQuestionOf<Name>,
    askStore: () => Promise<HookAnswers[Name]>,
  ): Promise<HookAnswers[Name]> {
    const opened = this.opened ?? (await this.open());
    if (opened === undefined || opened !== this.opened) return askStore();
    try {
      if (opened.files.displacement() === undefined) {
        this.isUsed = true;
        return opened.reader.answerTo(question);
      }
    } catch {
      // The store meets the same, and knows what it means.
    }
    this.fail();
    return askStore();
  }

  private open(): Promise<Opened | undefined> {
    if (this.isPausing || this.isClosed) return Promise.resolve(undefined);
    this.opening ??= this.openNow().finally(() => (this.opening = undefined));
    return this.opening;
  }

  /** Opens the file that the store has open, if the path still leads to it. */
  private async openNow(): Promise<Opened | undefined> {
    const file = await this.fileOf();
    if (file === undefined || this.isClosed) return undefined;
    try {
      this.opened = openedOf(file);
    } catch {
      this.opened = undefined;
    }
    if (this.opened === undefined) this.fail();
    else this.watch();
    return this.opened;
  }

  /** Closes the connection when it was not used for `idleMs`. */
  private watch(): void {
    this.isUsed = false;
    this.cancel = this.timers.after(idleMs, () => (this.isUsed ? this.watch() : this.leave()));
  }

  private fail(): void {
    this.leave();
    this.isPausing = true;
    this.cancel = this.timers.after(pauseMs, () => (this.isPausing = false));
  }

  private leave(): void {
    this.cancel?.();
    this.cancel = undefined;
    const { opened } = this;
    this.opened = undefined;
    if (opened !== undefined) closeWhole(opened.db);
  }
}

/**
 * Undefined: another file is at the path, or beside it. A connection that begins with new files beside the database
 * finds nothing displaced, and the store would wait for its end. Throws errors of SQLite and of the system.
 */
function openedOf({ path, identity }: HookFile): Opened | undefined {
  if (databaseIdentity(path) !== identity) return undefined;
  const db = openConnection({ path, synchronous: "NORMAL", cacheKib });
  try {
    db.run("PRAGMA query_only = 1");
    db.run("PRAGMA busy_timeout = 0");
    const reader = new HookReader(db);
    const files = new OpenFiles(path);
    if (databaseIdentity(path) === identity) return { db, reader, files };
  } catch (error) {
    closeWhole(db);
    throw error;
  }
  closeWhole(db);
  return undefined;
}

/** With its statements: otherwise the files stay open until those are collected as garbage. */
function closeWhole(db: Database): void {
  db.close(true);
}
