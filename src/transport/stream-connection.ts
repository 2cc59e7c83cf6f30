// What connections over a socket of bytes share, whatever frames they carry: the socket's callbacks, how bytes leave, and
// how it ends.
//
// Memory. Bun hands over each read as a fresh copy, so frames are ranges of it; `Socket.write` takes what the kernel takes,
// synchronously, and keeps nothing, so the outbound buffer may return to the pool at once.
//
// Every socket callback catches what it throws, ends its connection and reports the bug to the observer. No `error` handler
// is set: Bun would call it only with what a callback threw. Errors of the socket itself arrive at `close`.

import type { SocketHandler, TCPSocketListenOptions } from "bun";
import { type CloseReason, CloseCode, closeAbnormal } from "../wire/close-reason.ts";
import type { FrameSink } from "../wire/frame-reader.ts";
import { OpCode } from "../wire/opcode.ts";
import { formatAddress, peerAddress, type SocketAddress } from "./address.ts";
import { ConnectionCore } from "./connection-core.ts";
import type { ConnectionGroup } from "./connection-group.ts";
import type { SocketOwner, TcpSocket } from "./socket-owner.ts";
import type { Server, TransportOptions } from "./transport.ts";

/** A read of fewer bytes counts as a frame: a peer that sends byte by byte costs a callback for each. */
const smallReadBytes = 16;

/** Bytes into frames. */
export interface StreamReader {
  frameBytesMax: number;
  push(chunk: Buffer): CloseReason | undefined;
  stop(): void;
}

/** One object for all sockets: what belongs to a connection hangs on `socket.data`. */
export const streamHandlers = {
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
  end({ data: owner }) {
    try {
      owner?.ended();
    } catch (bug) {
      owner?.fail(bug);
    }
  },
  close({ data: owner }) {
    try {
      owner?.gone();
    } catch (bug) {
      owner?.fail(bug);
    }
  },
} satisfies SocketHandler<SocketOwner | undefined>;

/** A connection is the sink of its own reader. */
export abstract class StreamConnection extends ConnectionCore implements FrameSink, SocketOwner {
  private readonly socket: TcpSocket;
  protected abstract readonly reader: StreamReader;

  constructor(socket: TcpSocket, remoteAddress: string, options: TransportOptions, group: ConnectionGroup | undefined) {
    super(remoteAddress, options, group);
    this.socket = socket;
  }

  /** A close frame, for the end of the queue; undefined: this peer would not understand one. */
  protected abstract closeFrame(reason: CloseReason): Buffer | undefined;
  /** The name of a fault in its frames, for the metrics. */
  protected abstract kindOf(fault: CloseReason): string;
  /** The peer's close frame, whose payload lives until this returns. */
  abstract closeReceived(payload: Buffer): void;

  override get frameBytesMax(): number {
    return this.reader.frameBytesMax;
  }

  override set frameBytesMax(bytes: number) {
    this.reader.frameBytesMax = bytes;
  }

  /** The socket's `data`. */
  receive(chunk: Buffer): void {
    if (!this.isOpen) return;
    this.heard();
    this.options.observer.bytesIn(chunk.length);
    if (chunk.length < smallReadBytes && !this.takeFrame()) return;
    this.read(chunk);
  }

  /** Reads frames. */
  protected read(chunk: Buffer): void {
    const fault = this.reader.push(chunk);
    if (fault !== undefined) this.badFrame(chunk, fault);
  }

  protected badFrame(_chunk: Buffer, fault: CloseReason): void {
    this.fault(fault.code === CloseCode.TooLarge ? "frame-too-large" : this.kindOf(fault), fault);
  }

  /** The socket's `end`: the peer sends no more, and Bun ends our side when this returns. */
  ended(): void {
    this.reader.stop();
    this.peerClosed(closeAbnormal);
    this.flush();
  }

  /** The socket's `close`. */
  gone(): void {
    this.settle();
  }

  binaryReceived(bytes: Buffer, start: number, end: number): void {
    if (this.takeFrame()) this.handler.frame(bytes, start, end);
  }

  emptyReceived(): void {
    this.takeFrame();
  }

  /** A pong joins the queue like any frame, so it never falls inside another one, and counts as unsent bytes. */
  pingReceived(payload: Buffer): void {
    if (!this.takeFrame()) return;
    const at = this.reserveFrame(OpCode.Pong, payload.length);
    if (at !== -1) this.queue.bytes.set(payload, at);
  }

  pongReceived(): void {
    // That the peer lives was noted when the bytes came.
    this.takeFrame();
  }

  protected override closing(reason: CloseReason): void {
    this.reader.stop();
    // Beyond the bound on unsent bytes, by at most one control frame.
    const frame = this.closeFrame(reason);
    if (frame !== undefined) this.append(frame);
  }

  /** Queues bytes that are no frame of `send`, whatever waits. */
  protected append(bytes: Buffer): void {
    const at = this.reserveBytes(bytes.length);
    this.queue.bytes.set(bytes, at);
    this.options.flusher.mark(this);
  }

  protected override transmit(): void {
    const written = this.socket.write(this.queue.bytes, this.queue.start, this.queue.pendingBytes);
    if (written <= 0) return;
    this.progressed();
    this.queue.consume(written);
    this.options.observer.bytesOut(written);
  }

  protected override finish(): void {
    // Only our side: closing both while the peer's bytes lie unread would reset the connection, and the close frame
    // would be lost with it.
    this.socket.shutdown();
  }

  protected override terminate(): void {
    this.socket.terminate();
    this.settle();
  }
}

/**
 * Listens for sockets. `opened` is told of each, with its peer's address, and gives it an owner; the connections that it
 * makes are of `group`.
 * @param reusePort lets several processes share the port; each of them must ask for it.
 * @throws when the address can't be bound.
 */
export function listenStreams(
  address: SocketAddress,
  options: TransportOptions,
  group: ConnectionGroup,
  opened: (socket: TcpSocket, remoteAddress: string) => void,
  reusePort: boolean,
): Server {
  // Bun's types know reusePort for dialling only.
  const settings: TCPSocketListenOptions<SocketOwner | undefined> & { readonly reusePort: boolean } = {
    hostname: address.host,
    port: address.port,
    reusePort,
    socket: {
      ...streamHandlers,
      open(socket) {
        try {
          const remoteAddress = peerAddress(socket.remoteAddress);
          if (remoteAddress === undefined) {
            socket.terminate();
            options.observer.peerGone();
            return;
          }
          opened(socket, remoteAddress);
        } catch (bug) {
          socket.terminate();
          options.observer.bug(bug);
        }
      },
    },
  };
  const listener = Bun.listen(settings);
  return {
    address: formatAddress(address.host, listener.port),
    connections: group,
    stopAccepting: () => listener.stop(),
    close(reason) {
      listener.stop();
      return group.closeAll(reason);
    },
  };
}
