// Notices to a group's online members that an account joined or left: at most one a second for each account and group.
// Changes within that second are combined: leaving and joining again sends nothing. Members of large groups receive no
// notices; clients ask for the members (chat.group.detail).
//
// Memory: an entry for each account and group with a change in the last second, bounded; further changes send nothing.

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

/** A change of membership. */
interface Notice {
  readonly app: string;
  /** The head of the request; `dest` is the group. */
  readonly head: PushHead;
  /** The account that joined or left; `payer` made the request. */
  readonly account: string;
  readonly payer: string;
  readonly version: bigint;
  readonly isMember: boolean;
  readonly body: Uint8Array;
}

interface Entry {
  /** The last notice that was sent. */
  sent: Notice;
  /** A later one, which waits. */
  next: Notice | undefined;
  dueMs: number;
}

/** The dependencies of Notices. */
export interface NoticeParts {
  readonly audience: GroupAudience;
  readonly allowance: FanOutAllowance;
  readonly fanOut: FanOut;
  readonly limits: Limits;
  /** The log for failures that every request may repeat. */
  readonly rareLog: RareLog;
}

export class Notices {
  private readonly parts: NoticeParts;
  private readonly time: Time;
  /** Ordered by `dueMs`. */
  private readonly entries = new Map<string, Entry>();
  private isArmed = false;

  constructor(parts: NoticeParts, time: Time) {
    this.parts = parts;
    this.time = time;
  }

  /** Notifies the group's online members, now or within a second. */
  send(notice: Notice): void {
    const key = JSON.stringify([notice.app, notice.head.dest, notice.account]);
    const entry = this.entries.get(key);
    if (entry !== undefined) {
      entry.next = notice;
      return;
    }
    if (this.entries.size >= entriesMax) return;
    this.entries.set(key, { sent: notice, next: undefined, dueMs: this.time.clock.monotonicMs() + pauseMs });
    this.deliver(notice);
    this.arm();
  }

  /** Sends all waiting notices now. */
  flush(): void {
    for (const { sent, next } of this.entries.values()) this.sendNext(sent, next);
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
      const { sent, next } = entry;
      if (next === undefined) continue;
      this.sendNext(sent, next);
      this.entries.set(key, { sent: next, next: undefined, dueMs: nowMs + pauseMs });
    }
  }

  private sendNext(sent: Notice, next: Notice | undefined): void {
    if (next !== undefined && next.isMember !== sent.isMember) this.deliver(next);
  }

  private deliver(notice: Notice): void {
    this.parts.fanOut.add(new NoticeDelivery(this.parts, notice, () => this.receiversOf(notice)));
  }

  /** Returns the online members, and in any case the account itself, which another may have added or removed. */
  private async receiversOf({ app, head, account, version }: Notice): Promise<readonly string[]> {
    const { audience, limits } = this.parts;
    const members = new Set(await audience.online(app, head.dest, version));
    members.delete(account);
    if (members.size <= limits.values.noticeMembers) return [account, ...members];
    limits.met("noticeMembers", { app, group: head.dest });
    return [account];
  }
}

/** A notice about a group on its way. */
export class NoticeDelivery implements Delivery {
  readonly app: string;
  readonly head: PushHead;
  readonly payer: string;
  readonly bytes: number;
  readonly audience = undefined;
  readonly accounts: Delivery["accounts"];
  private readonly parts: Pick<NoticeParts, "allowance" | "rareLog">;
  private readonly encoded: Uint8Array;

  constructor(
    parts: Pick<NoticeParts, "allowance" | "rareLog">,
    { app, head, payer, body }: Pick<Notice, "app" | "head" | "payer" | "body">,
    accounts: Delivery["accounts"],
  ) {
    this.app = app;
    this.head = head;
    this.payer = payer;
    this.bytes = body.length + 256;
    this.accounts = accounts;
    this.parts = parts;
    this.encoded = body;
  }

  body(): Uint8Array {
    return this.encoded;
  }

  done(cost: number): void {
    this.parts.allowance.charge(this.app, this.payer, cost);
  }

  failed(error: unknown): void {
    this.parts.rareLog.warn("a notice was lost; clients see the change when they ask for the group", {
      error: String(error),
    });
  }
}
