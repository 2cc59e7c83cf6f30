// Messages of registry nodes: taken as application/json alone, and without a cluster key only from addresses of nodes
// that are named or registered. A node that is not known yet joins by registering itself, as one of the original does.

import { afterEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { systemRandom } from "../../../src/base/random.ts";
import { KnownPeers } from "../../../src/registry/http/known-peers.ts";
import { messageText } from "../../../src/registry/http/peer-codec.ts";
import { HttpPeerNetwork } from "../../../src/registry/http/peer-network.ts";
import { discoveryAppid } from "../../../src/registry/instance.ts";
import { RegistryNode } from "../../../src/registry/node/registry-node.ts";
import { systemTimers } from "../../../src/base/timers.ts";
import { testLimits } from "../../support/limits.ts";
import { living, nodeInfo } from "../support.ts";
import { askUrl, chat1, encode, endAll, endLater, eventually, serveRegistry, TestNode } from "./support.ts";

afterEach(endAll);

const message = () => {
  const states = [living(BigInt(Date.now()) * 1_000_000n, { hostname: "of a peer" })];
  return messageText({ kind: "replicate", node: nodeInfo(), isSpread: false, states, renewals: [] });
};
const json = { "content-type": "application/json" };
const replicate = (url: string, headers: Record<string, string>): ReturnType<typeof askUrl> =>
  askUrl(`${url}/discovery/peer/replicate`, { method: "POST", body: message(), headers });

/** A registry without a key, in which this machine is a stranger like any other. */
const strict = () => serveRegistry(undefined, {}, (address) => address);

describe("a message", () => {
  test("a body that is not application/json is refused, whatever its sender", async () => {
    const node = await TestNode.start();
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "text/json", ""])
      expect([type, (await replicate(node.url, { "content-type": type })).status]).toEqual([type, 415]);
    expect((await node.fetch()).code).toBe(-404);
    expect((await replicate(node.url, { "content-type": "Application/JSON; charset=utf-8" })).code).toBe(0);
    expect(await node.hostnames()).toEqual(["of a peer"]);
  });

  test("of a stranger is not accepted by this node until the stranger has registered itself as a node", async () => {
    const { url, node } = strict();
    const { status, headers } = await replicate(url, json);
    expect([status, headers.get("roost-unknown-node")]).toEqual([404, "register"]);
    expect(node.table.app("prod", "chat")).toBeUndefined();
    const self = { ...chat1, appid: discoveryAppid, status: "1" };
    const register = (addrs: string): ReturnType<typeof askUrl> =>
      askUrl(`${url}/discovery/register`, { method: "POST", body: encode({ ...self, addrs }) });
    expect((await register("http://10.1.2.3:7171")).code).toBe(0);
    expect((await replicate(url, json)).status).toBe(404);
    expect((await register("http://127.0.0.1:7171")).code).toBe(0);
    expect((await replicate(url, json)).code).toBe(0);
    expect(node.table.app("prod", "chat")).toBeDefined();
  });
});

test("what an original node brings does not count for its address, known by an address or a name", async () => {
  for (const host of ["127.0.0.1", "localhost"]) {
    const { url, node } = serveRegistry(undefined, { instancesPerAddress: 2 }, (address) => address);
    const register = async (change: Record<string, string>): Promise<unknown> => {
      const values = { ...chat1, status: "1", addrs: "tcp://a:1", ...change };
      return (await askUrl(`${url}/discovery/register`, { method: "POST", body: encode(values) })).code;
    };
    expect(await register({ appid: discoveryAppid, addrs: `http://${host}:7171` })).toBe(0);
    expect(node.replication.peers.size).toBe(1);
    let index = 0;
    const bring = (): Promise<unknown> => register({ hostname: `of others ${index++}`, replication: "true" });
    await eventually("its name is resolved", async () => (await bring()) === 0 && index > 4);
    for (let count = 0; count < 5; count++) expect(await bring()).toBe(0);
    // A request of a client counts.
    const codes = [await register({ hostname: "own 1" }), await register({ hostname: "own 2" })];
    expect(codes.at(-1)).toBe(-509);
  }
});

test("an address is a node's if it is its host, or its name resolves to it, which runs in the background", async () => {
  const asked: string[] = [];
  const resolve = async (host: string): Promise<readonly string[]> => {
    asked.push(host);
    if (host === "gone.example") throw new Error("no such host");
    return ["10.0.0.7", "::ffff:10.0.0.8"];
  };
  const addresses = [
    "10.0.0.5:7171",
    "[fd00::1]:7171",
    "[FD00:0::2]:7171",
    "[::ffff:10.0.0.6]:7171",
    "node.example:7171",
    "gone.example:7171",
  ];
  const peers = new KnownPeers(() => addresses, resolve);
  for (const address of ["10.0.0.5", "fd00::1", "fd00::2", "10.0.0.6"]) expect(peers.isNode(address)).toBe(true);
  expect(asked).toEqual([]);
  expect(peers.isNode("10.0.0.7")).toBe(false);
  await Bun.sleep(1);
  for (const [address, isNode] of [
    ["10.0.0.7", true],
    ["10.0.0.8", true],
    ["10.0.0.9", false],
  ] as const)
    expect([address, peers.isNode(address)]).toEqual([address, isNode]);
  expect(asked).toEqual(["node.example", "gone.example"]);
});

test("an unknown node joins without a key: it learns all, is listed, and is a node like any other soon", async () => {
  const first = strict();
  const form = encode({ ...chat1, status: "1", addrs: "tcp://a:1" });
  await askUrl(`${first.url}/discovery/register`, { method: "POST", body: form });
  const address = "127.0.0.1:1";
  const newcomer = new RegistryNode({
    settings: {
      env: "prod",
      zone: "z1",
      region: "r1",
      address,
      seeds: [first.http.address],
      version: "test",
      hasKey: false,
    },
    limits: testLimits(),
    clock: systemClock,
    timers: systemTimers,
    random: systemRandom,
    network: new HttpPeerNetwork(systemClock, () => [], 0),
    log: silentLog,
  });
  endLater(async () => newcomer.stop());
  newcomer.start();
  await eventually("it can be read", () => newcomer.isReadable);
  expect(newcomer.table.app("prod", "chat")).toBeDefined();
  await eventually("it is listed", () => first.node.replication.peers.get(address) !== undefined);
  // Only our own protocol tells the incarnation.
  await eventually(
    "it speaks our protocol",
    () => newcomer.replication.peers.get(first.http.address)?.incarnation !== "",
    20_000,
  );
}, 60_000);
