// Frames over TCP: clients, and links between services.

import type { CloseReason } from "../wire/close-reason.ts";
import { closeFrame, parseCloseText } from "../wire/frame-writer.ts";
import { FrameReader } from "../wire/frame-reader.ts";
import { formatAddress, peerAddress, type SocketAddress } from "./address.ts";
import { ConnectionGroup } from "./connection-group.ts";
import { awaitHeader } from "./header-wait.ts";
import { looksLikeProxyHeader } from "./proxy-header.ts";
import type { SocketOwner, TcpSocket } from "./socket-owner.ts";
import { listenStreams, StreamConnection, streamHandlers } from "./stream-connection.ts";
import type { Acceptor, Connection, FrameHandler, Server, TransportOptions } from "./transport.ts";

class TcpConnection extends StreamConnection {
  protected override readonly reader: FrameReader;

  constructor(socket: TcpSocket, remoteAddress: string, options: TransportOptions, group: ConnectionGroup | undefined) {
    super(socket, remoteAddress, options, group);
    this.reader = new FrameReader(this, options.strangerFrameBytesMax ?? options.frameBytesMax);
  }

  accept(acceptor: Acceptor): void {
    if (this.enter()) this.ask(acceptor);
  }

  dialled(handler: (connection: Connection) => FrameHandler): void {
    this.own(handler);
  }

  override closeReceived(payload: Buffer): void {
    if (this.takeFrame()) this.peerClosed(parseCloseText(payload));
  }

  protected override badFrame(chunk: Buffer, fault: CloseReason): void {
    const { proxies } = this.options;
    if (proxies !== undefined && looksLikeProxyHeader(chunk)) proxies.headerOfStranger(this.remoteAddress);
    super.badFrame(chunk, fault);
  }

  protected override kindOf(): string {
    return "frame";
  }

  protected override closeFrame(reason: CloseReason): Buffer {
    return closeFrame(reason);
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
  const { proxies } = options;
  const group = new ConnectionGroup();
  const admit = (socket: TcpSocket, remoteAddress: string, decider: Acceptor): TcpConnection => {
    const connection = new TcpConnection(socket, remoteAddress, options, group);
    socket.data = connection;
    connection.accept(decider);
    return connection;
  };
  const opened = (socket: TcpSocket, remoteAddress: string): void => {
    if (proxies?.trusts(remoteAddress) === true)
      awaitHeader(socket, remoteAddress, { proxies, options, group, acceptor, admit });
    else admit(socket, remoteAddress, acceptor);
  };
  return listenStreams(address, options, group, opened, reusePort);
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
        ...streamHandlers,
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
