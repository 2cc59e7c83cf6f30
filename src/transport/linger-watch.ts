// Bounds what follows a close frame over WebSocket. The platform tells no more of a connection that it was asked to close: it
// waits for the peer's end, for ever if need be, and reads all that is still sent, which costs a processor as long as a peer
// likes. So the kernel is asked: whoever sends on, or does not end its side in time, is cut off.

import { type FoundSocket, SocketFinder } from "./kernel-sockets.ts";

/** Between two looks. The close frame is on its way by then: that a peer is cut off cannot hide why. */
const lookMs = 10;
/** To find sockets takes about a microsecond for each descriptor of the process: at most this share of the time. */
const findShareMax = 1 / 20;
/** Descriptors that are looked at in one turn of the event loop. */
const descriptorsAtOnce = 256;
/** What may still come after the first look: requests that were on their way, and the peer's own close frame. */
const bytesMax = 16 * 1024;

interface Lingering {
  readonly sinceMs: number;
  /** Once it has been found, with what had come by then. */
  found?: { readonly socket: FoundSocket; readonly bytes: number };
}

/** Watches the closed connections of one listener. */
export class LingerWatch {
  private readonly port: () => number;
  private readonly lingerMs: number;
  /** By their peers, `host:port`. */
  private readonly lingering = new Map<string, Lingering>();
  private timer: Timer | undefined;
  private isFinding = false;
  /** When descriptors may be gone through again. */
  private nextFindMs = 0;
  private isStopped = false;

  /** `lingerMs`: how long a peer may take to end its side. */
  constructor(port: () => number, lingerMs: number) {
    this.port = port;
    this.lingerMs = lingerMs;
  }

  get isWatching(): boolean {
    return this.lingering.size > 0;
  }

  /** The platform was asked to close the connection of this peer. */
  closed(peer: string): void {
    this.lingering.set(peer, { sinceMs: performance.now() });
    this.arm();
  }

  /** A connection of this peer is new: the one before it has ended. */
  opened(peer: string): void {
    this.lingering.delete(peer);
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
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
    const { lingering } = this;
    const port = this.port();
    const unfound = new Map<string, Lingering>();
    for (const [peer, state] of lingering) {
      if (state.found === undefined) unfound.set(peer, state);
      else if (finder.acceptedAs(state.found.socket.descriptor, port, () => true)?.peer === peer)
        this.judge(finder, state);
      else lingering.delete(peer);
    }
    if (unfound.size > 0 && !this.isFinding && performance.now() >= this.nextFindMs) void this.find(finder, unfound);
    if (lingering.size > 0) this.arm();
  }

  /** Goes through the descriptors for the sockets of these peers, some in each turn of the event loop. */
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
      // The same peer may have come back meanwhile.
      if (this.lingering.get(socket.peer) !== state) continue;
      state.found = { socket, bytes: finder.bytesReceived(socket) };
      this.judge(finder, state);
    }
    // No descriptor has it any more.
    if (descriptors.length > 0)
      for (const [peer, state] of unfound) if (this.lingering.get(peer) === state) this.lingering.delete(peer);
    const nowMs = performance.now();
    this.nextFindMs = nowMs + (tookMs + nowMs - sinceMs) / findShareMax;
    this.isFinding = false;
  }

  private judge(finder: SocketFinder, { found, sinceMs }: Lingering): void {
    if (found === undefined) return;
    const isOver = performance.now() - sinceMs >= this.lingerMs;
    if (isOver || finder.bytesReceived(found.socket) - found.bytes > bytesMax) finder.end(found.socket);
  }
}

/** Without any when none is free to read them with: the next look finds some. */
function descriptorsOf(finder: SocketFinder): number[] {
  try {
    return [...finder.descriptors()];
  } catch {
    return [];
  }
}
