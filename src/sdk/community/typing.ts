// Who is typing, here and elsewhere.

import { dropOldest } from "../bounded.ts";
import type { Cancel } from "../environment.ts";
import { keyOf } from "../messenger/partner.ts";
import type { Partner } from "../messenger/messenger-types.ts";
import type { CommunityOwner } from "./community-owner.ts";

/** The server passes on one signal in this time, in milliseconds. */
const pauseMs = 2_000;
/** Signals take different times: what is told at the end of a pause comes so much after it, in milliseconds. */
const delayMs = 100;
/** Who has typed nothing for this time, in milliseconds, types no more. */
const typingMs = 5_000;
/** The bound on conversations that this account types in, and on others who type; the oldest are forgotten. */
const typingMax = 1_000;

/** This account types in a conversation. */
interface Told {
  /** When it was told, by this machine's clock. */
  readonly at: number;
  /** A message was sent since: others do not see this account typing any more. */
  isOver: boolean;
  /** Keeps it from being told at the end of the pause. */
  cancel: Cancel | undefined;
}

interface Typist {
  readonly partner: Partner;
  readonly account: string;
  readonly cancel: Cancel;
}

export class Typing {
  private readonly owner: CommunityOwner;
  private readonly told = new Map<string, Told>();
  /** Those who began first are first. */
  private readonly typists = new Map<string, Typist>();

  constructor(owner: CommunityOwner) {
    this.owner = owner;
  }

  /** This account types: has it told now, or at the end of a pause if others do not see it, or not. */
  typed(partner: Partner, tell: () => void): void {
    const key = keyOf(partner);
    const at = Date.now();
    const former = this.told.get(key);
    const leftMs = pauseMs - Math.abs(at - (former?.at ?? 0));
    if (former !== undefined && leftMs > 0) {
      if (former.isOver)
        former.cancel ??= this.owner.environment.after(leftMs + delayMs, () => this.typed(partner, tell));
      return;
    }
    former?.cancel?.();
    this.told.delete(key);
    this.told.set(key, { at, isOver: false, cancel: undefined });
    dropOldest(this.told, typingMax);
    tell();
  }

  /** This account sends a message. */
  sent(partner: Partner): void {
    const told = this.told.get(keyOf(partner));
    if (told === undefined) return;
    told.isOver = true;
    told.cancel?.();
    told.cancel = undefined;
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
