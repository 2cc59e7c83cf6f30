import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { Limits } from "../../src/base/limits/limits.ts";
import { ContainedBugs } from "../../src/observe/contained-bugs.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { expositionOf, registryExpositionOf } from "../../src/observe/exposition.ts";
import { RegistryMetrics } from "../../src/observe/registry-metrics.ts";
import { registryNumbers } from "./registry-numbers.ts";

test("limits are metrics: the value, the use where it is measured, and how often each was reached", async () => {
  const limits = new Limits(silentLog, { connectionsPerAddress: 7 });
  const registry = expositionOf(new Metrics(silentLog, { limits, role: "gateway" }));
  let text = await registry.metrics();
  expect(text).toContain('roost_limit{limit="connections-per-address"} 7\n');
  expect(text).not.toContain('roost_limit_use{limit="connections-per-address"}');
  expect(text).toContain('roost_limits_reached_total{limit="connections-per-address"} 0\n');
  expect(text).not.toContain('limit="instances"');
  expect(text).toContain('roost_limit{limit="shutdown"} 10\n');
  limits.measure("connectionsPerAddress", () => 5);
  for (let time = 0; time < 3; time++) limits.met("connectionsPerAddress");
  text = await registry.metrics();
  expect(text).toContain('roost_limit_use{limit="connections-per-address"} 5\n');
  expect(text).toContain('roost_limits_reached_total{limit="connections-per-address"} 3\n');
});

test("a registry node shows the limits of its role", async () => {
  const limits = new Limits(silentLog);
  limits.met("instances");
  const metrics = new RegistryMetrics(
    () => registryNumbers,
    new ContainedBugs(silentLog, systemClock),
    () => 0,
    limits,
  );
  const text = await registryExpositionOf(metrics).metrics();
  expect(text).toContain('roost_limits_reached_total{limit="instances"} 1\n');
  expect(text).not.toContain('limit="frame-bytes"');
});
