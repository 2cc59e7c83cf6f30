// Connections inside one process, for standalone servers and for tests, with the interface and the queue of a socket.
// `send` copies; frames arrive in a later turn, in order, as ranges of bytes.
//
// Memory. The receiver reads the sender's buffer, without a second copy; the buffer returns to the pool after the last
// frame. `poison` overwrites each payload when its handler has returned, which exposes handlers that keep it uncopied.

import { systemTimers } from "../base/timers.ts";
import { type CloseReason, CloseCode, closeFrameTooLarge } from "../wire/close-reason.ts";
import { frameHeaderBytes } from "../wire/frame-writer.ts";
import { ConnectionCore } from "./connection-core.ts";
import { ConnectionGroup } from "./connection-group.ts";
import type { Acceptor, Connection, ConnectionOptions, FrameHandler, Server, TransportOptions } from "./transport.ts";

/** The bytes of a payload after its handler returned, with `poison`. */
export const poisonByte = 0xdd;

interface MemoryOptions extends TransportOptions {
  /** Overwrites received payloads after their handler returned. */
  readonly poison?: boolean;
}

class MemoryConnection extends ConnectionCore {
  private peer: MemoryConnection | undefined;
  private readonly isPoisoned: boolean;
  override frameBytesMax: number;

  constructor(remoteAddress: string, options: MemoryOptions & ConnectionOptions) {
    super(remoteAddress, options);
    this.isPoisoned = options.poison ?? false;
    this.frameBytesMax = options.unidentifiedFrameBytesMax ?? options.frameBytesMax;
  }

  /** Joins two new ends; the accepting side is asked first, as may happen over a socket. */
  static join(
    dialling: MemoryConnection,
    accepting: MemoryConnection,
    handler: (connection: Connection) => FrameHandler,
    acceptor: Acceptor,
  ): void {
    dialling.peer = accepting;
    accepting.peer = dialling;
    if (accepting.enter()) accepting.ask(acceptor);
    if (!dialling.isOpen) throw new Error("the accepting side ended the connection at once");
    dialling.own(handler);
  }

  protected override transmit(): void {
    // Detached first: a handler called here may send on this connection.
    const length = this.queue.pendingBytes;
    const at = this.queue.start;
    const bytes = this.queue.detach();
    this.progressed();
    this.options.observer.bytesOut(length);
    this.peer?.receive(bytes, at, at + length);
    this.options.flusher.queues.buffers.give(bytes);
  }

  private receive(bytes: Buffer, start: number, end: number): void {
    if (!this.isOpen) return;
    try {
      this.read(bytes, start, end);
    } catch (bug) {
      this.fail(bug);
    }
  }

  private read(bytes: Buffer, start: number, end: number): void {
    this.heard();
    this.options.observer.bytesIn(end - start);
    let at = start;
    // A handler may close the connection between two frames.
    while (at < end && this.isOpen) {
      const payloadAt = at + frameHeaderBytes;
      const payloadEnd = payloadAt + bytes.readUInt32BE(at + 1);
      if (payloadEnd - payloadAt > this.frameBytesMax) {
        this.fault("frame-too-large", closeFrameTooLarge);
        return;
      }
      this.handler.frame(bytes, payloadAt, payloadEnd);
      if (this.isPoisoned) bytes.fill(poisonByte, payloadAt, payloadEnd);
      at = payloadEnd;
    }
  }

  protected override closing(): void {
    // `finish` passes the reason on.
  }

  protected override finish(reason: CloseReason): void {
    this.part(reason);
  }

  protected override terminate(): void {
    this.part({ code: CloseCode.Abnormal, text: this.reason?.text ?? "connection lost" });
  }

  private part(reason: CloseReason): void {
    const peer = this.peer;
    this.peer = undefined;
    this.settle();
    if (peer === undefined) return;
    peer.peer = undefined;
    peer.settle(reason);
  }
}

interface Listener {
  readonly acceptor: Acceptor;
  readonly options: MemoryOptions;
  readonly group: ConnectionGroup;
}

/** The listeners by address. Both sides of a connection use the same network. */
export class MemoryNetwork {
  private readonly listeners = new Map<string, Listener>();

  /**
   * Accepts connections dialled to `address`, any string.
   * @throws if the address is in use.
   */
  listen(address: string, acceptor: Acceptor, options: MemoryOptions): Server {
    if (this.listeners.has(address)) throw new Error(`address in use: ${address}`);
    const listener: Listener = { acceptor, options, group: new ConnectionGroup() };
    this.listeners.set(address, listener);
    const stopAccepting = (): void => {
      if (this.listeners.get(address) === listener) this.listeners.delete(address);
    };
    return {
      address,
      connections: listener.group,
      stopAccepting,
      close(reason) {
        stopAccepting();
        return listener.group.closeAll(reason);
      },
    };
  }

  /**
   * Connects to `address` in a later turn; the accepting side sees `from` as the remote address.
   * @throws (rejects) if nothing listens there, or `handler` throws.
   */
  async dial(
    address: string,
    from: string,
    handler: (connection: Connection) => FrameHandler,
    options: MemoryOptions,
  ): Promise<Connection> {
    await new Promise<void>((resolve) => systemTimers.soon(resolve));
    const listener = this.listeners.get(address);
    if (listener === undefined) throw new Error(`cannot connect to ${address}: nobody listens there`);
    const dialling = new MemoryConnection(address, options);
    const accepting = new MemoryConnection(from, { ...listener.options, group: listener.group });
    MemoryConnection.join(dialling, accepting, handler, listener.acceptor);
    return dialling;
  }
}
