// Test files run at the same time, and a server's port is free for a moment before it listens, and while it is started
// again.

import { afterEach, expect, test } from "bun:test";
import { freePorts } from "../../scripts/harness/free-ports.ts";

const variable = "BUN_TEST_WORKER_ID";
const own = process.env[variable];
afterEach(() => {
  if (own === undefined) delete process.env[variable];
  else process.env[variable] = own;
});

test("processes of a pool choose among different ports", async () => {
  const ranges: (readonly [from: number, to: number])[] = [];
  for (let worker = 1; worker <= 16; worker++) {
    process.env[variable] = String(worker);
    const ports = await freePorts(20);
    expect(new Set(ports).size).toBe(20);
    ranges.push([Math.min(...ports), Math.max(...ports)]);
  }
  for (const [at, [from]] of ranges.entries()) expect(from).toBeGreaterThan(ranges[at - 1]?.[1] ?? 9_999);
  expect(ranges.at(-1)?.[1]).toBeLessThan(32_768);
});

test("a port whose server does not listen yet is not given again", async () => {
  process.env[variable] = "1";
  const given: number[] = [];
  for (let time = 0; time < 300; time++) given.push(...(await freePorts(3)));
  expect(new Set(given).size).toBe(900);
});
