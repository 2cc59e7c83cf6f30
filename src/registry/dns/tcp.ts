// DNS over TCP (RFC 1035, 4.2.2; RFC 7766): each message follows its length in two bytes; several queries may precede
// their answers, split anywhere. For a peer that does not read, it holds at most one batch of answers, and what the
// peer had sent before reading stopped. Connections are few, and close after some time without a query or when another
// one needs the slot. Queries are answered in small batches, so that one peer does not block others.

import type { Socket, TCPSocketListener, TCPSocketListenOptions } from "bun";
import type { Limits } from "../../base/limits/limits.ts";
import type { ContainedBugs } from "../../observe/contained-bugs.ts";
import { peerAddress, type SocketAddress } from "../../transport/address.ts";
import { ConnectionPlaces, type Placed } from "./connection-places.ts";
import { headerBytes } from "./query.ts";

/** The time limits of connections. */
export interface DnsTcpTimes {
  /** Connections without a whole query or a sent byte for this long are closed. */
  readonly idleMsMax: number;
  /** The interval of checks for idle connections. */
  readonly sweepMs: number;
}

const usualTimes: DnsTcpTimes = { idleMsMax: 10_000, sweepMs: 1_000 };
/** The longest query; real ones are much shorter. */
const queryBytesMax = 4 * 1024;
/** Answers are sent when this many bytes are pending, or no query is left. */
const batchBytes = 64 * 1024;
/** Queries of one connection per turn of the event loop. */
const queriesPerTurn = 256;
/** The most unread input: the peer sends while it is not read from. */
const unreadBytesMax = 1024 * 1024;

const lengthBytes = 2;
const noBytes = Buffer.alloc(0);

interface DnsTcpOptions {
  readonly bugs: ContainedBugs;
  readonly limits: Limits;
  /** Replaces the time limits. */
  readonly tcpTimes?: DnsTcpTimes | undefined;
}

/** Answers a query, or returns undefined. The answer is read before the next call. */
export type Respond = (query: Buffer) => Buffer | undefined;

type DnsSocket = Socket<DnsConnection | undefined>;

/**
 * A connection. Either nothing is pending and all whole queries are answered, or it is not read from until the pending
 * bytes are sent and the next turn has come.
 */
class DnsConnection implements Placed {
  readonly address: string;
  private readonly socket: DnsSocket;
  private readonly host: ConnectionHost;
  /** Received but not answered: less than a query while nothing is pending. */
  private unread: Buffer = noBytes;
  private unsent: Buffer = noBytes;
  private isPaused = false;
  /** A batch is planned for the next turn. */
  private isPlanned = false;
  /** No more is read: the peer has ended its side, or its input is malformed. It may still wait for answers. */
  private isEnded = false;
  private isClosed = false;
  private activeAtMs = performance.now();

  constructor(socket: DnsSocket, address: string, host: ConnectionHost) {
    this.socket = socket;
    this.address = address;
    this.host = host;
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

  /** Handles that the socket accepts bytes again. */
  drained(): void {
    if (this.flush()) this.work();
  }

  /** Handles that the socket is closed. */
  closed(): void {
    this.isClosed = true;
    this.unread = noBytes;
    this.unsent = noBytes;
  }

  closeIfIdle(nowMs: number, idleMsMax: number): void {
    if (nowMs - this.activeAtMs > idleMsMax) this.socket.terminate();
  }

  evict(): void {
    this.socket.terminate();
  }

  /** Answers a batch; the next one follows in the next turn, when the socket has accepted the answers. */
  private work(): void {
    if (this.isPlanned || this.unsent.length > 0 || this.isClosed) return;
    const { answers, isMore } = this.answerBatch();
    this.unsent = answers;
    this.isPlanned = isMore;
    const isFlushed = this.flush();
    if (isMore) {
      setImmediate(() => this.host.contain(this.socket, () => this.workOn()));
      return;
    }
    if (isFlushed && this.isEnded) this.socket.end();
  }

  private workOn(): void {
    this.isPlanned = false;
    this.settle();
    this.work();
  }

  /** Returns the answers to the next queries, and whether another whole query may exist. */
  private answerBatch(): { answers: Buffer; isMore: boolean } {
    const parts: Buffer[] = [];
    let totalBytes = 0;
    let queries = 0;
    let at = 0;
    let isMore = false;
    while (this.unread.length - at >= lengthBytes) {
      const length = this.unread.readUInt16BE(at);
      if (length < headerBytes || length > queryBytesMax) {
        this.isEnded = true;
        at = this.unread.length;
        break;
      }
      const end = at + lengthBytes + length;
      if (end > this.unread.length) break;
      if (totalBytes >= batchBytes || queries >= queriesPerTurn) {
        isMore = true;
        break;
      }
      queries++;
      const answer = this.host.respond(this.unread.subarray(at + lengthBytes, end));
      at = end;
      if (answer === undefined) continue;
      const part = Buffer.alloc(lengthBytes + answer.length);
      part.writeUInt16BE(answer.length);
      answer.copy(part, lengthBytes);
      parts.push(part);
      totalBytes += part.length;
    }
    if (at > 0) this.activeAtMs = performance.now();
    if (queries > 0) this.host.asked(this);
    // An empty view would retain the whole chunk.
    this.unread = at === this.unread.length ? noBytes : this.unread.subarray(at);
    return { answers: Buffer.concat(parts), isMore };
  }

  /** Sends pending bytes; returns true if none are left. Otherwise reading pauses until the socket has drained. */
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
    this.settle();
    return this.unsent.length === 0;
  }

  /** Reads from the socket only while nothing is pending. */
  private settle(): void {
    const isBlocked = this.unsent.length > 0 || this.isPlanned;
    if (isBlocked && !this.isPaused) this.socket.pause();
    if (!isBlocked && this.isPaused) this.socket.resume();
    this.isPaused = isBlocked;
  }
}

/** The listener, as a connection uses it. */
interface ConnectionHost {
  readonly respond: Respond;
  /** Records a query of a connection. */
  asked(connection: DnsConnection): void;
  /** Runs an action of a socket or a timer; a bug ends the connection, in any state. */
  contain(socket: DnsSocket, action: () => void): void;
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
  { bugs, limits, tcpTimes: times = usualTimes }: DnsTcpOptions,
): DnsTcpListener {
  const places = new ConnectionPlaces<DnsConnection>(limits);
  const host: ConnectionHost = {
    respond,
    asked: (connection) => places.asked(connection),
    contain(socket, action) {
      try {
        action();
      } catch (bug) {
        socket.terminate();
        bugs.met("connection", bug);
      }
    },
  };
  // Bun's types have reusePort for dialling only. Half-open: a peer may end its side and still read.
  const settings: TCPSocketListenOptions<DnsConnection | undefined> & { readonly reusePort: boolean } = {
    hostname: address.host,
    port: address.port,
    reusePort: false,
    allowHalfOpen: true,
    socket: {
      open(socket) {
        host.contain(socket, () => {
          // A peer that is gone already needs no slot.
          const peer = peerAddress(socket.remoteAddress);
          if (peer === undefined) {
            socket.terminate();
            return;
          }
          const connection = new DnsConnection(socket, peer, host);
          socket.data = connection;
          places.enter(connection);
        });
      },
      data: (socket, chunk) => host.contain(socket, () => socket.data?.receive(chunk)),
      drain: (socket) => host.contain(socket, () => socket.data?.drained()),
      end: (socket) => host.contain(socket, () => socket.data?.ended()),
      close(socket) {
        if (socket.data === undefined) return;
        places.leave(socket.data);
        socket.data.closed();
      },
    },
  };
  const listener: TCPSocketListener<DnsConnection | undefined> = Bun.listen(settings);
  const sweep = setInterval(() => {
    const nowMs = performance.now();
    for (const connection of places.all()) connection.closeIfIdle(nowMs, times.idleMsMax);
  }, times.sweepMs);
  return {
    port: listener.port,
    stop() {
      clearInterval(sweep);
      listener.stop();
      for (const connection of places.all()) connection.evict();
    },
  };
}
