// POST /discovery/register.

import { limitTable } from "../../../src/base/limits/table.ts";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { at, endAll, TestNode } from "./support.ts";

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(endAll);

test("an instance is shown with all of its keys, its timestamps as bare whole numbers of nanoseconds", async () => {
  const beforeNs = BigInt(Date.now() - 1) * 1_000_000n;
  await node.register({ region: "east", version: "1.2", metadata: '{"weight":"10"}' });
  const { text } = await node.fetch();
  const instance = await node.instance();
  expect(Object.keys(instance ?? {}).toSorted()).toEqual(
    [
      ...["region", "zone", "env", "appid", "hostname", "addrs", "version", "metadata", "status"],
      ...["reg_timestamp", "up_timestamp", "renew_timestamp", "dirty_timestamp", "latest_timestamp"],
    ].toSorted(),
  );
  expect(instance).toMatchObject({
    region: "east",
    zone: "z1",
    env: "prod",
    appid: "chat",
    hostname: "chat-1",
    version: "1.2",
    status: 1,
    addrs: ["tcp://10.0.0.1:8100"],
    metadata: { weight: "10" },
  });
  for (const name of ["reg", "up", "renew", "dirty", "latest"]) {
    expect(text).toMatch(new RegExp(`"${name}_timestamp":\\d{19}[,}]`));
    expect(at(instance, `${name}_timestamp`)).toBeGreaterThanOrEqual(beforeNs);
  }
});

test("timestamps that the registry makes are exact as doubles", async () => {
  await node.register();
  const { text } = await node.fetch();
  for (const [, digits = ""] of text.matchAll(/"(?:reg|up|dirty|latest)_timestamp":(\d+)/g))
    expect(BigInt(Number(digits))).toBe(BigInt(digits));
});

test("an empty metadata, an empty object and null mean no metadata, and are shown as an object", async () => {
  for (const metadata of [undefined, "", "{}", "null"]) {
    await node.register({ metadata });
    expect(at(await node.instance(), "metadata")).toEqual({});
  }
});

test("metadata that is not a JSON object is -400; a value that is not text counts as ''", async () => {
  for (const metadata of ["{", "x", "[]", '["a"]', "1", '"text"', "true", "{'a':'b'}"])
    expect([metadata, (await node.register({ metadata })).code]).toEqual([metadata, -400]);
  expect((await node.register({ metadata: '{"a":1,"b":null,"c":{"d":"e"},"f":"text"}' })).code).toBe(0);
  expect(at(await node.instance(), "metadata")).toEqual({ a: "", b: "", c: "", f: "text" });
});

test("metadata with the names of JavaScript's own properties is kept as it is", async () => {
  const metadata = '{"__proto__":"a","constructor":"b","toString":"c"}';
  await node.register({ metadata });
  expect((await node.fetch()).text).toContain(`"metadata":${metadata}`);
});

test("addresses come as repeated keys, joined by commas, and both; empty ones do not count", async () => {
  const [a, b, c] = ["tcp://a:1", "http://b:2", "grpc://c:3"];
  const spelled = [[a, b, c], `${a},${b},${c}`, [`${a},${b}`, c], [a, "", `,${b},,${c},`]];
  for (const addrs of spelled) {
    await node.register({ addrs });
    expect(at(await node.instance(), "addrs")).toEqual([a, b, c]);
  }
  for (const addrs of ["", ",", ["", ","]]) expect((await node.register({ addrs })).code).toBe(-400);
});

test("a status is 1 or 2", async () => {
  for (const status of ["1", "2"]) {
    expect((await node.register({ status })).code).toBe(0);
    expect(at(await node.instance(), "status")).toBe(Number(status));
  }
  for (const status of ["0", "3", "4", "4294967295"]) {
    const { code, text } = await node.register({ status });
    expect([status, code]).toEqual([status, -400]);
    expect(text).not.toBe("");
  }
});

test("names, addresses and metadata are bounded, and hold no control characters in names", async () => {
  for (const name of ["zone", "env", "appid", "hostname", "region", "version"]) {
    expect((await node.register({ [name]: "é".repeat(128) })).code).toBe(0);
    for (const value of ["é".repeat(129), "a\nb", "a\u0000b", "\u007f"])
      expect([name, (await node.register({ [name]: value })).code]).toEqual([name, -400]);
  }
  const addresses = (count: number, length: number): string[] => Array<string>(count).fill("x".repeat(length));
  expect((await node.register({ addrs: addresses(32, 512) })).code).toBe(0);
  expect((await node.register({ addrs: addresses(33, 1) })).code).toBe(-400);
  expect((await node.register({ addrs: addresses(1, 513) })).code).toBe(-400);
  expect((await node.register({ addrs: "tcp://a:1\r\n" })).code).toBe(-400);
  const entries = (count: number): string =>
    JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, ""])));
  expect((await node.register({ metadata: entries(128) })).code).toBe(0);
  expect((await node.register({ metadata: entries(129) })).code).toBe(-400);
  expect((await node.register({ metadata: JSON.stringify({ k: "x".repeat(16 * 1024 - 1) }) })).code).toBe(0);
  expect((await node.register({ metadata: JSON.stringify({ k: "x".repeat(16 * 1024) }) })).code).toBe(-400);
});

test("env, appid, zone and hostname tell instances apart; nothing else does", async () => {
  for (const change of [{}, { zone: "z2" }, { hostname: "chat-2" }, { env: "dev" }, { appid: "login" }])
    await node.register(change);
  await node.register({ region: "r2", version: "2", addrs: "tcp://other:1" });
  expect(await node.hostnames()).toEqual(["chat-1", "chat-1", "chat-2"]);
  expect(await node.hostnames({ env: "dev" })).toEqual(["chat-1"]);
  expect(await node.hostnames({ appid: "login" })).toEqual(["chat-1"]);
  expect(await node.instance()).toMatchObject({ region: "r2", version: "2", addrs: ["tcp://other:1"] });
});

test("to register again keeps up_timestamp, moves the others on, and raises the service's version", async () => {
  await node.register();
  const [before, latestBefore] = [await node.instance(), BigInt(await node.latest())];
  await node.register();
  const [after, latestAfter] = [await node.instance(), BigInt(await node.latest())];
  expect(at(after, "up_timestamp")).toBe(at(before, "up_timestamp"));
  for (const name of ["reg_timestamp", "dirty_timestamp", "latest_timestamp", "renew_timestamp"])
    expect(BigInt(String(at(after, name)))).toBeGreaterThan(BigInt(String(at(before, name))));
  expect(latestAfter).toBeGreaterThan(latestBefore);
});

test("dirty_timestamp is the version to the last digit, and an older one changes nothing and is no error", async () => {
  const dirty = BigInt(Date.now()) * 1_000_000n + 1n;
  await node.register({ dirty_timestamp: String(dirty), version: "new" });
  expect(at(await node.instance(), "dirty_timestamp")).toBe(dirty);
  expect((await node.register({ dirty_timestamp: String(dirty - 1n), version: "old" })).code).toBe(0);
  expect(await node.instance()).toMatchObject({ version: "new", dirty_timestamp: dirty });
});

test("a version up to 15 minutes ahead does not block the next registration; one beyond is refused", async () => {
  const ahead = (ms: number): string => String(BigInt(Date.now() + ms) * 1_000_000n);
  const tooFar = await node.register({ dirty_timestamp: ahead(limitTable.timestampAhead.initial + 60_000) });
  expect(tooFar.code).toBe(-400);
  expect((await node.register({ dirty_timestamp: "9223372036854775807" })).code).toBe(-400);
  expect(await node.instance()).toBeUndefined();
  expect(
    (await node.register({ dirty_timestamp: ahead(limitTable.timestampAhead.initial - 60_000), version: "ahead" }))
      .code,
  ).toBe(0);
  expect((await node.register({ version: "now" })).code).toBe(0);
  expect(at(await node.instance(), "version")).toBe("now");
});

test("reg_timestamp is taken over from another node", async () => {
  const registered = 1_700_000_000_000_000_001n;
  await node.register({ replication: "true", reg_timestamp: String(registered) });
  expect(at(await node.instance(), "reg_timestamp")).toBe(registered);
});
