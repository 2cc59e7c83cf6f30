// Puts traffic on a server: a closed loop keeps a window of talks in flight for each sender; an open loop offers a
// rate, and measures from the moment a talk was due, so that a stall shows as latency. After a warm-up it measures,
// then it stops sending, and the clock stops when all that was sent has come, or when nothing comes any more.

import type { Findings } from "../result.ts";
import type { Load } from "./load.ts";
import type { Traffic } from "./traffic.ts";
import { isGeneratorFree, residentMb, round, type Shares, sharesBetween, usageFields, usageOf } from "./usage.ts";

/** The open loop sends what is due this often. */
const paceMs = 1;
const lookMs = 20;
/** How often a person sees progress. */
const tellMs = 200;
/** Of what an open loop should have sent while it was measured; less means that the generator was held up. */
const offeredMin = 0.98;
/** A measurement of which nothing was answered goes on until something is, at most so much longer. */
const extraMsMax = 10_000;

/**
 * Runs it. The first of the findings is the whole; of a server of several processes, one more follows for each. Throws
 * a sentence when a talk is refused or lost, or the server goes away: then there is no figure.
 */
export async function runLoop(traffic: Traffic, load: Load): Promise<Findings[]> {
  const { target, settings, tell } = load;
  const { seconds, window, rate, warmUpMs } = settings;
  const isClosed = rate === 0;
  let pacer: ReturnType<typeof setInterval> | undefined;
  if (isClosed) {
    traffic.free = (sender, nowMs) => sender.talk(nowMs);
    for (const sender of traffic.senders) for (let talk = 0; talk < window; talk++) sender.talk(performance.now());
  } else pacer = pace(traffic, rate);
  try {
    await wait(traffic, warmUpMs, (done) => tell("warming up", done));
    const before = usageOf(target);
    const sentBefore = traffic.sent;
    traffic.fromMs = performance.now();
    traffic.untilMs = traffic.fromMs + seconds * 1000;
    const endMs = traffic.untilMs + extraMsMax;
    do await wait(traffic, traffic.untilMs - performance.now(), (done) => tell("measuring", done));
    while (isMeasuredOn(traffic, endMs, seconds));
    const after = usageOf(target);
    const sent = traffic.sent - sentBefore;
    traffic.free = () => undefined;
    clearInterval(pacer);
    await drained(traffic, load);
    const shares = sharesBetween(before, after);
    const offered = isClosed ? 1 : sent / ((rate * (after.atMs - before.atMs)) / 1000);
    return findingsOf(traffic, load, shares, offered);
  } finally {
    clearInterval(pacer);
    traffic.free = () => undefined;
  }
}

/** True when nothing of what was due was answered: then it goes on as long again. */
function isMeasuredOn(traffic: Traffic, endMs: number, seconds: number): boolean {
  const nowMs = performance.now();
  if (latenciesOf(traffic).main.count > 0 || nowMs >= endMs) return false;
  traffic.untilMs = nowMs + seconds * 1000;
  return true;
}

/** The latency that the loop waits for, and the other one. */
function latenciesOf({ isUntilDelivered, answerLatency, deliveryLatency }: Traffic) {
  return isUntilDelivered
    ? { main: deliveryLatency, other: answerLatency, otherName: "answer" }
    : { main: answerLatency, other: deliveryLatency, otherName: "delivery" };
}

/** Sends what is due, one sender after another. */
function pace(traffic: Traffic, rate: number): ReturnType<typeof setInterval> {
  const startMs = performance.now();
  const { senders } = traffic;
  let talks = 0;
  return setInterval(() => {
    const dueTalks = ((performance.now() - startMs) / 1000) * rate;
    for (; talks < dueTalks; talks++) senders[talks % senders.length]?.talk(startMs + (talks / rate) * 1000);
  }, paceMs);
}

async function wait(traffic: Traffic, forMs: number, tell: (done: number) => void): Promise<void> {
  const startMs = performance.now();
  for (;;) {
    const leftMs = startMs + forMs - performance.now();
    tell(leftMs <= 0 ? 1 : 1 - leftMs / forMs);
    if (leftMs <= 0) return;
    await Promise.race([Bun.sleep(Math.min(leftMs, tellMs)), traffic.failure]);
  }
}

async function drained(traffic: Traffic, { settings, tell }: Load): Promise<void> {
  const { sent, audience } = traffic;
  const wanted = sent * audience;
  traffic.heardMs = Math.max(traffic.heardMs, performance.now());
  const isDone = (): boolean => traffic.answered === sent && traffic.delivered === wanted;
  while (!isDone() && performance.now() - traffic.heardMs < settings.drainQuietMs) {
    tell("draining", (traffic.answered + traffic.delivered) / Math.max(1, sent + wanted));
    await Promise.race([Bun.sleep(lookMs), traffic.failure]);
  }
  const { answered, delivered, refused } = traffic;
  if (refused > 0) {
    const status = traffic.senders.find(({ refusedStatus }) => refusedStatus !== 0)?.refusedStatus;
    throw new Error(`${refused} of ${sent} talks were refused, one of them with status ${status}`);
  }
  if (isDone()) return;
  const lost = wanted - delivered;
  throw new Error(
    `of ${sent} talks ${answered} were answered, and of ${wanted} deliveries ${lost} were lost; ` +
      "there is no figure for that",
  );
}

function findingsOf(traffic: Traffic, { target, settings }: Load, shares: Shares, offered: number): Findings[] {
  const { window, rate } = settings;
  const { sent, answered, delivered, duplicated, reordered } = traffic;
  const seconds = (traffic.untilMs - traffic.fromMs) / 1000;
  const { main, other, otherName } = latenciesOf(traffic);
  const isFree = isGeneratorFree(shares);
  const doubts = [
    isFree ? [] : ["the generator was the bottleneck"],
    offered >= offeredMin ? [] : [`only ${(offered * 100).toFixed(1)} % of the rate was offered`],
    duplicated === 0 ? [] : ["messages came twice"],
    reordered === 0 ? [] : ["messages came out of order"],
    main.count > 0 ? [] : ["no talk was due while it was measured"],
  ].flat();
  const valid = doubts.length === 0;
  const isKnown = target.processes.length > 0;
  const usPerTalk = (cores: number): number =>
    Math.round((cores * seconds * 1e7) / Math.max(1, traffic.answersMeasured)) / 10;
  const whole: Findings = {
    connections: new Set([...traffic.senders, ...traffic.receivers].map(({ client }) => client)).size,
    window: rate === 0 ? window : null,
    rate: rate === 0 ? null : rate,
    seconds,
    sent,
    answered,
    delivered,
    lost: 0,
    duplicated,
    reordered,
    per_second: Math.round(traffic.answersMeasured / seconds),
    ...main.fields(),
    ...usageFields(target, shares),
    valid,
    ...(isKnown ? { cpu_us_per_talk: usPerTalk(shares.processes.reduce((total, share) => total + share, 0)) } : {}),
    ...(other.count > 0 ? { [`${otherName}_p50_ms`]: other.at(50), [`${otherName}_p99_ms`]: other.at(99) } : {}),
    ...(traffic.audience > 1 ? { pushes_per_second: Math.round(traffic.deliveriesMeasured / seconds) } : {}),
    ...(valid ? {} : { doubt: doubts.join(", ") }),
  };
  if (target.processes.length < 2) return [whole];
  const resident = residentMb(target);
  const parts = target.processes.map(({ name }, index): Findings => {
    const share = shares.processes[index] ?? 0;
    return {
      node: name,
      seconds,
      server_cpu: round(share),
      server_rss_mb: resident[index] ?? 0,
      cpu_us_per_talk: usPerTalk(share),
      valid,
    };
  });
  return [whole, ...parts];
}
