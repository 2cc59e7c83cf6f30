// The store on SQLite, main-thread side: it batches what is to be written, pairs answers with promises and keeps the
// files in order in the background (lease, checkpoints, folds, purge). All SQL runs in threads of their own: a writer, a
// reader, and a folder, which keeps the index. Several processes may share the files.
//
// Messages are appended to a log in the order of ids; that is all that a commit writes. They are found by receiver,
// sender and clientId in the log's tail, which each thread has in memory, and in the index, a second file of sorted
// runs, into which the tail is folded in the background. An index by receiver inside the commit would write a random
// page for every message.

import { randomBytes } from "node:crypto";
import { closeSync, openSync } from "node:fs";
import { assert } from "../../base/assert.ts";
import type { Log } from "../../base/log.ts";
import { JobStore } from "../job-store.ts";
import type { Job } from "../jobs.ts";
import {
  StoreUnavailable,
  type IndexEntry,
  type IndexQuery,
  type Membership,
  type Store,
  type StoreClock,
  type StoredContent,
} from "../store.ts";
import type { Synchronous } from "./connection.ts";
import { Housekeeping } from "./housekeeping.ts";
import { foldMessagesDefault } from "./posting.ts";
import { indexSlots, type DetailAnswer, type FoundContent } from "./protocol.ts";
import { WorkerLine, type OpenRequest } from "./worker-line.ts";

export interface SqliteStoreOptions {
  /** The database file; made (mode 0600) where there is none. Its folder exists. */
  readonly path: string;
  /** Whole days; 0 keeps messages for ever. */
  readonly retentionDays: number;
  readonly log: Log;
  /** FULL (the default) survives a power cut; NORMAL survives the death of the process only. */
  readonly synchronous?: Synchronous;
  /** Messages that a fold of the log makes a run of the index of; tests make it small. */
  readonly foldMessages?: number;
}

/** Between two looks whether the index is complete enough to be used. */
const catchUpPauseMs = 2;

/**
 * Opens the store, brings its schema up to date and leases a node number. Rejects with StoreUnavailable and a sentence
 * for the operator when the file cannot be opened, is not ours, or is newer than this program.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const shared = {
    kind: "open",
    path: options.path,
    synchronous: options.synchronous ?? "FULL",
    holder: randomBytes(8).toString("hex"),
    foldMessages: options.foldMessages ?? foldMessagesDefault,
  } as const;
  let repair = (): void => undefined;
  const line = (role: OpenRequest["role"]): WorkerLine =>
    new WorkerLine({ ...shared, role }, options.log, () => repair());
  const lines: Lines = { writer: line("writer"), reader: line("reader"), folder: line("folder") };
  try {
    // SQLite gives its -wal and -shm files the mode of the database.
    closeSync(openSync(options.path, "a", 0o600));
    // A thread takes longer to read its code than to open the files: all three do so at once.
    for (const thread of [lines.folder, lines.writer, lines.reader]) thread.load();
    await lines.folder.start();
    await catchUp(lines, options.log);
    await Promise.all([lines.writer.start(), lines.reader.start()]);
  } catch (error) {
    await closeLines(lines);
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreUnavailable(
      `The message store ${options.path} cannot be opened: ${reason}. ` +
        "Check that its folder exists and is writable, or name another file.",
      { cause: error },
    );
  }
  const store = new SqliteStore(lines, options);
  repair = () => store.repairIndex();
  return store;
}

export interface Lines {
  readonly writer: WorkerLine;
  readonly reader: WorkerLine;
  readonly folder: WorkerLine;
}

/** Until what is in no run of the index is short enough to be kept in memory. */
async function catchUp({ folder }: Lines, log: Log): Promise<void> {
  for (let isFirst = true; ; isFirst = false) {
    const answer = await folder.call({ kind: "catchUp" });
    if (answer.kind !== "more" || !answer.more) return;
    if (isFirst)
      log.info("The index of the messages is completed from the log first; that takes some seconds a million.");
    await Bun.sleep(catchUpPauseMs);
  }
}

async function closeLines({ writer, reader, folder }: Lines): Promise<void> {
  await Promise.all([reader.close(), folder.close()]);
  await writer.close();
}

class SqliteStore extends JobStore {
  protected readonly charactersPerMember = 16;
  private readonly lines: Lines;
  private readonly housekeeping: Housekeeping;
  private readonly log: Log;
  private repairing: Promise<void> | undefined;

  constructor(lines: Lines, options: SqliteStoreOptions) {
    super();
    this.lines = lines;
    this.log = options.log;
    this.housekeeping = new Housekeeping(lines, options.retentionDays, options.log);
  }

  get clock(): StoreClock {
    return this.housekeeping.clock;
  }

  async groupDetail(app: string, group: string, asker: string): Promise<DetailAnswer> {
    const answer = await this.lines.reader.call({ kind: "detail", app, group, asker });
    assert(answer.kind === "detail", "a detail is answered with a detail");
    return answer.answer;
  }

  async membership(app: string, group: string): Promise<Membership | undefined> {
    const answer = await this.lines.reader.call({ kind: "membership", app, group });
    if (answer.kind === "none") return undefined;
    assert(answer.kind === "membership", "a membership is answered with a membership");
    const accounts: string[] = JSON.parse(answer.accounts);
    return { version: answer.version, accounts };
  }

  /** Makes the index from the log again; until that is done what needs it is refused. */
  repairIndex(): void {
    if (this.repairing !== undefined || this.isClosing) return;
    this.log.error("The index of the messages is damaged and is made from the log again; no message is lost.");
    this.repairing = this.repairOnce().then(
      () => {
        this.repairing = undefined;
        this.log.info("The index of the messages is complete again.");
      },
      (error: unknown) => {
        this.repairing = undefined;
        this.log.error("The index of the messages could not be made again; the next request tries it.", {
          reason: error instanceof Error ? error.message : String(error),
        });
      },
    );
  }

  protected get canCommit(): boolean {
    return this.housekeeping.isHealthy;
  }

  protected async commit(jobs: readonly Job[]): Promise<BigInt64Array> {
    const answer = await this.lines.writer.call({ kind: "batch", jobs });
    assert(answer.kind === "numbers", "a batch is answered with numbers");
    return answer.numbers;
  }

  protected observe(failure: string | undefined): void {
    this.housekeeping.committed(failure);
  }

  /** Each batch is tried: whether the files can be written shows at once. */
  protected refusal(): undefined {
    return undefined;
  }

  protected async readIndex(query: IndexQuery, limit: number): Promise<readonly IndexEntry[]> {
    const answer = await this.lines.reader.call({
      kind: "index",
      app: query.app,
      account: query.account,
      device: query.device,
      after: query.after.toString(),
      includeSent: query.includeSent,
      limit,
    });
    assert(answer.kind === "numbers", "an index is answered with numbers");
    const texts: string[] = JSON.parse(answer.texts);
    const { numbers } = answer;
    const entries: IndexEntry[] = [];
    for (let at = 0, text = 0; at < numbers.length; at += indexSlots, text += 2) {
      entries.push({
        messageId: numbers[at] ?? 0n,
        direction: numbers[at + 1] === 0n ? 0 : 1,
        sendTime: numbers[at + 2] ?? 0n,
        otherAccount: texts[text] ?? "",
        group: texts[text + 1] ?? "",
      });
    }
    return entries;
  }

  protected async readContents(
    app: string,
    account: string,
    messageIds: readonly bigint[],
  ): Promise<readonly StoredContent[]> {
    const answer = await this.lines.reader.call({
      kind: "contents",
      app,
      account,
      messageIds: messageIds.map((id) => id.toString()),
    });
    assert(answer.kind === "contents", "contents are answered with contents");
    const found: FoundContent[] = JSON.parse(answer.found);
    return found.map(([position, type, body, extra]) => ({
      messageId: messageIds[position] ?? 0n,
      type,
      body,
      extra,
    }));
  }

  protected async closeEngine(): Promise<void> {
    this.housekeeping.stop();
    await closeLines(this.lines);
  }

  private async repairOnce(): Promise<void> {
    await this.lines.folder.call({ kind: "rebuild" });
    await catchUp(this.lines, this.log);
    await Promise.all([
      this.lines.writer.call({ kind: "reopenIndex" }),
      this.lines.reader.call({ kind: "reopenIndex" }),
    ]);
  }
}
