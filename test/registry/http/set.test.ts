// POST /discovery/set.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { at, endAll, TestNode } from "./support.ts";

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
  await node.register({ metadata: '{"a":"1"}' });
  await node.register({ hostname: "chat-2" });
});
afterEach(endAll);

test("changes the status of several hosts, and raises the service's version", async () => {
  const latest = BigInt(await node.latest());
  const { text } = await node.set({ hostname: ["chat-1", "chat-2"], status: ["2", "1"] });
  expect(text).toBe('{"code":0,"message":"0","ttl":1}');
  expect(at(await node.instance(), "status")).toBe(2);
  expect(at(await node.instance({}, "chat-2"), "status")).toBe(1);
  expect(BigInt(await node.latest())).toBeGreaterThan(latest);
});

test("merges metadata, and removes nothing", async () => {
  await node.set({ metadata: '{"b":"2"}' });
  expect(at(await node.instance(), "metadata")).toEqual({ a: "1", b: "2" });
  await node.set({ metadata: '{"a":"3"}' });
  expect(at(await node.instance(), "metadata")).toEqual({ a: "3", b: "2" });
});

test("moves up_timestamp on when it sets UP only, and versions always", async () => {
  const number = async (name: string): Promise<bigint> => BigInt(String(at(await node.instance(), name)));
  const [up, dirty, registered] = [
    await number("up_timestamp"),
    await number("dirty_timestamp"),
    await number("reg_timestamp"),
  ];
  await node.set({ status: "2" });
  expect(await number("up_timestamp")).toBe(up);
  const waiting = await number("dirty_timestamp");
  expect(waiting).toBeGreaterThan(dirty);
  expect(await number("latest_timestamp")).toBe(waiting);
  await node.set({ status: "1" });
  expect(await number("up_timestamp")).toBeGreaterThan(waiting);
  expect(await number("reg_timestamp")).toBe(registered);
});

test("counts now for a client, and by its time for another node", async () => {
  const old = "1700000000000000001";
  await node.set({ status: "2", set_timestamp: old, replication: "true" });
  expect(at(await node.instance(), "status")).toBe(1);
  await node.set({ status: "2", set_timestamp: old });
  expect(at(await node.instance(), "status")).toBe(2);
  const ahead = BigInt(Date.now() + 60_000) * 1_000_000n + 1n;
  await node.set({ status: "1", set_timestamp: String(ahead), replication: "true" });
  expect(await node.instance()).toMatchObject({ status: 1, dirty_timestamp: ahead, up_timestamp: ahead });
  expect((await node.set({ set_timestamp: "9223372036854775807" })).code).toBe(-400);
});

test("is refused as a whole: nothing is changed when one of the hosts is wrong", async () => {
  const before = (await node.fetch()).text;
  const hostname = ["chat-1", "chat-2"];
  const wrong = [
    { hostname: ["chat-1", "nobody"], status: ["2", "2"] },
    { hostname, status: ["2", "3"] },
    { hostname, status: ["2", "0"] },
    { hostname, status: ["2", "x"] },
    { hostname, status: ["2"] },
    { hostname, status: ["2", ""] },
    { hostname, status: ["2", "2", "2"] },
    { hostname, status: ["2", "2"], metadata: ['{"b":"2"}'] },
    { hostname, status: ["2", "2"], metadata: ['{"b":"2"}', ""] },
    { hostname, status: ["2", "2"], metadata: ['{"b":"2"}', "{"] },
    { hostname, status: ["2", "2"], metadata: ['{"b":"2"}', JSON.stringify({ b: "x".repeat(16 * 1024) })] },
    { hostname: [], status: ["2"] },
    { hostname: ["", ""], status: ["2", "2"] },
    { hostname, status: ["2", "2"], zone: "z2" },
    { hostname, status: ["2", "2"], appid: "login" },
    { hostname, status: ["2", "2"], env: "dev" },
  ];
  for (const change of wrong) {
    const { code, json } = await node.set(change);
    expect([change, code]).toEqual([change, -400]);
    expect(at(json, "message")).not.toBe("-400");
  }
  expect((await node.fetch()).text).toBe(before);
});

test("takes one host as the clients of the original send it: with a version, which is ignored", async () => {
  expect((await node.set({ status: "1", version: "9", metadata: '{"a":"2"}' })).code).toBe(0);
  expect(await node.instance()).toMatchObject({ version: "1", metadata: { a: "2" } });
});

test("names no more hosts than are allowed", async () => {
  const hostname = Array.from({ length: 1_001 }, (_, index) => `h${index}`);
  const { json } = await node.set({ hostname });
  expect(json).toMatchObject({ code: -400, message: "a set may name 1000 hosts, this one names 1001" });
});
