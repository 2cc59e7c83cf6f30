// The registry under the client of the original, acted out against three nodes: its acceptance list, item by item.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { discoveryAppid } from "../../../src/registry/instance.ts";
import { DiscoveryProcess } from "../../../scripts/harness/server-process.ts";
import { until } from "../../../scripts/harness/until.ts";
import { decode, GoClient, type GoClientOptions, GoDecodeError, infosOf } from "./go-client.ts";
import { at, endAll, endLater, eventually, isPending, TestNode } from "./support.ts";

let nodes: readonly [TestNode, TestNode, TestNode];
beforeEach(async () => {
  const first = await TestNode.start();
  const second = await TestNode.start({ peers: [first.address] });
  const third = await TestNode.start({ peers: [first.address, second.address] });
  nodes = [first, second, third];
  const addresses = nodes.map(({ address }) => address).toSorted();
  for (const node of nodes) {
    await eventually("three nodes", async () =>
      Bun.deepEquals(await node.hostnames({ appid: discoveryAppid }), addresses),
    );
  }
});
afterEach(endAll);

/** A client that begins with the first node, and does not wait as long as the real one. */
async function start(change: Partial<GoClientOptions> = {}): Promise<GoClient> {
  const client = await GoClient.start({
    nodes: [nodes[0].address],
    region: "r1",
    zone: "z1",
    env: "prod",
    host: "host-1",
    joinsAddresses: false,
    pollTimeoutMs: 40_000,
    renewMs: 30_000,
    pauseMs: 20,
    ...change,
  });
  endLater(() => client.abandon());
  return client;
}

const zoneOf = (client: GoClient, appid: string): unknown => client.fetch(appid)?.get("z1");
const nodeAt = (address: string): TestNode => {
  const found = nodes.find((node) => node.address === address);
  if (found === undefined) throw new Error(`no node is at ${address}`);
  return found;
};

describe("the client's decoder", () => {
  const info = (change: string): string =>
    `{"chat":{"instances":{"z1":[{"region":"","zone":"z1","env":"e","appid":"a","hostname":"h","addrs":["x"],` +
    `"version":"","metadata":{},"status":1,"reg_timestamp":1,"up_timestamp":1,"renew_timestamp":1,"dirty_timestamp":1` +
    `${change},"latest_timestamp":9}}`;
  const ok = info(',"latest_timestamp":1}]}');

  test("takes what is right, and refuses what Go would not read", () => {
    expect(infosOf(decode(ok)).get("chat")?.latestTimestamp).toBe(9n);
    const wrong = [
      ok.replace('"latest_timestamp":9', '"latest_timestamp":0'),
      ok.replace('"latest_timestamp":9', '"latest_timestamp":"9"'),
      ok.replace('"latest_timestamp":9', '"latest_timestamp":1.8e18'),
      ok.replace('"latest_timestamp":9', '"latest_timestamp":9223372036854775808'),
      ok.replace('"metadata":{}', '"metadata":{"a":1}'),
      ok.replace('"addrs":["x"]', '"addrs":"x"'),
      ok.replace('"status":1', '"status":-1'),
      '{"chat":null}',
    ];
    for (const text of wrong) expect(() => infosOf(decode(text)), text).toThrow(GoDecodeError);
  });
});

describe("the client of the original", () => {
  test("starts as soon as it has the registry's nodes, and takes them over", async () => {
    const client = await start();
    const expected = nodes.map(({ address }) => address).toSorted();
    expect(client.hostnames(discoveryAppid)).toEqual(expected);
    expect(
      client
        .fetch(discoveryAppid)
        ?.get("z1")
        ?.map(({ addrs }) => addrs.join())
        .toSorted(),
    ).toEqual(expected.map((address) => `http://${address}`));
    expect(client.failures).toEqual([]);
  });

  test("of another env starts, too, and sees nothing of this one", async () => {
    await nodes[0].register();
    const client = await start({ env: "uat" });
    expect(client.hostnames(discoveryAppid).length).toBe(3);
    client.watch("chat");
    await nodes[0].untilPolls(1);
    expect(client.fetch("chat")).toBeUndefined();
    await nodes[1].register({ env: "uat", hostname: "chat-uat" });
    await eventually("the list", () => client.hostnames("chat").length === 1);
    expect(client.hostnames("chat")).toEqual(["chat-uat"]);
  });

  test("of another zone keeps the nodes that it began with", async () => {
    const client = await start({ zone: "z9" });
    expect(client.node).toBe(nodes[0].address);
    client.watch("chat");
    await nodes[2].register();
    await eventually("the list", () => client.hostnames("chat").length === 1);
  });

  test("finds a node when the first of its seeds is away", async () => {
    const client = await start({ nodes: ["127.0.0.1:1", nodes[1].address] });
    expect(client.failures.length).toBe(1);
    expect(client.hostnames(discoveryAppid).length).toBe(3);
  });

  test("registers, is seen by clients of all nodes, and is gone when it cancels", async () => {
    const client = await start();
    const watchers = await Promise.all(
      nodes.map(({ address }) => start({ nodes: [address], zone: "z9", host: "watcher" })),
    );
    for (const watcher of watchers) watcher.watch("logic");
    await nodes[0].register({ appid: "logic", hostname: "stays" });
    const cancel = await client.register("logic", ["grpc://10.0.0.1:1", "http://10.0.0.1:2"], {
      weight: "10",
      color: "",
    });
    for (const watcher of watchers) {
      await eventually("both", () => watcher.hostnames("logic").length === 2);
      const own = watcher
        .fetch("logic")
        ?.get("z1")
        ?.find(({ hostname }) => hostname === "host-1");
      expect(own).toMatchObject({
        region: "r1",
        zone: "z1",
        env: "prod",
        appid: "logic",
        version: "v1",
        status: 1n,
        addrs: ["grpc://10.0.0.1:1", "http://10.0.0.1:2"],
        metadata: { weight: "10", color: "" },
      });
    }
    await cancel();
    for (const watcher of watchers) {
      await eventually("one", () => watcher.hostnames("logic").length === 1);
      expect(watcher.failures).toEqual([]);
    }
  });

  test("of the generation 1.0 joins its addresses by commas: they are shown as a list, at every node", async () => {
    const client = await start({ joinsAddresses: true });
    await client.register("logic", ["grpc://10.0.0.1:1", "http://10.0.0.1:2"]);
    for (const node of nodes) {
      await eventually("the instance", async () => (await node.instance({ appid: "logic" }, "host-1")) !== undefined);
      expect(at(await node.instance({ appid: "logic" }, "host-1"), "addrs")).toEqual([
        "grpc://10.0.0.1:1",
        "http://10.0.0.1:2",
      ]);
    }
  });

  test("sets its metadata, and watchers see it", async () => {
    const [client, watcher] = [await start(), await start({ nodes: [nodes[2].address], host: "watcher" })];
    watcher.watch("logic");
    await client.register("logic", ["grpc://10.0.0.1:1"], { weight: "10" });
    await client.set("logic", { weight: "20", extra: "é" });
    await eventually("the change", () => at(zoneOf(watcher, "logic"), 0, "metadata", "weight") === "20");
    expect(at(zoneOf(watcher, "logic"), 0, "metadata")).toEqual({ weight: "20", extra: "é" });
  });

  test("registers again when the registry has forgotten it", async () => {
    const client = await start({ renewMs: 50 });
    await client.register("logic", ["grpc://10.0.0.1:1"]);
    const node = nodeAt(client.node);
    const before = at(await node.instance({ appid: "logic" }, "host-1"), "reg_timestamp");
    expect((await node.cancel({ appid: "logic", hostname: "host-1" })).code).toBe(0);
    await eventually("it to be back", async () => (await node.hostnames({ appid: "logic" })).length === 1);
    expect(at(await node.instance({ appid: "logic" }, "host-1"), "reg_timestamp")).not.toBe(before);
    await client.close();
    expect(await node.hostnames({ appid: "logic" })).toEqual([]);
  });

  test("renews, and nobody who polls is woken by that", async () => {
    const client = await start({ renewMs: 20 });
    await client.register("logic", ["grpc://10.0.0.1:1"]);
    const watcher = await start({ host: "watcher" });
    watcher.watch("logic");
    await eventually("the list", () => watcher.hostnames("logic").length === 1);
    const renewed = async (): Promise<bigint> =>
      BigInt(String(at(await nodeAt(client.node).instance({ appid: "logic" }, "host-1"), "renew_timestamp")));
    const before = await renewed();
    await eventually("renewals", async () => (await renewed()) > before + 100_000_000n);
    expect(watcher.updates("logic")).toBe(1);
  });

  test("adds a service to watch: the running poll is given up, and leaves nothing behind", async () => {
    const client = await start();
    const node = nodeAt(client.node);
    await node.untilPolls(1);
    for (let index = 0; index < 20; index++) client.watch(`service-${index}`);
    await node.register({ appid: "service-19" });
    await eventually("the list", () => client.hostnames("service-19").length === 1);
    await node.untilPolls(1);
    await client.abandon();
    await node.untilPolls(0);
    expect(client.failures).toEqual([]);
  });

  test("goes on at another node when its own says goodbye, without an error, and misses nothing", async () => {
    const client = await start();
    client.watch("logic");
    await nodes[0].register({ appid: "logic", hostname: "one" });
    await eventually("the first", () => client.hostnames("logic").length === 1);
    const left = nodeAt(client.node);
    const others = nodes.filter((node) => node !== left);
    await left.untilPolls(1);
    await left.stop();
    await others[0]?.register({ appid: "logic", hostname: "two" });
    await eventually("the second", () => client.hostnames("logic").length === 2);
    expect(client.node).not.toBe(left.address);
    expect(client.failures).toEqual([]);
    await others[1]?.cancel({ appid: "logic", hostname: "one" });
    await eventually("the cancellation", () => client.hostnames("logic").join() === "two");
    await eventually("the node to be off the list", () => client.hostnames(discoveryAppid).length === 2);
  });

  test("goes on at another node when its own is killed in the middle of a poll, and misses nothing", async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-go-client-"));
    endLater(async () => rmSync(folder, { recursive: true, force: true }));
    const killed = await DiscoveryProcess.start(folder, ["--env", "prod", "--zone", "z1", "--peers", nodes[0].address]);
    endLater(async () => void (await killed.end("SIGKILL")));
    await until(async () => (await fetch(`${killed.url}/health`)).ok, "it has learned what there is");
    const seeds = [new URL(killed.url).host, nodes[1].address];
    const client = await start({ nodes: seeds, zone: "z9" });
    client.watch("logic");
    await nodes[0].register({ appid: "logic", hostname: "one" });
    await eventually("the first", () => client.hostnames("logic").length === 1);
    expect(client.node).toBe(seeds[0] ?? "");
    await killed.end("SIGKILL");
    await nodes[2].register({ appid: "logic", hostname: "two" });
    await eventually("the second", () => client.hostnames("logic").length === 2);
    expect(client.node).toBe(nodes[1].address);
    expect(client.failures.length).toBe(1);
  }, 60_000);

  test("goes on at another node when its own is only starting", async () => {
    const starting = await TestNode.start({ peers: ["127.0.0.1:1"] });
    const client = await start({ nodes: [starting.address, nodes[1].address], zone: "z9" });
    expect(client.failures).toEqual(["polls: code -500"]);
    expect(client.node).toBe(nodes[1].address);
  });

  test("is never told -304 before its time, and asks no more often than that", async () => {
    await nodes[0].register({ appid: "logic" });
    const client = await start({ pollTimeoutMs: 200 });
    client.watch("logic");
    await eventually("the list", () => client.hostnames("logic").length === 1);
    client.answers.clear();
    const beganMs = performance.now();
    await eventually("four polls without news", () => (client.answers.get(-304) ?? 0) >= 4);
    // The registry keeps 20 ms of each deadline for the way back.
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(3 * 175);
    expect([...client.answers.keys()]).toEqual([-304]);
    expect(client.failures).toEqual([]);
  });

  test("does not spin on services without UP instances, whatever else it watches", async () => {
    await nodes[0].register({ appid: "waiting", status: "2" });
    await nodes[0].register({ appid: "gone" });
    await nodes[0].register({ appid: "logic" });
    await nodes[0].cancel({ appid: "gone" });
    const client = await start({ zone: "z9" });
    for (const appid of ["waiting", "gone", "never", "logic"]) client.watch(appid);
    await eventually("the list", () => client.hostnames("logic").length === 1);
    await nodes[0].untilPolls(1);
    const total = (): number => [...client.answers.values()].reduce((sum, count) => sum + count, 0);
    const before = total();
    await Bun.sleep(300);
    expect(total() - before).toBeLessThanOrEqual(2);
    expect(client.fetch("waiting")).toBeUndefined();
    await nodes[0].set({ appid: "waiting", status: "1" });
    await eventually("it to be UP", () => client.hostnames("waiting").length === 1);
    expect(client.failures).toEqual([]);
  });

  test("keeps its last list when all instances are gone, does not spin, and sees the next one", async () => {
    await nodes[0].register({ appid: "logic" });
    const client = await start({ zone: "z9" });
    client.watch("logic");
    await eventually("the list", () => client.hostnames("logic").length === 1);
    await nodes[0].cancel({ appid: "logic" });
    await nodes[0].untilPolls(1);
    const before = client.answers.get(0) ?? 0;
    await Bun.sleep(300);
    expect((client.answers.get(0) ?? 0) - before).toBeLessThanOrEqual(2);
    expect(client.hostnames("logic")).toEqual(["chat-1"]);
    await nodes[1].register({ appid: "logic", hostname: "next" });
    await eventually("the next", () => client.hostnames("logic").join() === "next");
    expect(client.failures).toEqual([]);
  });

  test("waits for a service that does not exist yet", async () => {
    const client = await start();
    client.watch("later");
    await nodeAt(client.node).untilPolls(1);
    expect(await isPending(eventually("the list", () => client.hostnames("later").length === 1))).toBe(true);
    await nodes[2].register({ appid: "later" });
    await eventually("the list", () => client.hostnames("later").length === 1);
  });

  test("gets each of many changes, and ends with the last of them", async () => {
    const client = await start();
    client.watch("logic");
    for (let index = 0; index < 30; index++) {
      const node = nodes[index % 3] ?? nodes[0];
      expect((await node.register({ appid: "logic", hostname: `h${index}` })).code).toBe(0);
    }
    await eventually("thirty", () => client.hostnames("logic").length === 30);
    expect(client.updates("logic")).toBeLessThanOrEqual(31);
    expect(client.failures).toEqual([]);
  });

  test("cancels all that it registered when it is closed", async () => {
    const client = await start();
    await client.register("logic", ["grpc://10.0.0.1:1"]);
    await client.register("job", ["grpc://10.0.0.1:2"]);
    let refusal = "";
    await client.register("job", ["grpc://10.0.0.1:2"]).catch((error: unknown) => (refusal = String(error)));
    expect(refusal).toContain("is registered by this client already");
    await client.close();
    for (const node of nodes) {
      await eventually("nothing", async () => (await node.fetch({ appid: "logic" })).code === -404);
      await eventually("nothing", async () => (await node.fetch({ appid: "job" })).code === -404);
    }
  });
});
