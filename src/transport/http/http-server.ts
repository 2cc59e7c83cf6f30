// An HTTP/1.1 server over TCP that counts every connection from the start, and bounds every phase of a request. The
// platform's own server reports a connection with its first complete head, keeps it open without a limit, and does not
// report the unread bytes of its answers.
//
// Every socket callback contains what it throws: the connection ends, and the bug is reported.

import type { TCPSocketListenOptions } from "bun";
import { TurnShare } from "../../base/turn-share.ts";
import { formatAddress, peerAddress, type SocketAddress } from "../address.ts";
import { Arrivals } from "../arrivals.ts";
import { peerQuota } from "../quota-address.ts";
import { HeldBuffers } from "./held-buffers.ts";
import type { BodyParts, HttpAnswer } from "./http-answer.ts";
import type { ConnectionHost, Phase } from "./connection-host.ts";
import { HttpConnection } from "./http-connection.ts";
import { LongHeads } from "./long-heads.ts";
import type { HttpHandler } from "./http-handler.ts";
import { OpenConnections } from "./open-connections.ts";
import { httpHandlers, type HttpSocket, type HttpSocketOwner, SecureEntry } from "./secure-entry.ts";
import type { TlsContext } from "../tls/tls-context.ts";

/** A bound that refused or ended something. */
export type HttpBound =
  | "connections"
  | "connectionsPerAddress"
  | "headMs"
  | "bodyMs"
  | "headBytes"
  | "receivedBytes"
  | "unreadBytes"
  | "unreadBytesPerAddress";

export interface HttpServerLimits {
  /** Open connections: in all, and of one address that is not loopback. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  /** From connecting, or the first byte of a request, to the end of its head; from there to the end of its body. */
  readonly headMs: number;
  readonly bodyMs: number;
  /** Between two requests. */
  readonly idleMs: number;
  readonly headBytes: number;
  /** Bytes kept of unfinished requests of all connections. */
  readonly receivedBytes: number;
  /** Bytes of unread answers: in all, and of one address that is not loopback. */
  readonly unreadBytes: number;
  readonly unreadBytesPerAddress: number;
}

export interface HttpServerOptions {
  readonly limits: HttpServerLimits;
  readonly handler: HttpHandler;
  /** The certificate of an HTTPS server. Default: HTTP. */
  readonly tls?: TlsContext | undefined;
  /** An HTTPS server takes plain HTTP at its port, too. Default: it refuses it with a sentence. */
  readonly acceptsPlain?: boolean;
  /** The answer to a request that met a bug. */
  readonly bugAnswer: HttpAnswer;
  readonly bug: (error: unknown) => void;
  /** The peer left before it was accepted: without an address it must not pass for a peer on this machine. */
  readonly peerGone: () => void;
  /** Returns what an address counts as, '' for one without bounds. Default: `peerQuota`. */
  readonly quotaOf?: (remoteAddress: string) => string;
  /** A monotonic clock in milliseconds. Default: the system's. */
  readonly nowMs?: () => number;
  /** The time spent on new connections. Default: a millisecond at a time. */
  readonly acceptShare?: TurnShare;
  /** False while no further request with a long head can be served. Default: always true. */
  readonly mayReadLong?: () => boolean;
  /** The peer at this address has met a bound. */
  readonly met: (bound: HttpBound, address: string) => void;
}

/** A client that reads fewer bytes than this in `writeMs` makes no progress. */
const progressBytesMin = 16 * 1024;
const writeMs = 10_000;
/** The time to read the last answer. */
const lingerMs = 2_000;
const tickMs = 500;
/**
 * Thousands of connections may arrive at once, each with a long request: at most this many milliseconds and connections
 * at a time, in turns of the event loop that are `acceptPauseMs` apart.
 */
const acceptMs = 1;
const acceptedAtATime = 16;
const acceptPauseMs = 2;
/** The same of TLS handshakes, which cost a signature each. */
const handshakeMs = 2;
const handshakesAtATime = 16;
/** New connections that may wait for their turn even if there is no room: others are ended for them. */
const waitingMin = 32;
/** Bytes of long answers written in one turn of the event loop, so that other work is served in between. */
const turnBytes = 1024 * 1024;
const afterPause = (action: () => void): void => void setTimeout(action, acceptPauseMs);

export class HttpServer implements ConnectionHost<HttpConnection> {
  /** `host:port` as bound. */
  readonly address: string;
  readonly headBytesMax: number;
  readonly handler: HttpHandler;
  readonly bugAnswer: HttpAnswer;
  /** Unread answers. */
  readonly unread = new HeldBuffers();
  /** Bytes kept of unfinished requests. */
  receivedBytes = 0;
  turnBytesLeft = turnBytes;
  readonly longHeads: LongHeads;
  private readonly arrivals: Arrivals<HttpSocket>;
  private readonly handshakeShare = new TurnShare(handshakeMs, handshakesAtATime, undefined, afterPause);
  private readonly options: HttpServerOptions;
  private readonly quotaOf: (remoteAddress: string) => string;
  private readonly now: () => number;
  private readonly phaseMsMax: Readonly<Record<Phase, number>>;
  private readonly listener: { readonly port: number; stop(force?: boolean): void };
  private readonly connections = new OpenConnections();
  /** Connections whose long answers wait for the next turn of the event loop. */
  private waiting: HttpConnection[] = [];
  private timer: ReturnType<typeof setInterval> | undefined;
  private dateText = "";
  private dateAtMs = -Infinity;

  /** Listens. Throws if the address cannot be bound. */
  constructor(address: SocketAddress, options: HttpServerOptions) {
    this.options = options;
    this.quotaOf = options.quotaOf ?? peerQuota;
    this.now = options.nowMs ?? (() => performance.now());
    this.longHeads = new LongHeads(options.mayReadLong);
    const { headBytes, idleMs, headMs, bodyMs } = options.limits;
    this.headBytesMax = headBytes;
    this.phaseMsMax = {
      idle: idleMs,
      head: headMs,
      body: bodyMs,
      sending: writeMs,
      lingering: lingerMs,
      answering: Infinity,
      closed: Infinity,
    };
    this.handler = options.handler;
    this.bugAnswer = options.bugAnswer;
    this.arrivals = new Arrivals(
      options.acceptShare ?? new TurnShare(acceptMs, acceptedAtATime, undefined, afterPause),
      (socket) => this.accept(socket),
      (waiting) => this.mayWait(waiting),
    );
    // Bun's types know reusePort for dialling only; without it a second process could share the port.
    const settings: TCPSocketListenOptions<HttpSocketOwner | undefined> & { readonly reusePort: boolean } = {
      hostname: address.host,
      port: address.port,
      reusePort: false,
      // A client may end its side when it has asked, and read on.
      allowHalfOpen: true,
      socket: { ...httpHandlers, open: (socket) => this.arrivals.add(socket) },
    };
    this.listener = listening(settings);
    this.address = formatAddress(address.host, this.listener.port);
  }

  get size(): number {
    return this.connections.size;
  }

  /** Open connections of the address that has the most of them. */
  get sizeOfLargest(): number {
    return this.connections.sizeOfLargest;
  }

  /** Stops accepting; ends connections without a request at once, the rest after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.listener.stop();
    this.arrivals.end();
    for (const connection of this.connections) connection.leave();
    const endMs = performance.now() + graceMs;
    while (this.connections.size > 0 && performance.now() < endMs) await Bun.sleep(5);
    for (const connection of this.connections) connection.close();
    clearInterval(this.timer);
  }

  /** Ends connections past their deadline; called by a timer. */
  tick(nowMs = this.now()): void {
    for (const connection of this.connections) {
      if (nowMs < connection.deadlineMs) continue;
      if (connection.phase === "sending" && connection.writer.bytesSent >= progressBytesMin) {
        connection.writer.bytesSent = 0;
        connection.deadlineMs = nowMs + writeMs;
        continue;
      }
      if (connection.phase === "head") this.options.met("headMs", connection.remoteAddress);
      else if (connection.phase === "body") this.options.met("bodyMs", connection.remoteAddress);
      connection.contain(() => connection.expire());
    }
  }

  date(): string {
    const nowMs = performance.now();
    if (nowMs - this.dateAtMs >= 1_000) {
      this.dateText = new Date().toUTCString();
      this.dateAtMs = nowMs;
    }
    return this.dateText;
  }

  entered(connection: HttpConnection): void {
    const { phase } = connection;
    const nowMs = this.now();
    this.connections.entered(connection, nowMs);
    connection.deadlineMs = nowMs + this.phaseMsMax[phase];
    if (phase === "sending") connection.writer.bytesSent = 0;
    if (phase === "closed") this.left(connection);
  }

  kept(connection: HttpConnection, by: number): void {
    connection.bytesKept += by;
    this.receivedBytes += by;
    if (by <= 0) return;
    while (this.receivedBytes > this.options.limits.receivedBytes) {
      let largest = connection;
      for (const other of this.connections) if (other.bytesKept > largest.bytesKept) largest = other;
      this.options.met("receivedBytes", largest.remoteAddress);
      largest.terminate();
      if (largest === connection) return;
    }
  }

  mayHold(connection: HttpConnection, parts: BodyParts): boolean {
    const { limits, met } = this.options;
    const { remoteAddress } = connection;
    const { ofAddress, inAll } = this.unread.with(this.quotaOf(remoteAddress), parts);
    if (ofAddress <= limits.unreadBytesPerAddress && inAll <= limits.unreadBytes) return true;
    met(ofAddress > limits.unreadBytesPerAddress ? "unreadBytesPerAddress" : "unreadBytes", remoteAddress);
    return false;
  }

  hold(connection: HttpConnection, parts: BodyParts): void {
    this.unread.add(this.quotaOf(connection.remoteAddress), parts);
  }

  release(connection: HttpConnection, parts: BodyParts): void {
    this.unread.remove(this.quotaOf(connection.remoteAddress), parts);
  }

  waitForTurn(connection: HttpConnection): void {
    this.waiting.push(connection);
    if (this.waiting.length === 1) setImmediate(() => this.nextTurn());
  }

  waitToRead(connection: HttpConnection): void {
    this.longHeads.wait(connection, this.quotaOf(connection.remoteAddress));
  }

  headTooLong({ remoteAddress }: HttpConnection): void {
    this.options.met("headBytes", remoteAddress);
  }

  bug(error: unknown): void {
    this.options.bug(error);
  }

  private accept(socket: HttpSocket): void {
    try {
      const remoteAddress = peerAddress(socket.remoteAddress);
      if (remoteAddress === undefined) {
        socket.terminate();
        this.options.peerGone();
        return;
      }
      if (!this.admits(remoteAddress)) {
        socket.terminate();
        return;
      }
      const connection = new HttpConnection(socket, remoteAddress, this);
      const { tls, acceptsPlain = false } = this.options;
      const { handshakeShare: share } = this;
      socket.data = tls === undefined ? connection : new SecureEntry(socket, connection, { tls, acceptsPlain, share });
      this.connections.add(connection, this.quotaOf(remoteAddress));
      this.entered(connection);
      this.timer ??= setInterval(() => this.tick(), tickMs);
    } catch (bug) {
      socket.terminate();
      this.options.bug(bug);
    }
  }

  /** True if one more socket may wait for its turn: each uses a descriptor. */
  private mayWait(waiting: number): boolean {
    return waiting < Math.max(waitingMin, this.options.limits.connections - this.connections.size);
  }

  /** True if one more connection of that address fits, perhaps in place of the one that has been silent longest. */
  private admits(remoteAddress: string): boolean {
    const { limits, met } = this.options;
    if (this.connections.ofAddress(this.quotaOf(remoteAddress)) >= limits.connectionsPerAddress) {
      met("connectionsPerAddress", remoteAddress);
      return false;
    }
    if (this.connections.size < limits.connections) return true;
    met("connections", remoteAddress);
    this.connections.longestSilent(this.now(), limits.connections)?.close();
    return this.connections.size < limits.connections;
  }

  private nextTurn(): void {
    this.turnBytesLeft = turnBytes;
    const { waiting } = this;
    this.waiting = [];
    let at = 0;
    for (; at < waiting.length && this.turnBytesLeft > 0; at++) {
      const connection = waiting[at];
      connection?.contain(() => connection.drained());
    }
    // They have waited longer than those that were added in this turn.
    const isPlanned = this.waiting.length > 0;
    this.waiting = [...waiting.slice(at), ...this.waiting];
    if (!isPlanned && this.waiting.length > 0) setImmediate(() => this.nextTurn());
  }

  private left(connection: HttpConnection): void {
    this.connections.remove(connection, this.quotaOf(connection.remoteAddress));
    if (this.connections.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }
}

/** Listens; an error names the address. */
function listening(settings: TCPSocketListenOptions<HttpSocketOwner | undefined>): HttpServer["listener"] {
  try {
    return Bun.listen(settings);
  } catch (cause) {
    const { hostname, port } = settings;
    const code: unknown = cause instanceof Error && "code" in cause ? cause.code : undefined;
    const why = code === "EADDRINUSE" ? `: is port ${port} in use?` : "";
    throw Object.assign(new Error(`Failed to listen at ${formatAddress(hostname, port)}${why}`, { cause }), { code });
  }
}
