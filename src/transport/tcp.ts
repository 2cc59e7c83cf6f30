// Frames over TCP: clients, and links between services.
//
// Memory. Bun hands over each read as a fresh copy, so frames are ranges of it; `Socket.write` takes what the kernel
// takes, synchronously, and keeps nothing, so the outbound buffer may return to the pool at once.
//
// Every socket callback catches what it throws, ends its connection and reports the bug to the observer. No `error` handler
// is set: Bun would call it only with what a callback threw. Errors of the socket itself arrive at `close`.

import type { SocketHandler, TCPSocketListenOptions } from "bun";
import { type CloseReason, CloseCode, closeAbnormal } from "../wire/close-reason.ts";
import { closeFrame, parseCloseText } from "../wire/frame-writer.ts";
import { FrameReader, type FrameSink } from "../wire/frame-reader.ts";
import { OpCode } from "../wire/opcode.ts";
import { formatAddress, peerAddress, type SocketAddress } from "./address.ts";
import { ConnectionCore } from "./connection-core.ts";
import { ConnectionGroup } from "./connection-group.ts";
import { HeaderWaits } from "./header-wait.ts";
import { looksLikeProxyHeader } from "./proxy-header.ts";
import type { SocketOwner, TcpSocket } from "./socket-owner.ts";
import type { Acceptor, Connection, FrameHandler, Server, TransportOptions } from "./transport.ts";

/** One object for all sockets: what belongs to a connection hangs on `socket.data`. */
const sharedHandlers = {
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
class TcpConnection extends ConnectionCore implements FrameSink, SocketOwner {
  private readonly socket: TcpSocket;
  private readonly reader: FrameReader;

  constructor(socket: TcpSocket, remoteAddress: string, options: TransportOptions, group: ConnectionGroup | undefined) {
    super(remoteAddress, options, group);
    this.socket = socket;
    this.reader = new FrameReader(this, options.frameBytesMax);
  }

  accept(acceptor: Acceptor): void {
    this.ask(acceptor);
  }

  dialled(handler: (connection: Connection) => FrameHandler): void {
    this.own(handler);
  }

  /** The socket's `data`. */
  receive(chunk: Buffer): void {
    if (!this.isOpen) return;
    this.heard();
    this.options.observer.bytesIn(chunk.length);
    const fault = this.reader.push(chunk);
    if (fault !== undefined) this.badFrame(chunk, fault);
  }

  private badFrame(chunk: Buffer, fault: CloseReason): void {
    const { proxies } = this.options;
    if (proxies !== undefined && looksLikeProxyHeader(chunk)) proxies.headerOfStranger(this.remoteAddress);
    this.fault(fault.code === CloseCode.TooLarge ? "frame-too-large" : "frame", fault);
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
    this.handler.frame(bytes, start, end);
  }

  /** A pong joins the queue like any frame, so it never falls inside another one. */
  pingReceived(payload: Buffer): void {
    const at = this.reserveFrame(OpCode.Pong, payload.length);
    if (at !== -1) this.queue.bytes.set(payload, at);
  }

  pongReceived(): void {
    // That the peer lives was noted when the bytes came.
  }

  closeReceived(payload: Buffer): void {
    this.peerClosed(parseCloseText(payload));
  }

  protected override closing(reason: CloseReason): void {
    this.reader.stop();
    // Beyond the bound on unsent bytes, by at most one control frame.
    const frame = closeFrame(reason);
    const at = this.reserveBytes(frame.length);
    this.queue.bytes.set(frame, at);
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
 * Listens for frames over TCP. A connection of a trusted proxy (`options.proxies`) begins with a header of the PROXY protocol;
 * the acceptor is asked when it has come.
 * @param reusePort lets several processes share the port; each of them must ask for it.
 * @throws when the address can't be bound.
 */
export function listenTcp(
  address: SocketAddress,
  acceptor: Acceptor,
  options: TransportOptions,
  reusePort = false,
): Server {
  const group = new ConnectionGroup();
  const { proxies } = options;
  const admit = (socket: TcpSocket, remoteAddress: string, decider: Acceptor): TcpConnection => {
    const connection = new TcpConnection(socket, remoteAddress, options, group);
    socket.data = connection;
    connection.accept(decider);
    return connection;
  };
  const headerWaits = proxies && new HeaderWaits(proxies, { options, group, acceptor, admit });
  // Bun's types know reusePort for dialling only.
  const settings: TCPSocketListenOptions<SocketOwner | undefined> & { readonly reusePort: boolean } = {
    hostname: address.host,
    port: address.port,
    reusePort,
    socket: {
      ...sharedHandlers,
      open(socket) {
        try {
          const remoteAddress = peerAddress(socket.remoteAddress);
          if (remoteAddress === undefined) {
            socket.terminate();
            options.observer.peerGone();
            return;
          }
          if (proxies?.trusts(remoteAddress) === true) headerWaits?.begin(socket, remoteAddress);
          else admit(socket, remoteAddress, acceptor);
        } catch (bug) {
          socket.terminate();
          options.observer.bug(bug);
        }
      },
    },
  };
  const listener = Bun.listen(settings);
  const bound = formatAddress(address.host, listener.port);
  return {
    address: bound,
    stopAccepting: () => listener.stop(),
    close(reason) {
      listener.stop();
      return group.closeAll(reason);
    },
  };
}

/**
 * Connects over TCP. `handler` is called once, when the connection stands and before anything is read.
 * @throws (rejects) when the peer refuses or does not answer within `connectTimeoutMs`, or `handler` throws.
 */
export function dialTcp(
  address: SocketAddress,
  handler: (connection: Connection) => FrameHandler,
  options: TransportOptions & { readonly connectTimeoutMs: number },
): Promise<Connection> {
  const target = formatAddress(address.host, address.port);
  return new Promise((resolve, reject) => {
    let isOver = false;
    const fail = (cause: unknown): void => {
      clearTimeout(timer);
      isOver = true;
      reject(new Error(`cannot connect to ${target}`, { cause }));
    };
    const timer = setTimeout(fail, options.connectTimeoutMs, new Error(`no answer in ${options.connectTimeoutMs} ms`));
    Bun.connect<SocketOwner | undefined>({
      hostname: address.host,
      port: address.port,
      socket: {
        ...sharedHandlers,
        open(socket) {
          if (isOver) {
            socket.terminate();
            return;
          }
          clearTimeout(timer);
          const remoteAddress = peerAddress(socket.remoteAddress);
          if (remoteAddress === undefined) {
            socket.terminate();
            fail(new Error("it ended the connection at once"));
            return;
          }
          const connection = new TcpConnection(socket, remoteAddress, options, undefined);
          socket.data = connection;
          try {
            connection.dialled(handler);
          } catch (bug) {
            // The connection has failed by it already.
            fail(bug);
            return;
          }
          resolve(connection);
        },
        connectError(_socket, error) {
          fail(error);
        },
      },
    }).catch(fail);
  });
}
