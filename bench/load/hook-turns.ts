// What a webhook changes for those who talk: one loop of talks, beside which the webhook comes and goes. A turn is some
// seconds with it or without it; each one with it is compared with the mean of its neighbours, so that a machine that
// becomes slower or faster meanwhile changes little: by the p99 in an open loop, by the rate in a closed one.

import type { Load } from "../generator/load.ts";
import { connectPairs } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import type { HookReceiver } from "../hooks/hook-receiver.ts";
import { Latency } from "../latency.ts";
import { median, medianError } from "../median.ts";
import type { Findings } from "../result.ts";
import { besideTalks } from "./beside-talks.ts";

/** Of a shorter one, a single stall decides what its p99 is. */
const turnMs = 3_000;
const trialTurnMs = 100;
/** Between turns, after the webhook has come or gone: the server compiles the code of a thread that has just begun. */
const pauseMs = 1_000;
const trialPauseMs = 300;
const lookMs = 10;

/** A span of the talks. */
class Turn {
  /** Of those that were due in it. */
  readonly latency = new Latency();
  /** Talks that were answered in it. */
  private answered = 0;
  readonly fromMs = performance.now();
  readonly untilMs: number;

  constructor(forMs: number) {
    this.untilMs = this.fromMs + forMs;
  }

  take(dueMs: number, atMs: number): void {
    if (atMs >= this.fromMs && atMs < this.untilMs) this.answered++;
    if (dueMs >= this.fromMs && dueMs < this.untilMs) this.latency.record(dueMs, atMs);
  }

  get p99Ms(): number {
    return this.latency.at(99);
  }

  get perSecond(): number {
    return (this.answered * 1_000) / (this.untilMs - this.fromMs);
  }
}

/** Takes turns for `seconds`; every second one with the webhook. */
export async function takeTurns(receiver: HookReceiver, load: Load): Promise<Findings> {
  const { settings, target } = load;
  const traffic = new Traffic({ audience: 0, until: "answered" });
  const [without, along]: [Turn[], Turn[]] = [[], []];
  /** The present one, and the one before, whose last answers may come late. */
  let recent: readonly Turn[] = [];
  traffic.watch = (dueMs, atMs) => {
    for (const turn of recent) turn.take(dueMs, atMs);
  };
  const take = async (turns: Turn[]): Promise<void> => {
    await Bun.sleep(settings.isTrial ? trialPauseMs : pauseMs);
    const turn = new Turn(settings.isTrial ? trialTurnMs : turnMs);
    recent = [...recent.slice(-1), turn];
    await Bun.sleep(turn.untilMs - performance.now());
    turns.push(turn);
  };
  try {
    await connectPairs(traffic, load, false);
    const talks = await besideTalks(traffic, load, async (isOver) => {
      while (performance.now() < traffic.fromMs) await Bun.sleep(lookMs);
      await take(without);
      while (!isOver()) {
        await receiver.listen(target);
        await receiver.begun(load);
        await take(along);
        await receiver.leave(target);
        await receiver.quiet(load);
        await take(without);
      }
    });
    return found(talks, without, along, settings.rate === 0);
  } finally {
    traffic.disconnect();
  }
}

/** `without` has one turn more: before each of those along, and behind the last. */
function found(talks: Findings, without: readonly Turn[], along: readonly Turn[], isClosed: boolean): Findings {
  const figureOf = ({ p99Ms, perSecond }: Turn): number => (isClosed ? perSecond : p99Ms);
  const figures = without.map(figureOf);
  const ratios = along.map((turn, number) => {
    const [before = NaN, after = NaN] = figures.slice(number, number + 2);
    return figureOf(turn) / ((before + after) / 2);
  });
  if (ratios.length === 0)
    return { ...talks, turns: 0, valid: false, doubt: "no turn with the webhook was over in time" };
  const [withIt, withoutIt] = [median(along.map(figureOf)), median(figures)];
  const shown = isClosed
    ? { per_second: Math.round(withIt), without_per_second: Math.round(withoutIt), rate_against_none: median(ratios) }
    : { p99_ms: withIt, without_p99_ms: withoutIt, p99_against_none: median(ratios) };
  return { ...talks, turns: ratios.length, ...shown, error: medianError(ratios) };
}
