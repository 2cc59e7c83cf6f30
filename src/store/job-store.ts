// The common part of engines that write in batches: requests to write become jobs, go through the batcher, and are
// answered with the numbers of their commit. Committing a batch, and reading, is up to the engine.
//
// Invariant: after `close` no call is accepted, and earlier calls are committed first.

import type { StoreClaim } from "../auth/store-ownership.ts";
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { hideIdsMax } from "../base/limits/fixed.ts";
import { type LimitValues, limitValues } from "../base/limits/table.ts";
import type { Log, LogFields } from "../base/log.ts";
import { RareLog } from "../base/rare-log.ts";
import { encodeContents } from "../wire/message-contents.ts";
import type { Revocation, StoredRevocation } from "../wire/revocations.ts";
import type { BackEndStore } from "./back-end.ts";
import { Batcher } from "./batcher.ts";
import {
  hideJob,
  messageChangeJob,
  setJob,
  type ChangeJob,
  type ChangeResult,
  type GroupCall,
  type GroupCallOutcome,
  type PeopleCall,
} from "./change-jobs.ts";
import type { MediaCall, MediaOutcome } from "./media.ts";
import type { BlockOutcome } from "./people.ts";
import type { Ban, BanOutcome, RevocationStore, RevokeOutcome } from "./revocations.ts";
import type { SizeWatch } from "./size-watch.ts";
import type { StoreSize } from "./store-size.ts";
import type {
  ChangeOutcome,
  ConversationSetting,
  HideRequest,
  MessageChange,
  SettingOutcome,
} from "./conversations.ts";
import {
  membershipOutcome,
  outcome,
  outcomeSlots,
  sliceMembersMax,
  sliceOutcome,
  talkJob,
  talkOutcome,
  type Job,
  type Slots,
} from "./jobs.ts";
import {
  type StoreClock,
  StoreUnavailable,
  type CreateOutcome,
  type GroupDraft,
  type IndexEntry,
  type IndexQuery,
  type LogPage,
  type LogQuery,
  type MembershipChange,
  type MembershipOutcome,
  type Talk,
  type TalkOutcome,
} from "./store.ts";

/** What each engine is opened with, besides its place. */
export interface StoreOptions {
  /** Whole days; 0 keeps messages without end. */
  readonly retentionDays: number;
  readonly log: Log;
  readonly limits?: LimitValues;
  readonly claim?: StoreClaim;
  /**
   * Called when the store turns out to be another cluster's, or cannot be opened when it is back after it was away at
   * first. Only a restart helps then.
   */
  readonly refused?: (sentence: string) => void;
}

/** The shortest time between two warnings: several threads notice a replacement, and a pooler may alternate. */
const replacementEveryMs = 5_000;

export abstract class JobStore {
  protected readonly log: Log;
  protected readonly limits: LimitValues;
  private readonly replacementLog: RareLog;
  private readonly batcher: Batcher<Job, BigInt64Array>;
  private readonly changes: Batcher<ChangeJob, readonly (ChangeResult | undefined)[]>;
  private readonly replacementListeners = new Set<() => void>();
  private closing: Promise<void> | undefined;

  protected constructor(
    { log, limits }: StoreOptions,
    clock: Pick<Clock, "monotonicMs">,
    mayShare?: (first: Job, next: Job) => boolean,
  ) {
    this.log = log;
    this.limits = limits ?? limitValues();
    this.replacementLog = new RareLog(log, clock, replacementEveryMs);
    const observe = (failure: StoreUnavailable | undefined): void => this.observe(failure);
    this.batcher = new Batcher((jobs) => this.commit(jobs), observe, mayShare);
    this.changes = new Batcher((jobs) => this.commitChanges(jobs), observe);
  }

  /** The engine's background work. */
  protected abstract readonly housekeeping: { readonly clock: StoreClock; readonly sizes: SizeWatch };
  /** It asks the engine by itself. */
  abstract readonly backEnd: BackEndStore & RevocationStore;
  /** Whether the last commit succeeded, as far as is known. */
  protected abstract readonly canCommit: boolean;
  /**
   * Commits all jobs in order, or rejects and commits none. The outcome of job i starts at i × outcomeSlots; that of
   * one which could not be decided, and was not committed, is `needsPairs`.
   */
  protected abstract commit(jobs: readonly Job[]): Promise<BigInt64Array>;
  /** The same for changes. Result i belongs to job i; undefined: it could not be decided. */
  protected abstract commitChanges(jobs: readonly ChangeJob[]): Promise<readonly (ChangeResult | undefined)[]>;
  /** Receives the result of each batch: why it failed, or undefined. */
  protected abstract observe(failure: StoreUnavailable | undefined): void;
  /** Returns why requests to write are refused now, or undefined. */
  protected abstract refusal(): string | undefined;
  /** Like `index`, for a limit of 1 to `indexEntries`. */
  protected abstract readIndex(query: IndexQuery, limit: number): Promise<readonly IndexEntry[]>;
  /** Like `entries`, for a limit of 1 to `indexEntries`. */
  protected abstract readEntries(query: LogQuery, limit: number): Promise<LogPage>;
  /** Like `contents`, for 1 to `contentIds` ids. */
  protected abstract readContents(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array>;
  /** Stops the engine; all queued calls are settled. */
  protected abstract closeEngine(): Promise<void>;

  get clock(): StoreClock {
    return this.housekeeping.clock;
  }

  get size(): StoreSize | undefined {
    return this.housekeeping.sizes.size;
  }

  async revoke(revocation: Revocation): Promise<RevokeOutcome> {
    this.refuseClosed();
    return this.backEnd.revoke(revocation);
  }

  async ban(ban: Ban): Promise<BanOutcome> {
    this.refuseClosed();
    return this.backEnd.ban(ban);
  }

  async revocations(after: bigint, limit: number): Promise<readonly StoredRevocation[]> {
    this.refuseClosed();
    return this.backEnd.revocations(after, limit);
  }

  watchReplacement(listener: () => void): () => void {
    this.replacementListeners.add(listener);
    return () => this.replacementListeners.delete(listener);
  }

  protected replaced(): void {
    for (const listener of this.replacementListeners) listener();
  }

  protected warnOfReplacement(fields: LogFields = {}): void {
    this.replacementLog.warn(
      "The message store was replaced, or accounts were deleted or changed by hand; all caches were dropped.",
      fields,
    );
  }

  get isSaturated(): boolean {
    return this.batcher.isSaturated;
  }

  get isHealthy(): boolean {
    return !this.isClosing && this.canCommit;
  }

  append(talks: readonly Talk[]): Promise<readonly TalkOutcome[]> {
    if (talks.length === 0) return Promise.resolve([]);
    let characters = 0;
    const jobs: Job[] = [];
    for (const talk of talks) {
      characters += talk.body.length + talk.extra.length;
      const { dest, hasConversation } = talk;
      jobs.push(
        hasConversation === undefined ? talkJob(talk) : { ...talkJob(talk), pairs: { [dest]: hasConversation } },
      );
    }
    return this.write(jobs, characters, (slots) => talks.map((_, job) => talkOutcome(slots, job)));
  }

  prepare(_talk: Talk): Promise<Talk> | undefined {
    return undefined;
  }

  acknowledge(app: string, account: string, device: string, messageId: bigint): Promise<"done" | "future"> {
    return this.write([{ kind: "ack", app, account, device, messageId: messageId.toString() }], 0, (slots) =>
      slots(0, 0) === outcome.future ? "future" : "done",
    );
  }

  async index(query: IndexQuery): Promise<readonly IndexEntry[]> {
    const limit = Math.min(query.limit, this.limits.indexEntries);
    return limit <= 0 ? [] : this.readIndex(query, limit);
  }

  entries(query: LogQuery): Promise<LogPage> {
    return this.readEntries(query, Math.max(1, Math.min(query.limit, this.limits.indexEntries)));
  }

  async change(change: MessageChange): Promise<ChangeOutcome> {
    const characters = change.kind === "edit" ? change.body.length + change.extra.length : 0;
    const result = await this.writeChange(messageChangeJob(change), characters);
    assert(result.of === "message", "a change of a message has an outcome of one");
    return result.outcome;
  }

  set(setting: ConversationSetting): Promise<SettingOutcome> {
    return this.writeSetting(setJob(setting));
  }

  hide(request: HideRequest): Promise<SettingOutcome> {
    assert(request.messageIds.length <= hideIdsMax, "a request hides at most hideIdsMax messages");
    return this.writeSetting(hideJob(request), request.messageIds.length);
  }

  async contents(app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    assert(messageIds.length <= this.limits.contentIds, "a content request names at most contentIds ids");
    return messageIds.length === 0 ? encodeContents([]) : this.readContents(app, account, messageIds);
  }

  async createGroup(draft: GroupDraft): Promise<CreateOutcome> {
    const { app, id, members } = draft;
    const texts = draft.name.length + draft.avatar.length + draft.introduction.length;
    const leftOut: string[] = [];
    let isAnyFull = false;
    let version = 0n;
    let time = 0n;
    // There is one slice even without members.
    for (let start = 0; start === 0 || start < members.length; start += sliceMembersMax) {
      const slice = members.slice(start, start + sliceMembersMax);
      const isLast = start + slice.length === members.length;
      const job: Job =
        start === 0
          ? { kind: "create", draft: { ...draft, members: slice }, isWhole: isLast }
          : { kind: "enter", slice: { app, group: id, owner: draft.owner, members: slice, isLast } };
      const made = await this.write([job], texts, (slots) => sliceOutcome(slice, slots), 1 + slice.length);
      if (made.result === "full") return made;
      if (made.result === "notFound") throw new StoreUnavailable("creating the group has taken too long");
      leftOut.push(...made.leftOut);
      isAnyFull ||= made.isAnyFull;
      ({ version, time } = made);
    }
    return { result: "created", version, leftOut, isAnyFull, time };
  }

  join(change: MembershipChange): Promise<MembershipOutcome> {
    return this.write([{ kind: "join", change }], 0, membershipOutcome);
  }

  quit(change: MembershipChange): Promise<MembershipOutcome> {
    return this.write([{ kind: "quit", change }], 0, membershipOutcome);
  }

  close(): Promise<void> {
    this.closing ??= Promise.all([this.batcher.drain(), this.changes.drain()]).then(() => this.closeEngine());
    return this.closing;
  }

  protected get isClosing(): boolean {
    return this.closing !== undefined;
  }

  /** Throws StoreUnavailable after `close`. */
  protected refuseClosed(): void {
    if (this.isClosing) throw new StoreUnavailable("the store is closed");
  }

  protected refuseQueued(sentence: string): void {
    this.batcher.refuseQueued(new StoreUnavailable(sentence));
    this.changes.refuseQueued(new StoreUnavailable(sentence));
  }

  protected async writeSetting(job: ChangeJob, cost = 1): Promise<SettingOutcome> {
    const result = await this.writeChange(job, 0, cost);
    assert(result.of === "account", "a setting has an outcome of one");
    return result.outcome;
  }

  /** For GroupCalls; `characters`: of the call's texts, `cost`: in messages. */
  protected async writeGroup(call: GroupCall, characters: number, cost: number): Promise<GroupCallOutcome> {
    const result = await this.writeChange({ kind: "group", call }, characters, cost);
    assert(result.of === "group", "a call of groups has an outcome of one");
    return result.outcome;
  }

  /** For PeopleCalls. */
  protected async writePeople(call: PeopleCall, characters: number): Promise<BlockOutcome> {
    const result = await this.writeChange({ kind: "people", call }, characters);
    assert(result.of === "people", "a call of people has an outcome of one");
    return result.outcome;
  }

  /** For MediaCalls. */
  protected async writeMedia(call: MediaCall, characters: number): Promise<MediaOutcome> {
    const result = await this.writeChange({ kind: "media", call }, characters);
    assert(result.of === "media", "a call of media has an outcome of one");
    return result.outcome;
  }

  private async writeChange(job: ChangeJob, characters: number, cost = 1): Promise<ChangeResult> {
    this.refuseWrites();
    const result = await this.changes.add([job], characters, (results, start) => results[start], cost);
    if (result === undefined) throw undecided();
    return result;
  }

  private write<T>(jobs: readonly Job[], characters: number, read: (slots: Slots) => T, cost?: number): Promise<T> {
    try {
      this.refuseWrites();
    } catch (error) {
      return Promise.reject(error);
    }
    const readDecided = (numbers: BigInt64Array, start: number): T => {
      const slots = slotsFrom(numbers, start);
      for (let job = 0; job < jobs.length; job++) if (slots(job, 0) === outcome.needsPairs) throw undecided();
      return read(slots);
    };
    return this.batcher.add(jobs, characters, readDecided, cost);
  }

  /** Throws StoreUnavailable after `close`, and while the engine refuses to write. */
  protected refuseWrites(): void {
    this.refuseClosed();
    const refusal = this.refusal();
    if (refusal !== undefined) throw new StoreUnavailable(refusal);
  }
}

function undecided(): StoreUnavailable {
  return new StoreUnavailable("whether accounts have talked with each other could not be read");
}

function slotsFrom(numbers: BigInt64Array, start: number): Slots {
  return (job, slot) => numbers[(start + job) * outcomeSlots + slot] ?? 0n;
}
