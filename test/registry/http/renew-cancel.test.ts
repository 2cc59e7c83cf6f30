// POST /discovery/renew and /discovery/cancel.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { at, endAll, TestNode, type Values } from "./support.ts";

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(endAll);

const strangers: Values[] = [{ env: "dev" }, { zone: "z2" }, { appid: "login" }, { hostname: "chat-2" }];

describe("renew", () => {
  test("answers with the instance, whose renew_timestamp has moved on and nothing else", async () => {
    await node.register();
    const before = (await node.instance()) ?? {};
    const latest = await node.latest();
    const { code, json } = await node.renew();
    expect(code).toBe(0);
    const after = at(json, "data");
    expect(after).toEqual({ ...before, renew_timestamp: at(after, "renew_timestamp") });
    expect(BigInt(String(at(after, "renew_timestamp")))).toBeGreaterThan(BigInt(String(at(before, "renew_timestamp"))));
    expect(await node.instance()).toEqual(after);
    expect(await node.latest()).toBe(latest);
  });

  test("of what is not there is -404", async () => {
    expect((await node.renew()).json).toEqual({ code: -404, message: "-404", ttl: 1, data: null });
    await node.register();
    for (const change of strangers) expect((await node.renew(change)).code).toBe(-404);
    await node.cancel();
    expect((await node.renew()).code).toBe(-404);
  });

  test("from another node compares versions: it is behind -409 with ours, it is ahead -404, equal 0", async () => {
    await node.register();
    const instance = await node.instance();
    const dirty = BigInt(String(at(instance, "dirty_timestamp")));
    const renew = (version: bigint | undefined) =>
      node.renew({ replication: "true", dirty_timestamp: version === undefined ? undefined : String(version) });
    const behind = await renew(dirty - 1n);
    expect(behind.code).toBe(-409);
    expect(at(behind.json, "data")).toMatchObject({ hostname: "chat-1", dirty_timestamp: dirty });
    expect((await renew(undefined)).code).toBe(-409);
    expect((await renew(dirty + 1n)).code).toBe(-404);
    const equal = await renew(dirty);
    expect(equal.code).toBe(0);
    expect(at(equal.json, "data", "dirty_timestamp")).toBe(dirty);
  });
});

describe("cancel", () => {
  test("takes an instance out, and leaves the others", async () => {
    await node.register();
    await node.register({ hostname: "chat-2" });
    const latest = BigInt(await node.latest());
    expect((await node.cancel()).text).toBe('{"code":0,"message":"0","ttl":1}');
    expect(await node.hostnames()).toEqual(["chat-2"]);
    expect(BigInt(await node.latest())).toBeGreaterThan(latest);
  });

  test("of the last instance makes the service unknown", async () => {
    await node.register();
    await node.cancel();
    expect((await node.fetch()).code).toBe(-404);
    expect(at((await node.get("fetch/all")).json, "data", "chat")).toBeUndefined();
  });

  test("of what is not there is -404, also the second time", async () => {
    await node.register();
    for (const change of strangers) expect((await node.cancel(change)).code).toBe(-404);
    expect((await node.cancel()).code).toBe(0);
    expect((await node.cancel()).code).toBe(-404);
  });

  test("keeps what came before it out, and lets a new registration in", async () => {
    await node.register();
    const dirty = String(at(await node.instance(), "dirty_timestamp"));
    await node.cancel();
    expect((await node.register({ dirty_timestamp: dirty, replication: "true" })).code).toBe(0);
    expect(await node.instance()).toBeUndefined();
    await node.register();
    expect(await node.hostnames()).toEqual(["chat-1"]);
  });

  test("of this node's own entry is answered by its return", async () => {
    const self = { env: "prod", appid: "infra.discovery", hostname: node.address };
    expect((await node.cancel(self)).code).toBe(0);
    expect(await node.hostnames({ appid: "infra.discovery" })).toEqual([node.address]);
  });
});
