// Scenario `hooks`: a webhook is told of every stored message, beside an open loop of talks: whether it keeps up, and,
// in turns with and without it on one server, what it changes for those who talk. Then both beside a closed loop:
// whether it leaves a server that has no more to give to the talks, and is told the rest later.

import { onApiServer } from "../api/receivers.ts";
import type { Bench } from "../bench.ts";
import type { Load } from "../generator/load.ts";
import { runLoop } from "../generator/loop.ts";
import { connectPairs } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import { HookReceiver, type Told } from "../hooks/hook-receiver.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { talkingSenders, talksPerSecond, trialTalksPerSecond } from "./beside-talks.ts";
import { takeTurns } from "./hook-turns.ts";

const name = "hooks";
/** How long turns are taken: about 140 pairs of them, because the p99 of a single one says little. */
const turnsSecondsDefault = 1_200;
const trialTurnsSeconds = 5;
const saturatedSecondsDefault = 90;
/** Talks in flight of each sender, in the closed loop. */
const saturatingWindow = 32;

/** In the generator: `senders` and `rate` of the talks; the part `turns` takes turns for `seconds`. */
export async function loadHooks(load: Load): Promise<Findings[]> {
  const receiver = await HookReceiver.start();
  try {
    return [await (load.settings.part === "turns" ? takeTurns(receiver, load) : keepUp(receiver, load))];
  } finally {
    await receiver.stop();
  }
}

async function keepUp(receiver: HookReceiver, load: Load): Promise<Findings> {
  const { talks, told, endMs } = await talkTold(receiver, load);
  const { per_second: talksPerS, p99_ms: talksP99, cpu_us_per_talk: _, ...rest } = talks;
  const { events, repeated, firstMs, lastMs, ...latency } = told;
  return {
    ...rest,
    ...latency,
    per_second: Math.round((events * 1_000) / Math.max(1, lastMs - firstMs)),
    talks_per_second: talksPerS ?? null,
    talks_p99_ms: talksP99 ?? null,
    behind_ms: Math.max(0, lastMs - endMs),
    repeated,
    valid: talks.valid,
  };
}

/** Talks that the webhook is told of, until it was told all. `endMs`: when the last one was answered, since 1970. */
async function talkTold(
  receiver: HookReceiver,
  load: Load,
): Promise<{ readonly talks: Findings; readonly told: Told; readonly endMs: number }> {
  await receiver.listen(load.target);
  const talks = await talk(load);
  const endMs = Date.now();
  const told = await receiver.told(Number(talks["sent"]), load);
  await receiver.leave(load.target);
  return { talks, told, endMs };
}

async function talk(load: Load): Promise<Findings> {
  const traffic = new Traffic({ audience: 0, until: "answered" });
  try {
    await connectPairs(traffic, load, false);
    const [whole] = await runLoop(traffic, load);
    if (whole === undefined) throw new Error("the talks gave no result");
    return whole;
  } finally {
    traffic.disconnect();
  }
}

interface Wish {
  readonly part: "" | "turns";
  readonly isClosed: boolean;
  readonly seconds: number | undefined;
}

async function measure(bench: Bench, { part, isClosed, seconds }: Wish): Promise<void> {
  const { isTrial, senders = talkingSenders, rate = isTrial ? trialTalksPerSecond : talksPerSecond } = bench.options;
  const { window = isTrial ? 1 : saturatingWindow } = bench.options;
  const talks = isClosed ? { window, rate: 0 } : { rate };
  const settings = { senders, ...talks, part, ...(seconds === undefined ? {} : { seconds }) };
  const scenario = [name, isClosed ? "saturated" : "", part].filter((word) => word !== "").join("-");
  const plan = { scenario, load: name, transport: "tcp", connections: senders, settings } as const;
  bench.report(await bench.measure({ ...plan, server: onApiServer("--hook-allow", "127.0.0.1") }));
}

export const hooks: Scenario = {
  name,
  takesUrl: false,
  async run(bench) {
    const { isTrial } = bench.options;
    const secondsOr = (usual: number): number => (isTrial ? trialTurnsSeconds : bench.secondsOr(usual));
    await measure(bench, { part: "", isClosed: false, seconds: undefined });
    await measure(bench, { part: "turns", isClosed: false, seconds: secondsOr(turnsSecondsDefault) });
    await measure(bench, { part: "", isClosed: true, seconds: undefined });
    await measure(bench, { part: "turns", isClosed: true, seconds: secondsOr(saturatedSecondsDefault) });
  },
};
