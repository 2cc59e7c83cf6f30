// Scenario `talk`: every sender talks to a receiver of its own that is online. A closed loop first; then an open loop at
// half the rate that the closed one reached.

import type { Bench, OnServer } from "../bench.ts";
import type { Load } from "../generator/load.ts";
import { runLoop } from "../generator/loop.ts";
import { connectPairs } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import type { Transport } from "../server/target.ts";

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

/** Both loops over one transport; of the rate that the user chose only the open one. */
export async function measureTalk(
  bench: Bench,
  { scenario, transport, server }: { scenario: string; transport: Transport; server?: OnServer },
): Promise<void> {
  const { senders = 50, window = 32, rate } = bench.options;
  const plan = {
    load: "talk",
    transport,
    connections: 2 * senders,
    ...(server === undefined ? {} : { server }),
  } as const;
  let offered = rate;
  if (offered === undefined) {
    const closed = await bench.measure({ ...plan, scenario, settings: { senders, window } });
    bench.report(closed, await bench.bare({ transport, connections: senders, window }));
    offered = Math.max(1, Math.round(Number(closed[0]?.["per_second"] ?? 0) / 2));
  }
  bench.report(await bench.measure({ ...plan, scenario: `${scenario}-open`, settings: { senders, rate: offered } }));
}

export const talk: Scenario = {
  name: "talk",
  takesUrl: true,
  async run(bench) {
    for (const transport of bench.transports) await measureTalk(bench, { scenario: "talk", transport });
  },
};
