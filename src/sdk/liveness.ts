// Detects dead connections. After sleep or a change of network a socket looks open but carries nothing, and no event
// says so. Heartbeats therefore request an answer regularly; a request without a response, or the owner's doubt,
// requests one immediately. Anything that arrives counts as an answer.

import type { Cancel, Environment } from "./environment.ts";

/** The server expects traffic every 55 s; some load balancers cut connections after 30 s of silence. */
export const heartbeatMsDefault = 25_000;
/** The time limit for the answer to a heartbeat, in milliseconds. */
const heartbeatWaitMs = 10_000;
/** A silent connection becomes suspect when a request has waited this long for its response. */
export const suspectMs = 3_000;
/** The time limit for the answer of a suspect connection. */
export const probeWaitMs = 3_000;

interface LivenessOwner {
  /** Sends a packet that the server answers immediately. */
  ping(): void;
  isWaiting(): boolean;
  /** Reports whether a long response may be in transit, which delays the answers to later packets. */
  isReading(): boolean;
  /** No answer arrived in time. This is the last call. */
  silent(): void;
}

export class Liveness {
  private readonly environment: Pick<Environment, "after">;
  private readonly heartbeatMs: number;
  private readonly owner: LivenessOwner;
  private cancelBeat: Cancel = () => undefined;
  private cancelWatch: Cancel | undefined;
  /** Defined while an answer is due. */
  private cancelVerdict: Cancel | undefined;
  private isProbing = false;
  private hasHeard = false;

  constructor(environment: Pick<Environment, "after">, heartbeatMs: number, owner: LivenessOwner) {
    this.environment = environment;
    this.heartbeatMs = heartbeatMs;
    this.owner = owner;
  }

  start(): void {
    this.cancelBeat = this.environment.after(this.heartbeatMs, () => {
      // First, because sending may end the connection.
      this.start();
      if (this.cancelVerdict === undefined) this.ask(heartbeatWaitMs);
    });
  }

  stop(): void {
    this.cancelBeat();
    this.cancelWatch?.();
    this.cancelVerdict?.();
    this.cancelWatch = undefined;
    this.cancelVerdict = undefined;
  }

  heard(): void {
    this.hasHeard = true;
    if (this.cancelVerdict === undefined) return;
    this.cancelVerdict();
    this.cancelVerdict = undefined;
    this.isProbing = false;
  }

  /** Records that a request was sent. `isOnly`: no other request waits. */
  asked(isOnly: boolean): void {
    if (this.cancelWatch !== undefined && !isOnly) return;
    this.cancelWatch?.();
    this.hasHeard = false;
    this.watch();
  }

  /** Requires an answer soon. Further calls do not extend the time. */
  probe(): void {
    if (this.isProbing) return;
    this.cancelVerdict?.();
    this.isProbing = true;
    this.ask(this.owner.isReading() ? heartbeatWaitMs : probeWaitMs);
  }

  private watch(): void {
    this.cancelWatch = this.environment.after(suspectMs, () => {
      this.cancelWatch = undefined;
      if (!this.owner.isWaiting()) return;
      // Rearmed first: `probe` may end the connection, which stops the watch.
      this.watch();
      if (!this.hasHeard) this.probe();
      this.hasHeard = false;
    });
  }

  private ask(waitMs: number): void {
    this.cancelVerdict = this.environment.after(waitMs, () => {
      this.cancelVerdict = undefined;
      this.owner.silent();
    });
    this.owner.ping();
  }
}

/** @throws RangeError */
export function boundedHeartbeatMs(ms: number): number {
  if (ms >= 1_000 && ms <= 50_000) return ms;
  throw new RangeError(`heartbeatMs must be 1,000 to 50,000: ${ms}`);
}
