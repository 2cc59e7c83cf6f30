// New sockets of a listener: each turn of the event loop accepts as many as fit its share of time. The others wait and
// are not read. Nothing else counts their descriptors, so the number that waits is bounded, and closing the listener
// ends them.

import type { TurnShare } from "../base/turn-share.ts";

/** The part of a socket that is used. */
interface Arrival {
  /** 0 or less: the socket has ended. */
  readonly readyState: number;
  pause(): void;
  resume(): void;
  terminate(): void;
}

/** The waiting sockets of one listener. */
export class Arrivals<Socket extends Arrival> {
  private readonly share: TurnShare;
  private readonly take: (socket: Socket) => void;
  private readonly mayWait: (waiting: number) => boolean;
  private readonly waiting = new Set<Socket>();

  /**
   * `take` accepts or refuses a socket, owns it from then on, and contains its bugs. `mayWait` returns whether one more
   * may wait beside `waiting` others; if not, the oldest are taken before their turn.
   */
  constructor(share: TurnShare, take: (socket: Socket) => void, mayWait: (waiting: number) => boolean) {
    this.share = share;
    this.take = take;
    this.mayWait = mayWait;
  }

  /** Takes a new socket, now or in its turn. */
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

  /** Ends the waiting sockets: the listener has closed. */
  end(): void {
    for (const socket of this.waiting) socket.terminate();
    this.waiting.clear();
  }
}
