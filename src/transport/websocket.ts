// One packet per binary WebSocket message (RFC 6455, by Bun): the clients' way in from browsers.
//
// What the platform does by itself, and how it is bounded here. It answers each ping into a queue of its own: pings count
// as frames, and what that queue holds as unsent bytes. It buffers an unfinished message up to one bound for all, and shows a
// connection when its request has come: unseen-watch.ts ends those who have not signed in and send too much, and sockets
// that send no request. It hides the fragments of a message: what a turn of the event loop takes of them is bounded by
// what the kernel keeps for us (`receiveBufferBytes`). It reads on after a close: linger-watch.ts ends that.
//
// The `Origin` of a request is not checked: a connection is authenticated by the token in its first packet, never by a
// cookie, so a foreign page gains nothing by opening one.

import { formatAddress, peerAddress, type SocketAddress } from "./address.ts";
import { ConnectionGroup } from "./connection-group.ts";
import { boundReceived } from "./kernel-sockets.ts";
import { LingerWatch, lingerMsMax } from "./linger-watch.ts";
import type { Acceptor, Server, TransportOptions } from "./transport.ts";
import { UnseenWatch } from "./unseen-watch.ts";
import { ProxiedConnection, WebSocketConnection } from "./websocket-connection.ts";

type Listener = Bun.Server<WebSocketConnection>;

/**
 * Listens for WebSocket clients on any path; a plain HTTP request is told so (426).
 * @param reusePort lets several processes share the port; each of them must ask for it.
 * @throws when the address can't be bound.
 */
export function listenWebSocket(
  address: SocketAddress,
  acceptor: Acceptor,
  options: TransportOptions,
  reusePort = false,
): Server {
  const group = new ConnectionGroup();
  const lingers = new LingerWatch(() => port, lingerMsMax);
  const ofConnections = { ...options, group, lingers };
  const bugMet = (bug: unknown): Response => {
    options.observer.bug(bug);
    return new Response(null, { status: 500 });
  };
  const upgrade = (request: Request, listener: Listener): Response | undefined => {
    // Undefined when the peer has gone while its request waited: such ones take no more of a turn than this.
    const peer = listener.requestIP(request);
    const socketAddress = peerAddress(peer?.address);
    if (peer === null || socketAddress === undefined) {
      options.observer.peerGone();
      return new Response(null, { status: 400, headers: { connection: "close" } });
    }
    const forwardedFor = request.headers.get("x-forwarded-for");
    const remoteAddress = options.proxies?.clientOf(socketAddress, forwardedFor) ?? socketAddress;
    const data =
      remoteAddress === socketAddress
        ? new WebSocketConnection(peer.port, remoteAddress, ofConnections)
        : new ProxiedConnection({ address: socketAddress, port: peer.port }, remoteAddress, ofConnections);
    if (listener.upgrade(request, { data })) return undefined;
    return new Response("This is a WebSocket server.\n", {
      status: 426,
      headers: { upgrade: "websocket", connection: "close" },
    });
  };
  const server = Bun.serve<WebSocketConnection>({
    hostname: address.host,
    port: address.port,
    reusePort,
    // Else an error's answer shows our source.
    development: false,
    error: bugMet,
    fetch(request, listener) {
      const upgraded = (): Response | undefined => {
        try {
          return upgrade(request, listener);
        } catch (bug) {
          return bugMet(bug);
        }
      };
      const { strangerShare } = options;
      if (strangerShare === undefined) return upgraded();
      return strangerShare.isFree ? strangerShare.run(upgraded) : strangerShare.later(upgraded);
    },
    websocket: {
      // The wheel watches for silence, and clients of KIM take a ping for a packet.
      idleTimeout: 0,
      sendPings: false,
      perMessageDeflate: false,
      maxPayloadLength: options.frameBytesMax,
      // Above what our own queue may hand over in one flush: Bun must never drop a message.
      backpressureLimit:
        2 * (options.unsentBytesMax + (options.sentFrameBytesMax ?? options.frameBytesMax)) + 64 * 1024,
      open(socket) {
        const { data: connection } = socket;
        try {
          connection.opened(socket, acceptor);
        } catch (bug) {
          connection.fail(bug);
        }
      },
      message({ data: connection }, message) {
        try {
          connection.received(message);
        } catch (bug) {
          connection.fail(bug);
        }
      },
      drain({ data: connection }) {
        try {
          connection.drained();
        } catch (bug) {
          connection.fail(bug);
        }
      },
      ping({ data: connection }, payload) {
        try {
          connection.pingReceived(payload);
        } catch (bug) {
          connection.fail(bug);
        }
      },
      pong({ data: connection }, payload) {
        try {
          connection.pongReceived(payload);
        } catch (bug) {
          connection.fail(bug);
        }
      },
      close({ data: connection }, code, text) {
        try {
          connection.gone(code, text);
        } catch (bug) {
          connection.fail(bug);
        }
      },
    },
  });
  const port = server.port ?? address.port;
  boundReceived(port, options);
  const { admission } = options;
  const seen = {
    get inUse() {
      return admission?.connections ?? group.size;
    },
    get strangerCount() {
      return admission?.strangerCount ?? group.size;
    },
    *all() {
      for (const member of group) if (member instanceof WebSocketConnection) yield member;
    },
  };
  const watch = options.unseen && new UnseenWatch(port, seen, options.unseen);
  let stopped: Promise<void> | undefined;
  const stopAccepting = (): Promise<void> => (stopped ??= server.stop(false));
  return {
    address: formatAddress(address.host, port),
    connections: group,
    stopAccepting: () => void stopAccepting(),
    async close(reason) {
      watch?.stop();
      lingers.stop();
      void stopAccepting();
      await group.closeAll(reason);
      // What remains never became a WebSocket, or only waits for its peer to hang up.
      await server.stop(true);
      await stopped;
    },
  };
}
