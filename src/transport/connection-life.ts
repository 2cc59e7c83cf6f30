// The life of a connection of any transport: its phases, its deadlines, and its end.
//
//   open       -- close(), a fault, the peer's close ----> closing: accepts and delivers nothing; the queue is flushed
//   closing    -- the queue is empty --------------------> finishing: the socket is asked to end
//   finishing  -- the socket is gone, or its time is up --> settled: memory is returned, `FrameHandler.closed` called
//
// No step is taken twice. A bug ends its connection and no other: `fail` takes what is thrown here and in the callbacks
// of the platform, so that the rest of a flush or of a tick is processed.

import { Deadline } from "../base/timer-wheel.ts";
import {
  type CloseReason,
  closeAbnormal,
  closeBug,
  closeIdle,
  closeLimit,
  closeSlowConsumer,
} from "../wire/close-reason.ts";
import type { Admitted } from "./admission.ts";
import type { Member } from "./connection-group.ts";
import type { Flushable } from "./flusher.ts";
import { lingerMsMax } from "./linger-watch.ts";
import type { ConnectionOptions, FrameHandler } from "./transport.ts";

/** The phase of a connection, which only increases. Unidentified: open, but its peer has not shown who it is. */
export const Phase = { Unidentified: 0, Open: 1, Closing: 2, Finishing: 3, Settled: 4 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** Discards everything: the handler of connections without an owner, which were refused. */
const refusedHandler: FrameHandler = { frame() {}, closed() {} };

/** One object is the connection, its deadline and the flusher's item: an idle gateway holds tens of thousands. */
export abstract class ConnectionLife extends Deadline implements Flushable, Member, Admitted {
  isDirty = false;
  protected phase: Phase = Phase.Unidentified;
  readonly remoteAddress: string;
  protected readonly options: ConnectionOptions;
  protected handler: FrameHandler = refusedHandler;
  /** Why the connection ends: the first reason that either side gave. */
  protected reason: CloseReason | undefined;
  /** When the peer was heard last, in milliseconds on the wheel's clock, like the two moments below. */
  protected heardMs: number;
  /**
   * While the connection is open: since when the socket takes no byte although some wait; -1 if none wait. Afterwards:
   * when the connection is ended, whatever waits.
   */
  protected writeMs = -1;
  /** When the deadline is due; -1 if it is not armed. */
  private dueMs = -1;

  constructor(remoteAddress: string, options: ConnectionOptions) {
    super();
    this.remoteAddress = remoteAddress;
    this.options = options;
    this.heardMs = options.wheel.nowMs;
  }

  abstract get unsentBytes(): number;
  abstract flush(): void;

  /** Discards the queue and returns its memory. */
  protected abstract dropQueue(): void;
  /** Closing begins: a transport with close frames queues one, and reading stops. */
  protected abstract closing(reason: CloseReason): void;
  /** The queue is empty: ends the socket in good order. `settle` follows when it is gone. */
  protected abstract finish(reason: CloseReason): void;
  /** Destroys the socket. `settle` follows, perhaps before this returns. */
  protected abstract terminate(): void;

  get isOpen(): boolean {
    return this.phase <= Phase.Open;
  }

  /** True while the connection is open and its peer has not shown who it is. */
  get isUnidentified(): boolean {
    return this.phase === Phase.Unidentified;
  }

  protected get isSettled(): boolean {
    return this.phase === Phase.Settled;
  }

  /** Joins the group of its listener, if it has one. */
  protected begin(): void {
    this.options.group?.add(this);
    this.armBy(this.options.readWaitMs);
  }

  close(reason: CloseReason): void {
    if (!this.isOpen) return;
    try {
      this.beginClose(reason);
      this.closing(reason);
    } catch (bug) {
      this.fail(bug);
    }
  }

  fail(bug: unknown): void {
    if (!this.isSettled) {
      if (this.isOpen) this.phase = Phase.Closing;
      this.reason ??= closeBug;
      this.dropQueue();
      this.terminate();
    }
    this.options.observer.bug(bug);
  }

  evict(isTold: boolean): void {
    try {
      if (isTold && this.isOpen && this.mayTellWhy()) this.close(closeLimit);
      else this.abort(closeLimit);
    } catch (bug) {
      this.fail(bug);
    }
  }

  shed(): void {
    try {
      this.abort(closeSlowConsumer);
    } catch (bug) {
      this.fail(bug);
    }
  }

  /** True if one more refused connection may get a close frame, which keeps its descriptor for some seconds. */
  protected mayTellWhy(): boolean {
    return this.options.group?.mayTellRefusal(this.options.wheel.nowMs) !== false;
  }

  /** The peer ended the connection: what waits is still flushed. */
  protected peerClosed(reason: CloseReason): void {
    if (this.isOpen) this.beginClose(reason);
  }

  /** Ends the connection without a close frame. */
  protected abort(reason: CloseReason): void {
    this.peerClosed(reason);
    this.terminate();
  }

  private beginClose(reason: CloseReason): void {
    this.phase = Phase.Closing;
    this.reason = reason;
    this.writeMs = this.options.wheel.nowMs + this.options.writeWaitMs;
    this.armBy(this.options.writeWaitMs);
    this.options.flusher.mark(this);
  }

  /** The queue of a closing connection is empty. */
  protected flushed(reason: CloseReason): void {
    this.phase = Phase.Finishing;
    const lingerMs = Math.min(lingerMsMax, this.options.writeWaitMs);
    this.writeMs = Math.min(this.writeMs, this.options.wheel.nowMs + lingerMs);
    this.armBy(lingerMs);
    if (this.options.group !== undefined) this.options.admission?.ends(this);
    this.finish(reason);
  }

  /** The socket is gone. */
  protected settle(reason: CloseReason = closeAbnormal): void {
    if (this.isSettled) return;
    this.phase = Phase.Settled;
    this.reason ??= reason;
    this.dropQueue();
    this.options.wheel.disarm(this);
    const { group, admission } = this.options;
    if (group !== undefined) {
      group.remove(this);
      admission?.leave(this);
    }
    const handler = this.handler;
    this.handler = refusedHandler;
    try {
      handler.closed(this.reason);
    } catch (bug) {
      this.options.observer.bug(bug);
    }
  }

  /** Called by the wheel. */
  override expire(): void {
    try {
      this.checkDeadlines();
    } catch (bug) {
      this.fail(bug);
    }
  }

  /** The wheel's clock is precise to a tick, which is granted: no deadline fires early. */
  private checkDeadlines(): void {
    const { wheel, readWaitMs, writeWaitMs } = this.options;
    this.dueMs = -1;
    const graceMs = wheel.nowMs - wheel.tickMs;
    if (!this.isOpen) {
      if (graceMs >= this.writeMs) this.terminateInTurn();
      else this.armBy(this.writeMs - wheel.nowMs);
      return;
    }
    if (this.writeMs !== -1 && graceMs - this.writeMs >= writeWaitMs) {
      // The socket takes no byte, so a close frame would not reach the peer either.
      this.abort(closeSlowConsumer);
      return;
    }
    if (graceMs - this.heardMs >= readWaitMs) {
      this.options.met?.("silence", this.remoteAddress);
      this.close(closeIdle);
      return;
    }
    if (this.writeMs !== -1) this.armBy(this.writeMs + writeWaitMs - wheel.nowMs);
    this.armBy(this.heardMs + readWaitMs - wheel.nowMs);
  }

  /** Hundreds of connections refused together are due together, and a socket with unread bytes takes long to end. */
  private terminateInTurn(): void {
    const { unidentifiedShare } = this.options;
    if (unidentifiedShare === undefined) this.terminate();
    else if (unidentifiedShare.isFree) unidentifiedShare.run(() => this.terminate());
    else {
      const ended = unidentifiedShare.later(() => {
        if (!this.isSettled) this.terminate();
      });
      ended.catch((bug: unknown) => this.fail(bug));
    }
  }

  /** Arms the one deadline to fire within `delayMs`; `checkDeadlines` finds what is due. */
  protected armBy(delayMs: number): void {
    const { wheel } = this.options;
    const dueMs = wheel.nowMs + Math.max(0, delayMs);
    if (this.dueMs !== -1 && this.dueMs <= dueMs) return;
    this.dueMs = dueMs;
    wheel.arm(this, Math.max(0, delayMs));
  }
}
