// Who joined or left a group, told to its online members: at most once a second for each account and group. What
// happens in between is told at that second's end, and only how it ended counts: who has left and come back has not
// left. Members of large groups are not told at all: they are asked for (chat.group.detail) by whoever wants to know.
//
// Memory: an entry for each account and group that had a change in the last second, bounded; beyond it nobody is told.

import type { Time } from "../../base/runtime.ts";
import type { PushHead } from "../../service/dispatcher.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { RareLog } from "../../base/rare-log.ts";
import type { Delivery, FanOut } from "./fan-out.ts";
import type { FanOutAllowance } from "./fan-out-allowance.ts";
import type { GroupAudience } from "./group-audience.ts";

/** Between two notices of an account in a group. */
const pauseMs = 1_000;
const entriesMax = 50_000;

/** A change of membership, as the members are told of it. */
interface Notice {
  readonly app: string;
  /** The request that made it; `dest` is the group. */
  readonly head: PushHead;
  /** Who joined or left, and who made it so: who pays. */
  readonly account: string;
  readonly actor: string;
  readonly version: bigint;
  readonly isMember: boolean;
  readonly body: Uint8Array;
}

interface Entry {
  /** The last one that was told. */
  told: Notice;
  /** Came since, and waits. */
  next: Notice | undefined;
  dueMs: number;
}

/** What telling takes; chat-parts.ts has it. */
export interface NoticeParts {
  readonly audience: GroupAudience;
  readonly allowance: FanOutAllowance;
  readonly fanOut: FanOut;
  readonly limits: Limits;
  /** For what one request after the other may cause. */
  readonly rareLog: RareLog;
}

export class Notices {
  private readonly parts: NoticeParts;
  private readonly time: Time;
  /** In the order in which they are due. */
  private readonly entries = new Map<string, Entry>();
  private isArmed = false;

  constructor(parts: NoticeParts, time: Time) {
    this.parts = parts;
    this.time = time;
  }

  /** Tells the group's online members, now or within a second. */
  tell(notice: Notice): void {
    const key = JSON.stringify([notice.app, notice.head.dest, notice.account]);
    const entry = this.entries.get(key);
    if (entry !== undefined) {
      entry.next = notice;
      return;
    }
    if (this.entries.size >= entriesMax) return;
    this.entries.set(key, { told: notice, next: undefined, dueMs: this.time.clock.monotonicMs() + pauseMs });
    this.deliver(notice);
    this.arm();
  }

  /** Tells at once what waits. */
  flush(): void {
    for (const { told, next } of this.entries.values()) this.tellNext(told, next);
    this.entries.clear();
  }

  private arm(): void {
    if (this.isArmed) return;
    this.isArmed = true;
    this.time.timers.after(pauseMs, () => {
      this.isArmed = false;
      this.tick();
      if (this.entries.size > 0) this.arm();
    });
  }

  private tick(): void {
    const nowMs = this.time.clock.monotonicMs();
    for (const [key, entry] of this.entries) {
      if (entry.dueMs > nowMs) return;
      this.entries.delete(key);
      const { told, next } = entry;
      if (next === undefined) continue;
      this.tellNext(told, next);
      this.entries.set(key, { told: next, next: undefined, dueMs: nowMs + pauseMs });
    }
  }

  private tellNext(told: Notice, next: Notice | undefined): void {
    if (next !== undefined && next.isMember !== told.isMember) this.deliver(next);
  }

  private deliver(notice: Notice): void {
    this.parts.fanOut.add(new NoticeDelivery(this.parts, notice));
  }
}

class NoticeDelivery implements Delivery {
  readonly app: string;
  readonly head: PushHead;
  readonly sender: string;
  private readonly parts: NoticeParts;
  private readonly notice: Notice;

  constructor(parts: NoticeParts, notice: Notice) {
    this.app = notice.app;
    this.head = notice.head;
    this.sender = notice.actor;
    this.parts = parts;
    this.notice = notice;
  }

  get audience(): undefined {
    return undefined;
  }

  get bytes(): number {
    return this.notice.body.length + 256;
  }

  body(): Uint8Array {
    return this.notice.body;
  }

  /** The account itself is told in any case: somebody else may have added or removed it. */
  async accounts(): Promise<readonly string[]> {
    const { audience, limits } = this.parts;
    const { app, head, account, version } = this.notice;
    const members = new Set(await audience.online(app, head.dest, version));
    members.delete(account);
    if (members.size <= limits.values.noticeMembers) return [account, ...members];
    limits.met("noticeMembers", { app, group: head.dest });
    return [account];
  }

  done(cost: number): void {
    this.parts.allowance.charge(this.app, this.sender, cost);
  }

  failed(error: unknown): void {
    this.parts.rareLog.warn("a notice was lost; members see the change when they ask for the group", {
      error: String(error),
    });
  }
}
