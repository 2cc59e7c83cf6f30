// Scenario `hostile`: each attack against a server of its own. What counts is what others see, as a ratio to what they
// saw before, and the server's memory when the attack is over.

import type { Bench } from "../bench.ts";
import type { Load } from "../generator/load.ts";
import { type Attackers, startAttackers } from "../hostile/attackers.ts";
import type { Attack } from "../hostile/attack.ts";
import { attacks } from "../hostile/attacks.ts";
import type { Seen } from "../hostile/open-loop.ts";
import { onScene, type Scene } from "../hostile/scene.ts";
import { cpuSeconds, residentBytes, residentBytesPeak } from "../process-usage.ts";
import { type Findings, type Result, resultOf } from "../result.ts";
import type { Scenario } from "../scenario.ts";

const name = "hostile";
/** How long each attack, and the quiet before it, are measured, unless the user says another time. */
const secondsDefault = 5;
/** After an attack, until memory is read. */
const restMs = 10_000;
/** What others may see, and what may stay of the memory: times what was before. */
const p99RatioMax = 3;
const memoryRatioMax = 1.2;
const mb = 2 ** 20;

/** In the generator: `attack`. Throws when it cannot be made. */
export async function loadHostile({ settings, tell }: Load): Promise<Findings[]> {
  const attack = attackOf(settings.attack);
  return onScene(attack.scene, async (scene) => {
    const { victims, pid } = scene;
    const { seconds, warmUpMs, isTrial } = settings;
    tell("warming up", 0);
    if (warmUpMs > 0) await victims.measure(warmUpMs / 1_000);
    tell("quiet", 0);
    const quiet = await victims.measure(seconds);
    tell("preparing", 0);
    const attackers = await startAttackers({ attack: attack.name, place: scene.place, isTrial });
    // What an attack needs, such as a large group or service, is no attack: its memory was there before.
    const before = residentBytes(pid);
    tell("attacking", 0);
    const { seen, cpu } = await underAttack(attackers, scene, seconds);
    const peak = alive(pid, residentBytesPeak);
    tell("resting", 0);
    await Bun.sleep(isTrial ? 0 : (attack.restMs ?? restMs));
    return [findingsOf(scene, settings.seconds, { quiet, seen, cpu, before, peak, after: alive(pid, residentBytes) })];
  });
}

async function underAttack(
  attackers: Attackers,
  { victims, pid }: Scene,
  seconds: number,
): Promise<{ readonly seen: Seen; readonly cpu: number }> {
  const [fromMs, from] = [performance.now(), cpuSeconds(pid)];
  attackers.begin();
  // The attackers go when the time is up, not when the last answer has come: that may take longer.
  const ending = Bun.sleep(seconds * 1_000).then(() => attackers.end());
  // It is waited for below, when the last answer has come.
  ending.catch(() => undefined);
  try {
    const seen = await victims.measure(seconds);
    await ending;
    return { seen, cpu: ((alive(pid, cpuSeconds) - from) * 1_000) / (performance.now() - fromMs) };
  } finally {
    await ending.catch(() => undefined);
  }
}

/** Of a process that may have ended; then 0. */
function alive(pid: number, read: (pid: number) => number): number {
  try {
    return read(pid);
  } catch {
    return 0;
  }
}

interface Measured {
  readonly quiet: Seen;
  readonly seen: Seen;
  readonly cpu: number;
  readonly before: number;
  readonly peak: number;
  readonly after: number;
}

function findingsOf({ topology, store, victims }: Scene, seconds: number, found: Measured): Findings {
  const { quiet, seen, cpu, before, peak, after } = found;
  const p99Ratio = seen.latency.at(99) / quiet.latency.at(99);
  const memoryRatio = after / before;
  const isUnharmed = p99Ratio <= p99RatioMax && seen.failed === 0 && after > 0;
  const isGivenBack = memoryRatio <= memoryRatioMax && after > 0;
  const [p50, p99] = [quiet.latency.at(50), quiet.latency.at(99)];
  return {
    topology,
    store,
    rate: victims.rate,
    seconds,
    sent: seen.asked,
    answered: seen.asked - seen.failed,
    ...seen.latency.fields(),
    server_cpu: cpu,
    // The quiet has to be sound; what the attack does is what is asked.
    valid: quiet.failed === 0,
    ...(quiet.failed === 0
      ? {}
      : { doubt: `${quiet.failed} of ${quiet.asked} requests failed before the attack: ${quiet.failure}` }),
    failed: seen.failed,
    quiet_p50_ms: p50,
    quiet_p99_ms: p99,
    p50_ratio: seen.latency.at(50) / p50,
    p99_ratio: p99Ratio,
    rss_before_mb: Math.round(before / mb),
    rss_peak_mb: Math.round(peak / mb),
    rss_after_mb: Math.round(after / mb),
    memory_ratio: memoryRatio,
    latency_kept: isUnharmed,
    memory_kept: isGivenBack,
  };
}

function attackOf(wanted: string): Attack {
  const attack = attacks.find(({ name: known }) => known === wanted);
  if (attack === undefined)
    throw new Error(`--attack takes one of ${attacks.map(({ name: known }) => known).join(", ")}`);
  return attack;
}

/** The whole: the worst of all. */
function worstOf(results: readonly Result[]): Result {
  const most = (key: string): number => Math.max(...results.map((result) => Number(result[key] ?? 0)));
  const missed = results.filter((result) => result["latency_kept"] !== true || result["memory_kept"] !== true);
  return resultOf(name, {
    attack: "all",
    attacks: results.length,
    missed: missed.length,
    failed: results.reduce((total, result) => total + Number(result["failed"] ?? 0), 0),
    p99_ratio: most("p99_ratio"),
    rss_peak_mb: most("rss_peak_mb"),
    memory_ratio: most("memory_ratio"),
    valid: results.every(({ valid }) => valid),
  });
}

async function measure(bench: Bench, { name: attack, what }: Attack): Promise<Result> {
  try {
    const seconds = bench.secondsOr(secondsDefault);
    const [result] = await bench.findAlone(`${name} ${attack}`, name, { attack, seconds });
    if (result === undefined) throw new Error("the attack gave no result");
    return resultOf(name, { attack, what, ...result });
  } catch (error) {
    // The others are still made.
    return resultOf(name, {
      attack,
      what,
      valid: false,
      doubt: error instanceof Error ? error.message : String(error),
    });
  }
}

export const hostile: Scenario = {
  name,
  takesUrl: false,
  async run(bench) {
    const { attack } = bench.options;
    const chosen = attack === undefined ? attacks : [attackOf(attack)];
    const results: Result[] = [];
    for (const one of chosen) {
      const result = await measure(bench, one);
      results.push(result);
      bench.report([result]);
    }
    if (attack === undefined) bench.report([worstOf(results)]);
  },
};
