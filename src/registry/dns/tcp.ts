// DNS over TCP (RFC 1035, 4.2.2; RFC 7766): each message after its length in two bytes, several queries before their
// answers, cut anywhere. Of a peer that does not read, no more is kept than one batch of answers and what it had sent
// before we stopped to read from it. Connections are few, and end when no query has come for a while.

import type { Socket, TCPSocketListener, TCPSocketListenOptions } from "bun";
import type { Log } from "../../base/log.ts";
import type { ContainedBugs } from "../../observe/contained-bugs.ts";
import { peerAddress, type SocketAddress } from "../../transport/address.ts";
import { headerBytes } from "./query.ts";

/** How many connections there may be, and for how long. */
export interface DnsTcpLimits {
  /** Connections at a time; one more is closed at once. */
  readonly connectionsMax: number;
  /** Without a whole query, and without an accepted byte of an answer, for this long: closed. */
  readonly idleMsMax: number;
  /** How often idle connections are looked for. */
  readonly sweepMs: number;
}

const usualLimits: DnsTcpLimits = { connectionsMax: 256, idleMsMax: 10_000, sweepMs: 1_000 };
/** A query; nothing that anyone asks is nearly as long. */
const queryBytesMax = 4 * 1024;
/** Answers are sent when this many bytes of them wait, or there is no more query. */
const batchBytes = 64 * 1024;
/** What may wait to be read, beyond which we wonder: the peer sends while we do not read. */
const unreadBytesMax = 1024 * 1024;

const lengthBytes = 2;
const noBytes = Buffer.alloc(0);

export interface DnsTcpOptions {
  readonly log: Log;
  readonly bugs: ContainedBugs;
  /** Other bounds than the usual ones. */
  readonly tcpLimits?: DnsTcpLimits | undefined;
}

/** Answers a query; the answer is read before the next call. Undefined: there is none. */
export type Respond = (query: Buffer) => Buffer | undefined;

type DnsSocket = Socket<DnsConnection | undefined>;

/** One connection. Either nothing waits to be sent, and all whole queries are answered; or it is not read from. */
class DnsConnection {
  private readonly socket: DnsSocket;
  private readonly respond: Respond;
  /** Received and not yet answered: less than a query while nothing waits to be sent. */
  private unread: Buffer = noBytes;
  private unsent: Buffer = noBytes;
  private isPaused = false;
  /** No more is read: the peer has ended its side, or talks nonsense. It may still wait for answers. */
  private isEnded = false;
  private activeAtMs = performance.now();

  constructor(socket: DnsSocket, respond: Respond) {
    this.socket = socket;
    this.respond = respond;
  }

  receive(chunk: Buffer): void {
    if (this.isEnded) return;
    this.unread = this.unread.length === 0 ? chunk : Buffer.concat([this.unread, chunk]);
    if (this.unread.length > unreadBytesMax) this.socket.terminate();
    else this.work();
  }

  ended(): void {
    this.isEnded = true;
    this.work();
  }

  /** The socket takes bytes again. */
  drained(): void {
    if (this.flush()) this.work();
  }

  closeIfIdle(nowMs: number, idleMsMax: number): void {
    if (nowMs - this.activeAtMs > idleMsMax) this.socket.terminate();
  }

  terminate(): void {
    this.socket.terminate();
  }

  /** Answers what is there, a batch at a time, as long as the socket takes the answers. */
  private work(): void {
    while (this.unsent.length === 0) {
      this.unsent = this.answerBatch();
      if (this.unsent.length === 0) {
        if (this.isEnded) this.socket.end();
        return;
      }
      if (!this.flush()) return;
    }
  }

  /** The answers to the next queries; empty when there is no whole query left. */
  private answerBatch(): Buffer {
    const parts: Buffer[] = [];
    let totalBytes = 0;
    let at = 0;
    while (totalBytes < batchBytes && this.unread.length - at >= lengthBytes) {
      const length = this.unread.readUInt16BE(at);
      if (length < headerBytes || length > queryBytesMax) {
        this.isEnded = true;
        at = this.unread.length;
        break;
      }
      const end = at + lengthBytes + length;
      if (end > this.unread.length) break;
      const answer = this.respond(this.unread.subarray(at + lengthBytes, end));
      at = end;
      if (answer === undefined) continue;
      const part = Buffer.alloc(lengthBytes + answer.length);
      part.writeUInt16BE(answer.length);
      answer.copy(part, lengthBytes);
      parts.push(part);
      totalBytes += part.length;
    }
    if (at > 0) this.activeAtMs = performance.now();
    // An empty view would hold the whole chunk's memory.
    this.unread = at === this.unread.length ? noBytes : this.unread.subarray(at);
    return Buffer.concat(parts);
  }

  /** True when nothing waits any more. Else the socket is not read from until it has drained. */
  private flush(): boolean {
    const written = this.unsent.length === 0 ? 0 : this.socket.write(this.unsent);
    if (written < 0) {
      // The peer is gone. Pausing the socket would keep Bun from reporting its close.
      this.isEnded = true;
      this.socket.terminate();
      return false;
    }
    if (written > 0) {
      this.activeAtMs = performance.now();
      this.unsent = this.unsent.subarray(written);
    }
    const isBlocked = this.unsent.length > 0;
    if (isBlocked && !this.isPaused) this.socket.pause();
    if (!isBlocked && this.isPaused) this.socket.resume();
    this.isPaused = isBlocked;
    return !isBlocked;
  }
}

export interface DnsTcpListener {
  readonly port: number;
  stop(): void;
}

/**
 * Listens for DNS over TCP.
 * @throws when the address can't be bound.
 */
export function listenDnsTcp(
  address: SocketAddress,
  respond: Respond,
  { log, bugs, tcpLimits: limits = usualLimits }: DnsTcpOptions,
): DnsTcpListener {
  /** Ends a connection after a bug, whatever state it is in. */
  const fail = (socket: DnsSocket, bug: unknown): void => {
    socket.terminate();
    bugs.met("connection", bug);
  };
  const connections = new Set<DnsConnection>();
  // Bun's types know reusePort for dialling only. Half-open: a peer may end its side and still read.
  const settings: TCPSocketListenOptions<DnsConnection | undefined> & { readonly reusePort: boolean } = {
    hostname: address.host,
    port: address.port,
    reusePort: false,
    allowHalfOpen: true,
    socket: {
      open(socket) {
        try {
          // A peer that has gone already takes no place.
          if (peerAddress(socket.remoteAddress) === undefined) {
            socket.terminate();
            return;
          }
          if (connections.size >= limits.connectionsMax) {
            log.debug("a DNS connection above the bound was closed", { connections: connections.size });
            socket.terminate();
            return;
          }
          const connection = new DnsConnection(socket, respond);
          socket.data = connection;
          connections.add(connection);
        } catch (bug) {
          fail(socket, bug);
        }
      },
      data(socket, chunk) {
        try {
          socket.data?.receive(chunk);
        } catch (bug) {
          fail(socket, bug);
        }
      },
      drain(socket) {
        try {
          socket.data?.drained();
        } catch (bug) {
          fail(socket, bug);
        }
      },
      end(socket) {
        try {
          socket.data?.ended();
        } catch (bug) {
          fail(socket, bug);
        }
      },
      close(socket) {
        if (socket.data !== undefined) connections.delete(socket.data);
      },
    },
  };
  const listener: TCPSocketListener<DnsConnection | undefined> = Bun.listen(settings);
  const sweep = setInterval(() => {
    const nowMs = performance.now();
    for (const connection of connections) connection.closeIfIdle(nowMs, limits.idleMsMax);
  }, limits.sweepMs);
  return {
    port: listener.port,
    stop() {
      clearInterval(sweep);
      listener.stop();
      for (const connection of connections) connection.terminate();
    },
  };
}
