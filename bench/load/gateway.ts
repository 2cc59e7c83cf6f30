// Scenario `gateway`: what a gateway alone can do. A thousand clients each keep one talk, then four, in flight; a stub
// in the place of the chat service answers each at once over its link.

import type { Load } from "../generator/load.ts";
import { runLoop } from "../generator/loop.ts";
import { connectPairs } from "../generator/people.ts";
import { Traffic } from "../generator/traffic.ts";
import type { Findings } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { onStubCluster } from "../server/stub-cluster.ts";

/** In the generator: `senders`, `window`. */
export async function loadGateway(load: Load): Promise<Findings[]> {
  const traffic = new Traffic({ audience: 0, until: "answered" });
  await connectPairs(traffic, load, false);
  try {
    const found = await runLoop(traffic, load);
    return found.map((findings) => judged(findings, found));
  } finally {
    traffic.disconnect();
  }
}

/** What counts is the gateway's share, which comes first; a stub that is busier than it is the bottleneck itself. */
function judged(findings: Findings, [whole, ofGateway, ...others]: readonly Findings[]): Findings {
  const cores = (line: Findings | undefined): number => Number(line?.["server_cpu"] ?? 0);
  const isStubFree = others.every((line) => cores(line) < 0.9 || cores(ofGateway) > 0.8);
  const found = { ...findings, delivered: null, lost: null, reordered: null, valid: findings.valid && isStubFree };
  if (findings !== whole) return found;
  const doubt = isStubFree ? {} : { doubt: "the stub was the bottleneck" };
  return { ...found, server_cpu: cores(ofGateway), server_rss_mb: ofGateway?.["server_rss_mb"] ?? null, ...doubt };
}

export const gateway: Scenario = {
  name: "gateway",
  takesUrl: false,
  async run(bench) {
    const { connections = 1_000, window } = bench.options;
    for (const transport of bench.transports.slice(0, 1)) {
      for (const inFlight of window === undefined ? [1, 4] : [window]) {
        const settings = { senders: connections, window: inFlight };
        const plan = { scenario: "gateway", load: "gateway", transport, connections, settings } as const;
        const results = await bench.measure({ ...plan, server: onStubCluster });
        bench.report(results, await bench.bare({ transport, connections, window: inFlight }));
      }
    }
  },
};
