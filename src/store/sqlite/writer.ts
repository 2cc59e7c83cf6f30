// The only connection of this process that writes. A batch is one transaction: it takes the write lock, checks the
// lease and the clock, allocates ids from the row of the last id, and saves that row; so ids follow the order of
// commits over all writers of the file.
//
// The clock: after it was set back, ids continue above the last one, and send times follow the clock. Writing never
// depends on the clock being right, and deleting never depends on a single reading of it (horizons.ts).
//
// A replaced store: before it uses a cache, each transaction compares the newest message that was read (log-index.ts),
// the row that this process left (node-lease.ts) and the epoch, which changes when a person deletes accounts or groups.
// This detects a backup that SQLite's .restore writes into the open file. It does not detect a file that was
// overwritten byte by byte, which SQLite does not detect either.

import type { Database } from "bun:sqlite";
import { blockFor } from "../../base/block.ts";
import type { Clock } from "../../base/clock.ts";
import type { ClockReading } from "../horizon.ts";
import type { ChangeJob } from "../change-jobs.ts";
import { outcome, outcomeSlots, type Job } from "../jobs.ts";
import { aheadMsOf, IdSequence, refusedClock } from "../snowflake.ts";
import { keyedMs } from "../trusted-time.ts";
import { written } from "./back-end/answers.ts";
import type { BackEndAnswer, BackEndWrite } from "./back-end/calls.ts";
import { BulkWriter, erasesText, isBulkWrite } from "./bulk/bulk-writer.ts";
import { type BatchResult, ChangeBatch, FormerText, overwritesText } from "./conversations/change-batch.ts";
import { CursorWriter } from "./cursor-writer.ts";
import { LogReplaced } from "./damage.ts";
import { saveHooks } from "./hooks/hook-writer.ts";
import type { HookSave } from "./hooks/requests.ts";
import { EntryIds } from "./conversations/entry-ids.ts";
import { FileGuard } from "./file-guard.ts";
import { GroupWriter } from "./group-writer.ts";
import { EndedGroups } from "./groups/ended-groups.ts";
import { groupParts } from "./groups/group-parts.ts";
import type { GroupBounds } from "./groups/membership.ts";
import { Horizons, type WriterLook } from "./horizons.ts";
import { beginImmediate, lockWaitMsMax, WriteLock } from "./locking.ts";
import type { LogIndex } from "./index/log-index.ts";
import { Names } from "./names.ts";
import { NodeLease } from "./node-lease.ts";
import type { Ownership } from "./ownership.ts";
import type { Forgotten } from "./protocol.ts";
import type { Guards } from "./people/guards.ts";
import { PurgeSlices } from "./purge-slices.ts";
import { Refusal } from "./refusal.ts";
import { refuseEarlier } from "./schema.ts";
import { SendTimes } from "./send-times.ts";
import { SequenceRow } from "./sequence-row.ts";
import { TalkWriter, type Outcome } from "./talk-writer.ts";

const lagPauseMs = 2;

export class Writer {
  /** One of the last outcomes of `commit` is `needsPairs`. */
  needsPairs = false;
  /** Of the last `commit`, whether each of its `saves` was made. */
  areSaved: readonly boolean[] = [];
  private readonly db: Database;
  private readonly files: FileGuard;
  /** The last id of the last transaction; 0n before the first. */
  private lastSeen = 0n;
  private epoch: string | undefined;
  /** The store was found replaced, but no transaction has committed since. */
  private isUnknown = false;
  private replacedTimes = 0;
  private lostTimes = 0;
  private readonly clock: Clock;
  private readonly index: LogIndex;
  private readonly names: Names;
  private readonly lease: NodeLease;
  private readonly ownership: Ownership | undefined;
  private readonly talks: TalkWriter;
  private readonly groups: GroupWriter;
  private readonly guards: Guards;
  private readonly endedGroups: EndedGroups;
  private readonly entryIds: EntryIds;
  private readonly changes: ChangeBatch;
  private readonly formerText: FormerText;
  private readonly bulk: BulkWriter;
  private readonly sequence: SequenceRow;
  private readonly sendTimes: SendTimes;
  private readonly cursors: CursorWriter;
  private readonly horizons: Horizons;
  private readonly slices: PurgeSlices;
  private lookedAt: ClockReading | undefined;
  private purgeUpTo = 0n;
  private readonly lock: WriteLock;

  /** `index` has the lists received and keyed. Without `ownership` the store's owner is not checked. */
  constructor(
    db: Database,
    path: string,
    index: LogIndex,
    holder: string,
    clock: Clock,
    bounds: GroupBounds,
    ownership?: Ownership,
  ) {
    this.db = db;
    this.index = index;
    this.clock = clock;
    this.lock = new WriteLock(db);
    this.names = new Names(db);
    this.lease = new NodeLease(db, holder, ownership && ((wallMs) => ownership.claim(wallMs, holder)));
    this.ownership = ownership;
    this.entryIds = new EntryIds(db);
    const parts = groupParts(db, this.names, this.entryIds, bounds);
    this.guards = parts.guards;
    this.talks = new TalkWriter(parts, index, this.entryIds);
    this.changes = new ChangeBatch(parts, this.entryIds);
    this.formerText = new FormerText(db);
    this.bulk = new BulkWriter(parts, this.talks, this.entryIds);
    this.groups = new GroupWriter(parts);
    this.endedGroups = new EndedGroups(db);
    this.sequence = new SequenceRow(db);
    this.sendTimes = new SendTimes(db, clock);
    this.cursors = new CursorWriter(db, this.names);
    this.horizons = new Horizons(db);
    this.slices = new PurgeSlices(db);
    this.talks.keyedUpTo = this.horizons.marks.keyedUpTo();
    this.files = new FileGuard(db, path);
  }

  /** Commits all jobs, or throws and commits none. The outcome of job i starts at i × outcomeSlots. */
  commit(jobs: readonly Job[], saves: readonly HookSave[] = []): BigInt64Array<ArrayBuffer> {
    if (this.index.isLong) blockFor(lagPauseMs);
    return this.transact((ids, wallMs) => {
      const committedLast = ids.last;
      const numbers = new BigInt64Array(jobs.length * outcomeSlots);
      let sentNs = this.sendTimes.first();
      this.needsPairs = false;
      for (const [index, job] of jobs.entries()) {
        const result = this.perform(job, ids, wallMs, sentNs++, committedLast);
        if (result[0] === outcome.needsPairs) this.needsPairs = true;
        numbers.set(result, index * outcomeSlots);
      }
      this.areSaved = saves.map((save) => saveHooks(this.db, save));
      return numbers;
    });
  }

  /** Commits all changes, or throws and commits none. Result i belongs to job i. */
  commitChanges(jobs: readonly ChangeJob[]): BatchResult[] {
    return this.formerText.zeroed(overwritesText(jobs), () =>
      this.transact((ids, wallMs) => this.changes.apply(jobs, ids, wallMs, this.sendTimes.first())),
    );
  }

  /**
   * Takes or extends the lease of the node number, which shows whether the store can commit. Returns how far the last
   * id is ahead of the clock, in milliseconds.
   */
  renew(): number {
    return this.transact((ids, wallMs) => aheadMsOf(ids.last, wallMs));
  }

  /** Throws FilesMoved, after saving all commits to the database, if a file beside the database was removed. */
  guard(): void {
    // A file is also shorter after a smaller store was restored into it: a transaction distinguishes the two.
    if (this.files.isShorter) this.renew();
    try {
      this.files.check();
    } catch (error) {
      this.files.recover(error);
      throw error;
    }
  }

  /** Looks at the clocks, and for abandoned groups, once a minute; a `keepMs` of 0 keeps everything. */
  look(keepMs: number): WriterLook {
    const bounded = keepMs > 0 ? Math.max(keepMs, keyedMs) : 0;
    let now: ClockReading | undefined;
    const look = this.transact((ids, wallMs) => {
      now = { wallMs, monotonicMs: Math.floor(this.clock.monotonicMs()) };
      const aheadMs = aheadMsOf(ids.last, wallMs);
      this.groups.dropUnfinished();
      const seen = this.horizons.look(bounded, now, this.lookedAt);
      this.bulk.retentions.move(ids, wallMs, this.horizons);
      return { ...seen, wallMs, aheadMs };
    });
    this.formerText.look();
    this.guards.forgetPairs();
    this.lookedAt = now;
    this.purgeUpTo = look.purgeUpTo;
    this.talks.keyedUpTo = look.keyedUpTo;
    return look;
  }

  /** Deletes a slice of what the last look permitted, and of what ended groups leave; returns true if there is more. */
  purge(): boolean {
    const [{ keyedUpTo }, { retentions }] = [this.talks, this.bulk];
    const isErasing = retentions.isDue;
    if (!isErasing && this.purgeUpTo === 0n && !this.endedGroups.isDue && !this.slices.areMediaDue(keyedUpTo))
      return false;
    return this.formerText.zeroed(isErasing, () =>
      this.transact(() => {
        this.endedGroups.clean();
        retentions.clean();
        const isMore = this.purgeUpTo > 0n && this.slices.drop(this.purgeUpTo).isMore;
        return this.slices.dropMedia(keyedUpTo) || isMore || this.endedGroups.isDue || retentions.isDue;
      }),
    );
  }

  /** Records these fingerprints as the owner's. Throws NotOwned if the store belongs to another cluster now. */
  setOwners(fingerprints: readonly string[]): void {
    this.transact(() => this.ownership?.setOwners(fingerprints));
  }

  claimAs(fingerprints: readonly string[]): void {
    this.ownership?.claimAs(fingerprints);
  }

  backEnd(call: BackEndWrite): BackEndAnswer {
    if (!isBulkWrite(call)) return this.transact((ids, wallMs) => written(this.db, call, ids, wallMs));
    if (this.index.isLong) blockFor(lagPauseMs);
    return this.formerText.zeroed(erasesText(call), () =>
      this.bulk.answer(call, (work) =>
        this.transact((ids, wallMs) => work({ ids, wallMs, atNs: this.clock.wallNs() })),
      ),
    );
  }

  release(): void {
    beginImmediate(this.db, lockWaitMsMax);
    this.lease.release();
    this.db.run("COMMIT");
  }

  private perform(job: Job, ids: IdSequence, wallMs: number, atNs: bigint, committedLast: bigint): Outcome {
    switch (job.kind) {
      case "talk":
        return this.talks.write(job, ids, wallMs, atNs, this.lease.ownAbove);
      case "ack":
        return this.cursors.acknowledge(job, committedLast);
      case "create":
        return this.groups.create(job, { ids, wallMs, atNs });
      case "enter":
        return this.groups.enterSlice(job, { ids, wallMs, atNs });
      case "join":
        return this.groups.join(job, { ids, wallMs, atNs });
      case "quit":
        return this.groups.quit(job, { ids, wallMs, atNs });
    }
  }

  get forgotten(): Forgotten {
    return { replaced: this.replacedTimes, lost: this.lostTimes, identity: this.ownership?.claimed?.identity };
  }

  /** Drops all caches, because the store may have been replaced. */
  private forget(): void {
    this.names.forget();
    this.groups.forgetUnfinished();
    this.talks.forgetInboxes();
    this.entryIds.forget();
    this.guards.forget();
    this.bulk.forget();
    this.talks.keyedUpTo = this.horizons.marks.keyedUpTo();
    this.purgeUpTo = 0n;
    this.lookedAt = undefined;
    this.lastSeen = 0n;
  }

  /** Takes in most commits of other writers before locking, so that they do not wait for it. */
  private catchUp(): void {
    try {
      this.index.begin();
      this.db.run("BEGIN");
      this.talks.catchUp();
    } catch (error) {
      if (error instanceof LogReplaced) this.replaced();
      throw error;
    } finally {
      if (this.db.inTransaction) this.db.run("ROLLBACK");
      this.index.end();
    }
  }

  /** The index was reopened without a position in the log, which therefore cannot show a replacement any more. */
  indexReopened(isReplaced: boolean): void {
    if (isReplaced) this.replaced();
    else this.forget();
  }

  private replaced(): void {
    this.files.accept();
    this.isUnknown = true;
    this.forget();
  }

  /** Inside the transaction, after `hold`: drops the caches if the store was replaced or may have been. */
  private recognise(epoch: string, lastId: bigint): void {
    const isReplaced = this.isUnknown || this.lease.found === "other" || (this.epoch ?? epoch) !== epoch;
    this.epoch = epoch;
    if (!isReplaced && this.lease.found === "asLeft") return;
    if (isReplaced) {
      refuseEarlier(this.db);
      this.replacedTimes++;
      this.replaced();
      this.isUnknown = false;
    } else {
      this.lostTimes++;
      this.forget();
    }
    this.lease.ownAbove = lastId;
  }

  private transact<T>(work: (ids: IdSequence, wallMs: number) => T): T {
    this.catchUp();
    this.lock.take();
    try {
      this.index.begin();
      this.talks.catchUp();
      // Read after locking, so that waiting for the lock does not look like a clock that is late.
      const wallMs = Math.floor(this.clock.wallMs());
      const refused = refusedClock(wallMs, "this machine's");
      if (refused !== undefined) throw new Refusal(refused);
      const row = this.sequence.read();
      this.entryIds.follow();
      const claimed = this.ownership?.claimed;
      const node = this.lease.hold(wallMs, row.last_id);
      // A claim that gives the store a new identity changes the epoch.
      const isClaimed = this.ownership?.claimed !== claimed;
      this.recognise(isClaimed ? this.sequence.read().epoch : row.epoch, row.last_id);
      if (this.lastSeen === 0n) this.sequence.refuseLostIds(row.last_id);
      this.lastSeen = row.last_id;
      this.guards.follow(row.guard_id);
      this.bulk.follow(row.guard_id);
      const ids = new IdSequence(row.last_id, node);
      const result = work(ids, wallMs);
      if (ids.last !== row.last_id) this.sequence.save(ids.last, wallMs);
      if (!this.talks.hasStored) this.lease.stamp(wallMs);
      this.files.check();
      this.db.run("COMMIT");
      this.lease.committed();
      this.talks.committed();
      return result;
    } catch (error) {
      this.names.forget();
      this.talks.rolledBack();
      this.entryIds.forget();
      if (this.db.inTransaction) this.db.run("ROLLBACK");
      if (error instanceof LogReplaced) this.replaced();
      this.files.recover(error);
      throw error;
    } finally {
      this.index.end();
    }
  }
}
