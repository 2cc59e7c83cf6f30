// Scenario `startup`: from exec to the first 200 of /health.

import { Latency } from "../latency.ts";
import type { Scenario } from "../scenario.ts";
import { startServer } from "../server/standalone.ts";
import { resultOf } from "../result.ts";

const runs = 7;

export const startup: Scenario = {
  name: "startup",
  takesUrl: false,
  async run(bench) {
    const latency = new Latency();
    for (let run = 0; run < runs; run++) {
      const server = await startServer();
      latency.record(0, server.readyMs);
      await server.stop();
      bench.tell("startup", "starting", (run + 1) / runs);
    }
    const { p50_ms, max_ms } = latency.fields();
    const about = { topology: "standalone", store: "sqlite", p50_ms, max_ms, valid: true };
    bench.report([resultOf("startup", about)]);
  },
};
