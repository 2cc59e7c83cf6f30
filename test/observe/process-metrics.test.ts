// A number of the process that cannot be read does not end a scrape.

import { expect, test } from "bun:test";
import { join } from "node:path";

const scrape = `
  import { openSync } from "node:fs";
  import { Registry } from "prom-client";
  import { register } from "./src/observe/metric.ts";
  import { processMetrics } from "./src/observe/process-metrics.ts";
  const registry = new Registry();
  register(registry, processMetrics, undefined);
  const read = () => registry.metrics().then((text) => text.split("\\n").filter((line) => !line.startsWith("#")));
  await read();
  try {
    for (;;) openSync("/dev/null");
  } catch (error) {
    if (error.code !== "EMFILE") throw error;
  }
  console.log((await read()).filter((line) => /^process_(open_fds|start_time_seconds) /.test(line)).join("\\n"));
`;

test("a process without a free descriptor cannot count its descriptors, and tells what it knows", () => {
  const { stdout, stderr } = Bun.spawnSync(
    ["bash", "-c", 'ulimit -n 256; exec "$@"', "bash", process.execPath, "-e", scrape],
    { cwd: join(import.meta.dir, "../..") },
  );
  expect(stderr.toString()).toBe("");
  expect(stdout.toString()).toMatch(/^process_start_time_seconds [\d.]+\nprocess_open_fds nan\n$/i);
});
