// A store of people in memory for tests of presence and signals: everybody may watch everybody, and talk to everybody,
// until a test says otherwise.

import type { ConversationName } from "../../src/store/conversations.ts";
import type { LastSeen, PeopleStore, WatchAnswer } from "../../src/store/people.ts";

type Answer = Awaited<ReturnType<PeopleStore["mayTalk"]>>;

export class FakePeople implements PeopleStore {
  /** Accounts that nobody may watch. */
  readonly strangers = new Set<string>();
  readonly blocks: { version: bigint; app: string; account: string; blocked: string }[] = [];
  /** Of the conversation `dest`; "allowed" where nothing is said. */
  readonly rights = new Map<string, Answer["right"]>();
  /** Of the group `dest`; 0n where nothing is said. */
  readonly groupVersions = new Map<string, bigint>();
  /** All that was marked, in order. */
  readonly marks: LastSeen[] = [];
  /** By account. */
  readonly minutes = new Map<string, number>();
  version = 1n;
  /** How often each was asked. */
  readonly asked = { watchable: 0, guardVersion: 0, blocksAfter: 0, mayTalk: 0, markSeen: 0 };
  /** What all calls reject with. */
  failure: Error | undefined;
  /** How many accounts `watchable` decides at once, and what each costs. */
  decidedMax = Infinity;
  looks = 0;
  /** What `watchable` waits for, after it has decided. */
  held: Promise<void> | undefined;

  block(change: {
    readonly app: string;
    readonly account: string;
    readonly blocked: string;
  }): Promise<{ result: "stored"; version: bigint }> {
    const { app, account, blocked } = change;
    const version = ++this.version;
    this.blocks.push({ version, app, account, blocked });
    return Promise.resolve({ result: "stored", version });
  }

  async watchable(app: string, account: string, all: readonly string[]): Promise<WatchAnswer> {
    this.asked.watchable++;
    this.check();
    const accounts = all.slice(0, this.decidedMax);
    const isBlocked = (other: string): boolean =>
      this.blocks.some((block) => block.app === app && block.account === other && block.blocked === account);
    const allowed = accounts.filter((other) => !this.strangers.has(other) && !isBlocked(other));
    await this.held;
    return { allowed, decided: accounts.length, looked: accounts.length * this.looks };
  }

  async mayTalk({ dest }: ConversationName): Promise<Answer> {
    this.asked.mayTalk++;
    this.check();
    const right = this.rights.get(dest) ?? "allowed";
    return Promise.resolve({ right, groupVersion: this.groupVersions.get(dest) ?? 0n });
  }

  async guardVersion(): Promise<bigint> {
    this.asked.guardVersion++;
    this.check();
    return Promise.resolve(this.version);
  }

  async blocksAfter(after: bigint, limit: number): Promise<FakePeople["blocks"]> {
    this.asked.blocksAfter++;
    this.check();
    return Promise.resolve(this.blocks.filter(({ version }) => version > after).slice(0, limit));
  }

  async markSeen(marks: readonly LastSeen[]): Promise<void> {
    this.asked.markSeen++;
    this.check();
    this.marks.push(...marks);
    for (const { account, minute } of marks)
      this.minutes.set(account, Math.max(minute, this.minutes.get(account) ?? 0));
    return Promise.resolve();
  }

  async lastSeen(_app: string, accounts: readonly string[]): Promise<readonly number[]> {
    this.check();
    return Promise.resolve(accounts.map((account) => this.minutes.get(account) ?? 0));
  }

  readonly blocked = unused;
  readonly setConsent = unused;
  readonly consent = unused;
  readonly setProfile = unused;
  readonly profiles = unused;

  private check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

const unused = (): Promise<never> => Promise.reject(new Error("this store only knows presence and signals"));
