// Work beside an open loop of talks, to receivers who are not online.

import type { Load } from "../generator/load.ts";
import { runLoop } from "../generator/loop.ts";
import type { Traffic } from "../generator/traffic.ts";
import type { Latency } from "../latency.ts";
import type { Findings, Value } from "../result.ts";

/** Talks a second, and those who talk, unless the user says otherwise. */
export const talksPerSecond = 20_000;
export const trialTalksPerSecond = 500;
export const talkingSenders = 50;

/** Runs the talks of a load, and the work beside them, which ends when `isOver` says so. */
export async function besideTalks(
  traffic: Traffic,
  load: Load,
  work: (isOver: () => boolean) => Promise<void>,
): Promise<Findings> {
  let isOver = false;
  const working = work(() => isOver || performance.now() >= traffic.untilMs);
  const talking = runLoop(traffic, load).finally(() => {
    isOver = true;
  });
  const [[whole]] = await Promise.all([talking, working]);
  if (whole === undefined) throw new Error("the talks gave no result");
  return whole;
}

/** What is found of work beside talks, by its own latency; `fields` come after the usual ones. */
export function foundBeside(talks: Findings, latency: Latency, fields: Readonly<Record<string, Value>>): Findings {
  const { per_second: perSecond, valid, ...rest } = talks;
  const isValid = valid && latency.count > 0;
  return { ...rest, talks_per_second: perSecond ?? null, ...latency.fields(), ...fields, valid: isValid };
}
