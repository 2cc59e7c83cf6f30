// The open connections of one server: so that all can be closed, and their end awaited.

import type { CloseReason } from "../wire/close-reason.ts";

interface Member {
  close(reason: CloseReason): void;
}

/** Who is connected. A member is removed when nothing of it is left. */
export class ConnectionGroup {
  private readonly members = new Set<Member>();
  private waiting: (() => void)[] = [];

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
