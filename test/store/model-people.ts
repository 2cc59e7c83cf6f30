// What accounts let others do, and what they show of themselves, as plain maps. Each write is told with the store's
// answer.

import type { BlockState, ConsentState, Profile, SettingOutcome } from "../../src/store/conversations.ts";
import type { BlockChange, BlockOutcome, ConsentChange, LastSeen, ProfileChange } from "../../src/store/people.ts";
import { agree } from "./agree.ts";

/** What the model of people knows of the rest. */
export interface ModelPairs {
  /** Whether the two have a direct conversation. */
  haveTalked(one: string, other: string): boolean;
  isKnown(account: string): boolean;
  /** Takes a new id of the store. */
  take(id: bigint): bigint;
}

interface ModelBlock {
  isOff: boolean;
  version: bigint;
}

export class ModelPeople {
  /** By who blocks, and whom. */
  private readonly blocks = new Map<string, Map<string, ModelBlock>>();
  private readonly consents = new Map<string, ConsentState>();
  private readonly profiles = new Map<string, Profile>();
  private readonly seen = new Map<string, number>();
  /** The greatest version of a block or consent so far. */
  guardVersion = 0n;
  private readonly pairs: ModelPairs;
  private readonly blocksMax: number;

  constructor(pairs: ModelPairs, blocksMax: number) {
    this.pairs = pairs;
    this.blocksMax = blocksMax;
  }

  isBlocked(account: string, other: string): boolean {
    return this.blocks.get(account)?.get(other)?.isOff === false;
  }

  mayWrite(actor: string, target: string): boolean {
    return this.mayReach(actor, target, this.consentOf(target).write);
  }

  mayAdd(actor: string, target: string): boolean {
    return this.mayReach(actor, target, this.consentOf(target).add);
  }

  /** `sharesGroup`: one of few members. */
  mayWatch(actor: string, target: string, sharesGroup: boolean): boolean {
    if (actor === target) return true;
    return !this.isBlocked(target, actor) && (sharesGroup || this.pairs.haveTalked(actor, target));
  }

  block(change: BlockChange, outcome: BlockOutcome): void {
    const { account, blocked, isOff, toKnown = false } = change;
    const isKnown = this.pairs.isKnown(blocked);
    const mine = this.blocks.getOrInsertComputed(account, () => new Map<string, ModelBlock>());
    const before = mine.get(blocked);
    const { result } = outcome;
    if (!isKnown && toKnown && !isOff) return agree(outcome, { result: "notFound" }, "a block");
    if ((before?.isOff ?? true) === isOff)
      return agree(outcome, { result: "unchanged", version: before?.version ?? 0n }, "a block");
    if (before === undefined && mine.size >= this.blocksMax) {
      const [oldest] = [...mine]
        .filter(([, each]) => each.isOff)
        .toSorted(([, one], [, other]) => (one.version < other.version ? -1 : 1));
      if (oldest === undefined) return agree(outcome, { result: "full" }, "a block");
      if (result === "stored") mine.delete(oldest[0]);
    }
    if (result !== "stored") return agree(outcome, { result: "stored" }, "a block");
    const version = this.pairs.take(outcome.version);
    agree(outcome, { result, version, ...(!isKnown && { madeAccount: true }) }, "a block");
    mine.set(blocked, { isOff, version });
    this.guardVersion = version;
  }

  setConsent({ account, write, add }: ConsentChange, outcome: SettingOutcome): void {
    const before = this.consentOf(account);
    const after = { write: write ?? before.write, add: add ?? before.add };
    const isSame = after.write === before.write && after.add === before.add;
    const version = this.settled(isSame, before.version, outcome, "a consent");
    if (isSame) return;
    this.consents.set(account, { ...after, version });
    this.guardVersion = version;
  }

  setProfile({ account, name, avatar, extra }: ProfileChange, outcome: SettingOutcome): void {
    const before = this.profileOf(account);
    const after = {
      account,
      name: name ?? before.name,
      avatar: avatar ?? before.avatar,
      extra: extra ?? before.extra,
      version: before.version,
    };
    const isSame = Bun.deepEquals(after, before);
    const version = this.settled(isSame, before.version, outcome, "a profile");
    if (!isSame) this.profiles.set(account, { ...after, version });
  }

  markSeen(marks: readonly LastSeen[]): void {
    for (const { account, minute } of marks)
      if (this.pairs.isKnown(account)) this.seen.set(account, Math.max(minute, this.lastSeen(account)));
  }

  /** All that was marked, to be marked again. */
  seenIn(app: string): LastSeen[] {
    return [...this.seen].map(([account, minute]) => ({ app, account, minute }));
  }

  lastSeen(account: string): number {
    return this.seen.get(account) ?? 0;
  }

  consentOf(account: string): ConsentState {
    return this.consents.get(account) ?? { write: "everybody", add: "everybody", version: 0n };
  }

  profileOf(account: string): Profile {
    return this.profiles.get(account) ?? { account, name: "", avatar: "", extra: "", version: 0n };
  }

  /** Blocks and their ends after a version, the oldest first. */
  blocksSince(account: string, since: bigint): BlockState[] {
    return [...(this.blocks.get(account) ?? [])]
      .map(([blocked, each]) => ({ account: blocked, ...each }))
      .filter(({ version }) => version > since)
      .toSorted((one, other) => (one.version < other.version ? -1 : 1));
  }

  /** Blocks of all that are in force, with who blocks. */
  get inForce(): { readonly account: string; readonly blocked: string; readonly version: bigint }[] {
    return [...this.blocks]
      .flatMap(([account, each]) => [...each].map(([blocked, block]) => ({ account, blocked, ...block })))
      .filter(({ isOff }) => !isOff)
      .map(({ account, blocked, version }) => ({ account, blocked, version }))
      .toSorted((one, other) => (one.version < other.version ? -1 : 1));
  }

  /** Returns the version of a setting. */
  private settled(isSame: boolean, before: bigint, outcome: SettingOutcome, what: string): bigint {
    if (isSame || outcome.result !== "stored") {
      agree(outcome, isSame ? { result: "unchanged", version: before } : { result: "stored" }, what);
      return before;
    }
    return this.pairs.take(outcome.version);
  }

  private mayReach(actor: string, target: string, consent: ConsentState["write"]): boolean {
    if (actor === target) return true;
    if (this.isBlocked(target, actor)) return false;
    switch (consent) {
      case "everybody":
        return true;
      case "conversations":
        return this.pairs.haveTalked(actor, target);
      case "nobody":
        return false;
    }
  }
}
