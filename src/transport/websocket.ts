// One packet per binary WebSocket message (RFC 6455, by Bun): the transport of browsers.
//
// Some work of the platform is invisible here, and each kind has a bound. Bun answers pings into a queue of its own:
// pings count as frames, and the bytes of that queue as unsent bytes. Bun buffers unfinished messages up to one bound
// for all peers, and reports a connection when its request has arrived: unseen-watch.ts ends unidentified peers that
// send too much, and sockets without a request. Bun hides the fragments of a message: the kernel's receive buffer
// (`receiveBufferBytes`) bounds what a turn of the event loop reads. Bun reads on after a close: linger-watch.ts ends
// that.
//
// With TLS, a renewed certificate takes a new server of the platform at the same port: tls/generations.ts. Bun ends a
// connection that does not begin with TLS, such as one of ws://, or of a proxy that sends a header of the PROXY
// protocol, within a millisecond, and tells nobody: it is in no log and no number. The listener of tls:// counts it.
//
// Pages of any origin may connect by default: the token in the first packet authenticates a connection, never a cookie,
// so a foreign page gains nothing by opening one.

import { originCharactersMax } from "../base/limits/fixed.ts";
import { formatAddress, peerAddress, type SocketAddress } from "./address.ts";
import { ConnectionGroup } from "./connection-group.ts";
import { ofSocket } from "./contained.ts";
import { boundReceived } from "./kernel-sockets.ts";
import { LingerWatch, lingerMsMax } from "./linger-watch.ts";
import { parseHost } from "./http/request-head.ts";
import { isOwnOrigin } from "./origins.ts";
import type { Acceptor, Server, TransportOptions } from "./transport.ts";
import { PageRequests } from "./page-requests.ts";
import { Generations } from "./tls/generations.ts";
import { type SeenConnection, UnseenWatch } from "./unseen-watch.ts";
import { ProxiedConnection, WebSocketConnection } from "./websocket-connection.ts";

/** How long a handshake and a request may take, in milliseconds. */
const graceMsDefault = 10_000;

type Listener = Bun.Server<WebSocketConnection>;

/**
 * Listens for WebSocket clients on any path; answers a plain HTTP request with 426, unless `options.pages` does.
 * @param reusePort lets several processes share the port; each of them must ask for it.
 * @throws if the address can't be bound.
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
  const pages = options.pages && new PageRequests(options.pages);
  const upgrade = (request: Request, listener: Listener): Response | Promise<Response> | undefined => {
    // Undefined if the peer left while its request waited: it takes no more of the turn than this.
    const peer = listener.requestIP(request);
    const socketAddress = peerAddress(peer?.address);
    if (peer === null || socketAddress === undefined) {
      options.observer.peerGone();
      return new Response(null, { status: 400, headers: { connection: "close" } });
    }
    if (pages !== undefined && request.headers.get("upgrade") === null) {
      const page = pages.answer(request, socketAddress, peer.port, listener.pendingRequests);
      if (page !== undefined) return page;
    }
    const forwardedFor = request.headers.get("x-forwarded-for");
    const remoteAddress = options.proxies?.clientOf(socketAddress, forwardedFor) ?? socketAddress;
    const origin = request.headers.get("origin");
    if (origin !== null && options.origins?.allow(origin) === false && !isOwnPage(origin, request)) {
      options.originRefused?.(origin.slice(0, originCharactersMax), remoteAddress);
      return new Response("Pages of this origin may not connect: it is not in --allow-origins.\n", {
        status: 403,
        headers: { connection: "close" },
      });
    }
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
  const { tls } = options;
  /** A page that this listener serves, at an address: a name could be made to lead here by anybody (DNS rebinding). */
  const isOwnPage = (origin: string, { headers }: Request): boolean => {
    const host = options.hasOwnPage === true ? headers.get("host") : null;
    const named = parseHost(host ?? "");
    const isSafe = named !== undefined && (named.isAddress || named.name === "localhost");
    return isSafe && isOwnOrigin(origin, host, tls !== undefined);
  };
  const serve = (atPort: number): Listener =>
    Bun.serve<WebSocketConnection>({
      hostname: address.host,
      port: atPort,
      // Never tls.native: the platform would ignore it here, and serve plain text.
      ...(tls === undefined ? { reusePort } : { reusePort: true, tls: tls.settings }),
      // Otherwise the answer to an error would contain source code.
      development: false,
      error: bugMet,
      ...(options.pages && { maxRequestBodySize: options.pages.bodyBytesMax }),
      fetch(request, listener) {
        const upgraded = (): Response | Promise<Response> | undefined => {
          try {
            return upgrade(request, listener);
          } catch (bug) {
            return bugMet(bug);
          }
        };
        const { unidentifiedShare } = options;
        if (unidentifiedShare === undefined) return upgraded();
        return unidentifiedShare.isFree
          ? unidentifiedShare.run(upgraded)
          : unidentifiedShare.later(upgraded).then((answer) => answer);
      },
      websocket: {
        // The wheel detects silence, and clients of KIM take a ping for a packet.
        idleTimeout: 0,
        sendPings: false,
        perMessageDeflate: false,
        maxPayloadLength: options.frameBytesMax,
        // More than one flush of the queue: Bun must never drop a message.
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
        drain: ofSocket((connection: WebSocketConnection) => connection.drained()),
        ping: ofSocket((connection: WebSocketConnection, payload: Buffer) => connection.pingReceived(payload)),
        pong: ofSocket((connection: WebSocketConnection, payload: Buffer) => connection.pongReceived(payload)),
        close: ofSocket((connection: WebSocketConnection, code: number, text: string) => connection.gone(code, text)),
      },
    });
  if (tls !== undefined && !reusePort) refuseIfTaken(address);
  const server = serve(address.port);
  const port = server.port ?? address.port;
  boundReceived(port, options);
  const generations = new Generations(server, {
    next() {
      const renewed = serve(port);
      boundReceived(port, options);
      return renewed;
    },
    port,
    isAlone: !reusePort,
    graceMs: options.unseen?.ageMsMax ?? graceMsDefault,
    wheel: options.wheel,
    bug: (bug) => options.observer.bug(bug),
  });
  const endRenewal = tls?.onRenewal(() => generations.renew());
  const { admission } = options;
  const seen = {
    get inUse() {
      return (admission?.connections ?? group.size) + Math.min(pages?.size ?? 0, server.pendingRequests);
    },
    get unidentifiedCount() {
      return admission?.unidentifiedCount ?? group.size;
    },
    *all(): Generator<SeenConnection> {
      for (const member of group) if (member instanceof WebSocketConnection) yield member;
      if (pages !== undefined) yield* pages.all();
    },
  };
  const watch = options.unseen && new UnseenWatch(port, seen, options.unseen);
  const stopAccepting = (): void => {
    endRenewal?.();
    generations.stopAccepting();
  };
  return {
    address: formatAddress(address.host, port),
    connections: group,
    stopAccepting,
    async close(reason) {
      watch?.stop();
      lingers.stop();
      stopAccepting();
      await group.closeAll(reason);
      // The rest never became a WebSocket, or waits for the end of its peer only.
      await generations.end();
    },
  };
}

/** Servers that share a port are not told that it is taken. @throws if another one listens at the address. */
function refuseIfTaken(address: SocketAddress): void {
  if (address.port === 0) return;
  Bun.listen({ hostname: address.host, port: address.port, socket: { data: () => undefined } }).stop(true);
}
