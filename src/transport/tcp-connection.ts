// One connection over TCP: the socket's callbacks, frames from its bytes, writing, and the end.
//
// Memory. Bun passes each read as a new copy, so frames are ranges of it; `Socket.write` takes what the kernel takes,
// synchronously, and keeps nothing, so the outbound buffer may return to the pool at once.
//
// Every socket callback catches what it throws, ends its connection and reports the bug to the observer. There is no
// `error` handler: Bun would only pass it what a callback threw. Errors of the socket itself arrive at `close`.

import type { SocketHandler } from "bun";
import { type CloseReason, CloseCode, closeAbnormal, closeProtocolFault } from "../wire/close-reason.ts";
import { FrameReader, type FrameSink } from "../wire/frame-reader.ts";
import { closeFrame, parseCloseText } from "../wire/frame-writer.ts";
import { OpCode } from "../wire/opcode.ts";
import { ConnectionCore, idleFrameCount } from "./connection-core.ts";
import { ofSocket } from "./contained.ts";
import { lateBytesMax } from "./linger-watch.ts";
import { looksLikeProxyHeader } from "./proxy-header.ts";
import type { SocketOwner, TcpSocket } from "./socket-owner.ts";
import type { Acceptor, Connection, ConnectionOptions, FrameHandler } from "./transport.ts";

/** A read of fewer bytes counts as a frame: a peer that sends byte by byte costs a callback for each. */
const smallReadBytes = 16;
/** Bytes written in one turn of the event loop: the kernel takes a millisecond for a megabyte. */
const writeBytesMax = 512 * 1024;

/** Of a client that speaks TLS where there is none; it cannot read this, but the log and the owner can. */
const closeTls = closeProtocolFault("TLS on a port without it");

/** One object for all sockets: `socket.data` is the connection. */
export const tcpHandlers = {
  data({ data: owner }, chunk) {
    try {
      owner?.receive(chunk);
    } catch (bug) {
      owner?.fail(bug);
    }
  },
  drain({ data: owner }) {
    owner?.flush();
  },
  end: ofSocket((owner: SocketOwner) => owner.ended()),
  close: ofSocket((owner: SocketOwner) => owner.gone()),
} satisfies SocketHandler<SocketOwner | undefined>;

/** The connection is the sink of its own reader. */
export class TcpConnection extends ConnectionCore implements FrameSink, SocketOwner {
  private readonly socket: TcpSocket;
  private readonly reader: FrameReader;
  /** The kernel took everything it was offered, and more waits. */
  private takesMore = false;

  constructor(socket: TcpSocket, remoteAddress: string, options: ConnectionOptions) {
    super(remoteAddress, options);
    this.socket = socket;
    this.reader = new FrameReader(this, options.unidentifiedFrameBytesMax ?? options.frameBytesMax);
  }

  accept(acceptor: Acceptor): void {
    if (this.enter()) this.ask(acceptor);
  }

  dialled(handler: (connection: Connection) => FrameHandler): void {
    this.own(handler);
  }

  override get frameBytesMax(): number {
    return this.reader.frameBytesMax;
  }

  override set frameBytesMax(bytes: number) {
    this.reader.frameBytesMax = bytes;
  }

  /** The socket's `data`. */
  receive(chunk: Buffer): void {
    if (!this.isOpen) {
      // The peer ignores the close frame: nothing more is read until its time is up.
      if (chunk.length >= lateBytesMax) this.socket.pause();
      return;
    }
    this.heard();
    this.options.observer.bytesIn(chunk.length);
    if (chunk.length < smallReadBytes && !this.takeFrame()) return;
    const fault = this.reader.push(chunk);
    if (fault === undefined) return;
    const { proxies } = this.options;
    if (proxies !== undefined && looksLikeProxyHeader(chunk)) proxies.headerOfOther(this.remoteAddress);
    if (fault.code === CloseCode.TooLarge) this.fault("frame-too-large", fault);
    else if (looksLikeTls(chunk)) this.fault("tls", closeTls);
    else this.fault("frame", fault);
  }

  /** With TLS, a small read is part of a record. */
  receivedCiphertext(bytes: number): void {
    if (!this.isOpen || bytes >= smallReadBytes) return;
    this.heard();
    this.takeFrame();
  }

  /** The socket's `end`: the peer sends no more, and Bun ends our side when this returns. */
  ended(): void {
    this.reader.stop();
    this.peerClosed(closeAbnormal);
    this.flush();
    // There is no later turn.
    this.offerRest();
  }

  /** The socket's `close`. */
  gone(): void {
    this.settle();
  }

  binaryReceived(bytes: Buffer, start: number, end: number): void {
    if (this.takeFrame()) this.handler.frame(bytes, start, end);
  }

  emptyReceived(): void {
    this.takeFrame(idleFrameCount);
  }

  /** A pong joins the queue like any frame, so it never falls inside another one, and counts as unsent bytes. */
  pingReceived(payload: Buffer): void {
    if (!this.takeFrame(idleFrameCount)) return;
    const at = this.reserveFrame(OpCode.Pong, payload.length);
    if (at !== -1) this.queue.bytes.set(payload, at);
  }

  pongReceived(): void {
    // `heard` was called when the bytes arrived.
    this.takeFrame(idleFrameCount);
  }

  closeReceived(payload: Buffer): void {
    if (this.takeFrame()) this.peerClosed(parseCloseText(payload));
  }

  protected override closing(reason: CloseReason): void {
    this.reader.stop();
    // May exceed the bound on unsent bytes, by one control frame.
    const frame = closeFrame(reason);
    const at = this.reserveBytes(frame.length);
    this.queue.bytes.set(frame, at);
    this.options.flusher.mark(this);
  }

  protected override transmit(): void {
    const { pendingBytes } = this.queue;
    const bytes = Math.min(pendingBytes, writeBytesMax);
    const written = this.socket.write(this.queue.bytes, this.queue.start, bytes);
    this.takesMore = written === bytes && bytes < pendingBytes;
    if (written <= 0) return;
    this.progressed();
    this.queue.consume(written);
    this.options.observer.bytesOut(written);
    // No drain follows a write that the kernel took whole.
    if (this.takesMore) this.options.flusher.mark(this);
  }

  protected override offerRest(): boolean {
    if (!this.takesMore) return false;
    while (this.takesMore) {
      this.takesMore = false;
      this.flush();
    }
    return true;
  }

  protected override finish(): void {
    // Only our side: closing both with unread bytes of the peer would reset the connection, and lose the close frame.
    this.socket.shutdown();
  }

  protected override terminate(): void {
    this.socket.terminate();
    this.settle();
  }
}

/** True if a connection begins with TLS: a record of the handshake, of any version (RFC 8446, section 5.1). */
function looksLikeTls(bytes: Buffer): boolean {
  return bytes[0] === 22 && bytes[1] === 3;
}
