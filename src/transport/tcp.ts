// Frames over TCP: clients, and links between services. With TLS, a connection exists once its handshake is done
// (tls/secure-server.ts); a header of the PROXY protocol comes before the handshake, in plain text.

import type { TCPSocketListenOptions } from "bun";
import { formatAddress, peerAddress, type SocketAddress } from "./address.ts";
import { Arrivals } from "./arrivals.ts";
import { ConnectionGroup } from "./connection-group.ts";
import { awaitHeader } from "./header-wait.ts";
import { boundReceived } from "./kernel-sockets.ts";
import type { SocketOwner, TcpSocket } from "./socket-owner.ts";
import { TcpConnection, tcpHandlers } from "./tcp-connection.ts";
import { failureOf, isVerified } from "./tls/peer-verification.ts";
import { awaitHandshake } from "./tls/secure-server.ts";
import type { Acceptor, Connection, FrameHandler, Server, TransportOptions } from "./transport.ts";

/**
 * Listens for frames over TCP. A connection of a trusted proxy (`options.proxies`) begins with a header of the PROXY
 * protocol; the acceptor is asked after it.
 * @param reusePort lets several processes share the port; each of them must ask for it.
 * @throws if the address can't be bound.
 */
export function listenTcp(
  address: SocketAddress,
  acceptor: Acceptor,
  options: TransportOptions,
  reusePort = false,
): Server {
  const { proxies } = options;
  const group = new ConnectionGroup();
  const ofConnections = { ...options, group };
  const admit = (socket: TcpSocket, remoteAddress: string, decider: Acceptor): TcpConnection => {
    const connection = new TcpConnection(socket, remoteAddress, ofConnections);
    socket.data = connection;
    connection.accept(decider);
    return connection;
  };
  const { tls } = options;
  const secured = tls && { tls, options, group, admit };
  const begin = (socket: TcpSocket, remoteAddress: string, decider: Acceptor): SocketOwner =>
    secured === undefined
      ? admit(socket, remoteAddress, decider)
      : awaitHandshake(socket, remoteAddress, decider, secured);
  const opened = (socket: TcpSocket, remoteAddress: string): void => {
    if (proxies?.trusts(remoteAddress) === true)
      awaitHeader(socket, remoteAddress, { proxies, options, group, acceptor, admit: begin });
    else begin(socket, remoteAddress, acceptor);
  };
  const take = (socket: TcpSocket): void => {
    try {
      const remoteAddress = peerAddress(socket.remoteAddress);
      if (remoteAddress === undefined) {
        socket.terminate();
        options.observer.peerGone();
      } else opened(socket, remoteAddress);
    } catch (bug) {
      socket.terminate();
      options.observer.bug(bug);
    }
  };
  const { unidentifiedShare, admission } = options;
  const arrivals =
    unidentifiedShare &&
    new Arrivals<TcpSocket>(unidentifiedShare, take, (waiting) => admission?.mayWait(waiting) !== false);
  // Bun's types know reusePort for dialling only.
  const settings: TCPSocketListenOptions<SocketOwner | undefined> & { readonly reusePort: boolean } = {
    hostname: address.host,
    port: address.port,
    reusePort,
    socket: {
      ...tcpHandlers,
      open(socket) {
        if (arrivals === undefined) take(socket);
        else arrivals.add(socket);
      },
    },
  };
  const listener = Bun.listen(settings);
  boundReceived(listener.port, options);
  return {
    address: formatAddress(address.host, listener.port),
    connections: group,
    stopAccepting: () => listener.stop(),
    close(reason) {
      listener.stop();
      arrivals?.end();
      return group.closeAll(reason);
    },
  };
}

/** What a dialler of TLS shows and expects, as PEM. */
export interface DiallerTls {
  /** The authorities, one of which has to have issued the peer's certificate, for the dialled host. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

interface DialOptions extends TransportOptions {
  /** The time limit for the connection, and for the handshake of TLS after it. */
  readonly connectTimeoutMs: number;
  /** Default: plain text. A peer that refuses this side's certificate ends the connection after it is established. */
  readonly dialTls?: DiallerTls | undefined;
}

/**
 * Connects over TCP. `handler` is called once, when the connection is established and before anything is read.
 * @throws (rejects) if the peer refuses, cannot be verified, or does not answer in time, or if `handler` throws.
 */
export function dialTcp(
  address: SocketAddress,
  handler: (connection: Connection) => FrameHandler,
  options: DialOptions,
): Promise<Connection> {
  const target = formatAddress(address.host, address.port);
  const { dialTls } = options;
  return new Promise((resolve, reject) => {
    let isOver = false;
    /** While its TLS handshake goes on. */
    let pending: TcpSocket | undefined;
    const fail = (cause: unknown, reason = ""): void => {
      clearTimeout(timer);
      isOver = true;
      pending?.terminate();
      reject(new Error(`cannot connect to ${target}${reason && `: ${reason}`}`, { cause }));
    };
    const timer = setTimeout(fail, options.connectTimeoutMs, new Error(`no answer in ${options.connectTimeoutMs} ms`));
    const established = (socket: TcpSocket): void => {
      if (isOver) {
        socket.terminate();
        return;
      }
      clearTimeout(timer);
      pending = undefined;
      const remoteAddress = peerAddress(socket.remoteAddress);
      if (remoteAddress === undefined) {
        socket.terminate();
        fail(new Error("it ended the connection at once"));
        return;
      }
      const connection = new TcpConnection(socket, remoteAddress, options);
      socket.data = connection;
      try {
        connection.dialled(handler);
      } catch (bug) {
        // `dialled` has ended the connection.
        fail(bug);
        return;
      }
      resolve(connection);
    };
    const refuse = (reason: string): void => {
      // Ending the socket calls `close`.
      if (!isOver) fail(undefined, reason);
    };
    Bun.connect<SocketOwner | undefined>({
      hostname: address.host,
      port: address.port,
      ...(dialTls && { tls: dialTls }),
      socket: {
        ...tcpHandlers,
        open(socket) {
          if (dialTls === undefined) established(socket);
          else if (isOver) socket.terminate();
          else pending = socket;
        },
        ...(dialTls && {
          handshake(socket, isDone, error) {
            if (isDone && isVerified(socket)) established(socket);
            else refuse(failureOf(error, { dialled: { socket, host: address.host } }));
          },
          close(socket) {
            if (socket.data === undefined) refuse("it ended the TLS handshake; it may not speak TLS");
            else tcpHandlers.close(socket);
          },
        }),
        connectError(_socket, error) {
          fail(error);
        },
      },
    }).catch(fail);
  });
}
