// What the connections of all transports share: the bounded outbound queue, one flush a turn, the deadlines, and the
// order in which a connection ends. A transport adds how bytes leave and how its socket closes.
//
// The queue holds frames as TCP sends them (opcode, length, payload), for WebSocket and memory too: their payloads'
// lengths stand where they are needed, and one piece of code fills the queue.
//
// A connection ends in steps that are never taken twice:
//   open  -- close(), a fault, or the peer's close -->  closing: nothing is accepted or delivered; what waits is flushed
//         -- all has left -->                           finishing: the socket is asked to end
//         -- the socket is gone, or the time is up -->  settled: memory given back, `FrameHandler.closed` called
//
// Bugs are contained here and where the platform calls a transport: an exception thrown while one connection is served ends
// that connection (`fail`) and no other, so that the rest of the same flush or tick is processed.

import { assert } from "../base/assert.ts";
import { Deadline } from "../base/timer-wheel.ts";
import {
  type CloseReason,
  closeAbnormal,
  closeBug,
  closeFrameTooLarge,
  closeIdle,
  closeLimit,
  closeSlowConsumer,
} from "../wire/close-reason.ts";
import { frameHeaderBytes, writeFrameHeader } from "../wire/frame-writer.ts";
import { OpCode } from "../wire/opcode.ts";
import type { Admitted } from "./admission.ts";
import type { Flushable } from "./flusher.ts";
import { type OutboundBuffer, noQueue } from "./outbound-buffer.ts";
import type { Acceptor, Connection, ConnectionOptions, FrameHandler } from "./transport.ts";

/** How long a peer that was sent everything may take to end its side, in milliseconds. */
export const lingerMsMax = 2_000;
/** What may still come behind a close frame of ours: requests that were on their way, and the peer's own close frame. */
export const lateBytesMax = 16 * 1024;
/** How long a request for a WebSocket, or a proxy's header, may take, in milliseconds. */
export const headWaitMsDefault = 10_000;

/** A frame that asks for nothing counts as so many: nobody needs many of them. */
export const idleFrameCount = 200;

/** Where a connection stands; it only ever moves on. Strange: open, and the peer has not shown who it is. */
const Phase = { Strange: 0, Open: 1, Closing: 2, Finishing: 3, Settled: 4 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** Takes nothing: for connections without an owner, because they were refused. */
export const refusedHandler: FrameHandler = { frame() {}, closed() {} };

/**
 * The common part of a connection. One object: it is the deadline and the flusher's item itself. Each field counts: an
 * idle gateway is ten thousands of these.
 */
export abstract class ConnectionCore extends Deadline implements Connection, Flushable, Admitted {
  isDirty = false;
  private phase: Phase = Phase.Strange;
  readonly remoteAddress: string;
  protected readonly options: ConnectionOptions;
  /** What waits to leave; the shared `noQueue` while nothing does. */
  protected queue: OutboundBuffer = noQueue;
  protected handler: FrameHandler = refusedHandler;
  /** Why it ends: the first reason that either side gave. */
  protected reason: CloseReason | undefined;
  /** Moments on the wheel's clock, in milliseconds; -1: not so. */
  private heardMs: number;
  /** While it is open: since when it accepts no byte although some wait. Then: when it is ended, whatever waits. */
  private writeMs = -1;
  private dueMs = -1;
  /** Frames received less those that time has forgiven since, up to `heardMs`; -Infinity: they are not counted. */
  private frames: number;

  constructor(remoteAddress: string, options: ConnectionOptions) {
    super();
    this.remoteAddress = remoteAddress;
    this.options = options;
    this.heardMs = options.wheel.nowMs;
    this.frames = options.framesAtOnce === undefined ? -Infinity : 0;
  }

  abstract get frameBytesMax(): number;
  abstract set frameBytesMax(bytes: number);

  /** Writes what waits in the queue, as far as the socket takes it; calls `progressed` when it took something. */
  protected abstract transmit(): void;
  /** All has left: end the socket in good order. `settle` follows when it is gone. */
  protected abstract finish(reason: CloseReason): void;
  /** Destroys the socket. `settle` follows, perhaps before this returns. */
  protected abstract terminate(): void;
  /** Closing begins: a transport with close frames queues one, and reading stops. */
  protected abstract closing(reason: CloseReason): void;

  get isOpen(): boolean {
    return this.phase <= Phase.Open;
  }

  /** It is open, and its peer has not shown who it is. */
  protected get isStranger(): boolean {
    return this.phase === Phase.Strange;
  }

  get unsentBytes(): number {
    return this.queue.pendingBytes;
  }

  get outbound(): Buffer {
    return this.queue.bytes;
  }

  reserve(payloadBytes: number): number {
    assert(payloadBytes > 0, "a frame has a payload");
    return this.reserveFrame(OpCode.Binary, payloadBytes);
  }

  unreserve(): void {
    this.queue.unreserve();
  }

  send(payload: Uint8Array): boolean {
    const at = this.reserve(payload.length);
    if (at === -1) return false;
    this.queue.bytes.set(payload, at);
    return true;
  }

  identified(): void {
    if (!this.isStranger) return;
    this.phase = Phase.Open;
    const { admission, framesPerSecond } = this.options;
    admission?.identified(this);
    if (framesPerSecond === undefined) this.frames = -Infinity;
  }

  handOver(handler: FrameHandler): void {
    if (!this.isSettled) this.handler = handler;
  }

  /** By the admission, which gives its place to another one. */
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

  /** By the flusher, and by the transport when the socket drains. */
  flush(): void {
    try {
      this.flushQueue();
    } catch (bug) {
      this.fail(bug);
    }
  }

  /** By the wheel. */
  override expire(): void {
    try {
      this.checkDeadlines();
    } catch (bug) {
      this.fail(bug);
    }
  }

  private flushQueue(): void {
    if (this.phase >= Phase.Finishing) return;
    if (this.queue.pendingBytes > 0) this.transmit();
    if (this.queue.pendingBytes === 0) this.dropQueue();
    // Writing may find the connection gone.
    if (this.isSettled) return;
    if (this.unsentBytes > 0) {
      this.queue.trim();
      if (this.isOpen && this.writeMs === -1) this.writeMs = this.options.wheel.nowMs;
      this.armBy(this.options.writeWaitMs);
      return;
    }
    if (this.isOpen) this.writeMs = -1;
    if (this.reason === undefined) return;
    this.phase = Phase.Finishing;
    const lingerMs = Math.min(lingerMsMax, this.options.writeWaitMs);
    this.writeMs = Math.min(this.writeMs, this.options.wheel.nowMs + lingerMs);
    this.armBy(lingerMs);
    if (this.options.group !== undefined) this.options.admission?.ends(this);
    this.finish(this.reason);
  }

  /** Moments are known to a tick: the tick is added, so that no deadline is early. */
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
      // It accepts no byte, so a close frame would not reach it either.
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

  /** Hundreds that were refused together are due together, and to end a socket that has unread bytes takes long. */
  private terminateInTurn(): void {
    const { strangerShare } = this.options;
    if (strangerShare === undefined) this.terminate();
    else if (strangerShare.isFree) strangerShare.run(() => this.terminate());
    else {
      const ended = strangerShare.later(() => {
        if (!this.isSettled) this.terminate();
      });
      ended.catch((bug: unknown) => this.fail(bug));
    }
  }

  /** Counts an accepted connection, before anything of it is read. False: there are too many, and it has been ended. */
  protected enter(): boolean {
    if (this.options.admission?.enter(this) === false) {
      // Never begun: nobody is told of its end.
      this.phase = Phase.Settled;
      this.terminate();
      return false;
    }
    this.begin();
    return true;
  }

  /** Asks the acceptor about a connection that has entered, before anything of it is read. */
  protected ask(acceptor: Acceptor): void {
    try {
      const decision = acceptor.accept(this);
      if ("frame" in decision) this.handler = decision;
      else if (this.mayTellWhy()) this.close(decision);
      else this.abort(decision);
    } catch (bug) {
      this.fail(bug);
    }
  }

  /** True if one more refused connection may be told why, which keeps its descriptor for some seconds. */
  protected mayTellWhy(): boolean {
    return this.options.group?.mayTellRefusal(this.options.wheel.nowMs) !== false;
  }

  /**
   * Gives a dialled connection its owner, before anything of it is read.
   * @throws what `handler` throws, after the connection has been ended by `fail`.
   */
  protected own(handler: (connection: Connection) => FrameHandler): void {
    try {
      this.begin();
      this.handler = handler(this);
    } catch (bug) {
      this.fail(bug);
      throw bug;
    }
  }

  /** Room for one frame of any kind; -1 when closed or full (see `Connection.reserve`). */
  protected reserveFrame(opcode: OpCode, payloadBytes: number): number {
    if (!this.isOpen) return -1;
    if (!this.hasRoom(payloadBytes)) {
      this.options.met?.("unsentBytes", this.remoteAddress);
      if (this.options.closeWhenSlow) this.close(closeSlowConsumer);
      return -1;
    }
    const at = this.reserveBytes(frameHeaderBytes + payloadBytes);
    writeFrameHeader(this.queue.bytes, at, opcode, payloadBytes);
    this.options.flusher.mark(this);
    return at + frameHeaderBytes;
  }

  /** True if one more frame may wait, if need be once the socket has been offered what waits. */
  private hasRoom(payloadBytes: number): boolean {
    const { unsentBytes } = this;
    const { frameBytesMax, sentFrameBytesMax = frameBytesMax } = this.options;
    // A large answer (a group's members, a page of contents) is no sign of a slow consumer: alone it always fits.
    if (unsentBytes === 0 && payloadBytes <= sentFrameBytesMax) return true;
    if (this.isWithin(unsentBytes + frameHeaderBytes + payloadBytes)) return true;
    return this.offerRest() && this.isOpen && this.hasRoom(payloadBytes);
  }

  /** Offers the socket what it has not been offered yet; false if there is nothing like that. */
  protected offerRest(): boolean {
    return false;
  }

  /** False, which is counted: that much may not wait for the peer. */
  protected mayWait(bytes: number): boolean {
    if (this.isWithin(bytes)) return true;
    this.options.met?.("unsentBytes", this.remoteAddress);
    return false;
  }

  private isWithin(bytes: number): boolean {
    return bytes <= (this.isStranger ? this.strangerUnsentBytesMax : this.options.unsentBytesMax);
  }

  /** A stranger that was accepted is owed refusals and pongs: no more may wait for it than it may send in one frame. */
  private get strangerUnsentBytesMax(): number {
    const { strangerFrameBytesMax, unsentBytesMax, group } = this.options;
    if (group === undefined) return unsentBytesMax;
    return Math.min(strangerFrameBytesMax ?? unsentBytesMax, unsentBytesMax);
  }

  /** Room at the queue's end, whatever waits; the offset in `queue.bytes`. */
  protected reserveBytes(length: number): number {
    if (this.queue === noQueue) this.queue = this.options.flusher.queues.take();
    return this.queue.reserve(length);
  }

  /** The peer sent something: it lives. Costs a store; the deadline finds it when it fires. */
  protected heard(): void {
    const { nowMs } = this.options.wheel;
    if (nowMs !== this.heardMs) {
      const { framesPerSecond } = this.options;
      if (framesPerSecond !== undefined && this.frames > 0) {
        this.frames = Math.max(0, this.frames - ((nowMs - this.heardMs) * framesPerSecond) / 1000);
      }
      this.heardMs = nowMs;
    }
    if (this.isStranger) this.options.admission?.heard(this);
  }

  /** Counts a frame of any kind; false when there were too many: the connection has been closed. */
  protected takeFrame(count = 1): boolean {
    this.frames += count;
    const { framesAtOnce } = this.options;
    if (framesAtOnce === undefined || this.frames <= framesAtOnce) return true;
    this.options.met?.("frames", this.remoteAddress);
    this.options.observer.protocolFault("too-many-frames");
    this.close(closeLimit);
    return false;
  }

  /** The socket took bytes: the write deadline begins anew. */
  protected progressed(): void {
    if (this.isOpen) this.writeMs = -1;
  }

  /** A peer broke the protocol. */
  protected fault(kind: string, reason: CloseReason): void {
    this.counted(kind, reason);
    this.close(reason);
  }

  /** Counts that a peer broke the protocol. */
  protected counted(kind: string, reason: CloseReason): void {
    this.options.observer.protocolFault(kind);
    if (reason === closeFrameTooLarge) {
      this.options.met?.(this.isStranger ? "strangerFrameBytes" : "frameBytes", this.remoteAddress);
    }
  }

  /** The peer ended the connection: nothing is accepted any more, what waits is still flushed. */
  protected peerClosed(reason: CloseReason): void {
    if (this.isOpen) this.beginClose(reason);
  }

  /** Ends the connection without a word: the peer takes none. */
  protected abort(reason: CloseReason): void {
    this.peerClosed(reason);
    this.terminate();
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

  private get isSettled(): boolean {
    return this.phase === Phase.Settled;
  }

  /** Gives the queue and all that waits in it back. */
  private dropQueue(): void {
    const { queue } = this;
    if (queue === noQueue) return;
    this.queue = noQueue;
    this.options.flusher.queues.give(queue);
  }

  private begin(): void {
    this.options.group?.add(this);
    this.armBy(this.options.readWaitMs);
  }

  private beginClose(reason: CloseReason): void {
    this.phase = Phase.Closing;
    this.reason = reason;
    this.writeMs = this.options.wheel.nowMs + this.options.writeWaitMs;
    this.armBy(this.options.writeWaitMs);
    this.options.flusher.mark(this);
  }

  /** Makes sure that the one deadline fires no later than needed; it finds out by itself what is due. */
  private armBy(delayMs: number): void {
    const { wheel } = this.options;
    const dueMs = wheel.nowMs + Math.max(0, delayMs);
    if (this.dueMs !== -1 && this.dueMs <= dueMs) return;
    this.dueMs = dueMs;
    wheel.arm(this, Math.max(0, delayMs));
  }
}
