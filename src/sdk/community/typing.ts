// Who is typing, here and elsewhere.

import { dropOldest } from "../bounded.ts";
import type { Cancel } from "../environment.ts";
import { keyOf } from "../messenger/partner.ts";
import type { Partner } from "../messenger/messenger-types.ts";
import type { CommunityOwner } from "./community-owner.ts";

/** The server passes on one signal in this time, in milliseconds. */
const pauseMs = 2_000;
/** Who has typed nothing for this time, in milliseconds, types no more. */
const typingMs = 5_000;
/** The bound on conversations that this account types in, and on others who type; the oldest are forgotten. */
const typingMax = 1_000;

interface Typist {
  readonly partner: Partner;
  readonly account: string;
  readonly cancel: Cancel;
}

export class Typing {
  private readonly owner: CommunityOwner;
  /** When this account's typing was told in a conversation, by this machine's clock. */
  private readonly toldAt = new Map<string, number>();
  /** Those who began first are first. */
  private readonly typists = new Map<string, Typist>();

  constructor(owner: CommunityOwner) {
    this.owner = owner;
  }

  /** Whether this account's typing is to be told now; it counts as told then. */
  mayTell(partner: Partner): boolean {
    const key = keyOf(partner);
    const now = Date.now();
    if (Math.abs(now - (this.toldAt.get(key) ?? 0)) < pauseMs) return false;
    this.toldAt.delete(key);
    this.toldAt.set(key, now);
    dropOldest(this.toldAt, typingMax);
    return true;
  }

  of(partner: Partner): readonly string[] {
    const key = keyOf(partner);
    const there = [...this.typists.values()].filter((typist) => keyOf(typist.partner) === key);
    return there.map(({ account }) => account);
  }

  /** Somebody else types. */
  begin(partner: Partner, account: string): void {
    const key = typistKey(partner, account);
    const former = this.typists.get(key);
    former?.cancel();
    const cancel = this.owner.environment.after(typingMs, () => this.end(partner, account));
    this.typists.set(key, { partner, account, cancel });
    if (former !== undefined) return;
    this.tell(partner, account, true);
    const [oldest] = this.typists.values();
    if (oldest !== undefined && this.typists.size > typingMax) this.end(oldest.partner, oldest.account);
  }

  /** Somebody else has sent a message, or stopped. */
  end(partner: Partner, account: string): void {
    const key = typistKey(partner, account);
    const typist = this.typists.get(key);
    if (typist === undefined) return;
    typist.cancel();
    this.typists.delete(key);
    this.tell(partner, account, false);
  }

  /** Nobody will tell any more that somebody types. */
  clear(): void {
    for (const { partner, account } of this.typists.values()) this.end(partner, account);
  }

  private tell(partner: Partner, account: string, isTyping: boolean): void {
    void this.owner.notices.emit("typing", { partner, account, isTyping });
  }
}

const typistKey = (partner: Partner, account: string): string => `${keyOf(partner)}\n${account}`;
