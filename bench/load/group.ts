// Scenario `group`: ten members of a group talk; of 200 members half are online and get every talk. A talk is over when
// all of them have it; latencies are those of each delivery.

import { loadGroupOf } from "../generator/group-load.ts";
import type { Load } from "../generator/load.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";

/** In the generator: `members`, `connections` (who is online), `senders`, and `window` or `rate`. */
export function loadGroup(load: Load): Promise<Findings[]> {
  const { members, connections, senders } = load.settings;
  return loadGroupOf(load, { members, online: connections, senders });
}

export const group: Scenario = {
  name: "group",
  takesUrl: true,
  async run(bench) {
    const { members = 200, senders = 10, window = 4, rate } = bench.options;
    const connections = Math.max(2, Math.round(members * (bench.options.online ?? 0.5)));
    const pace = rate === undefined ? { window } : { rate };
    for (const transport of bench.transports.slice(0, 1)) {
      const settings = { members, connections, senders: Math.min(senders, connections), ...pace };
      bench.report(await bench.measure({ scenario: "group", load: "group", transport, connections, settings }));
    }
  },
};
