// The generator believes no server: what was lost, doubled, reordered, refused or invented comes to light.

import { afterEach, expect, test } from "bun:test";
import type { LoadSettings } from "../../bench/generator/load.ts";
import { isGeneratorFree, sharesBetween } from "../../bench/generator/usage.ts";
import { Latency } from "../../bench/latency.ts";
import { loadTalk } from "../../bench/load/talk.ts";
import type { Findings } from "../../bench/result.ts";
import { FakeServer, type Lie, stallMs } from "./fake-server.ts";
import { quietLoad } from "./quiet-load.ts";

const servers: FakeServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.stop();
});

async function talkTo(lie: Lie, changes: Partial<LoadSettings> = {}): Promise<Findings> {
  const server = new FakeServer(lie);
  servers.push(server);
  const [whole] = await loadTalk(quietLoad(server.target, changes));
  if (whole === undefined) throw new Error("there is no result");
  return whole;
}

test("an honest server's figures add up", async () => {
  const found = await talkTo("none");
  expect(found).toMatchObject({ lost: 0, duplicated: 0, reordered: 0, window: 4, rate: null });
  expect(found["sent"]).toBeGreaterThan(8);
  expect(found["answered"]).toBe(found["sent"] ?? null);
  expect(found["delivered"]).toBe(found["sent"] ?? null);
});

test("an open loop sends what is due, and waits for nobody", async () => {
  const found = await talkTo("none", { rate: 500, seconds: 0.4 });
  expect(found).toMatchObject({ lost: 0, rate: 500, window: null });
  expect(found["sent"]).toBeGreaterThan(100);
});

test("in an open loop a stall shows in everything that it held up", async () => {
  const found = await talkTo("stall", { rate: 500, seconds: 0.4 });
  expect(found["max_ms"]).toBeGreaterThan(0.9 * stallMs);
  // The stall holds half of all talks up, the last of them for a moment only.
  expect(found["p90_ms"]).toBeGreaterThan(stallMs / 4);
});

test("a closed loop is measured until something was answered, however short the time was meant to be", async () => {
  const found = await talkTo("stall at once", { seconds: 0.02 });
  expect(found["max_ms"]).toBeGreaterThan(0);
  expect(found["per_second"]).toBeGreaterThan(0);
  expect(found["seconds"]).toBeGreaterThan(stallMs / 2_000);
});

test("percentiles of no latencies are null, not 0", () => {
  const latency = new Latency();
  expect(latency.fields()).toEqual({ p50_ms: null, p90_ms: null, p99_ms: null, p999_ms: null, max_ms: null });
  latency.record(1, 1);
  expect(latency.fields()).toEqual({ p50_ms: 0.001, p90_ms: 0.001, p99_ms: 0.001, p999_ms: 0.001, max_ms: 0.001 });
});

test("a generator that was busy makes a run doubtful, unless the server was busy, too, or did more than a core", () => {
  const shares = (generator: number, busiest: number) => ({ generator, busiest, processes: [busiest], others: 0 });
  expect(isGeneratorFree(shares(0.5, 0.2))).toBe(true);
  expect(isGeneratorFree(shares(0.95, 0.2))).toBe(false);
  expect(isGeneratorFree(shares(0.95, 1.3))).toBe(true);
  // Nothing is known of a server that was not started here.
  expect(isGeneratorFree(shares(0.95, 0))).toBe(false);
});

test("shares are cores between two readings, and what is nobody's is the others'", () => {
  const before = { atMs: 1_000, generator: 1, processes: [5, 7], machine: 100 };
  const after = { atMs: 3_000, generator: 2, processes: [6, 10], machine: 106 };
  expect(sharesBetween(before, after)).toEqual({ generator: 0.5, processes: [0.5, 1.5], busiest: 1.5, others: 0.5 });
});

test("a lost message fails the run", async () => {
  await expect(talkTo("lose")).rejects.toThrow(/of \d+ deliveries \d+ were lost; there is no figure/);
});

test("an answer that never comes fails the run", async () => {
  await expect(talkTo("answer nothing", { rate: 500 })).rejects.toThrow(/of \d+ talks \d+ were answered/);
});

test("a refused talk fails the run", async () => {
  await expect(talkTo("refuse")).rejects.toThrow(/\d+ of \d+ talks were refused, one of them with status 300/);
});

test("a message that nobody had sent fails the run", async () => {
  await expect(talkTo("invent")).rejects.toThrow("a message came that nobody had sent");
});

test("a server that goes away fails the run", async () => {
  await expect(talkTo("die")).rejects.toThrow("the server ended the connection in the middle of the run");
});

test("a refused sign-in fails the run before it begins", async () => {
  await expect(talkTo("refuse sign-ins")).rejects.toThrow("was refused with status 105");
});

test("a message that comes twice counts once, and makes the run invalid", async () => {
  const found = await talkTo("double");
  expect(found["duplicated"]).toBeGreaterThan(0);
  expect(found["delivered"]).toBe(found["sent"] ?? null);
  expect(found).toMatchObject({ lost: 0, reordered: 0, valid: false, doubt: expect.stringContaining("came twice") });
});

test("an answer that comes twice counts once, sends nothing more, and makes the run invalid", async () => {
  const found = await talkTo("answer twice");
  expect(found["duplicated"]).toBeGreaterThan(0);
  expect(found["answered"]).toBe(found["sent"] ?? null);
  expect(found).toMatchObject({ lost: 0, valid: false });
});

test("messages out of order are counted, and make the run invalid", async () => {
  const found = await talkTo("reorder", { senders: 1 });
  expect(found["reordered"]).toBeGreaterThan(0);
  expect(found).toMatchObject({ lost: 0, valid: false, doubt: expect.stringContaining("out of order") });
});
