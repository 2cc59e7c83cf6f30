// The bytes of a connection of any transport: its owner, the bounded outbound queue with one flush a turn, and the
// count of received frames. connection-life.ts has its phases, deadlines and end. A transport adds how bytes leave and
// how its socket closes.
//
// In:   the transport calls `heard` for bytes and `takeFrame` for each frame, then `handler.frame`.
// Out:  `reserve` -> `queue` -> the flusher calls `flush` at the turn's end -> `transmit`.
//
// The queue holds frames as TCP sends them (opcode, length, payload), for WebSocket and memory too: the lengths of
// their payloads are where they are needed, and one piece of code fills the queue.

import { assert } from "../base/assert.ts";
import { type CloseReason, closeFrameTooLarge, closeLimit, closeSlowConsumer } from "../wire/close-reason.ts";
import { frameHeaderBytes, writeFrameHeader } from "../wire/frame-writer.ts";
import { OpCode } from "../wire/opcode.ts";
import { ConnectionLife, Phase } from "./connection-life.ts";
import { type OutboundBuffer, noQueue } from "./outbound-buffer.ts";
import type { Acceptor, Connection, ConnectionOptions, FrameHandler } from "./transport.ts";

/** A frame that carries no request counts as this many frames. */
export const idleFrameCount = 200;

/** The common part of a connection. */
export abstract class ConnectionCore extends ConnectionLife implements Connection {
  /** What waits to leave; the shared `noQueue` while nothing does. */
  protected queue: OutboundBuffer = noQueue;
  /** Frames received less those that time has forgiven, up to `heardMs`; -Infinity if they are not counted. */
  private frames: number;

  constructor(remoteAddress: string, options: ConnectionOptions) {
    super(remoteAddress, options);
    this.frames = options.framesAtOnce === undefined ? -Infinity : 0;
  }

  abstract get frameBytesMax(): number;
  abstract set frameBytesMax(bytes: number);

  /** Writes what waits in the queue, as far as the socket takes it; calls `progressed` if it took something. */
  protected abstract transmit(): void;

  // The owner.

  /** Counts an accepted connection, before anything is read. False: a bound was reached, and it has been ended. */
  protected enter(): boolean {
    if (this.options.admission?.enter(this) === false) {
      // It has no owner yet who would learn of its end.
      this.phase = Phase.Settled;
      this.terminate();
      return false;
    }
    this.begin();
    return true;
  }

  /** Asks the acceptor about a connection that has entered, before anything is read. */
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

  /**
   * Gives a dialled connection its owner, before anything is read.
   * @throws what `handler` throws, after `fail` has ended the connection.
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

  handOver(handler: FrameHandler): void {
    if (!this.isSettled) this.handler = handler;
  }

  identified(): void {
    if (!this.isUnidentified) return;
    this.phase = Phase.Open;
    const { admission, framesPerSecond } = this.options;
    admission?.identified(this);
    if (framesPerSecond === undefined) this.frames = -Infinity;
  }

  // Out.

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

  /** Reserves a frame of any kind; -1 if the connection is closed or full (see `Connection.reserve`). */
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

  /** Appends room to the queue without a check of its bound; returns the offset in `queue.bytes`. */
  protected reserveBytes(length: number): number {
    if (this.queue === noQueue) this.queue = this.options.flusher.queues.take();
    return this.queue.reserve(length);
  }

  /** True if one more frame may wait, perhaps after the socket was offered what waits. */
  private hasRoom(payloadBytes: number): boolean {
    const { unsentBytes } = this;
    const { frameBytesMax, sentFrameBytesMax = frameBytesMax } = this.options;
    // A large answer (a group's members, a page of contents) is no sign of a slow consumer: alone it always fits.
    if (unsentBytes === 0 && payloadBytes <= sentFrameBytesMax) return true;
    if (this.isWithin(unsentBytes + frameHeaderBytes + payloadBytes)) return true;
    return this.offerRest() && this.isOpen && this.hasRoom(payloadBytes);
  }

  /** Offers the socket what it has not been offered yet; false if there is nothing. */
  protected offerRest(): boolean {
    return false;
  }

  /** Returns whether `bytes` may wait for the peer; reports the bound if not. */
  protected mayWait(bytes: number): boolean {
    if (this.isWithin(bytes)) return true;
    this.options.met?.("unsentBytes", this.remoteAddress);
    return false;
  }

  private isWithin(bytes: number): boolean {
    return bytes <= (this.isUnidentified ? this.unidentifiedUnsentBytesMax : this.options.unsentBytesMax);
  }

  /** An unidentified peer gets refusals and pongs only: no more may wait than it may send in one frame. */
  private get unidentifiedUnsentBytesMax(): number {
    const { unidentifiedFrameBytesMax, unsentBytesMax, group } = this.options;
    if (group === undefined) return unsentBytesMax;
    return Math.min(unidentifiedFrameBytesMax ?? unsentBytesMax, unsentBytesMax);
  }

  /** Called by the flusher, and by the transport when the socket drains. */
  flush(): void {
    try {
      this.flushQueue();
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
    if (this.reason !== undefined) this.flushed(this.reason);
  }

  /** The socket took bytes: the write deadline starts again. */
  protected progressed(): void {
    if (this.isOpen) this.writeMs = -1;
  }

  protected override dropQueue(): void {
    const { queue } = this;
    if (queue === noQueue) return;
    this.queue = noQueue;
    this.options.flusher.queues.give(queue);
  }

  // In.

  /** The peer sent something. Costs a store: the read deadline is checked when it fires. */
  protected heard(): void {
    const { nowMs } = this.options.wheel;
    if (nowMs !== this.heardMs) {
      const { framesPerSecond } = this.options;
      if (framesPerSecond !== undefined && this.frames > 0) {
        this.frames = Math.max(0, this.frames - ((nowMs - this.heardMs) * framesPerSecond) / 1000);
      }
      this.heardMs = nowMs;
    }
    if (this.isUnidentified) this.options.admission?.heard(this);
  }

  /** Counts a frame of any kind; false if there were too many: the connection has been closed. */
  protected takeFrame(count = 1): boolean {
    this.frames += count;
    const { framesAtOnce } = this.options;
    if (framesAtOnce === undefined || this.frames <= framesAtOnce) return true;
    this.options.met?.("frames", this.remoteAddress);
    this.options.observer.protocolFault("too-many-frames");
    this.close(closeLimit);
    return false;
  }

  /** Closes the connection of a peer that broke the protocol. */
  protected fault(kind: string, reason: CloseReason): void {
    this.counted(kind, reason);
    this.close(reason);
  }

  /** Counts a fault of the peer. */
  protected counted(kind: string, reason: CloseReason): void {
    this.options.observer.protocolFault(kind);
    if (reason === closeFrameTooLarge) {
      this.options.met?.(this.isUnidentified ? "unidentifiedFrameBytes" : "frameBytes", this.remoteAddress);
    }
  }
}
