// One who talks while servers fail: some talks at a time, each repeated under its clientId until it is stored, so that
// the answer may say whatever has become of the first try. It keeps what was acknowledged.

import { RequestRefused, RequestTimedOut } from "../../src/sdk/client-errors.ts";
import type { RoostClient } from "../../src/sdk/roost-client.ts";

/** Before a repetition. */
const againMs = 50;
/** A talk that is not stored by then fails the run: longer than any failover, on a busy machine. */
const storedMsMax = 120_000;

/** A talk that was answered with Success. */
export interface Acknowledged {
  readonly to: string;
  /** Its text and its clientId; no other talk has it. */
  readonly body: string;
  readonly id: bigint;
  /** 1: the first try was answered with Success. */
  readonly tries: number;
}

export interface SpeakerOptions {
  readonly account: string;
  readonly client: RoostClient;
  readonly receivers: readonly string[];
  /** Talks at a time. */
  readonly window: number;
  /** Between the answer to a talk and the next one of the same place in the window. */
  readonly paceMs: number;
}

export class Speaker {
  readonly acknowledged: Acknowledged[] = [];
  /** Answers that were none, or no Success. */
  refused = 0;
  /** Requests that nobody answered within the client's time limit. */
  timedOut = 0;
  /** performance.now() of the last Success. */
  lastMs = performance.now();
  /** The longest wait from one Success to the next. */
  gapMsMax = 0;
  private readonly options: SpeakerOptions;
  private spoken = 0;
  private isOver = false;

  constructor(options: SpeakerOptions) {
    this.options = options;
  }

  /** Talks until it is stopped. Throws when a talk is refused for good, or cannot be stored. */
  async talk(): Promise<void> {
    this.lastMs = performance.now();
    await Promise.all(Array.from({ length: this.options.window }, () => this.talkInTurn()));
  }

  stop(): void {
    this.isOver = true;
  }

  /** Sends a talk again that was acknowledged, as a client that lost the answer; the id that it is told now. */
  async repeat({ to, body }: Acknowledged): Promise<bigint> {
    return (await this.stored(to, body)).id;
  }

  private async talkInTurn(): Promise<void> {
    const { account, receivers, paceMs } = this.options;
    await Bun.sleep(Math.random() * paceMs);
    while (!this.isOver) {
      const number = this.spoken++;
      const to = receivers[number % receivers.length] ?? "";
      const body = `${account} ${number}`;
      const { id, tries } = await this.stored(to, body);
      this.acknowledged.push({ to, body, id, tries });
      const nowMs = performance.now();
      this.gapMsMax = Math.max(this.gapMsMax, nowMs - this.lastMs);
      this.lastMs = nowMs;
      await Bun.sleep(paceMs);
    }
  }

  private async stored(to: string, body: string): Promise<{ id: bigint; tries: number }> {
    const endMs = performance.now() + storedMsMax;
    for (let tries = 1; ; tries++) {
      try {
        const { id } = await this.options.client.talkToUser(to, { body }, { clientId: body });
        return { id, tries };
      } catch (error) {
        const isLate = error instanceof RequestTimedOut;
        const isPassing = isLate || (error instanceof RequestRefused && error.isTransient);
        if (!isPassing || performance.now() > endMs) throw error;
        this.refused++;
        if (isLate) this.timedOut++;
        await Bun.sleep(againMs);
      }
    }
  }
}
