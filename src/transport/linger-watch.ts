// Bounds what follows a close frame over WebSocket. The platform tells no more of a connection that it was asked to close: it
// waits for the peer's end, for ever if need be, and reads all that is still sent, which costs a processor as long as a peer
// likes. So the kernel is asked: whoever sends on, or does not end its side in time, is cut off.

import { type FoundSocket, SocketFinder } from "./kernel-sockets.ts";

/** Between two looks. The close frame is on its way by then: that a peer is cut off cannot hide why. */
const lookMs = 10;
/** A look takes about a microsecond for each descriptor of the process: at most this share of the time goes to it. */
const lookShareMax = 1 / 20;
/** Descriptors that are looked at in one turn of the event loop. */
const descriptorsAtOnce = 256;
/** What may still come between two looks: requests that were on their way, and the peer's own close frame. */
const bytesMax = 64 * 1024;

interface Lingering {
  readonly sinceMs: number;
  /** Found by a look. */
  socket?: FoundSocket;
  bytes?: number;
}

/** Watches the closed connections of one listener. */
export class LingerWatch {
  private readonly port: () => number;
  private readonly lingerMs: number;
  /** By their peers, `host:port`. */
  private readonly lingering = new Map<string, Lingering>();
  private timer: Timer | undefined;
  private isLooking = false;
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
    this.arm(lookMs);
  }

  /** A connection of this peer is new: the one before it has ended. */
  opened(peer: string): void {
    this.lingering.delete(peer);
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private arm(delayMs: number): void {
    if (this.timer !== undefined || this.isLooking || this.isStopped) return;
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.isLooking = true;
      void this.look().then((tookMs) => {
        this.isLooking = false;
        if (this.lingering.size > 0) this.arm(Math.max(lookMs, tookMs / lookShareMax));
      });
    }, delayMs);
    this.timer.unref();
  }

  /** Returns what it took, in milliseconds, without its pauses. */
  private async look(): Promise<number> {
    const finder = await SocketFinder.open();
    if (finder === undefined) {
      this.stop();
      return 0;
    }
    let tookMs = 0;
    let sinceMs = performance.now();
    const { lingering } = this;
    const port = this.port();
    for (const [peer, state] of lingering) {
      if (state.socket === undefined) continue;
      if (finder.acceptedAs(state.socket.descriptor, port, () => true)?.peer === peer)
        this.judge(finder, state, state.socket);
      else lingering.delete(peer);
    }
    const unfound = new Map([...lingering].filter(([, { socket }]) => socket === undefined));
    const ports = new Set([...unfound.keys()].map((peer) => Number(peer.slice(peer.lastIndexOf(":") + 1))));
    const isWanted = (peerPort: number): boolean => ports.has(peerPort);
    const descriptors = ports.size > 0 ? descriptorsOf(finder) : [];
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
      state.socket = socket;
      this.judge(finder, state, socket);
    }
    // No descriptor has it any more. (One that was found in an earlier slice is in the map no longer.)
    if (descriptors.length > 0) for (const peer of unfound.keys()) lingering.delete(peer);
    return tookMs + performance.now() - sinceMs;
  }

  private judge(finder: SocketFinder, state: Lingering, socket: FoundSocket): void {
    const bytes = finder.bytesReceived(socket);
    const sent = bytes - (state.bytes ?? bytes);
    state.bytes = bytes;
    if (sent > bytesMax || performance.now() - state.sinceMs >= this.lingerMs) finder.end(socket);
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
