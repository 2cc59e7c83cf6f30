// The store on the main thread: sends requests to the threads, turns answers into outcomes, and handles what the
// threads detect (damage, removed files, a replaced store).

import { claimAlsoAs, claimOfOwner, shownPlace, type StoreIdentity } from "../../auth/store-ownership.ts";
import { assert } from "../../base/assert.ts";
import { historyMax } from "../../base/limits/fixed.ts";
import { DeletionRounds } from "../deletion-rounds.ts";
import { JobStore, type StoreOptions } from "../job-store.ts";
import { setJob, type ChangeJob, type ChangeResult, type ReadMarkJob } from "../change-jobs.ts";
import type {
  AccountState,
  ConversationSetting,
  ConversationsQuery,
  HistoryQuery,
  ReadersAnswer,
  ReadersQuery,
  ReadMark,
  ReadOutcome,
  SettingOutcome,
} from "../conversations.ts";
import type { Job } from "../jobs.ts";
import {
  StoreDamaged,
  StoreUnavailable,
  type IndexEntry,
  type IndexQuery,
  type LogPage,
  type LogQuery,
  type Membership,
  type Store,
  type Talk,
} from "../store.ts";
import { BackOff } from "../../base/back-off.ts";
import { reasonOf } from "../../base/reason-of.ts";
import { backgroundTime } from "../../base/runtime.ts";
import { SqliteBackEnd } from "./back-end/sqlite-back-end.ts";
import type { Synchronous } from "./connection.ts";
import { PairedCommits } from "./people/pairs.ts";
import { SqliteGroups } from "./groups/sqlite-groups.ts";
import { SqliteMedia } from "./media/sqlite-media.ts";
import { SqlitePeople } from "./people/sqlite-people.ts";
import { ReadQueue } from "./conversations/read-queue.ts";
import { JoinedSaves } from "./hooks/joined-saves.ts";
import { Housekeeping } from "./housekeeping.ts";
import { indexEntriesOf } from "./index-answer.ts";
import type { Answer, DetailAnswer, Forgotten, Request } from "./protocol.ts";
import type { StoreFiles, StoreThreads } from "./store-files.ts";
import { StoreFault } from "./store-thread.ts";

/** The minimum interval of index rebuilds; it grows while they do not help. */
const repairMsMin = 1_000;
const repairMsMax = 60_000;

export interface SqliteStoreOptions extends StoreOptions {
  /** The database file; created with mode 0600 if missing. Its folder must exist. */
  readonly path: string;
  /** Locks the file for this process; called before it is opened. Throws while another process has the lock. */
  readonly takeLock?: () => void;
  /** FULL (the default) survives a power failure, NORMAL only the death of the process. */
  readonly synchronous?: Synchronous;
  readonly flushMessages?: number;
}

const nothingForgotten: Forgotten = { replaced: 0, lost: 0, identity: undefined };

export class SqliteStore extends JobStore implements Store {
  private readonly files: StoreFiles;
  private readonly place: string;
  private readonly refused: ((sentence: string) => void) | undefined;
  protected override readonly housekeeping: Housekeeping;
  private repairing: Promise<void> | undefined;
  private readonly backOff = new BackOff(repairMsMin, repairMsMax);
  /** A thread has found the log replaced, and the writer does not know yet. */
  private isReplaced = false;
  private forgotten: Forgotten = nothingForgotten;
  private readonly reads: ReadQueue;
  private readonly commits: PairedCommits;
  readonly groups: SqliteGroups;
  readonly people: SqlitePeople;
  private readonly deletions: DeletionRounds;
  readonly backEnd: SqliteBackEnd;
  readonly media: SqliteMedia;

  constructor(files: StoreFiles, path: string, options: SqliteStoreOptions, failure: string | undefined) {
    super(options, backgroundTime.clock);
    this.files = files;
    this.reads = new ReadQueue((jobs) => this.moveReads(jobs));
    this.place = shownPlace(`sqlite:${path}`);
    this.refused = options.refused;
    files.onReopened = () => {
      // The writer is a new thread.
      this.forgotten = nothingForgotten;
      this.replaced();
    };
    const thread = (role: keyof StoreThreads) => ({ call: (request: Request) => this.ask(role, request) });
    const writer = new JoinedSaves({ call: (request: Request) => this.askWriter(request) }, backgroundTime);
    const threads = { writer, reader: thread("reader"), compactor: thread("compactor") };
    this.commits = new PairedCommits(writer, threads.reader, backgroundTime.clock);
    this.groups = new SqliteGroups(threads.reader, (...call) => this.writeGroup(...call));
    this.people = new SqlitePeople(threads.reader, thread("reads"), (...call) => this.writePeople(...call));
    const wrote = (): void => this.housekeeping.wrote();
    this.backEnd = new SqliteBackEnd(threads, writer, thread("reads"), this.limits.revocations, wrote);
    const { data } = this.backEnd;
    this.deletions = new DeletionRounds(() => data.deleteSlice(), options.log, backgroundTime.timers);
    data.onDeletion = () => this.deletions.begin();
    this.media = new SqliteMedia(threads.reader, (...call) => this.writeMedia(...call));
    this.housekeeping = new Housekeeping(threads, options.retentionDays, options.log);
    if (failure !== undefined) this.housekeeping.committed(new StoreUnavailable(failure));
  }

  get trouble(): string {
    return this.housekeeping.trouble;
  }

  get identity(): StoreIdentity | undefined {
    const { claimed } = this.files;
    return claimed && { identity: claimed.identity, place: this.place };
  }

  async setOwners(fingerprints: readonly string[]): Promise<void> {
    await this.askWriter({ kind: "own", fingerprints });
    this.files.claimAs(claimOfOwner(fingerprints));
  }

  claimAs(fingerprints: readonly string[]): void {
    this.files.claimAs(claimAlsoAs(this.files.claim, fingerprints));
  }

  async groupDetail(app: string, group: string, asker: string): Promise<DetailAnswer> {
    const answer = await this.ask("reader", { kind: "detail", app, group, asker });
    assert(answer.kind === "detail", "a detail is answered with a detail");
    return answer.answer;
  }

  async membership(app: string, group: string, since?: bigint): Promise<Membership | undefined> {
    const answer = await this.ask("reader", { kind: "membership", app, group, since: since?.toString() });
    if (answer.kind === "none") return undefined;
    assert(answer.kind === "membership", "a membership is answered with a membership");
    const accounts: string[] = JSON.parse(answer.membership.accounts);
    return { ...answer.membership, accounts };
  }

  /** Rebuilds the index from the log; requests that need it are refused. `isReplaced`: the log was replaced. */
  repairIndex(isReplaced: boolean): void {
    if (isReplaced) {
      this.isReplaced = true;
      this.replaced();
    }
    if (this.repairing !== undefined || this.isClosing || !this.backOff.isOver) return;
    this.backOff.begin();
    if (isReplaced) this.warnOfReplacement();
    else this.log.error("The index of the messages is damaged and is being rebuilt from the log; no message is lost.");
    this.repairing = this.repairOnce()
      .then(
        () => this.log.info("The index of the messages is complete again."),
        (error: unknown) =>
          this.log.error("The index of the messages could not be rebuilt; retrying after a pause.", {
            reason: reasonOf(error),
            pauseMs: this.backOff.pauseMs,
          }),
      )
      .finally(() => (this.repairing = undefined));
  }

  protected override replaced(): void {
    this.housekeeping.replaced();
    super.replaced();
  }

  protected get canCommit(): boolean {
    return this.housekeeping.isHealthy;
  }

  override prepare(talk: Talk): Promise<Talk> | undefined {
    return this.commits.prepare(talk);
  }

  protected commit(jobs: readonly Job[]): Promise<BigInt64Array> {
    return this.commits.commit(jobs);
  }

  protected observe(failure: StoreUnavailable | undefined): void {
    // The next request is served by the new store, once it has its index.
    if (failure instanceof StoreFault && failure.fault === "replaced") return;
    this.housekeeping.committed(failure);
  }

  /** Every batch is tried: only writing shows whether the files are writable. */
  protected refusal(): undefined {
    return undefined;
  }

  protected async readIndex(query: IndexQuery, limit: number): Promise<readonly IndexEntry[]> {
    const answer = await this.ask("reader", { kind: "index", ...query, after: `${query.after}`, limit });
    assert(answer.kind === "numbers", "an index is answered with numbers");
    return indexEntriesOf(answer);
  }

  protected async readContents(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    const ids = messageIds.map(String);
    const answer = await this.ask("reader", { kind: "contents", app, account, messageIds: ids });
    assert(answer.kind === "contents", "contents are answered with contents");
    return answer.encoded;
  }

  protected async closeEngine(): Promise<void> {
    this.housekeeping.stop();
    this.deletions.stop();
    await this.reads.drain();
    await this.files.close();
  }

  /** Sends a request to a thread; reports damage to the operator. */
  private async ask(role: keyof StoreThreads, request: Request): Promise<Answer> {
    try {
      return await this.askOpened(role, request);
    } catch (error) {
      if (error instanceof StoreDamaged) this.housekeeping.damaged(error.message);
      if (error instanceof StoreFault && error.fault === "owner") this.refused?.(error.message);
      throw error;
    }
  }

  /** If the files must be opened again, does so and repeats the request, which has left nothing in any file. */
  private async askOpened(role: keyof StoreThreads, request: Request): Promise<Answer> {
    try {
      return await this.files.ask(role, request);
    } catch (error) {
      if (!(error instanceof StoreFault) || error.fault !== "moved" || this.isClosing) throw error;
      if (this.files.areOpen) {
        this.files.lost(error.message);
        this.log.error("The files of the message store are not those that were opened; they are opened again.", {
          reason: error.message,
        });
      }
      await this.files.ensure();
      return this.files.ask(role, request);
    }
  }

  /** Like `ask`, for the writer, whose answers also say whether the store was replaced. */
  private async askWriter(request: Request): Promise<Answer> {
    if (request.kind === "renew" && !this.files.areOpen) await this.files.ensure();
    try {
      const answer = await this.ask("writer", request);
      if ((answer.kind === "numbers" || answer.kind === "renewed") && answer.forgotten !== undefined)
        this.compare(answer.forgotten);
      return answer;
    } catch (error) {
      if (!(error instanceof StoreFault) || this.isClosing) throw error;
      // A connection that found the file read-only stays read-only.
      if (error.fault === "machine" && error.message.includes("SQLITE_READONLY")) this.files.lost(error.message);
      throw error;
    }
  }

  /** Called before an answer is passed on, because the writer may have executed the request in a different store. */
  private compare(forgotten: Forgotten): void {
    const { replaced, lost } = this.forgotten;
    if (forgotten.replaced === replaced && forgotten.lost === lost) return;
    this.forgotten = forgotten;
    const { claimed } = this.files;
    if (claimed !== undefined && forgotten.identity !== undefined)
      this.files.claimed = { ...claimed, identity: forgotten.identity };
    if (forgotten.replaced !== replaced) this.warnOfReplacement();
    this.replaced();
  }

  private async repairOnce(): Promise<void> {
    await this.ask("compactor", { kind: "rebuild" });
    await this.files.catchUp();
    const isReplaced = this.isReplaced;
    this.isReplaced = false;
    await Promise.all([
      this.ask("writer", { kind: "reopenIndex", isReplaced }),
      this.ask("reader", { kind: "reopenIndex", isReplaced }),
    ]);
  }
  async markRead(mark: ReadMark): Promise<ReadOutcome> {
    this.refuseClosed();
    return this.reads.add(mark);
  }

  /** Only the reader's index knows whether a direct conversation exists, and what is the newest message of any. */
  override async set(setting: ConversationSetting): Promise<SettingOutcome> {
    const { app, account, toGroup, dest } = setting;
    const answer = await this.ask("reader", { kind: "activity", app, account, toGroup, dest });
    assert(answer.kind === "activity", "a conversation's activity is answered with it");
    if (answer.activityId === undefined) return { result: "notFound" };
    return this.writeSetting({ ...setJob(setting), activityId: `${answer.activityId}` });
  }

  async accountState(app: string, account: string, since: bigint, limit: number): Promise<AccountState> {
    const answer = await this.ask("reader", { kind: "accountState", app, account, since: `${since}`, limit });
    assert(answer.kind === "accountState", "an account's state is answered with it");
    return answer.state;
  }

  async readers(query: ReadersQuery): Promise<ReadersAnswer> {
    const answer = await this.ask("reader", { kind: "readers", ...query, messageId: `${query.messageId}` });
    assert(answer.kind === "readers", "readers are answered with readers");
    return answer.answer;
  }

  async history({ from, thread, ...query }: HistoryQuery): Promise<Uint8Array | "notFound"> {
    const start = from.at === "newest" ? from : { at: from.at, id: `${from.id}` };
    const answer = await this.ask("reader", { kind: "history", ...query, from: start, thread: `${thread}` });
    if (answer.kind === "none") return "notFound";
    assert(answer.kind === "contents", "a history is answered with contents");
    return answer.encoded;
  }

  async messages(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    assert(messageIds.length <= historyMax, "a request names at most historyMax messages");
    const answer = await this.ask("reader", { kind: "messages", app, account, messageIds: messageIds.map(String) });
    assert(answer.kind === "contents", "messages are answered with contents");
    return answer.encoded;
  }

  async conversations({ before, ...query }: ConversationsQuery): Promise<Uint8Array> {
    const answer = await this.ask("reader", { kind: "conversations", ...query, before: `${before}` });
    assert(answer.kind === "contents", "conversations are answered with contents");
    return answer.encoded;
  }

  protected async readEntries(query: LogQuery, limit: number): Promise<LogPage> {
    const answer = await this.ask("reader", { kind: "entries", ...query, after: `${query.after}`, limit });
    assert(answer.kind === "entries", "entries are answered with entries");
    return answer.page;
  }

  protected commitChanges(jobs: readonly ChangeJob[]): Promise<readonly (ChangeResult | undefined)[]> {
    return this.commits.commitChanges(jobs);
  }

  private async moveReads(jobs: readonly ReadMarkJob[]): Promise<readonly ReadOutcome[]> {
    const answer = await this.ask("reads", { kind: "reads", jobs });
    assert(answer.kind === "read", "cursors are answered with where they are");
    return answer.outcomes;
  }
}
