// Bounds the sockets of an HTTP server whose request has not arrived. The platform does not report them, closes a
// silent one after some seconds, and keeps one that sends a byte now and then without a limit; without free descriptors
// its accept loop spins and nobody can connect. So this checks often whether descriptors are short, which costs some
// microseconds, and rarely how many sockets each address has. Too old or too many sockets are shut down, oldest first.
//
// It also checks how much unidentified peers have sent: the platform keeps an unfinished message without reporting it.
//
// The reserve of descriptors is for signed-in clients, for /health and for files: an attack never uses it, or, in a
// burst, for a tenth of a second at most.

import { closeSync, openSync } from "node:fs";
import { type FoundSocket, SocketFinder } from "./kernel-sockets.ts";

/** The bounds of an `UnseenWatch`. */
export interface UnseenBounds {
  /** From finding a socket to the end of its request, in milliseconds. */
  readonly ageMsMax: number;
  readonly socketsMax: number;
  readonly socketsPerAddressMax: number;
  /** Descriptors that this process may open. */
  readonly descriptorsMax: number;
  /** The number of them that must stay free; if fewer are, as many sockets as are missing are ended. */
  readonly descriptorsReserved: number;
  /** Returns what an address counts as; undefined for one without a limit: a proxy's, or this machine's. */
  readonly quotaOf: (address: string) => string | undefined;
  /** A bound has ended some sockets. */
  readonly met: (bound: UnseenBound, ended: number) => void;
  readonly nowMs: () => number;
  /** Bytes that an unidentified peer may send, including its request. */
  readonly unidentifiedBytesMax: number;
}

/** The open connections whose request has arrived. */
interface SeenConnections {
  /** Descriptors of these connections and of those of other listeners for the same clients. */
  readonly inUse: number;
  /** The number of these whose peer has not shown who it is. */
  readonly unidentifiedCount: number;
  /** The connections of this listener. */
  all(): Iterable<SeenConnection>;
  /** For who is not told of the end of a connection: it has no socket any more. It may be forgotten at once. */
  gone?(connection: SeenConnection): void;
}

export interface SeenConnection {
  /** The socket's peer, `host:port`; below, its port alone. */
  readonly peer: string;
  readonly peerPort: number;
  /** The peer has not shown who it is. */
  readonly isUnidentified: boolean;
  /** Ends the connection: the peer has sent more than `unidentifiedBytesMax`. */
  sentTooMuch(): void;
}

export type UnseenBound = "age" | "sockets" | "socketsPerAddress" | "descriptors";

const portsMax = 65_536;
const probeMs = 100;
const lookMs = 2_000;
/**
 * Peers unidentified for this long are checked for what they have sent, if there are enough of them: fewer hold an
 * unfinished message each at most, until their time to sign in is over.
 */
const lingerMs = 500;
const lingeringMin = 32;
/** Unknown descriptors in use that are tolerated without finding out what they are. */
const unknownMin = 32;

type SocketBounds = Pick<UnseenBounds, "ageMsMax" | "socketsMax" | "socketsPerAddressMax" | "quotaOf">;

/** A socket without a request. */
interface Unseen {
  readonly foundMs: number;
}

/** Decides which sockets to end. Pure, except that it remembers when each socket was found first. */
export class UnseenSockets {
  /** Sockets that were left of the address that has the most of them. */
  mostOfOneAddress = 0;
  private known = new Map<string, Unseen>();
  private readonly bounds: SocketBounds;

  constructor(bounds: SocketBounds) {
    this.bounds = bounds;
  }

  /** `unseen`: all sockets without a request. `excess`: how many must go because descriptors are short. */
  judge(unseen: readonly FoundSocket[], excess: number, nowMs: number): Map<FoundSocket, UnseenBound> {
    const { ageMsMax, socketsMax, socketsPerAddressMax, quotaOf } = this.bounds;
    const before = this.known;
    this.known = new Map(unseen.map(({ peer }) => [peer, before.get(peer) ?? { foundMs: nowMs }]));
    const foundMs = ({ peer }: FoundSocket): number => this.known.get(peer)?.foundMs ?? nowMs;
    // The sort is stable: sockets found at once stay in the order of their descriptors.
    const oldestFirst = unseen.toSorted((one, other) => foundMs(one) - foundMs(other));
    const doomed = new Map<FoundSocket, UnseenBound>();
    for (const socket of oldestFirst) if (nowMs - foundMs(socket) >= ageMsMax) doomed.set(socket, "age");
    const byQuota = Map.groupBy(
      oldestFirst.filter((socket) => !doomed.has(socket)),
      ({ address }) => quotaOf(address),
    );
    byQuota.delete(undefined);
    this.mostOfOneAddress = 0;
    for (const sockets of byQuota.values()) {
      this.mostOfOneAddress = Math.max(this.mostOfOneAddress, Math.min(sockets.length, socketsPerAddressMax));
      for (const socket of sockets.slice(0, Math.max(0, sockets.length - socketsPerAddressMax)))
        doomed.set(socket, "socketsPerAddress");
    }
    const end = (bound: UnseenBound, count: number): void => {
      let left = count;
      for (const socket of oldestFirst) {
        if (left <= 0) return;
        if (doomed.has(socket)) continue;
        doomed.set(socket, bound);
        left--;
      }
    };
    end("sockets", unseen.length - doomed.size - socketsMax);
    end("descriptors", excess - doomed.size);
    return doomed;
  }
}

/** Watches one listener until `stop`. */
export class UnseenWatch {
  private readonly port: number;
  private readonly seen: SeenConnections;
  private readonly bounds: UnseenBounds;
  private readonly sockets: UnseenSockets;
  private readonly timer: Timer;
  private lookedMs: number;
  /** At the last look: descriptors that are not of clients, and sockets without a request. */
  private othersInUse = 0;
  private unseen = 0;
  /** Peers that were unidentified a while ago, and when that was. */
  private unidentifiedBefore: ReadonlySet<SeenConnection> = new Set();
  private unidentifiedMs: number;
  /** Descriptors were short but nothing could be ended: look less often. */
  private wasFruitless = false;
  private isLooking = false;

  constructor(port: number, seen: SeenConnections, bounds: UnseenBounds) {
    this.port = port;
    this.seen = seen;
    this.bounds = bounds;
    this.sockets = new UnseenSockets(bounds);
    this.lookedMs = bounds.nowMs();
    this.unidentifiedMs = this.lookedMs;
    this.timer = setInterval(() => this.tick(), probeMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  /** Sockets without a request that the last look has left: of all addresses, and of the one that has the most. */
  get found(): number {
    return this.unseen;
  }

  get foundOfOneAddress(): number {
    return this.unseen === 0 ? 0 : this.sockets.mostOfOneAddress;
  }

  private tick(): void {
    const nowMs = this.bounds.nowMs();
    const lowest = lowestFreeDescriptor();
    const inUse = lowest ?? this.bounds.descriptorsMax;
    const isShort = inUse > this.roomMax;
    const isDue = nowMs - this.lookedMs >= (isShort && !this.wasFruitless ? 0 : lookMs);
    const isFlooded = this.areLingering(nowMs);
    if (this.isLooking || (!isFlooded && !(isDue && (isShort || this.hasUnseen(inUse))))) return;
    this.lookedMs = nowMs;
    this.isLooking = true;
    void this.look(inUse, lowest === undefined).finally(() => {
      this.isLooking = false;
    });
  }

  /**
   * All descriptors below the lowest free one are in use: if few are unknown, there is nothing to find. Sockets above a
   * descriptor that was freed are found when the next one has taken it.
   */
  private hasUnseen(inUse: number): boolean {
    return inUse - this.seen.inUse >= this.othersInUse + unknownMin || this.unseen > 0;
  }

  /** True if enough peers have been unidentified for a while; evaluated once in that time. */
  private areLingering(nowMs: number): boolean {
    if (nowMs - this.unidentifiedMs < lingerMs) return false;
    this.unidentifiedMs = nowMs;
    const before = this.unidentifiedBefore;
    this.unidentifiedBefore = this.seen.unidentifiedCount < lingeringMin ? new Set() : new Set(this.unidentified());
    let lingering = 0;
    for (const connection of this.unidentifiedBefore) if (before.has(connection)) lingering++;
    return lingering >= lingeringMin;
  }

  private unidentified(): SeenConnection[] {
    return Array.from(this.seen.all()).filter(({ isUnidentified }) => isUnidentified);
  }

  /** Descriptors that may be in use. */
  private get roomMax(): number {
    return Math.max(0, this.bounds.descriptorsMax - this.bounds.descriptorsReserved);
  }

  /** `isFull`: no descriptor is free. */
  private async look(inUse: number, isFull: boolean): Promise<void> {
    const { bounds } = this;
    const finder = await SocketFinder.open();
    if (finder === undefined) {
      this.stop();
      return;
    }
    // Ports first: naming each of ten thousand connections would produce much garbage.
    const allBelow = isFull ? bounds.descriptorsMax : undefined;
    const [seenAt, acceptedAt] = [new Uint16Array(portsMax), new Uint16Array(portsMax)];
    const unidentifiedAt = new Set<number>();
    for (const { peerPort, isUnidentified } of this.seen.all()) {
      seenAt[peerPort] = (seenAt[peerPort] ?? 0) + 1;
      if (isUnidentified) unidentifiedAt.add(peerPort);
    }
    finder.countAccepted(this.port, acceptedAt, allBelow);
    for (const connection of this.seen.all()) if (acceptedAt[connection.peerPort] === 0) this.seen.gone?.(connection);
    const isUnsure = (port: number): boolean =>
      (acceptedAt[port] ?? 0) > (seenAt[port] ?? 0) || unidentifiedAt.has(port);
    const seen = new Map<string, SeenConnection>();
    for (const connection of this.seen.all()) if (isUnsure(connection.peerPort)) seen.set(connection.peer, connection);
    const unseen: FoundSocket[] = [];
    for (const socket of finder.acceptedAt(this.port, isUnsure, allBelow)) {
      const connection = seen.get(socket.peer);
      if (connection === undefined) unseen.push(socket);
      else if (connection.isUnidentified && finder.bytesReceived(socket) > bounds.unidentifiedBytesMax)
        connection.sentTooMuch();
    }
    this.othersInUse = Math.max(0, inUse - this.seen.inUse - unseen.length);
    this.unseen = unseen.length;
    const counts = new Map<UnseenBound, number>();
    for (const [socket, bound] of this.sockets.judge(unseen, inUse - this.roomMax, bounds.nowMs())) {
      finder.end(socket);
      counts.set(bound, (counts.get(bound) ?? 0) + 1);
    }
    this.unseen -= counts.values().reduce((sum, count) => sum + count, 0);
    this.wasFruitless = counts.size === 0;
    for (const [bound, ended] of counts) bounds.met(bound, ended);
  }
}

/** The number of the next descriptor: all below are in use. Undefined if none is free. */
function lowestFreeDescriptor(): number | undefined {
  try {
    const descriptor = openSync("/dev/null", "r");
    closeSync(descriptor);
    return descriptor;
  } catch {
    return undefined;
  }
}
