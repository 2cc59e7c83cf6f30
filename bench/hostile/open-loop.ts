// Requests that are sent when they are due, whatever has come back: a stall shows in all that it holds up.

import { Latency } from "../latency.ts";

const paceMs = 1;
/** After the last request: what is missing then has failed. */
const drainMsMax = 10_000;

/** What others saw. */
export interface Seen {
  readonly latency: Latency;
  readonly asked: number;
  /** Refused, lost, or not answered in time. */
  readonly failed: number;
  /** Why the first of them failed; undefined: none did. */
  readonly failure: string | undefined;
}

/** Asks `rate` times a second for so long; `ask` resolves when its answer, a good one, has come. */
export async function openLoop(rate: number, seconds: number, ask: (turn: number) => Promise<void>): Promise<Seen> {
  const latency = new Latency();
  const startMs = performance.now();
  const wanted = Math.max(1, Math.round(rate * seconds));
  const drained = Promise.withResolvers<void>();
  let [asked, ended, failed] = [0, 0, 0];
  let failure: string | undefined;
  const one = async (turn: number): Promise<void> => {
    const dueMs = startMs + (turn * 1_000) / rate;
    try {
      await ask(turn);
    } catch (error) {
      failed++;
      failure ??= error instanceof Error ? error.message : String(error);
    }
    // A request that failed took as long as it did.
    latency.record(dueMs, performance.now());
    if (++ended === wanted) drained.resolve();
  };
  while (asked < wanted) {
    const dueTurns = Math.min(wanted, ((performance.now() - startMs) / 1_000) * rate);
    for (; asked < dueTurns; asked++) void one(asked);
    await Bun.sleep(paceMs);
  }
  await Promise.race([drained.promise, Bun.sleep(drainMsMax)]);
  const missing = asked - ended;
  for (let count = 0; count < missing; count++) latency.record(0, drainMsMax);
  if (missing > 0) failure ??= `no answer within ${drainMsMax} ms`;
  return { latency, asked, failed: failed + missing, failure };
}
