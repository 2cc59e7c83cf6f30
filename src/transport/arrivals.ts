// New sockets of a listener, as many in each turn of the event loop as fit its share of time. The others wait, and nothing of
// them is read meanwhile. Each holds a descriptor that nobody else counts: there is a bound on how many wait, and a listener
// that closes ends them.

import type { TurnShare } from "../base/turn-share.ts";

/** What is asked of a socket. */
interface Arrival {
  /** 0 or less: it has ended. */
  readonly readyState: number;
  pause(): void;
  resume(): void;
  terminate(): void;
}

/** The sockets of one listener that have not been taken in. */
export class Arrivals<Socket extends Arrival> {
  private readonly share: TurnShare;
  private readonly take: (socket: Socket) => void;
  private readonly mayWait: (waiting: number) => boolean;
  private readonly waiting = new Set<Socket>();

  /**
   * `take` owns a socket from then on, and contains its bugs; it refuses what there is no room for. `mayWait` says whether
   * one more may wait beside `waiting` others; where it may not, the oldest are taken in before their turn.
   */
  constructor(share: TurnShare, take: (socket: Socket) => void, mayWait: (waiting: number) => boolean) {
    this.share = share;
    this.take = take;
    this.mayWait = mayWait;
  }

  /** Takes in a socket that has just been accepted, now or when it is its turn. */
  add(socket: Socket): void {
    if (this.share.isFree) {
      this.share.run(() => this.take(socket));
      return;
    }
    socket.pause();
    this.waiting.add(socket);
    for (const oldest of this.waiting) {
      if (this.mayWait(this.waiting.size - 1)) break;
      this.takeWaiting(oldest);
    }
    if (this.waiting.has(socket)) void this.share.later(() => this.takeWaiting(socket));
  }

  private takeWaiting(socket: Socket): void {
    if (!this.waiting.delete(socket) || socket.readyState <= 0) return;
    this.take(socket);
    socket.resume();
  }

  /** Ends those that wait: the listener has closed. */
  end(): void {
    for (const socket of this.waiting) socket.terminate();
    this.waiting.clear();
  }
}
