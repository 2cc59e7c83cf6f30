// The micro bench's command line; scripts/micro runs it. See README.md in the folder above.

import { bench, do_not_optimize, run } from "mitata";
import { parseArgs } from "node:util";
import type { Topic } from "./case.ts";
import { topics } from "./topics.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false } },
});
const wanted = new RegExp(positionals[0] ?? "");

const opened: Topic[] = [];
for (const open of topics.values()) opened.push(await open());
const cases = opened.flatMap((topic) => topic.cases).filter(({ name }) => wanted.test(name));
if (cases.length === 0) console.error(`micro: no case matches ${wanted}`);
for (const one of cases) {
  bench(one.name, () => {
    const result = one.run();
    do_not_optimize(result);
    return result;
  });
}
if (cases.length > 0) {
  const { benchmarks } = await run({
    format: values.json ? "quiet" : "mitata",
    colors: process.stdout.isTTY,
    throw: true,
  });
  if (values.json) {
    for (const { runs } of benchmarks) {
      for (const { name, stats } of runs) {
        if (stats === undefined) continue;
        const { min, p50, p99, avg } = stats;
        console.log(JSON.stringify({ case: name, min_ns: min, p50_ns: p50, p99_ns: p99, mean_ns: avg }));
      }
    }
  }
}
for (const { close } of opened) await close?.();
process.exit(cases.length > 0 ? 0 : 1);
