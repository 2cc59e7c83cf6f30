// Bounds what follows a close frame over WebSocket. The platform reports nothing about a connection that it was asked
// to close: it waits for the peer's end without a limit, and reads everything that is still sent, at any cost in CPU.
// So this asks the kernel, and cuts off a peer that sends on or does not end its side in time.

import { type FoundSocket, SocketFinder } from "./kernel-sockets.ts";

/** How long a peer that was sent everything may take to end its side, in milliseconds. */
export const lingerMsMax = 2_000;
/** Bytes that are still read after a close frame was sent: requests on their way, and the close frame of the peer. */
export const lateBytesMax = 16 * 1024;
/** Between two looks, in milliseconds. The close frame is sent by then: a peer that is cut off learns why. */
const lookMs = 10;
/** Finding sockets costs about a microsecond for each descriptor of the process: at most this share of the time. */
const findShareMax = 1 / 20;
/** Descriptors that are scanned in one turn of the event loop. */
const descriptorsAtOnce = 256;
/** Sockets that one look asks about, at some microseconds each; the ones asked about last come last. */
const askedAtOnce = 128;

interface Lingering {
  readonly sinceMs: number;
}

/** A connection whose socket is known, with the bytes received when it was found. */
interface Found extends Lingering {
  readonly socket: FoundSocket;
  readonly bytes: number;
}

/** Watches the closed connections of one listener. */
export class LingerWatch {
  private readonly port: () => number;
  private readonly lingerMs: number;
  /** By peer, `host:port`: connections without a known socket, and the others in the order of the next look. */
  private readonly unfound = new Map<string, Lingering>();
  private readonly found = new Map<string, Found>();
  private timer: Timer | undefined;
  private isFinding = false;
  /** When descriptors may be scanned again. */
  private nextFindMs = 0;
  private isStopped = false;

  /** `lingerMs`: how long a peer may take to end its side. */
  constructor(port: () => number, lingerMs: number) {
    this.port = port;
    this.lingerMs = lingerMs;
  }

  get isWatching(): boolean {
    return this.unfound.size + this.found.size > 0;
  }

  /** The platform was asked to close the connection of this peer. */
  closed(peer: string): void {
    if (this.isStopped) return;
    this.found.delete(peer);
    this.unfound.set(peer, { sinceMs: performance.now() });
    this.arm();
  }

  /** A new connection of this peer: the previous one has ended. */
  opened(peer: string): void {
    this.unfound.delete(peer);
    this.found.delete(peer);
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
    this.unfound.clear();
    this.found.clear();
  }

  private arm(): void {
    if (this.timer !== undefined || this.isStopped) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      void this.look();
    }, lookMs);
    this.timer.unref();
  }

  private async look(): Promise<void> {
    const finder = await SocketFinder.open();
    if (finder === undefined) {
      this.stop();
      return;
    }
    const { unfound, found } = this;
    const port = this.port();
    let left = Math.min(found.size, askedAtOnce);
    for (const [peer, one] of found) {
      if (left-- === 0) break;
      found.delete(peer);
      if (finder.acceptedAs(one.socket.descriptor, port, () => true)?.peer !== peer) continue;
      found.set(peer, one);
      this.judge(finder, one);
    }
    if (unfound.size > 0 && !this.isFinding && performance.now() >= this.nextFindMs)
      void this.find(finder, new Map(unfound));
    if (this.isWatching) this.arm();
  }

  /** Scans the descriptors for the sockets of these peers, some in each turn of the event loop. */
  private async find(finder: SocketFinder, unfound: Map<string, Lingering>): Promise<void> {
    this.isFinding = true;
    let tookMs = 0;
    let sinceMs = performance.now();
    const port = this.port();
    const ports = new Set([...unfound.keys()].map((peer) => Number(peer.slice(peer.lastIndexOf(":") + 1))));
    const isWanted = (peerPort: number): boolean => ports.has(peerPort);
    const descriptors = descriptorsOf(finder);
    for (const [index, descriptor] of descriptors.entries()) {
      if (unfound.size === 0) break;
      if (index % descriptorsAtOnce === descriptorsAtOnce - 1) {
        tookMs += performance.now() - sinceMs;
        await new Promise((resolve) => setImmediate(resolve));
        sinceMs = performance.now();
      }
      const socket = finder.acceptedAs(descriptor, port, isWanted);
      const state = socket && unfound.get(socket.peer);
      if (socket === undefined || state === undefined) continue;
      unfound.delete(socket.peer);
      // The peer may have reconnected meanwhile.
      if (this.unfound.get(socket.peer) !== state) continue;
      this.unfound.delete(socket.peer);
      const found = { ...state, socket, bytes: finder.bytesReceived(socket) };
      this.found.set(socket.peer, found);
      this.judge(finder, found);
    }
    // No descriptor belongs to it any more.
    if (descriptors.length > 0)
      for (const [peer, state] of unfound) if (this.unfound.get(peer) === state) this.unfound.delete(peer);
    const nowMs = performance.now();
    this.nextFindMs = nowMs + (tookMs + nowMs - sinceMs) / findShareMax;
    this.isFinding = false;
  }

  private judge(finder: SocketFinder, { socket, bytes, sinceMs }: Found): void {
    const isOver = performance.now() - sinceMs >= this.lingerMs;
    if (isOver || finder.bytesReceived(socket) - bytes > lateBytesMax) finder.end(socket);
  }
}

/** Returns no sockets if no descriptor is free to list them: the next look finds some. */
function descriptorsOf(finder: SocketFinder): number[] {
  try {
    return [...finder.descriptors()];
  } catch {
    return [];
  }
}
