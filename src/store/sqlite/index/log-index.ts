// A thread's view of the log by key: the runs of the index and the memtable. Lookups belong to a snapshot: `begin`,
// then read or lock the log, `follow`, look up, `end`. In this order the runs are never ahead of the log.

import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { openUnlocked } from "../connection.ts";
import { withoutOtherWriters } from "../locking.ts";
import {
  countBetween,
  countBySender,
  countOthers,
  newestFirst,
  oldestFirst,
  partnersOf,
  type SenderCounts,
  type Series,
  type Snapshot,
} from "./conversations.ts";
import { guarded, IndexDamage } from "../damage.ts";
import { openFormer } from "./former-index.ts";
import { indexCacheKib, openIndex, stageOf, stages } from "./index-file.ts";
import { lists, receivedKey, type List, type MessageKeys } from "./posting.ts";
import { IndexIncomplete, Refusal } from "../refusal.ts";
import { RunList, type Run } from "./run.ts";
import { LogFollower, Memtable } from "./memtable.ts";

const idEnd = 2n ** 63n - 1n;
/** At half of this, writers slow down; at all of it, the store refuses. 24 to 32 bytes each. */
const memtableMessagesMaxDefault = 1 << 20;

/** A source of ids by key: a run or the memtable. */
export interface PostingSource {
  mayHave(list: List, key: number): boolean;
  /**
   * Returns ascending ids under a key between `after` and `until`, both exclusive; at most `count`. In the list
   * `received` it passes over messages of `withoutSender`, except in runs of the former schema; 0 leaves out nobody.
   */
  idsBetween(list: List, key: number, after: bigint, until: bigint, count: number, withoutSender?: number): bigint[];
}

export class LogIndex {
  private readonly log: Database;
  private readonly path: string;
  private readonly kept: readonly List[];
  private readonly memtableMessagesMax: number;
  private readonly unlocked: boolean;
  private readonly follower: LogFollower;
  private index: Database | undefined;
  private runs: RunList | undefined;
  private memtable: Memtable;
  /** The snapshot's runs include messages that this thread has not followed. */
  hasSkipped = false;
  /** The file is being built: until `close`, snapshots are refused. */
  isIncomplete = false;
  /** Nothing up to here is found by lookups of conversations: the watermark of the app that the snapshot is about. */
  clippedTo = 0n;
  /** What the lookups of conversations read; made by the first of them in a snapshot. */
  private conversations: Snapshot | undefined;

  /**
   * Covers the lists in `kept`, which include `received`. Lookups of conversations need `sent`, `pair` and `peers`,
   * too.
   * `unlocked`: see openUnlocked.
   */
  constructor(
    log: Database,
    path: string,
    kept: readonly List[],
    memtableMessagesMax = memtableMessagesMaxDefault,
    unlocked = false,
  ) {
    this.log = log;
    this.path = path;
    this.kept = kept;
    this.memtableMessagesMax = memtableMessagesMax;
    this.unlocked = unlocked;
    this.follower = new LogFollower(log, kept);
    this.memtable = new Memtable(kept);
  }

  /** Whether compaction lags behind, so that writers should slow down. */
  get isLong(): boolean {
    return this.memtable.messages > this.memtableMessagesMax / 2;
  }

  begin(): void {
    if (this.isIncomplete) throw new IndexIncomplete("the index of the messages is being built");
    const runs = guarded(() => this.beginIndex());
    this.hasSkipped = runs.flushedId > this.memtable.lastId;
    this.memtable.drop(runs.flushedId);
  }

  private beginIndex(): RunList {
    this.index ??= this.open();
    this.runs ??= new RunList(this.index, this.kept);
    this.conversations = undefined;
    this.index.run("BEGIN");
    this.runs.refresh();
    return this.runs;
  }

  /** Until the index is complete for the first time, one of the former schema serves, if there is one. */
  private open(): Database {
    if (this.unlocked) return this.openOwn() ?? this.openFormer();
    try {
      const index = this.openOwn();
      if (index !== undefined) return index;
    } catch (error) {
      // A process that makes the file, or replaces it, has the lock.
      if (!(error instanceof IndexDamage)) throw error;
    }
    return withoutOtherWriters(this.log, () => this.openOwn() ?? this.openFormer());
  }

  /** Undefined if there is none, or until it is complete. Throws IndexDamage. */
  private openOwn(): Database | undefined {
    if (!existsSync(this.path)) return undefined;
    const index = this.openAt(this.path);
    let isServing = false;
    try {
      isServing = stageOf(index) !== stages.building;
    } finally {
      if (!isServing) index.close();
    }
    return isServing ? index : undefined;
  }

  /** The index of the former schema, or, without one, what there is of this one. */
  private openFormer(): Database {
    return openFormer(this.path, this.log, (path) => this.openAt(path)) ?? this.openAt(this.path);
  }

  private openAt(path: string): Database {
    return this.unlocked ? openUnlocked(path, indexCacheKib) : openIndex(path);
  }

  /**
   * Takes in new commits, inside a snapshot of the log. Throws Refusal if they exceed the memtable, and LogReplaced if
   * the log is not the one that it has followed.
   */
  follow(observe?: (message: MessageKeys) => void): void {
    this.follower.requireMessage(this.memtable.lastId);
    const room = this.memtableMessagesMax - this.memtable.messages;
    const taken = this.follower.follow(this.memtable.lastId, room, (message) => {
      this.memtable.add(message);
      observe?.(message);
    });
    if (taken >= room) throw new Refusal("the index of the messages lags behind the log; it is being caught up");
  }

  add(message: MessageKeys): void {
    this.memtable.add(message);
  }

  end(): void {
    const { index } = this;
    this.conversations = undefined;
    if (index?.inTransaction === true) guarded(() => index.run("ROLLBACK"));
  }

  /** Closes the file; the next snapshot opens the file that is at the path then. */
  close(): void {
    this.runs?.close();
    this.index?.close();
    this.isIncomplete = false;
    this.index = undefined;
    this.runs = undefined;
    this.memtable = new Memtable(this.kept);
  }

  /** Yields the sources with ids above `after` in the order of ids, each with the id above which to search. */
  *sources(after: bigint): Generator<{ readonly source: PostingSource; readonly after: bigint }, void, void> {
    let from = after;
    for (const run of this.oldestFirst()) {
      if (run.lastId <= from) continue;
      yield { source: run, after: from };
      from = run.lastId;
    }
    yield { source: this.memtableSource(), after: from };
  }

  /** Returns the newest id under a key below `below`, or 0n. */
  newestBelow(list: List, key: number, below: bigint): bigint {
    for (const id of this.memtable.newestFirst(list, key)) if (id < below) return id;
    for (const run of this.oldestFirst().toReversed()) {
      const id = run.newestBelow(list, key, below);
      if (id > 0n) return id;
    }
    return 0n;
  }

  /** Yields ids of messages whose (sender, clientId) has this hash, newest first, without runs that end at `upTo`. */
  *keyedNewestFirst(key: number, upTo: bigint): Generator<bigint, void, void> {
    const flushedId = this.runs?.flushedId ?? 0n;
    for (const id of this.memtable.newestFirst(lists.keyed, key)) if (id > flushedId) yield id;
    for (const run of this.oldestFirst().toReversed()) {
      if (run.lastId <= upTo) {
        run.forgetKeyed();
      } else {
        yield* run.idsBetween(lists.keyed, key, 0n, run.lastId + 1n, Infinity).toReversed();
      }
    }
  }

  // Lookups of conversations, between `follow` and `end`. All of them pass over messages that the retention has deleted
  // in the snapshot of the log. Accounts are named by their number in the log; inboxes as in its table `message`, by an
  // account's number or minus a group's. Generators read blocks as they are asked for ids. While an index of the former
  // schema serves, all of them throw IndexIncomplete.

  /** Yields the ids of direct messages of one account to another below an id, newest first. */
  pairNewestFirst(sender: number, receiver: number, below: bigint): Generator<bigint, void, void> {
    return newestFirst(this.snapshot(), pairOf(sender, receiver), below);
  }

  /** Yields the ids of direct messages of one account to another above an id, oldest first. */
  pairOldestFirst(sender: number, receiver: number, after: bigint): Generator<bigint, void, void> {
    return oldestFirst(this.snapshot(), pairOf(sender, receiver), after);
  }

  /** Yields the ids of messages to an inbox below an id, newest first. */
  receivedNewestFirst(inbox: bigint, below: bigint): Generator<bigint, void, void> {
    return newestFirst(this.snapshot(), inboxOf(inbox), below);
  }

  /** Yields the ids of messages to an inbox above an id, oldest first. */
  receivedOldestFirst(inbox: bigint, after: bigint): Generator<bigint, void, void> {
    return oldestFirst(this.snapshot(), inboxOf(inbox), after);
  }

  /** Returns the newest message to an inbox, or 0n. */
  newestReceived(inbox: bigint): bigint {
    const { oldestId } = this.snapshot();
    const newest = this.newestBelow(lists.received, receivedKey(inbox), idEnd);
    return newest < oldestId ? 0n : newest;
  }

  /**
   * Counts the direct messages of one account to another between two ids, both exclusive, newest first; stops at
   * `atMost`.
   */
  countPair(sender: number, receiver: number, after: bigint, atMost: number, until = idEnd): number {
    return countBetween(this.snapshot(), pairOf(sender, receiver), { after, until }, atMost);
  }

  /**
   * Counts the direct messages to an account by senders, of each those above its id in `afters`. It reads about
   * `postingsMax` messages: those that were not read are to be counted by `countPair`. The caller owns the answer.
   */
  countSenders(account: number, afters: ReadonlyMap<number, bigint>, postingsMax: number): SenderCounts {
    return countBySender(this.snapshot(), account, afters, postingsMax);
  }

  /**
   * Counts the messages to an inbox between two ids, both exclusive, without those of `withoutSender`; 0 leaves out
   * nobody. Stops at `atMost`, but passes over any number of messages that it leaves out.
   */
  countReceived(inbox: bigint, withoutSender: number, after: bigint, until: bigint, atMost: number): number {
    return countOthers(this.snapshot(), inbox, withoutSender, { after, until }, atMost);
  }

  /**
   * Returns every account with which `account` has exchanged direct messages, itself included if it wrote to itself,
   * and the newest id in either direction. The caller owns the map.
   */
  partners(account: number): Map<number, bigint> {
    return partnersOf(this.snapshot(), account);
  }

  /** The oldest message that is kept, in the snapshot of the log; larger than any id if there is none. */
  get oldestId(): bigint {
    return this.snapshot().oldestId;
  }

  private snapshot(): Snapshot {
    if (this.runs?.isFormer === true) throw new IndexIncomplete("the index of conversations is being built");
    return (this.conversations ??= {
      runs: this.oldestFirst(),
      memtable: this.memtable,
      flushedId: this.runs?.flushedId ?? 0n,
      oldestId: greater(this.follower.oldestId() ?? idEnd, this.clippedTo + 1n),
    });
  }

  private oldestFirst(): readonly Run[] {
    return this.runs?.runs ?? [];
  }

  private memtableSource(): PostingSource {
    const { memtable } = this;
    return {
      mayHave: () => true,
      idsBetween: memtable.idsBetween.bind(memtable),
    };
  }
}

function greater(one: bigint, other: bigint): bigint {
  return one > other ? one : other;
}

function pairOf(sender: number, receiver: number): Series {
  return { list: lists.pair, key: sender, second: receiver };
}

function inboxOf(inbox: bigint): Series {
  return { list: lists.received, key: receivedKey(inbox), second: 0 };
}
