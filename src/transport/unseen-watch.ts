// Bounds the sockets of an HTTP server whose request has not come. The platform shows none of them to us, closes a silent one
// after some seconds, and keeps one that sends a byte now and then for ever; when descriptors run out, its accept loop spins
// and nobody is let in. So this looks for them: often whether descriptors are short, which costs some microseconds, and
// rarely how many sockets there are of which address. What is too old or too many is shut down, the oldest first.
//
// Likewise it looks at what those have sent who have not shown who they are: the platform keeps an unfinished message where
// nobody counts it.
//
// The reserve of descriptors is for those who have signed in, for /health, and for files: an attack never reaches it, or is
// ended within a tenth of a second where a burst does.

import { closeSync, openSync } from "node:fs";
import { type FoundSocket, SocketFinder } from "./kernel-sockets.ts";

/** What `UnseenWatch` is told. */
export interface UnseenBounds {
  /** From being found to the end of the request. */
  readonly ageMsMax: number;
  readonly socketsMax: number;
  readonly socketsPerAddressMax: number;
  /** Descriptors that this process may have open. */
  readonly descriptorsMax: number;
  /** How many of them have to stay free; beyond it as many sockets are ended as are missing. */
  readonly descriptorsReserved: number;
  /** What an address counts as; undefined: it is not counted, because it is a proxy's or this machine's. */
  readonly quotaOf: (address: string) => string | undefined;
  /** A bound has ended some. */
  readonly met: (bound: UnseenBound, ended: number) => void;
  readonly nowMs: () => number;
  /** What a stranger may have sent, with its request. */
  readonly strangerBytesMax: number;
}

/** The open connections whose request has come. */
interface SeenConnections {
  /** How many descriptors they and the connections of other listeners for the same clients have. */
  readonly inUse: number;
  /** How many of those have not shown who they are. */
  readonly strangerCount: number;
  /** Those of this listener. */
  all(): Iterable<SeenConnection>;
}

export interface SeenConnection {
  /** The socket's peer, `host:port`, and its port alone. */
  readonly peer: string;
  readonly peerPort: number;
  /** The peer has not shown who it is. */
  readonly isUnidentified: boolean;
  /** Ends it: such a peer has sent more than `strangerBytesMax`. */
  sentTooMuch(): void;
}

export type UnseenBound = "age" | "sockets" | "socketsPerAddress" | "descriptors";

const portsMax = 65_536;
const probeMs = 100;
const lookMs = 2_000;
/** Strangers that are still strangers after this time are asked for what they have sent, if there are so many of them. */
const lingerMs = 500;
const lingeringMin = 32;
/** Descriptors above those that are known, before it is looked whose they are. */
const unknownMin = 32;

type SocketBounds = Pick<UnseenBounds, "ageMsMax" | "socketsMax" | "socketsPerAddressMax" | "quotaOf">;

/** A socket that was found without a request. */
interface Unseen {
  readonly foundMs: number;
}

/** Decides which of the sockets that were found are to be ended. Pure, but for its memory of when each was found first. */
export class UnseenSockets {
  private known = new Map<string, Unseen>();
  private readonly bounds: SocketBounds;

  constructor(bounds: SocketBounds) {
    this.bounds = bounds;
  }

  /** `unseen`: all that have no request yet. `excess`: how many have to go for their descriptors, whatever else. */
  judge(unseen: readonly FoundSocket[], excess: number, nowMs: number): Map<FoundSocket, UnseenBound> {
    const { ageMsMax, socketsMax, socketsPerAddressMax, quotaOf } = this.bounds;
    const before = this.known;
    this.known = new Map(unseen.map(({ peer }) => [peer, before.get(peer) ?? { foundMs: nowMs }]));
    const foundMs = ({ peer }: FoundSocket): number => this.known.get(peer)?.foundMs ?? nowMs;
    // The sort is stable: among those found at once the order is that of their descriptors.
    const oldestFirst = unseen.toSorted((one, other) => foundMs(one) - foundMs(other));
    const doomed = new Map<FoundSocket, UnseenBound>();
    for (const socket of oldestFirst) if (nowMs - foundMs(socket) >= ageMsMax) doomed.set(socket, "age");
    const byQuota = Map.groupBy(
      oldestFirst.filter((socket) => !doomed.has(socket)),
      ({ address }) => quotaOf(address),
    );
    byQuota.delete(undefined);
    for (const sockets of byQuota.values())
      for (const socket of sockets.slice(0, Math.max(0, sockets.length - socketsPerAddressMax)))
        doomed.set(socket, "socketsPerAddress");
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
  /** When it was looked last: descriptors that are no clients', and sockets without a request. */
  private othersInUse = 0;
  private unseen = 0;
  /** Who had not shown who they are a while ago, and when that was. */
  private strangers: ReadonlySet<SeenConnection> = new Set();
  private strangersMs: number;
  /** Nothing was ended although descriptors were short: there is nothing to look for so often. */
  private wasFruitless = false;
  private isLooking = false;

  constructor(port: number, seen: SeenConnections, bounds: UnseenBounds) {
    this.port = port;
    this.seen = seen;
    this.bounds = bounds;
    this.sockets = new UnseenSockets(bounds);
    this.lookedMs = bounds.nowMs();
    this.strangersMs = this.lookedMs;
    this.timer = setInterval(() => this.tick(), probeMs);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
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

  /** All below the lowest free descriptor are in use: few more than are known mean that there is nothing to find. */
  private hasUnseen(inUse: number): boolean {
    return inUse - this.seen.inUse >= this.othersInUse + unknownMin || this.unseen > 0;
  }

  /** True if there are strangers enough who have been strangers for a while; asked anew each while. */
  private areLingering(nowMs: number): boolean {
    if (nowMs - this.strangersMs < lingerMs) return false;
    this.strangersMs = nowMs;
    const before = this.strangers;
    this.strangers = this.seen.strangerCount < lingeringMin ? new Set() : new Set(this.unidentified());
    let lingering = 0;
    for (const stranger of this.strangers) if (before.has(stranger)) lingering++;
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
    // By numbers first: to name each of ten thousand connections would leave much to collect.
    const allBelow = isFull ? bounds.descriptorsMax : undefined;
    const [seenAt, acceptedAt] = [new Uint16Array(portsMax), new Uint16Array(portsMax)];
    const strangersAt = new Set<number>();
    for (const { peerPort, isUnidentified } of this.seen.all()) {
      seenAt[peerPort] = (seenAt[peerPort] ?? 0) + 1;
      if (isUnidentified) strangersAt.add(peerPort);
    }
    finder.countAccepted(this.port, acceptedAt, allBelow);
    const isUnsure = (port: number): boolean => (acceptedAt[port] ?? 0) > (seenAt[port] ?? 0) || strangersAt.has(port);
    const seen = new Map<string, SeenConnection>();
    for (const connection of this.seen.all()) if (isUnsure(connection.peerPort)) seen.set(connection.peer, connection);
    const unseen: FoundSocket[] = [];
    for (const socket of finder.acceptedAt(this.port, isUnsure, allBelow)) {
      const connection = seen.get(socket.peer);
      if (connection === undefined) unseen.push(socket);
      else if (connection.isUnidentified && finder.bytesReceived(socket) > bounds.strangerBytesMax)
        connection.sentTooMuch();
    }
    this.othersInUse = Math.max(0, inUse - this.seen.inUse - unseen.length);
    this.unseen = unseen.length;
    const counts = new Map<UnseenBound, number>();
    for (const [socket, bound] of this.sockets.judge(unseen, inUse - this.roomMax, bounds.nowMs())) {
      finder.end(socket);
      counts.set(bound, (counts.get(bound) ?? 0) + 1);
    }
    this.wasFruitless = counts.size === 0;
    for (const [bound, ended] of counts) bounds.met(bound, ended);
  }
}

/** The lowest number that a new descriptor gets: all below it are in use. Undefined: there is none left. */
function lowestFreeDescriptor(): number | undefined {
  try {
    const descriptor = openSync("/dev/null", "r");
    closeSync(descriptor);
    return descriptor;
  } catch {
    return undefined;
  }
}
