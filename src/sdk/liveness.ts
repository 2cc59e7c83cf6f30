// Whether a connection still leads anywhere. After sleep or a change of network a socket looks open and carries nothing:
// no event says so, only silence where an answer is due. A heartbeat asks for an answer all the time; a request without an
// answer, and an owner who has a reason to doubt, ask at once. Whatever arrives is an answer.

import type { Cancel, Environment } from "./environment.ts";

/** The server wants to hear something every 55 s; some balancers cut after 30 s of silence. */
export const heartbeatMsDefault = 25_000;
/** How long the answer to a heartbeat may take, in milliseconds. */
const heartbeatWaitMs = 10_000;
/** A request that has had no answer for this long makes a silent connection suspect. */
export const suspectMs = 3_000;
/** How long the answer of a suspect connection may take. */
export const probeWaitMs = 3_000;

interface LivenessOwner {
  /** Sends what the server answers at once. */
  ping(): void;
  /** Requests wait for their answers. */
  isWaiting(): boolean;
  /** A long answer may be on its way, and what is sent now comes after it. */
  isReading(): boolean;
  /** Nothing came in time: the last call. */
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

  /** Sends heartbeats from now on. */
  start(): void {
    this.cancelBeat = this.environment.after(this.heartbeatMs, () => {
      // First: what cannot be sent may end the connection.
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

  /** Something came from the server. */
  heard(): void {
    this.hasHeard = true;
    if (this.cancelVerdict === undefined) return;
    this.cancelVerdict();
    this.cancelVerdict = undefined;
    this.isProbing = false;
  }

  /** A request was sent. `isOnly`: no other one waits. */
  asked(isOnly: boolean): void {
    if (this.cancelWatch !== undefined && !isOnly) return;
    this.cancelWatch?.();
    this.hasHeard = false;
    this.watch();
  }

  /** Doubts the connection: it has to answer soon. Doubting again does not give it more time. */
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
      // The verdict may come before the next look, and ends the watch.
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
  throw new RangeError(`heartbeatMs is 1,000 to 50,000: ${ms}`);
}
