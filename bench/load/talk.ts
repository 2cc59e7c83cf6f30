// Scenario `talk`: every sender talks to a receiver of its own that is online. A closed loop first; then an open loop
// at half the rate that the closed one reached.

import type { Bench, OnServer } from "../bench.ts";
import type { Load } from "../generator/load.ts";
import { runLoop } from "../generator/loop.ts";
import { connectPairs } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { isSecure, type Transport } from "../server/target.ts";

/** In the generator: `senders`, and `window` or `rate`. */
export async function loadTalk(load: Load): Promise<Findings[]> {
  const traffic = new Traffic({ audience: 1, until: "answered" });
  await connectPairs(traffic, load, true);
  try {
    return await runLoop(traffic, load);
  } finally {
    traffic.disconnect();
  }
}

/** What is talked to, and what the results are called. */
interface TalkPlan {
  readonly scenario: string;
  readonly transport: Transport;
  /** Default: the server that the user wants. */
  readonly server?: OnServer;
}

const sendersDefault = 50;
/** Of what the closed loop reached, in the open one. */
const openShare = 0.5;

/** Both loops over one transport; of the rate that the user chose only the open one. */
export async function measureTalk(bench: Bench, plan: TalkPlan): Promise<void> {
  const { senders = sendersDefault, rate } = bench.options;
  const offered = rate ?? Math.max(1, Math.round(openShare * (await measureClosedTalk(bench, plan))));
  const settings = { senders, rate: offered };
  const scenario = `${plan.scenario}-open`;
  const [whole, ...parts] = await bench.measure({
    ...plan,
    load: "talk",
    connections: 2 * senders,
    scenario,
    settings,
  });
  if (whole === undefined) return;
  bench.report([rate === undefined ? { ...whole, rate_share: openShare } : whole, ...parts]);
}

/** The closed loop alone; talks a second. */
export async function measureClosedTalk(bench: Bench, plan: TalkPlan): Promise<number> {
  const { senders = sendersDefault, window = 32 } = bench.options;
  const settings = { senders, window };
  const closed = await bench.measure({ ...plan, load: "talk", connections: 2 * senders, settings });
  // The bare server has no TLS.
  const { transport } = plan;
  bench.report(closed, isSecure(transport) ? undefined : await bench.bare({ transport, connections: senders, window }));
  return Number(closed[0]?.["per_second"] ?? 0);
}

export const talk: Scenario = {
  name: "talk",
  takesUrl: true,
  async run(bench) {
    for (const transport of bench.transports) await measureTalk(bench, { scenario: "talk", transport });
  },
};
