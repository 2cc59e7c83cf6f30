// Profiles of accounts, fetched as they are shown.

import { profilesMax } from "../../base/limits/fixed.ts";
import { Command } from "../../wire/commands.ts";
import { ProfileReq } from "../../wire/gen/messages/profile-req.ts";
import { ProfileResp } from "../../wire/gen/messages/profile-resp.ts";
import type { Profile as WireProfile } from "../../wire/gen/messages/profile.ts";
import { dropOldest } from "../bounded.ts";
import { Disconnected } from "../client-errors.ts";
import { type Deferred, deferred } from "../deferred.ts";
import type { CommunityOwner } from "./community-owner.ts";
import type { Profile } from "./community-types.ts";
import { OnceATurn } from "../once-a-turn.ts";
import { isMissing, isWrong } from "./wire-values.ts";

/** The bound on profiles that are kept. */
const keptMax = 2_000;
/** After this time, in milliseconds, one that is shown is asked for again. */
const oldMs = 600_000;
/** The bound on accounts that wait for a request; beyond it, `of` does not ask. */
const wantedMax = 10_000;

interface Kept {
  readonly profile: Profile;
  readonly version: bigint;
  /** By this machine's clock, in milliseconds since 1970. */
  readonly readAt: number;
}

/** The last 2,000 that were shown are kept. One that is shown again after 10 minutes is asked for again. */
export class Profiles {
  private readonly owner: CommunityOwner;
  private readonly notes: OnceATurn<string>;
  /** Those that were shown last are last. */
  private readonly kept = new Map<string, Kept>();
  /** What is to be asked for, and who waits for it. */
  private readonly wanted = new Map<string, Deferred<Profile> | undefined>();
  private isRunning = false;
  private isOnline = false;
  /** The server has no profiles. */
  private isOff = false;

  constructor(owner: CommunityOwner) {
    this.owner = owner;
    this.notes = new OnceATurn(owner.environment, (accounts) => {
      void owner.notices.emit("profilesChanged", { accounts });
    });
  }

  /**
   * What is known now; undefined if nothing is. Asks the server for what is not known or old, together with others of
   * the same turn: the event `profilesChanged` tells.
   */
  of(account: string): Profile | undefined {
    const kept = this.kept.get(account);
    if (kept !== undefined) this.keep(account, kept);
    if (!isFresh(kept) && !this.isOff && this.wanted.size < wantedMax && !this.wanted.has(account)) {
      this.wanted.set(account, undefined);
      this.later();
    }
    return kept?.profile;
  }

  /** Profiles of any number of accounts, those that are kept and those that are not. Rejects as requests do. */
  async load(accounts: Iterable<string>): Promise<ReadonlyMap<string, Profile>> {
    const found = new Map<string, Profile>();
    const waiting: Promise<unknown>[] = [];
    for (const account of accounts) {
      const kept = this.kept.get(account);
      if (kept !== undefined && isFresh(kept)) found.set(account, kept.profile);
      else waiting.push(this.want(account).then((profile) => found.set(account, profile)));
    }
    this.later();
    await Promise.all(waiting);
    return found;
  }

  /** This account's own, which comes with its state. */
  learn({ version, ...profile }: WireProfile): Profile {
    const { account } = profile;
    const former = this.kept.get(account);
    // An unchanged one stays the same object.
    const isNew = former === undefined || former.version !== version;
    const now = isNew ? profile : former.profile;
    this.keep(account, { profile: now, version, readAt: Date.now() });
    if (isNew) this.notes.add(account);
    return now;
  }

  online(): void {
    this.isOnline = true;
    this.isOff = false;
    this.later();
  }

  offline(): void {
    this.isOnline = false;
  }

  private want(account: string): Promise<Profile> {
    const waiter = this.wanted.get(account) ?? deferred<Profile>();
    this.wanted.set(account, waiter);
    return waiter.promise;
  }

  private keep(account: string, kept: Kept): void {
    this.kept.delete(account);
    this.kept.set(account, kept);
    dropOldest(this.kept, keptMax);
  }

  private later(): void {
    if (this.isRunning || this.wanted.size === 0) return;
    this.isRunning = true;
    this.owner.environment.after(0, () => void this.run());
  }

  private async run(): Promise<void> {
    while (this.wanted.size > 0) {
      const batch = [...this.wanted].slice(0, profilesMax);
      for (const [account] of batch) this.wanted.delete(account);
      await this.read(batch);
      // Those that nobody waits for wait for the next sign-in.
      if (!this.isOnline && ![...this.wanted.values()].some((waiter) => waiter !== undefined)) break;
    }
    this.isRunning = false;
  }

  private async read(batch: readonly (readonly [string, Deferred<Profile> | undefined])[]): Promise<void> {
    const accounts = batch.map(([account]) => account);
    const former = accounts.map((account) => this.kept.get(account));
    const versions = former.map((kept) => kept?.version ?? 0n);
    try {
      const request = { accounts, versions };
      const { profiles } = await this.owner.patientAsk(Command.AccountProfile, ProfileReq, request, ProfileResp);
      const found = new Map(profiles.map((profile) => [profile.account, profile]));
      for (const [at, [account, waiter]] of batch.entries()) {
        // What is left out has not changed; that of an account without a profile neither.
        const unchanged = { ...(former[at]?.profile ?? noProfile(account)), version: versions[at] ?? 0n };
        const profile = this.learn(found.get(account) ?? unchanged);
        waiter?.resolve(profile);
      }
    } catch (error) {
      if (isWrong(error)) return this.readApart(batch);
      this.isOff ||= isMissing(error);
      for (const [account, waiter] of batch) {
        waiter?.reject(error);
        if (waiter === undefined && error instanceof Disconnected) this.wanted.set(account, undefined);
      }
    }
  }

  /** Some of them are no names of accounts. */
  private async readApart(batch: Parameters<Profiles["read"]>[0]): Promise<void> {
    const half = batch.length >> 1;
    if (half > 0) {
      await this.read(batch.slice(0, half));
      await this.read(batch.slice(half));
    } else for (const [account, waiter] of batch) waiter?.resolve(this.learn({ ...noProfile(account), version: 0n }));
  }
}

function isFresh(kept: Kept | undefined): boolean {
  return kept !== undefined && Math.abs(Date.now() - kept.readAt) < oldMs;
}

/** What is shown of an account that has none. */
export function noProfile(account: string): Profile {
  return { account, name: "", avatar: "", extra: "" };
}
