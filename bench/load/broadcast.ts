// Scenario `broadcast`: one member talks to a group of thousands, who are all online. One talk at a time: the next one
// is sent when everybody has the last one. Latencies are those of each delivery.

import { loadGroupOf } from "../generator/group-load.ts";
import type { Load } from "../generator/load.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";

/** In the generator: `connections` (members, all online), and `window` or `rate`. */
export function loadBroadcast(load: Load): Promise<Findings[]> {
  const { connections } = load.settings;
  return loadGroupOf(load, { members: connections, online: connections, senders: 1 });
}

export const broadcast: Scenario = {
  name: "broadcast",
  takesUrl: true,
  async run(bench) {
    const { connections = 5_000, window = 1, rate } = bench.options;
    const settings = { connections, ...(rate === undefined ? { window } : { rate }) };
    const plan = { scenario: "broadcast", load: "broadcast", connections, settings } as const;
    for (const transport of bench.transports) bench.report(await bench.measure({ ...plan, transport }));
  },
};
