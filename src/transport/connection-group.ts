// The open connections of one server, to close them all and wait for their end.

import { refusalsToldAtOnce, refusalsToldPerSecond } from "../base/limits/fixed.ts";
import { TokenBucket } from "../base/token-bucket.ts";
import type { CloseReason } from "../wire/close-reason.ts";

/** An open connection, as its group sees it. */
export interface Member {
  readonly unsentBytes: number;
  close(reason: CloseReason): void;
  /** Ends the connection at once and discards its unsent bytes, because there are too many. */
  shed(): void;
}

/** The members; one is removed when its socket is gone. */
export class ConnectionGroup {
  private readonly members = new Set<Member>();
  private waiting: (() => void)[] = [];
  private readonly refusals = new TokenBucket(refusalsToldPerSecond, refusalsToldAtOnce, 0);

  /**
   * True if one more connection may be refused with a close frame. Such a connection may keep its descriptor for some
   * seconds, so a flood of them would use up the descriptors that the limits leave free.
   */
  mayTellRefusal(nowMs: number): boolean {
    return this.refusals.take(nowMs);
  }

  get size(): number {
    return this.members.size;
  }

  [Symbol.iterator](): Iterator<Member> {
    return this.members.values();
  }

  add(member: Member): void {
    this.members.add(member);
  }

  remove(member: Member): void {
    this.members.delete(member);
    if (this.members.size > 0 || this.waiting.length === 0) return;
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  /** Closes every member; resolves when all are gone, at the latest after their writeWaitMs. */
  closeAll(reason: CloseReason): Promise<void> {
    for (const member of [...this.members]) member.close(reason);
    if (this.members.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push(resolve));
  }
}
