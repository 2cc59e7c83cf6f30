// Requests at a fixed pace beside an open loop of talks, on a filled store.

import type { Bench } from "../bench.ts";
import type { FilledFacts } from "../filled/filled-store.ts";
import type { Load } from "../generator/load.ts";
import type { LoadClient } from "../generator/load-client.ts";
import type { LoadName } from "../generator/loads.ts";
import { connectPairs } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import { Latency } from "../latency.ts";
import type { Findings, Value } from "../result.ts";
import type { Server } from "../server/target.ts";
import { untilDue } from "../until-due.ts";
import { besideTalks, foundBeside, talkingSenders, talksPerSecond, trialTalksPerSecond } from "./beside-talks.ts";

/** Requests a second, one after another. */
const asksPerSecond = 50;
/** Clients that ask, at most. */
const askersMax = 20;

/**
 * One request; its latency is measured. Resolves with when the last bytes of its answer were read, as talks are timed;
 * throws when the answer is wrong.
 */
export type Ask = () => Promise<number>;

/** Who asks what. */
interface Asking {
  /** Signs in those who ask. */
  readonly prepare: (
    lost: (reason: string) => void,
  ) => Promise<{ readonly ask: Ask; readonly clients: readonly LoadClient[] }>;
  /** When everybody is connected; returns further fields of the result. */
  readonly begin?: () => Readonly<Record<string, Value>>;
}

/** In the generator: `senders` and `rate` of the talks. */
export async function loadAsks(load: Load, { prepare, begin = () => ({}) }: Asking): Promise<Findings[]> {
  const traffic = new Traffic({ audience: 0, until: "answered" });
  let connected: readonly LoadClient[] = [];
  try {
    await connectPairs(traffic, load, false);
    const { ask, clients } = await prepare((reason) => traffic.fail(`${reason} in the middle of the run`));
    connected = clients;
    const fields = begin();
    const latency = new Latency();
    const talks = await besideTalks(traffic, load, (isOver) => pace(traffic, ask, latency, isOver));
    return [foundBeside(talks, latency, { asked: latency.count, ...fields })];
  } finally {
    for (const client of connected) client.disconnect();
    traffic.disconnect();
  }
}

/**
 * Latencies count from when a request was due; those of the warm-up do not count. What is late in the warm-up is left
 * out, so that the first measured ones do not wait for it.
 */
async function pace(traffic: Traffic, ask: Ask, latency: Latency, isOver: () => boolean): Promise<void> {
  const everyMs = 1000 / asksPerSecond;
  for (let dueMs = performance.now(); !isOver(); dueMs += everyMs) {
    await untilDue(dueMs);
    const answeredMs = await ask();
    if (traffic.isMeasured(dueMs)) latency.record(dueMs, answeredMs);
    else dueMs = Math.max(dueMs, performance.now() - everyMs);
  }
}

/** Which requests, and what the result is called. */
interface AskPlan {
  readonly scenario: string;
  readonly load: LoadName;
  readonly part?: string;
  /** Fields of the result. */
  readonly facts: FilledFacts;
  readonly fields?: Readonly<Record<string, Value>>;
}

/** A server answers each request slowly some hundred times, until its code is compiled: much rarer than talks. */
export const asksWarmUpMs = 10_000;

/** Measures on a server that runs, and reports. */
export async function measureAsks(
  bench: Bench,
  server: Server,
  { scenario, load, part = "", facts, fields = {} }: AskPlan,
): Promise<void> {
  const { isTrial, rate, senders = talkingSenders, warmUpMs = asksWarmUpMs } = bench.options;
  const settings = {
    part,
    warmUpMs,
    senders,
    messages: bench.waiting,
    rate: rate ?? (isTrial ? trialTalksPerSecond : talksPerSecond),
  };
  const plan = { scenario, load, transport: "tcp", connections: senders + askersMax, settings } as const;
  const results = await bench.measure({ ...plan, server: (work) => work(server) });
  bench.report(results.map((result) => ({ ...result, ...fields, ...facts })));
}
