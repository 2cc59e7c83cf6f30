// The writer: one connection, over which batches go in order. Each batch is one call of a function, which is one
// transaction (message-functions.ts, groups/group-functions.ts). The next batch is sent while the previous one commits.

import type { SQL } from "bun";
import { assert } from "../../base/assert.ts";
import {
  damagedIdentitySentence,
  livingOwnerSentence,
  refusedClaimSentence,
  claimAlsoAs,
  claimOfOwner,
  type ClaimOutcome,
  type StoreClaim,
} from "../../auth/store-ownership.ts";
import type { LimitValues } from "../../base/limits/table.ts";
import type { ChangeJob, ChangeResult } from "../change-jobs.ts";
import { outcomeSlots, type Job } from "../jobs.ts";
import { purgeRowsMax } from "../purge.ts";
import { StoreUnavailable } from "../store.ts";
import { UnfinishedGroups, unfinishedGroupsMax, type UnfinishedGroup } from "../unfinished-groups.ts";
import { AccountNumbers } from "./account-numbers.ts";
import { type AckJob, changeOf, type GroupJob, isGroupJob, type Known, sendMessages, type TalkJob } from "./batch.ts";
import { BegunConversations } from "./begun-conversations.ts";
import { sendChanges } from "./changes.ts";
import { GuardedAccounts } from "./people/guarded-accounts.ts";
import { placeOf } from "./client.ts";
import { Connections } from "./connection.ts";
import { DatabaseAway, StoreReplaced } from "./failures.ts";
import { closedRowsMax } from "./groups/ended-functions.ts";
import { areDeletions, triesMax } from "./life.ts";
import { Acknowledged } from "./primary/acknowledged.ts";
import { hostUrls } from "../host-list.ts";
import type { Primary } from "./primary/primary.ts";

export interface Renewal {
  readonly identity: string;
  readonly outcome: ClaimOutcome;
  /** The store's last id; 0n at first. */
  readonly lastId: bigint;
  /** The database's wall clock, in milliseconds since 1970. */
  readonly wallMs: number;
  readonly life: string;
}

interface ClaimRow {
  readonly outcome: ClaimOutcome | "living" | "damaged";
  readonly identity: string;
  readonly last_id: bigint;
  readonly wall_ms: bigint;
  readonly life: string;
}

/** The store belongs to another cluster; the message is a complete sentence. */
export class NotOwned extends StoreUnavailable {}

/** Messages and acknowledgements share a transaction, and so do changes of groups, but not both. */
export function mayShareBatch(first: Job, next: Job): boolean {
  return isGroupJob(first) === isGroupJob(next);
}

function nothingKnown(): Known {
  return { accounts: new AccountNumbers(), conversations: new BegunConversations(), guards: new GuardedAccounts() };
}

export class Writer {
  /** The single connection; reads may share it. */
  readonly connections: Connections;
  /** Finds the server where the URL names several; for the readers, too. */
  readonly primary: Primary | undefined;
  private readonly url: string;
  private readonly limits: LimitValues;
  private readonly holder: string;
  private readonly place: string;
  private readonly acknowledged: Acknowledged | undefined;
  private claim: StoreClaim;
  private known = nothingKnown();
  life: string | undefined;
  identity: string | undefined;
  /** Whether a renewal must confirm the life before anything is written. */
  private isLifeDoubted = true;
  private renewing: Promise<Renewal> | undefined;
  private readonly unfinished = new UnfinishedGroups();
  private lookedLife: string | undefined;
  /** For what this process remembers of accounts: its reads do not wait for commits, nor commits for them. */
  readers: Connections | undefined;
  onLost: (() => void) | undefined;
  /** Called when a renewal has found another store, before anything is written to it. */
  onReplaced: ((former: string, life: string) => void) | undefined;
  /** Migrates a store of an earlier version that replaced the former one. */
  onOutdated: (() => Promise<void>) | undefined;
  onScarce: (() => void) | undefined;

  /** `holder` is random, for the life of the process. */
  constructor(url: string, holder: string, claim: StoreClaim, limits: LimitValues, primary?: Primary) {
    this.url = url;
    this.primary = primary;
    this.limits = limits;
    this.holder = holder;
    this.place = placeOf(url);
    this.claim = claim;
    const acknowledged = primary && new Acknowledged(holder, primary);
    this.acknowledged = acknowledged;
    this.connections = new Connections({
      url,
      primary,
      doubtsPrimary: true,
      confirm: acknowledged && ((sql) => acknowledged.confirm(sql)),
      connectionsMax: 1,
      idleSecondsMax: 0,
      onLost: () => {
        this.known = nothingKnown();
        // The next connection may reach another server.
        this.isLifeDoubted = true;
        this.onLost?.();
      },
      onScarce: () => this.onScarce?.(),
    });
  }

  /**
   * Does work at the server to which it writes, given its URL. A server that is away is not the primary any more.
   * Rejects with StoreUnavailable.
   */
  async atServer(work: (url: string) => Promise<void>): Promise<void> {
    const place = await this.primary?.find();
    try {
      await work(place?.url ?? hostUrls(this.url)[0]);
    } catch (error) {
      if (error instanceof DatabaseAway) this.primary?.leave(place, error.message);
      throw error;
    }
  }

  /**
   * Commits all jobs, which must share a batch, or none. The outcome of job i starts at i × outcomeSlots. Rejects with
   * StoreReplaced if the database has another store than before; the next batch goes to the new store.
   */
  commit(jobs: readonly Job[]): Promise<BigInt64Array> {
    return this.inLife((life) => this.commitNow(jobs, life));
  }

  /** Commits all changes, or none. Result i belongs to job i. Rejects as `commit` does. */
  commitChanges(jobs: readonly ChangeJob[]): Promise<readonly ChangeResult[]> {
    return this.inLife((life) =>
      this.connections.run((sql) => sendChanges(sql, { holder: this.holder, life, jobs, limits: this.limits })),
    );
  }

  /** Calls a function that writes, with this writer's name and the life. Rejects as `commit` does. */
  write<T>(call: (sql: SQL, holder: string, life: string) => Promise<T>): Promise<T> {
    return this.inLife((life) => this.connections.run<T>((sql) => call(sql, this.holder, life)));
  }

  /** What was refused because of deletions of accounts alone, in this process or another, is tried again. */
  private async inLife<T>(write: (life: string) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      if (this.isLifeDoubted) await this.renew();
      const life = this.life ?? "";
      try {
        return await write(life);
      } catch (error) {
        if (!(error instanceof StoreReplaced)) throw error;
        if (life === this.life) this.isLifeDoubted = true;
        if (tries === triesMax) throw error;
        const next = this.isLifeDoubted
          ? await this.renewFrom(life).then(
              (renewal) => renewal.life,
              () => undefined,
            )
          : this.life;
        if (next === undefined || !areDeletions(life, next)) throw error;
      }
    }
  }

  private commitNow(jobs: readonly Job[], life: string): Promise<BigInt64Array> {
    const groupJobs: GroupJob[] = [];
    const talks: TalkJob[] = [];
    const acks: AckJob[] = [];
    for (const job of jobs) {
      if (job.kind === "talk") talks.push(job);
      else if (job.kind === "ack") acks.push(job);
      else groupJobs.push(job);
    }
    if (groupJobs.length > 0) {
      assert(groupJobs.length === jobs.length, "changes of groups have batches of their own");
      return this.changeGroups(groupJobs, life);
    }
    return this.commitMessages(jobs, life, talks, acks);
  }

  /**
   * Claims the store, takes or extends the lease of the node number, and reads the life, which shows whether the store
   * can commit. Adopts the store at most once. Rejects with NotOwned if the claim is refused.
   */
  renew(): Promise<Renewal> {
    this.renewing ??= this.renewOnce().finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  /** The same after a life was refused: a renewal that is under way may have begun before that, and know no other. */
  async renewFrom(refused: string): Promise<Renewal> {
    const isUnderWay = this.renewing !== undefined;
    const renewal = await this.renew();
    return isUnderWay && renewal.life === refused ? this.renew() : renewal;
  }

  /** Records these fingerprints as the owner's. Rejects with NotOwned if the store belongs to another cluster now. */
  async setOwners(fingerprints: readonly string[]): Promise<void> {
    const { life, place, claim } = this;
    const [row] = await this.connections.run<{ is_done: boolean }[]>(
      (sql) => sql`SELECT roost.set_owners(${life ?? ""}, ${sql.array([...claim.fingerprints], "TEXT")},
        ${sql.array([...fingerprints], "TEXT")}) AS is_done`,
    );
    if (row?.is_done !== true) throw new NotOwned(refusedClaimSentence(`The message store ${place}`, claim));
    this.claim = claimOfOwner(fingerprints);
  }

  claimAs(fingerprints: readonly string[]): void {
    this.claim = claimAlsoAs(this.claim, fingerprints);
  }

  /** Releases the node number. */
  async release(): Promise<void> {
    const { holder } = this;
    await this.connections.run((sql) => sql`DELETE FROM roost.node WHERE holder = ${holder}`);
  }

  async dropUnfinished(): Promise<void> {
    const { holder, life } = this;
    if (life === undefined) return;
    const all = await this.connections.run<UnfinishedGroup[]>(
      (sql) => sql`SELECT chat_group AS group, step FROM roost.unfinished_group LIMIT ${unfinishedGroupsMax}`,
    );
    if (life !== this.lookedLife) this.unfinished.forget();
    this.lookedLife = life;
    let rowsLeft = purgeRowsMax;
    for (const { group, step } of this.unfinished.look(all)) {
      const [row] = await this.connections.run<{ dropped: bigint }[]>(
        (sql) => sql`SELECT roost.drop_unfinished(${holder}, ${life}, ${group}, ${step}, ${rowsLeft}) AS dropped`,
      );
      rowsLeft -= Number(row?.dropped ?? 0n);
      if (rowsLeft <= 0) return;
    }
  }

  /** Removes a slice of what ended groups leave, and of files that no message names; true if there is more. */
  async cleanEnded(): Promise<boolean> {
    const { holder, life } = this;
    if (life === undefined) return false;
    const [row] = await this.connections.run<{ is_more: boolean }[]>(
      (sql) => sql`SELECT roost.clean_ended(${holder}, ${life}, ${closedRowsMax}) AS is_more`,
    );
    const [expired] = await this.connections.run<{ is_more: boolean }[]>(
      (sql) => sql`SELECT roost.expire_media(${life}, ${purgeRowsMax}) AS is_more`,
    );
    return row?.is_more === true || expired?.is_more === true;
  }

  close(): Promise<void> {
    return this.connections.close();
  }

  private async renewOnce(): Promise<Renewal> {
    let renewal: Renewal;
    try {
      renewal = await this.claimNow();
    } catch (error) {
      if (!(error instanceof StoreReplaced) || this.onOutdated === undefined) throw error;
      await this.onOutdated();
      renewal = await this.claimNow();
    }
    const former = this.life;
    this.life = renewal.life;
    this.identity = renewal.identity;
    this.isLifeDoubted = false;
    if (former !== undefined && former !== renewal.life) {
      this.known = nothingKnown();
      this.onReplaced?.(former, renewal.life);
    }
    return renewal;
  }

  private async claimNow(): Promise<Renewal> {
    const { holder, claim, acknowledged } = this;
    if (acknowledged !== undefined) await this.connections.run((sql) => acknowledged.refuseLoss(sql));
    // This statement fails on a store of an earlier schema, which lacks the table, before anything is claimed.
    const [row] = await this.connections.run<ClaimRow[]>(
      (sql) => sql`SELECT outcome, identity, last_id, wall_ms, life
         FROM roost.claim(${holder}, ${sql.array([...claim.fingerprints], "TEXT")}, ${claim.adopt})
         WHERE 'roost.node_last'::regclass IS NOT NULL`,
    );
    assert(row !== undefined, "a claim has one row");
    const { outcome, identity, life } = row;
    const store = `The message store ${this.place}`;
    switch (outcome) {
      case "refused":
        throw new NotOwned(refusedClaimSentence(store, claim));
      case "living":
        throw new NotOwned(livingOwnerSentence(store));
      case "damaged":
        throw new StoreUnavailable(damagedIdentitySentence(store));
      default:
        // It may be another one by now.
        this.claim = claimOfOwner(this.claim.fingerprints);
        return { outcome, identity, lastId: row.last_id, wallMs: Number(row.wall_ms), life };
    }
  }

  private async commitMessages(
    jobs: readonly Job[],
    life: string,
    talks: readonly TalkJob[],
    acks: readonly AckJob[],
  ): Promise<BigInt64Array> {
    // What another store replaces belongs to the rows that this very call brings back.
    const { known } = this;
    const rows = await this.connections.run((sql) =>
      sendMessages(sql, { holder: this.holder, life, known, talks, acks }),
    );
    if (this.readers !== undefined) known.guards.follow(this.readers, life);
    assert(rows.length === jobs.length, "each job has its row");
    const numbers = new BigInt64Array(jobs.length * outcomeSlots);
    let talk = 0;
    let ack = talks.length;
    for (const [index, job] of jobs.entries()) {
      const row = rows[job.kind === "talk" ? talk++ : ack++];
      for (let slot = 0; slot < outcomeSlots; slot++) numbers[index * outcomeSlots + slot] = row?.[slot] ?? 0n;
    }
    return numbers;
  }

  private async changeGroups(jobs: readonly GroupJob[], life: string): Promise<BigInt64Array> {
    const changes = JSON.stringify(jobs.map(changeOf));
    const { groupsPerAccount, groupsPutPerAccount, groupMembers } = this.limits;
    const rows: readonly (readonly bigint[])[] = await this.connections.run((sql) =>
      sql`SELECT * FROM roost.change_members(${this.holder}, ${life}, ${changes}::text::json,
        ${groupsPerAccount}, ${groupsPutPerAccount}, ${groupMembers})`.values(),
    );
    assert(rows.length === jobs.length, "each job has its row");
    const numbers = new BigInt64Array(jobs.length * outcomeSlots);
    for (const [index, row] of rows.entries()) numbers.set(row, index * outcomeSlots);
    return numbers;
  }
}
