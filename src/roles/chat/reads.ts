// Schedules reads whose answers may be large. The memory of concurrent reads is bounded, by the largest size of each
// answer. A read that does not fit waits; one larger than the bound runs alone. A read also waits while its link has
// much unsent data; one for which nobody waits any more is not made. After a large answer the next large read pauses,
// so that other work proceeds. Of one account few reads are made at the same time: a small answer may have cost the
// store much, and others come in between.

import type { Time } from "../../base/runtime.ts";
import { accountKey } from "../../base/account-key.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { Context } from "../../service/context.ts";
import { Refusal } from "../../service/refusal.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** A request to read, with its header; what waits holds it. 200 of the longest names are 48,600 bytes. */
const requestBytesMax = 64 * 1024;
/** What a read holds while it waits, beside its request. */
const waitingBytes = 512;
/** No answer is made for a link on which more waits. */
const linkBytesMax = 8 * 1024 * 1024;
/** A read whose answer may have less never rests, and an answer that has less lets nobody rest. */
const largeBytes = 256 * 1024;
/** Bytes of large answers a millisecond: 4 MB, which cost some milliseconds, let the next ones rest for thirty. */
const largeBytesPerMs = 128 * 1024;
/** Between two looks at links on which much waits. */
const lookMs = 10;
/** Reads of an account that are being made, or are next: all of its devices together at their start. */
const readsOfAccountMax = 8;

interface Waiting {
  readonly bytes: number;
  /** What it holds while it waits. */
  readonly held: number;
  readonly context: Context;
  readonly start: () => void;
}

/** The reads of an account that are not answered. */
interface AccountReads {
  /** Their sizes together. */
  bytes: number;
  /** How many of them are being made, or wait in `waiting`. */
  admitted: number;
  /** The others, in order. */
  readonly later: Waiting[];
}

export class Reads {
  private readonly limits: Limits;
  private readonly waiting: Waiting[] = [];
  private readonly ofAccount = new Map<string, AccountReads>();
  /** Of the reads that are being made: their sizes together. */
  private bytes = 0;
  /** What those that wait hold. */
  private held = 0;
  private readonly time: Time;
  /** Until when reads rest that may be large. */
  private restUntilMs = 0;
  private isLooking = false;

  constructor(limits: Limits, time: Time) {
    this.limits = limits;
    this.time = time;
    limits.measure("readBytes", () => this.bytes);
    limits.measure("readsWaitingBytes", () => this.held);
    limits.measure("readBytesPerAccount", () =>
      this.ofAccount.values().reduce((most, { bytes }) => Math.max(most, bytes), 0),
    );
  }

  /**
   * Runs `read`, which answers the request and returns the length of its answer, when it is its turn. `bytes`: the most
   * that its answer may have; `usualBytes`,
   * what the account is charged, where most answers have far less. Rejects as `read` does, and with RateLimited,
   * ServiceUnavailable or PayloadTooLarge where the read is not even queued.
   */
  async run(context: Context, bytes: number, read: () => Promise<number>, usualBytes = bytes): Promise<void> {
    const key = accountKey(context.app, context.account);
    const account = this.enter(context, key, usualBytes);
    try {
      await this.turn(context, account, bytes);
      try {
        if (!context.isOpen) throw new Refusal(Status.ServiceUnavailable, "nobody waits for this answer any more");
        this.answered(await read());
      } finally {
        this.bytes -= bytes;
        this.admitNext(account);
      }
    } finally {
      account.bytes -= usualBytes;
      if (account.admitted === 0 && this.ofAccount.get(key) === account) this.ofAccount.delete(key);
      this.startNext();
    }
  }

  private answered(bytes: number): void {
    if (bytes < largeBytes) return;
    this.restUntilMs = Math.max(this.restUntilMs, this.time.clock.monotonicMs()) + bytes / largeBytesPerMs;
  }

  /** The reads of back ends are bounded together, by `readBytes`, but not by what others read as the same account. */
  private enter({ app, account: name, packet, isBackEnd }: Context, key: string, bytes: number): AccountReads {
    const { readBytesPerAccount } = this.limits.values;
    if (packet.length > requestBytesMax) {
      throw new Refusal(Status.PayloadTooLarge, `a request to read has at most ${requestBytesMax} bytes`);
    }
    if (isBackEnd) return { bytes, admitted: 0, later: [] };
    const account = this.ofAccount.getOrInsertComputed(key, () => ({ bytes: 0, admitted: 0, later: [] }));
    if (account.bytes > 0 && account.bytes + bytes > readBytesPerAccount) {
      this.limits.met("readBytesPerAccount", { app, account: name });
      throw new Refusal(Status.RateLimited, "too many of your reads are not answered yet, wait for them");
    }
    account.bytes += bytes;
    return account;
  }

  /** Undefined: it may start at once. Throws ServiceUnavailable when it would have to wait, and too many do. */
  private turn(context: Context, account: AccountReads, bytes: number): Promise<void> | undefined {
    const { packet, app, account: name } = context;
    const isNext = account.admitted < readsOfAccountMax;
    if (isNext && this.waiting.length === 0 && this.mayStart(context, bytes, this.time.clock.monotonicMs())) {
      account.admitted++;
      this.bytes += bytes;
      return undefined;
    }
    const held = packet.length + waitingBytes;
    if (this.held + held > this.limits.values.readsWaitingBytes) {
      this.limits.met("readsWaitingBytes", { app, account: name });
      throw new Refusal(Status.ServiceUnavailable, "too many reads wait already, try again");
    }
    return new Promise((resolve) => {
      this.held += held;
      account.later.push({ bytes, held, context, start: resolve });
      if (!isNext) return;
      account.admitted++;
      this.queueNext(account);
      // It may pass those that rest.
      this.startNext();
    });
  }

  /** A read of an account has ended: its next one waits among those of others. */
  private admitNext(account: AccountReads): void {
    if (!this.queueNext(account)) account.admitted--;
  }

  private queueNext({ later }: AccountReads): boolean {
    const next = later.shift();
    if (next !== undefined) this.waiting.push(next);
    return next !== undefined;
  }

  private mayStart({ unsentBytes }: Context, bytes: number, nowMs: number): boolean {
    if (this.rests(bytes, nowMs)) return false;
    if (this.bytes > 0 && this.bytes + bytes > this.limits.values.readBytes) return false;
    return unsentBytes <= linkBytesMax;
  }

  private rests(bytes: number, nowMs: number): boolean {
    return bytes >= largeBytes && nowMs < this.restUntilMs;
  }

  /** Starts what fits, in order; what rests keeps no other one, a link on which much waits only its own. */
  private startNext(): void {
    const nowMs = this.time.clock.monotonicMs();
    for (let at = 0; at < this.waiting.length;) {
      const next = this.waiting[at];
      if (next === undefined) return;
      if (this.mayStart(next.context, next.bytes, nowMs)) {
        this.waiting.splice(at, 1);
        this.held -= next.held;
        this.bytes += next.bytes;
        next.start();
      } else if (this.rests(next.bytes, nowMs) || next.context.unsentBytes > linkBytesMax) at++;
      else break;
    }
    this.lookLater();
  }

  /** The end of a read starts the next one; where none is under way, a link does not say that it has sent. */
  private lookLater(): void {
    if (this.waiting.length === 0 || this.isLooking) return;
    this.isLooking = true;
    this.time.timers.after(lookMs, () => {
      this.isLooking = false;
      this.startNext();
    });
  }
}
