// GET /discovery/fetch, fetchs, fetch/all and nodes.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { at, endAll, hostnamesOf, TestNode } from "./support.ts";

let node: TestNode;
beforeEach(async () => {
  node = await TestNode.start();
});
afterEach(endAll);

/** An UP and a WAITING one in z1, a WAITING one in z2. */
async function fill(): Promise<void> {
  await node.register();
  await node.register({ hostname: "chat-2", status: "2" });
  await node.register({ hostname: "chat-3", status: "2", zone: "z2" });
}

describe("fetch", () => {
  test("reads status as a mask, and shows a zone that has none in it as an empty list", async () => {
    await fill();
    const lists: Record<string, unknown> = {};
    for (const status of ["1", "2", "3", "4", "4294967295"]) {
      const { json, code } = await node.fetch({ status });
      const zones = ["z1", "z2"].map((zone) => {
        const list = at(json, "data", "instances", zone);
        return Array.isArray(list) ? list.map((item: unknown) => at(item, "hostname")) : list;
      });
      lists[status] = [code, ...zones];
    }
    expect(lists).toEqual({
      1: [0, ["chat-1"], []],
      2: [0, ["chat-2"], ["chat-3"]],
      3: [0, ["chat-1", "chat-2"], ["chat-3"]],
      4: [0, [], []],
      4294967295: [0, ["chat-1", "chat-2"], ["chat-3"]],
    });
  });

  test("shows one zone, or all; a zone or a service without instances is -404", async () => {
    await fill();
    expect(Object.keys(at((await node.fetch({ zone: "z2" })).json, "data", "instances") ?? {})).toEqual(["z2"]);
    expect(Object.keys(at((await node.fetch({ zone: "" })).json, "data", "instances") ?? {})).toEqual(["z1", "z2"]);
    expect((await node.fetch({ zone: "z3" })).json).toEqual({ code: -404, message: "-404", ttl: 1, data: null });
    expect((await node.fetch({ appid: "nobody" })).code).toBe(-404);
    expect((await node.fetch({ env: "dev" })).code).toBe(-404);
    await node.cancel({ hostname: "chat-3", zone: "z2" });
    expect((await node.fetch({ zone: "z2" })).code).toBe(-404);
    expect(Object.keys(at((await node.fetch()).json, "data", "instances") ?? {})).toEqual(["z1"]);
  });

  test("gives the service's version as a bare whole number that is not 0", async () => {
    await fill();
    expect((await node.fetch()).text).toMatch(/"latest_timestamp":[1-9]\d{18}\},?|"latest_timestamp":[1-9]\d{18}\}\}$/);
    expect(typeof at((await node.fetch()).json, "data", "latest_timestamp")).toBe("bigint");
  });

  test("has no scheduler", async () => {
    await fill();
    expect(Object.keys(at((await node.fetch()).json, "data") ?? {})).toEqual(["instances", "latest_timestamp"]);
  });
});

describe("fetchs", () => {
  test("gives each service that is there, and leaves the others out", async () => {
    await fill();
    await node.register({ appid: "login" });
    const { json, code } = await node.get("fetchs", {
      env: "prod",
      status: "1",
      appid: ["chat", "nobody", "login", "chat", ""],
    });
    expect(code).toBe(0);
    expect(Object.keys(at(json, "data") ?? {})).toEqual(["chat", "login"]);
    expect(hostnamesOf(at(json, "data", "chat"))).toEqual(["chat-1"]);
    const none = await node.get("fetchs", { env: "prod", status: "1", appid: "nobody" });
    expect(none.text).toBe('{"code":0,"message":"0","ttl":1,"data":{}}');
  });

  test("shows one zone, or all", async () => {
    await fill();
    await node.register({ appid: "login" });
    const { json } = await node.get("fetchs", { env: "prod", status: "3", appid: ["chat", "login"], zone: "z2" });
    expect(Object.keys(at(json, "data") ?? {})).toEqual(["chat"]);
    expect(hostnamesOf(at(json, "data", "chat"))).toEqual(["chat-3"]);
  });

  test("names no more services than are allowed", async () => {
    const appid = Array.from({ length: 1_001 }, (_, index) => `a${index}`);
    expect((await node.get("fetchs", { env: "prod", status: "1", appid })).code).toBe(-400);
    expect((await node.get("fetchs", { env: "prod", status: "1", appid: appid.slice(1) })).code).toBe(0);
  });
});

test("fetch/all lists every instance of every env, zone and status by service, the node itself too", async () => {
  await fill();
  await node.register({ env: "dev" });
  const { json, code } = await node.get("fetch/all");
  expect(code).toBe(0);
  expect(Object.keys(at(json, "data") ?? {}).toSorted()).toEqual(["chat", "infra.discovery"]);
  const list = at(json, "data", "chat");
  const found = Array.isArray(list)
    ? list.map((item: unknown) => ["env", "zone", "hostname", "status"].map((name) => String(at(item, name))).join(" "))
    : [];
  expect(found.toSorted()).toEqual(["dev z1 chat-1 1", "prod z1 chat-1 1", "prod z1 chat-2 2", "prod z2 chat-3 2"]);
});

test("nodes lists the node itself as UP", async () => {
  const { text } = await node.get("nodes");
  expect(text).toBe(`{"code":0,"message":"0","ttl":1,"data":[{"addr":"${node.address}","status":0,"zone":"z1"}]}`);
});

describe("infra.discovery", () => {
  test("is there in every env, under the env that is asked for", async () => {
    for (const env of ["prod", "dev", "uat", "ünknown"]) {
      const { json, code } = await node.fetch({ env, appid: "infra.discovery", status: "1" });
      expect(code).toBe(0);
      expect(at(json, "data", "instances", "z1", 0)).toMatchObject({
        env,
        zone: "z1",
        appid: "infra.discovery",
        hostname: node.address,
        status: 1,
        addrs: [`http://${node.address}`],
        region: "r1",
      });
    }
  });

  test("is given by a first poll at once, in every env", async () => {
    for (const env of ["prod", "dev"]) {
      const { json, code } = await node.polls({ env, appid: "infra.discovery" });
      expect(code).toBe(0);
      expect(at(json, "data", "infra.discovery", "instances", "z1", 0, "env")).toBe(env);
    }
  });
});

describe("a node that is starting", () => {
  // Nobody listens there: the node waits a while for its peer before it lets itself be read.
  const absent = "127.0.0.1:1";

  test("refuses reads with -500 and HTTP status 200, and takes writes", async () => {
    const starting = await TestNode.start({ peers: [absent] });
    for (const [endpoint, values] of [
      ["fetch", { env: "prod", appid: "chat", status: "1" }],
      ["fetchs", { env: "prod", appid: "chat", status: "1" }],
      ["fetch/all", {}],
      ["nodes", {}],
      ["poll", { env: "prod", appid: "chat", hostname: "h" }],
      ["polls", { env: "prod", appid: "chat", hostname: "h", latest_timestamp: "0" }],
    ] as const) {
      const { status, text } = await starting.get(endpoint, values);
      expect([endpoint, status, text]).toEqual([endpoint, 200, '{"code":-500,"message":"-500","ttl":1}']);
    }
    expect((await starting.register()).code).toBe(0);
    expect((await starting.renew()).code).toBe(0);
    expect((await starting.ask("/health")).status).toBe(503);
    expect((await starting.ask("/readyz")).status).toBe(503);
    expect((await starting.ask("/livez")).status).toBe(200);
    expect(await starting.metric("roost_registry_readable")).toBe(0);
  });
});
