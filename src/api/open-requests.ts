// The requests that are not answered yet, for which a listener that stops waits.

import type { Clock } from "../base/clock.ts";

/** After so long without a request, what is closed has no request on its way. */
const quietMs = 100;

export class OpenRequests {
  private readonly clock: Pick<Clock, "monotonicMs">;
  /** Requests that are not answered. */
  underWay = 0;
  private isClosing = false;
  /** While it closes: when the last request arrived, or the closing began. */
  private lastMs = 0;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.clock = clock;
  }

  /** From now on each answer ends its connection: clients send their next request elsewhere. */
  close(): void {
    this.isClosing = true;
    this.lastMs = this.clock.monotonicMs();
  }

  /** Whether nothing is under way, and whoever had a connection has sent what it was about to send. */
  get isQuiet(): boolean {
    return this.underWay === 0 && this.clock.monotonicMs() - this.lastMs >= quietMs;
  }

  /** Counts a request until it is answered; returns the answer. */
  async counted(answering: Promise<Response>): Promise<Response> {
    this.underWay++;
    try {
      const response = await answering;
      if (this.isClosing) {
        this.lastMs = this.clock.monotonicMs();
        response.headers.set("connection", "close");
      }
      return response;
    } finally {
      this.underWay--;
    }
  }
}
