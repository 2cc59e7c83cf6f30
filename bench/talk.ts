// Scenario `talk`: every sender talks to a receiver of its own that is online. A closed loop keeps a window of talks in
// flight; an open loop offers a rate, and measures from the moment a talk was due, so that a stall shows as latency.

import { build } from "hdr-histogram-js";
import { LoadClient } from "./load-client.ts";
import { cpuSeconds, residentBytes } from "./process-usage.ts";
import type { Result } from "./report.ts";
import type { Target } from "./server.ts";

const bodyBytes = 100;
const warmUpMs = 2_000;
const drainMsMax = 10_000;
/** The open loop sends what is due this often. */
const paceMs = 2;

export interface TalkOptions {
  /** What the result is called; an open loop's name ends in `-open`. */
  readonly scenario: "talk" | "cluster-talk";
  readonly senders: number;
  /** Talks in flight for each sender in a closed loop. */
  readonly window: number;
  /** Talks a second over all senders; 0: closed loop. */
  readonly rate: number;
  readonly seconds: number;
  /** Tells the accounts of one run from another's on the same server. */
  readonly run: string;
}

/** One sender, its receiver, and what became of their talks. */
class Pair {
  readonly dueMs: number[] = [];
  readonly seen: boolean[] = [];
  answered = 0;
  refused = 0;
  delivered = 0;
  duplicated = 0;
  reordered = 0;
  last = -1;
  sender: LoadClient | undefined;
  receiver: LoadClient | undefined;

  talk(dueMs: number): void {
    const number = this.sender?.talk() ?? 0;
    this.dueMs[number] = dueMs;
  }

  received(number: number): void {
    if (this.seen[number] === true) {
      this.duplicated++;
      return;
    }
    this.seen[number] = true;
    this.delivered++;
    if (number < this.last) this.reordered++;
    this.last = Math.max(this.last, number);
  }
}

/** Runs one loop; of a server of several processes, one more result for each. Throws when a talk is refused or lost, or the server goes away: then there is no figure. */
export async function runTalk(target: Target, options: TalkOptions): Promise<Result[]> {
  const { scenario, senders, window, rate, seconds, run } = options;
  const isClosed = rate === 0;
  const latency = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3,
  });
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  let isSending = true;
  let isMeasuring = false;
  let measured = 0;
  const pairs: Pair[] = [];
  const lost = (reason: string): void => failure.reject(new Error(`${reason} in the middle of the run`));
  for (let index = 0; index < senders; index++) {
    const pair = new Pair();
    pair.receiver = await LoadClient.connect(target, `receiver-${run}-${index}`, {
      answered() {},
      delivered: (number) => pair.received(number),
      lost,
    });
    pair.sender = await LoadClient.connect(target, `sender-${run}-${index}`, {
      answered: (number, status) => {
        pair.answered++;
        if (status !== 0) pair.refused++;
        const nowMs = performance.now();
        if (isMeasuring) {
          measured++;
          latency.recordValue(Math.max(1, Math.round((nowMs - (pair.dueMs[number] ?? nowMs)) * 1000)));
        }
        if (isClosed && isSending) pair.talk(nowMs);
      },
      delivered() {},
      lost,
    });
    pair.sender.prepare(`receiver-${run}-${index}`, bodyBytes);
    pairs.push(pair);
  }
  const pacer = isClosed ? undefined : pace(pairs, rate);
  if (isClosed) for (const pair of pairs) for (let talk = 0; talk < window; talk++) pair.talk(performance.now());

  await Promise.race([Bun.sleep(warmUpMs), failure.promise]);
  const before = usage(target);
  isMeasuring = true;
  await Promise.race([Bun.sleep(seconds * 1000), failure.promise]);
  isMeasuring = false;
  const after = usage(target);
  isSending = false;
  clearInterval(pacer);

  const sum = (of: (pair: Pair) => number): number => pairs.reduce((total, pair) => total + of(pair), 0);
  const sent = sum(({ dueMs }) => dueMs.length);
  const endMs = performance.now() + drainMsMax;
  while ((sum((pair) => pair.answered) < sent || sum((pair) => pair.delivered) < sent) && performance.now() < endMs) {
    await Promise.race([Bun.sleep(20), failure.promise]);
  }
  for (const { sender, receiver } of pairs) {
    sender?.disconnect();
    receiver?.disconnect();
  }
  const answered = sum((pair) => pair.answered);
  const delivered = sum((pair) => pair.delivered);
  const refused = sum((pair) => pair.refused);
  if (refused > 0) throw new Error(`${refused} of ${sent} talks were refused`);
  if (answered < sent || delivered < sent)
    throw new Error(`of ${sent} talks ${answered} were answered and ${delivered} delivered`);

  const elapsed = (after.atMs - before.atMs) / 1000;
  const generator = (after.generator - before.generator) / elapsed;
  const shares = after.processes.map((used, index) => (used - (before.processes[index] ?? 0)) / elapsed);
  const busiest = Math.max(0, ...shares);
  const residentMb = target.processes.map(({ pid }) => Math.round(residentBytes(pid) / 2 ** 20));
  const isKnown = target.processes.length > 0;
  const usPerTalk = (cores: number): number => (cores * elapsed * 1e6) / Math.max(1, measured);
  const ms = (percentile: number): number => latency.getValueAtPercentile(percentile) / 1000;
  const shared = {
    scenario: isClosed ? scenario : `${scenario}-open`,
    transport: "tcp",
    store: target.store,
    seconds,
    // Where nothing is known of the server, a busy generator is doubt enough.
    valid: generator < 0.9 || (isKnown && busiest > 0.8),
  } as const;
  const whole: Result = {
    ...shared,
    connections: 2 * senders,
    ...(isClosed ? { window } : { rate }),
    sent,
    answered,
    delivered,
    lost: sent - delivered,
    duplicated: sum((pair) => pair.duplicated),
    reordered: sum((pair) => pair.reordered),
    per_second: Math.round(measured / elapsed),
    p50_ms: ms(50),
    p90_ms: ms(90),
    p99_ms: ms(99),
    p999_ms: ms(99.9),
    max_ms: latency.maxValue / 1000,
    generator_cpu: generator,
    ...(isKnown
      ? {
          server_cpu: busiest,
          cpu_us_per_talk: usPerTalk(shares.reduce((total, share) => total + share, 0)),
          server_rss_mb: Math.max(...residentMb),
        }
      : {}),
  };
  if (target.processes.length === 1) return [whole];
  const parts = target.processes.map(({ name }, index) => ({
    ...shared,
    node: name,
    server_cpu: shares[index] ?? 0,
    cpu_us_per_talk: usPerTalk(shares[index] ?? 0),
    server_rss_mb: residentMb[index] ?? 0,
  }));
  return [whole, ...parts];
}

function pace(pairs: readonly Pair[], rate: number): ReturnType<typeof setInterval> {
  const startMs = performance.now();
  let talks = 0;
  return setInterval(() => {
    const dueTalks = ((performance.now() - startMs) / 1000) * rate;
    for (; talks < dueTalks; talks++) pairs[talks % pairs.length]?.talk(startMs + (talks / rate) * 1000);
  }, paceMs);
}

function usage({ processes }: Target): { atMs: number; generator: number; processes: readonly number[] } {
  return {
    atMs: performance.now(),
    generator: cpuSeconds(process.pid),
    processes: processes.map(({ pid }) => cpuSeconds(pid)),
  };
}
