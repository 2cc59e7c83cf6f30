// What `promtool check metrics` says of our metrics: nothing. Its rules (prometheus/client_golang, promlint) are here
// in short, and promtool itself is asked where it is installed.

import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { ContainedBugs } from "../../src/observe/contained-bugs.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { expositionOf, registryExpositionOf } from "../../src/observe/exposition.ts";
import { RegistryMetrics } from "../../src/observe/registry-metrics.ts";
import { testLimits } from "../support/limits.ts";
import { registryNumbers } from "./registry-numbers.ts";

function problemsIn(text: string): string[] {
  const problems: string[] = [];
  const types = new Map<string, string>();
  const helped = new Set<string>();
  for (const line of text.split("\n")) {
    const [, kind = "", name = "", rest = ""] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind === "HELP" && rest !== "") helped.add(name);
    if (kind === "TYPE") types.set(name, rest);
    for (const [, label = ""] of line.startsWith("#") ? [] : line.matchAll(/[{,]([A-Za-z_]\w*)="/g)) {
      if (/[a-z][A-Z]/.test(label)) problems.push(`${line}: label ${label} in camelCase`);
    }
  }
  for (const [name, type] of types) {
    if (!helped.has(name)) problems.push(`${name}: no help`);
    if (type === "counter" && !name.endsWith("_total")) problems.push(`${name}: a counter without _total`);
    if (type !== "counter" && name.endsWith("_total")) problems.push(`${name}: _total of no counter`);
    if (/[a-z][A-Z]/.test(name)) problems.push(`${name}: camelCase`);
    if (/_(counter|gauge|histogram|summary)(_|$)/.test(name)) problems.push(`${name}: its type in its name`);
    if (/_(count|sum|bucket|info)$/.test(name)) problems.push(`${name}: a reserved end`);
    if (/_(milliseconds|ms|minutes|kilobytes|kb|megabytes|mb|percent|bits)(_|$)/.test(name))
      problems.push(`${name}: no base unit`);
    if (/(^|_)(s|sec|secs|min|hr)(_total)?$/.test(name)) problems.push(`${name}: an abbreviated unit`);
  }
  return problems;
}

async function textOf(which: "member" | "registry"): Promise<string> {
  if (which === "registry") {
    const registry = new RegistryMetrics(
      () => registryNumbers,
      new ContainedBugs(silentLog, systemClock),
      () => 0,
      testLimits(),
    );
    registry.requested("fetch");
    registry.dnsAnswered(0);
    return registryExpositionOf(registry).metrics();
  }
  const metrics = new Metrics(silentLog, { limits: testLimits(), role: "standalone" });
  const service = metrics.forService("a", "gateway");
  service.bytesIn(1);
  service.closed(1000);
  service.protocolFault("packet");
  return expositionOf(metrics).metrics();
}

for (const which of ["member", "registry"] as const) {
  test(`the metrics of a ${which} follow the rules`, async () => {
    expect(problemsIn(await textOf(which))).toEqual([]);
  });

  test.skipIf(Bun.which("promtool") === null)(`promtool has nothing to say of those of a ${which}`, async () => {
    const text = await textOf(which);
    const { exitCode, stderr } = Bun.spawnSync(["promtool", "check", "metrics"], { stdin: Buffer.from(text) });
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  });
}

test("the rules find what is wrong", () => {
  const text = '# HELP a_bytes x\n# TYPE a_bytes counter\na_bytes{myLabel="1"} 1\n# TYPE b_total gauge\nb_total 1\n';
  expect(problemsIn(text)).toEqual([
    'a_bytes{myLabel="1"} 1: label myLabel in camelCase',
    "a_bytes: a counter without _total",
    "b_total: no help",
    "b_total: _total of no counter",
  ]);
});
