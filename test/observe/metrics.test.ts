import { expect, test } from "bun:test";
import type { Registry } from "prom-client";
import { expositionOf } from "../../src/observe/exposition.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import type { TransportObserver } from "../../src/transport/transport.ts";
import { Command } from "../../src/wire/commands.ts";

/** The lines of the exposition that are samples of `name`, without the labels that every service has. */
async function samples(registry: Registry, name: string): Promise<string[]> {
  const lines = (await registry.metrics()).split("\n");
  const found = lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return found.map((line) => line.replace(/service_id="[^"]*",service_name="[^"]*",?/, "").slice(name.length));
}

test("every sample carries the service's id and name", async () => {
  const metrics = new Metrics();
  metrics.forService("roost-gateway", "gateway").channels = 3;
  expect(await expositionOf(metrics).metrics()).toContain(
    'roost_channels{service_id="roost-gateway",service_name="gateway"} 3\n',
  );
});

test("answers of the API are counted by their codes", async () => {
  const metrics = new Metrics();
  for (const code of ["ok", "ok", "not_found"]) metrics.apiAnswers.add(code);
  expect(await samples(expositionOf(metrics), "roost_api_answers_total")).toEqual([
    '{code="ok"} 2',
    '{code="not_found"} 1',
  ]);
});

test("the same names are the same service", () => {
  const metrics = new Metrics();
  expect(metrics.forService("a", "gateway")).toBe(metrics.forService("a", "gateway"));
  expect(metrics.forService("a", "gateway")).not.toBe(metrics.forService("a", "chat"));
});

test("a service's numbers appear as they are counted", async () => {
  const metrics = new Metrics();
  const service = metrics.forService("a", "gateway");
  const observer: TransportObserver = service;
  observer.bytesIn(10);
  observer.bytesIn(5);
  observer.bytesOut(7);
  observer.protocolFault("opcode");
  service.countIn("chat.user.talk");
  service.countIn("chat.user.talk");
  service.noServerFound("zone1");
  service.refused(503);
  service.closed(1013);
  service.pushUnknownChannel();
  service.rateLimited();
  observer.peerGone();
  expect(await samples(expositionOf(metrics), "roost_message_in_flow_bytes_total")).toEqual(["{} 15"]);
  expect(await samples(expositionOf(metrics), "roost_message_out_flow_bytes_total")).toEqual(["{} 7"]);
  expect(await samples(expositionOf(metrics), "roost_protocol_fault_total")).toEqual(['{kind="opcode"} 1']);
  expect(await samples(expositionOf(metrics), "roost_message_in_total")).toEqual(['{command="chat.user.talk"} 2']);
  expect(await samples(expositionOf(metrics), "roost_no_server_found_error_total")).toEqual(['{zone="zone1"} 1']);
  expect(await samples(expositionOf(metrics), "roost_refused_total")).toEqual(['{status="503"} 1']);
  expect(await samples(expositionOf(metrics), "roost_connection_closed_total")).toEqual(['{code="1013"} 1']);
  expect(await samples(expositionOf(metrics), "roost_unknown_channel_total")).toEqual(["{} 1"]);
  expect(await samples(expositionOf(metrics), "roost_rate_limited_total")).toEqual(["{} 1"]);
  expect(await samples(expositionOf(metrics), "roost_peer_gone_total")).toEqual(["{} 1"]);
});

test("what does not fit together in a cluster is a gauge of the services that check, as of the scrape", async () => {
  const metrics = new Metrics();
  metrics.forService("a", "discovery");
  const service = metrics.forService("b", "gateway");
  let count = 2;
  service.storeMismatches = () => count;
  service.unlinkedGateways = () => count + 1;
  service.registryGaps = () => count + 2;
  const registry = expositionOf(metrics);
  const shown = (): Promise<string[][]> =>
    Promise.all(
      ["store_mismatches", "unlinked_gateways", "registry_gaps"].map((name) => samples(registry, `roost_${name}`)),
    );
  expect(await shown()).toEqual([["{} 2"], ["{} 3"], ["{} 4"]]);
  count = 0;
  expect(await shown()).toEqual([["{} 0"], ["{} 1"], ["{} 2"]]);
});

test("what a store tells of its clock appears in seconds, as of the scrape, for services with a store", async () => {
  const metrics = new Metrics();
  metrics.forService("a", "gateway");
  const clock = { idsAheadMs: 90_500, purgeWaitMs: 0 };
  metrics.forService("b", "chat").storeClock = () => clock;
  const registry = expositionOf(metrics);
  expect(await samples(registry, "roost_store_ids_ahead_seconds")).toEqual(["{} 90.5"]);
  expect(await samples(registry, "roost_store_purge_wait_seconds")).toEqual(["{} 0"]);
  clock.purgeWaitMs = 86_400_000;
  expect(await samples(registry, "roost_store_purge_wait_seconds")).toEqual(["{} 86400"]);
});

test("the size of a store appears when it was measured", async () => {
  const metrics = new Metrics();
  const measured: { size: { bytes: number; messages: number | undefined } | undefined } = { size: undefined };
  metrics.forService("b", "chat").storeSize = () => measured.size;
  const registry = expositionOf(metrics);
  const shown = async () => [
    await samples(registry, "roost_store_bytes"),
    await samples(registry, "roost_store_messages"),
  ];
  expect(await shown()).toEqual([[], []]);
  measured.size = { bytes: 4096, messages: undefined };
  expect(await shown()).toEqual([["{} 4096"], []]);
  measured.size = { bytes: 8192, messages: 7 };
  expect(await shown()).toEqual([["{} 8192"], ["{} 7"]]);
});

test("the lags of a store's standbys appear by their names while they are known", async () => {
  const metrics = new Metrics();
  let lags: readonly { name: string; bytes: number | undefined; ms: number | undefined }[] | undefined;
  metrics.forService("b", "chat").storeLags = () => lags;
  const registry = expositionOf(metrics);
  const shown = async () => [
    await samples(registry, "roost_store_standbys"),
    await samples(registry, "roost_store_standby_lag_bytes"),
    await samples(registry, "roost_store_standby_lag_seconds"),
  ];
  expect(await shown()).toEqual([[], [], []]);
  lags = [];
  expect(await shown()).toEqual([["{} 0"], [], []]);
  const s3 = { name: "s3", bytes: undefined, ms: undefined };
  // Two that have one name: the one that is further behind.
  lags = [{ name: "s2", bytes: 96, ms: 1.5 }, { name: "s2", bytes: 32, ms: 2000 }, s3];
  expect(await shown()).toEqual([["{} 3"], ['{standby="s2"} 96'], ['{standby="s2"} 2']]);
  lags = undefined;
  expect(await shown()).toEqual([[], [], []]);
});

test("a scrape counts nothing twice", async () => {
  const metrics = new Metrics();
  const service = metrics.forService("a", "gateway");
  service.bytesIn(10);
  service.countIn("x");
  const registry = expositionOf(metrics);
  await Promise.all([registry.metrics(), registry.metrics()]);
  service.bytesIn(1);
  expect(await samples(registry, "roost_message_in_flow_bytes_total")).toEqual(["{} 11"]);
  expect(await samples(registry, "roost_message_in_total")).toEqual(['{command="x"} 1']);
});

test("commands that clients make up cannot grow the exposition nor hide the real ones", async () => {
  const metrics = new Metrics();
  const service = metrics.forService("a", "gateway");
  for (let at = 0; at < 1000; at++) service.countIn(`made.up.${at}`);
  for (const command of Object.values(Command)) service.countIn(command);
  const found = await samples(expositionOf(metrics), "roost_message_in_total");
  for (const command of Object.values(Command)) expect(found).toContain(`{command="${command}"} 1`);
  // 64 are counted apart, the rest is one more.
  expect(found).toHaveLength(65);
  const total = found.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  expect(total).toBe(1000 + Object.values(Command).length);
});

test("a command that is too long for a label counts with the rest", async () => {
  const metrics = new Metrics();
  const service = metrics.forService("a", "gateway");
  service.countIn("x".repeat(64));
  service.countIn("x".repeat(65));
  expect(await samples(expositionOf(metrics), "roost_message_in_total")).toEqual([
    `{command="${"x".repeat(64)}"} 1`,
    '{command="other"} 1',
  ]);
});

test("a command that calls itself other counts with the rest", async () => {
  const metrics = new Metrics();
  const service = metrics.forService("a", "gateway");
  service.countIn("other");
  for (let at = 0; at < 100; at++) service.countIn(`made.up.${at}`);
  const found = await samples(expositionOf(metrics), "roost_message_in_total");
  expect(found.filter((line) => line.includes('"other"'))).toHaveLength(1);
});

test("a label with quotes and new lines stays one sample", async () => {
  const metrics = new Metrics();
  metrics.forService("a", "gateway").countIn('x"} 9\nroost_channels 7');
  const lines = (await expositionOf(metrics).metrics()).split("\n");
  expect(lines).not.toContain("roost_channels 7");
  expect(await samples(expositionOf(metrics), "roost_message_in_total")).toEqual([
    '{command="x\\"} 9\\nroost_channels 7"} 1',
  ]);
});

test("latencies are cumulative buckets of seconds, bounds inclusive, with their sum and count", async () => {
  const metrics = new Metrics();
  const { commit, push } = metrics.talkLatency;
  for (const durationMs of [0, 0.5, 0.6, 100, 5000, 5001]) commit.observeMs(durationMs);
  push.observeMs(3);
  const buckets = await samples(expositionOf(metrics), "roost_talk_commit_seconds_bucket");
  expect(buckets.map((line) => line.replace(/^\{le="(.*)"\} /, "$1: "))).toEqual([
    "0.0005: 2",
    "0.001: 3",
    "0.002: 3",
    "0.005: 3",
    "0.01: 3",
    "0.02: 3",
    "0.05: 3",
    "0.1: 4",
    "0.2: 4",
    "0.5: 4",
    "1: 4",
    "2: 4",
    "5: 5",
    "+Inf: 6",
  ]);
  const [sum = ""] = await samples(expositionOf(metrics), "roost_talk_commit_seconds_sum");
  expect(Number(sum)).toBeCloseTo(10.1021, 9);
  expect(await samples(expositionOf(metrics), "roost_talk_commit_seconds_count")).toEqual([" 6"]);
  expect(await samples(expositionOf(metrics), "roost_talk_push_seconds_bucket")).toContain('{le="0.005"} 1');
  expect(await samples(expositionOf(metrics), "roost_talk_push_seconds_bucket")).toContain('{le="0.002"} 0');
  expect(await expositionOf(metrics).metrics()).toContain("# TYPE roost_talk_commit_seconds histogram\n");
});

test("latencies are there as objects too, with the same values", async () => {
  const metrics = new Metrics();
  metrics.talkLatency.push.observeMs(3);
  const found = await expositionOf(metrics).getSingleMetric("roost_talk_push_seconds")?.get();
  expect(found?.values.find(({ labels }) => labels["le"] === 0.005)?.value).toBe(1);
  expect(found?.values.find(({ labels }) => labels["le"] === 0.002)?.value).toBe(0);
});

test("the process speaks for itself, in numbers that make sense", async () => {
  const metrics = new Metrics();
  for (const name of [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "nodejs_eventloop_lag_seconds",
  ]) {
    const [value, ...more] = await samples(expositionOf(metrics), name);
    expect(more).toEqual([]);
    expect(Number(value)).toBeGreaterThanOrEqual(0);
  }
  const [resident] = await samples(expositionOf(metrics), "process_resident_memory_bytes");
  expect(Number(resident)).toBeGreaterThan(1024 * 1024);
  expect(await expositionOf(metrics).metrics()).not.toMatch(/ nan$/im);
});
