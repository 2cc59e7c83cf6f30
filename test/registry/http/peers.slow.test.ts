// Nodes over real HTTP: what is written at one is read at the others, and a peer that is broken, hostile or not ours
// costs nobody anything but a count of failures.

import { afterEach, describe, expect, test } from "bun:test";
import { registryToken } from "../../../src/auth/registry-token.ts";
import { registryPeerBodyBytesMax } from "../../../src/base/limits/fixed.ts";
import { discoveryAppid } from "../../../src/registry/instance.ts";
import { messageText } from "../../../src/registry/http/peer-codec.ts";
import { freePorts } from "../../../scripts/harness/free-ports.ts";
import { living, nodeInfo } from "../support.ts";
import { at, endAll, endLater, eventually, RawConnection, type Reply, TestNode, type Values } from "./support.ts";

afterEach(endAll);

/** Waits until a node lists these of a service, in any zone. */
const untilListed = (node: TestNode, hostnames: readonly string[], change: Values = {}): Promise<void> =>
  eventually(`${hostnames.slice(0, 5).join(", ")} and no more at ${node.address}`, async () =>
    Bun.deepEquals(await node.hostnames(change), hostnames),
  );

/** Waits until nodes list each other. */
async function untilTogether(nodes: readonly TestNode[]): Promise<void> {
  const addresses = nodes.map(({ address }) => address).toSorted();
  for (const node of nodes) await untilListed(node, addresses, { appid: discoveryAppid });
}

/** This many nodes, each of which knows the one before it. */
async function startChain(count: number, change: Parameters<typeof TestNode.start>[0] = {}): Promise<TestNode[]> {
  const nodes: TestNode[] = [];
  for (let index = 0; index < count; index++) {
    const before = nodes.at(-1);
    nodes.push(await TestNode.start({ ...change, peers: before === undefined ? [] : [before.address] }));
  }
  await untilTogether(nodes);
  return nodes;
}

const [one, two, three] = ["one", "two", "three"];

describe("two nodes", () => {
  test("show each other's registrations, changes and cancellations, the same to the last digit", async () => {
    const [a, b] = await startChain(2);
    if (a === undefined || b === undefined) throw new Error("two nodes");
    await a.register({ hostname: one, metadata: '{"k":"v"}' });
    await b.register({ hostname: two });
    for (const node of [a, b]) await untilListed(node, [one, two]);
    const versionsOf = async (node: TestNode): Promise<unknown[]> => {
      const found = await Promise.all([node.instance({}, one), node.instance({}, two)]);
      return found.map((instance) =>
        ["addrs", "metadata", "reg_timestamp", "dirty_timestamp"].map((name) => at(instance, name)),
      );
    };
    expect(await versionsOf(a)).toEqual(await versionsOf(b));
    await b.set({ hostname: one, status: "2", metadata: '{"l":"w"}' });
    await eventually("the change", async () => at(await a.instance({}, one), "status") === 2);
    expect(at(await a.instance({}, one), "metadata")).toEqual({ k: "v", l: "w" });
    await b.cancel({ hostname: one });
    await untilListed(a, [two]);
  });

  test("tell each other of renewals", async () => {
    const [a, b] = await startChain(2);
    if (a === undefined || b === undefined) throw new Error("two nodes");
    await a.register();
    await untilListed(b, ["chat-1"]);
    const renewed = async (): Promise<bigint> => BigInt(String(at(await b.instance(), "renew_timestamp")));
    const before = await renewed();
    await a.renew();
    await eventually("the renewal", async () => (await renewed()) > before);
  });

  test("wake those who poll at the other one", async () => {
    const [a, b] = await startChain(2);
    if (a === undefined || b === undefined) throw new Error("two nodes");
    const reply = b.polls();
    await b.untilPolls(1);
    await a.register();
    expect((await reply).code).toBe(0);
  });

  test("know each other, list each other as UP, and forget the one that says goodbye", async () => {
    const [a, b] = await startChain(2);
    if (a === undefined || b === undefined) throw new Error("two nodes");
    await eventually("the first to hear of the second", async () => (await a.metric("roost_registry_peers_up")) === 1);
    const listOf = ({ json }: Reply): unknown => at(json, "data");
    expect(listOf(await a.get("nodes"))).toEqual(
      [a, b].map(({ address }) => ({ addr: address, status: 0, zone: "z1" })),
    );
    await b.stop();
    await untilListed(a, [a.address], { appid: discoveryAppid });
    await eventually("the first to be alone", async () => (await a.metric("roost_registry_peers")) === 0);
  }, 60_000);

  test("of one cluster key replicate, and of different ones do not", async () => {
    const keys = ["the key of one cluster", "the key of another one"].map((key) => new TextEncoder().encode(key));
    const clusterKeys = keys.slice(0, 1);
    const headers = { authorization: `Bearer ${registryToken(keys[0] ?? new Uint8Array())}` };
    const a = await TestNode.start({ clusterKeys });
    const b = await TestNode.start({ clusterKeys, peers: [a.address] });
    const stranger = await TestNode.start({ clusterKeys: keys.slice(1), peers: [a.address] });
    await untilTogether([a, b]);
    expect((await b.register({}, { headers })).code).toBe(0);
    await untilListed(a, ["chat-1"]);
    await eventually(
      "the stranger to be refused",
      async () => (await stranger.metric("roost_registry_peer_failures_total")) > 0,
    );
    await eventually("the stranger to be readable", async () => (await stranger.ask("/health")).status === 200);
    expect(await stranger.hostnames()).toEqual([]);
    expect(await stranger.hostnames({ appid: discoveryAppid })).toEqual([stranger.address]);
    expect(await a.hostnames({ appid: discoveryAppid })).toEqual([a.address, b.address].toSorted());
  }, 60_000);
});

describe("a node with a key", () => {
  const clusterKeys = [new TextEncoder().encode("the key of this cluster")];

  test("takes in nothing that anybody wrote at a peer without one, and tells it nothing", async () => {
    const open = await TestNode.start();
    await open.register();
    const node = await TestNode.start({ clusterKeys, peers: [open.address] });
    await eventually("a failure", async () => (await node.metric("roost_registry_peer_failures_total")) > 0);
    await eventually("the node to be readable", async () => (await node.ask("/health")).status === 200);
    await open.register({ hostname: two });
    await Bun.sleep(1_000);
    expect(await node.hostnames()).toEqual([]);
    expect(await node.hostnames({ appid: discoveryAppid })).toEqual([node.address]);
    expect(await open.hostnames({ appid: discoveryAppid })).toEqual([open.address]);
  }, 60_000);

  test("shows no token to such a peer, nor to one of the original implementation", async () => {
    const seen: (string | null)[] = [];
    const original = peerThat((request) => {
      seen.push(request.headers.get("authorization"));
      return new URL(request.url).pathname === "/discovery/renew"
        ? Response.json({ code: -404, message: "-404", ttl: 1 })
        : new Response("404 page not found", { status: 404 });
    });
    await TestNode.start({ clusterKeys, peers: [original] });
    await eventually("several tries", () => Promise.resolve(seen.length > 3));
    expect(seen.every((token) => token === null)).toBe(true);
  }, 60_000);

  test("exchanges with a peer behind something that refuses what shows no token with HTTP status 401", async () => {
    const paths: string[] = [];
    const guarded = peerThat((request) => {
      if (request.headers.get("authorization") === null) return new Response("", { status: 401 });
      paths.push(new URL(request.url).pathname);
      return Response.json({ code: -500, message: "starting", ttl: 1 });
    });
    await TestNode.start({ clusterKeys, peers: [guarded] });
    await eventually("an exchange", () => Promise.resolve(paths.includes("/discovery/peer/compare")));
  }, 60_000);
});

describe("three nodes", () => {
  test("that know each other by hearsay show what is written at any of them", async () => {
    const nodes = await startChain(3);
    for (const [index, hostname] of [one, two, three].entries()) await nodes[index]?.register({ hostname });
    for (const node of nodes) await untilListed(node, [one, three, two]);
    await nodes[2]?.cancel({ hostname: one });
    for (const node of nodes) await untilListed(node, [three, two]);
  }, 60_000);

  test("of two zones show what is written at any of them", async () => {
    const a = await TestNode.start();
    const b = await TestNode.start({ peers: [a.address] });
    const far = await TestNode.start({ zone: "z2", peers: [a.address] });
    await untilTogether([a, b, far]);
    await b.register({ hostname: one });
    await far.register({ hostname: two, zone: "z2" });
    for (const node of [a, b, far]) await untilListed(node, [one, two]);
  }, 60_000);

  test("go on when one dies, and it catches up when it is back", async () => {
    const [a, b, c] = await startChain(3);
    if (a === undefined || b === undefined || c === undefined) throw new Error("three nodes");
    await a.register({ hostname: one });
    await untilListed(c, [one]);
    const { port } = c;
    await c.stop();
    await a.register({ hostname: two });
    await b.cancel({ hostname: one });
    for (const node of [a, b]) await untilListed(node, [two]);
    const again = await TestNode.start({ listen: { host: "127.0.0.1", port }, peers: [a.address, b.address] });
    await untilListed(again, [two]);
    await again.register({ hostname: three });
    for (const node of [a, b]) await untilListed(node, [three, two]);
  }, 60_000);

  test("bring a newcomer to all that there is before it lets itself be read", async () => {
    const [a, b] = await startChain(2);
    if (a === undefined || b === undefined) throw new Error("two nodes");
    const hostnames = Array.from({ length: 1_500 }, (_, index) => `h${index}`).toSorted();
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    const states = hostnames.map((hostname) => living(nowNs, { hostname }));
    const message = { kind: "replicate", node: nodeInfo(), isSpread: true, states, renewals: [] } as const;
    expect((await a.postMessage("peer/replicate", messageText(message))).code).toBe(0);
    const c = await TestNode.start({ peers: [a.address] });
    const early = await c.fetch();
    expect([0, -500]).toContain(Number(early.code));
    await eventually("the newcomer to be readable", async () => (await c.ask("/health")).status === 200);
    expect(await c.hostnames()).toEqual(hostnames);
    await untilListed(b, hostnames);
  }, 60_000);
});

describe("the largest instances", () => {
  test("reach another node, however long they are as JSON", async () => {
    const [port = 0] = await freePorts(1);
    const a = await TestNode.start({ peers: [`127.0.0.1:${port}`] });
    // A control character is six times as long in JSON, and eight times in a form.
    const metadata = JSON.stringify({ k: "\u0001".repeat(15_000) });
    const hostnames = Array.from({ length: 200 }, (_, index) => `h${index}`).toSorted();
    expect(metadata.length * hostnames.length).toBeGreaterThan(registryPeerBodyBytesMax);
    for (const hostname of hostnames) expect((await a.register({ hostname, metadata })).code).toBe(0);
    const b = await TestNode.start({ listen: { host: "127.0.0.1", port } });
    await untilListed(b, hostnames);
    await untilTogether([a, b]);
  }, 60_000);
});

/** A peer that gives the answers that a test sets. */
function peerThat(answer: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, fetch: answer });
  endLater(() => server.stop(true));
  return server.url.host;
}

/** A stream that goes on until its reader leaves. */
function endless(): ReadableStream<Uint8Array> {
  const chunk = new Uint8Array(256 * 1024).fill(0x20);
  return new ReadableStream({
    async pull(controller) {
      await Bun.sleep(0);
      controller.enqueue(chunk);
    },
  });
}

const answered = (data: object): string => JSON.stringify({ code: 0, message: "0", ttl: 1, data });
const nodeJson = { incarnation: "x", address: "127.0.0.1:1", zone: "z1", clock: "0", starting: false };
const okAnswer = { version: 1, node: nodeJson, wanted: [], newer: [], differing: [], states: [] };
const badState = { env: "prod", appid: "chat", zone: "z1", hostname: "bad", dirty: "1", age: 0, probed: false };

describe("a peer", () => {
  const strange: Readonly<Record<string, (request: Request) => Response | Promise<Response>>> = {
    "that answers text": () => new Response("hello"),
    "that answers nothing": () => new Response(""),
    "that answers null": () => new Response("null"),
    "that answers without data": () => new Response('{"code":0}'),
    "that answers with HTTP status 500": () => new Response("oops", { status: 500 }),
    "that answers with HTTP status 404, as the original does, and then text": () => new Response("?", { status: 404 }),
    "that sends elsewhere": () => Response.redirect("http://127.0.0.1:1/", 307),
    "that refuses": () => new Response('{"code":-401,"message":"no"}'),
    "that is starting for ever": () => new Response('{"code":-500,"message":"-500","ttl":1}'),
    "of another version of the protocol": () => new Response(answered({ ...okAnswer, version: 2 })),
    "whose clock is no number": () => new Response(answered({ ...okAnswer, node: { ...nodeJson, clock: "x" } })),
    "whose states are malformed": () =>
      new Response(answered({ ...okAnswer, newer: [badState, {}], states: [badState, {}] })),
    "whose answer never ends": () => new Response(endless()),
    "whose answer is announced as huge": () => new Response(endless(), { headers: { "content-length": "9000000000" } }),
    "whose answer is only begun": () => new Response('{"code":0,'),
    "whose answer is packed, and could unpack to anything": () =>
      new Response(Bun.gzipSync(answered(okAnswer)), { headers: { "content-encoding": "gzip" } }),
  };
  for (const [name, answer] of Object.entries(strange)) {
    test(`${name} is counted as a failure, and holds up neither writes nor reads nor another peer`, async () => {
      const good = await TestNode.start();
      const node = await TestNode.start({ peers: [peerThat(answer), good.address] });
      await eventually("a failure", async () => (await node.metric("roost_registry_peer_failures_total")) > 0);
      await eventually("the node to be readable", async () => (await node.ask("/health")).status === 200);
      expect((await node.register()).code).toBe(0);
      expect(await node.hostnames()).toEqual(["chat-1"]);
      await untilListed(good, ["chat-1"]);
      expect((await node.renew()).code).toBe(0);
      expect((await node.set({ status: "2" })).code).toBe(0);
      expect((await node.cancel()).code).toBe(0);
      await untilListed(good, []);
      const failures = await node.metric("roost_registry_peer_failures_total");
      await eventually(
        "further tries",
        async () => (await node.metric("roost_registry_peer_failures_total")) > failures,
      );
      expect(await node.metric("roost_registry_peers_up")).toBe(1);
    }, 60_000);
  }

  test("that accepts and is silent is counted as a failure after a while, and holds up nothing meanwhile", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    endLater(async () => listener.stop(true));
    const good = await TestNode.start();
    const node = await TestNode.start({ peers: [`127.0.0.1:${listener.port}`, good.address] });
    await eventually("the node to be readable", async () => (await node.ask("/health")).status === 200);
    for (let index = 0; index < 50; index++) expect((await node.register({ hostname: `h${index}` })).code).toBe(0);
    await eventually("fifty instances", async () => (await good.hostnames()).length === 50);
    expect(await node.metric("roost_registry_peer_failures_total")).toBe(0);
    // The silent one has yet to receive every entry once.
    expect(await node.metric("roost_registry_waiting")).toBeLessThanOrEqual(52);
    await eventually("a failure", async () => (await node.metric("roost_registry_peer_failures_total")) > 0, 12_000);
  }, 60_000);

  test("that is asked to send a redirected request never sees the token", async () => {
    const seen: (string | null)[] = [];
    const elsewhere = peerThat((request) => {
      seen.push(request.headers.get("authorization"));
      return new Response("");
    });
    const redirecting = peerThat(() => Response.redirect(`http://${elsewhere}/`, 307));
    const clusterKey = new TextEncoder().encode("the key of this cluster");
    const node = await TestNode.start({ clusterKeys: [clusterKey], peers: [redirecting] });
    await eventually("a failure", async () => (await node.metric("roost_registry_peer_failures_total")) > 0);
    expect(seen).toEqual([]);
  });

  test("that claims a time far ahead changes nothing", async () => {
    const node = await TestNode.start();
    const far = BigInt(Date.now() + 86_400_000) * 1_000_000n;
    const sender = nodeInfo({ clock: far });
    const message = { kind: "replicate", node: sender, isSpread: false, states: [living(far)], renewals: [] } as const;
    expect((await node.postMessage("peer/replicate", messageText(message))).code).toBe(0);
    expect(await node.instance()).toBeUndefined();
    await node.register();
    expect(BigInt(String(at(await node.instance(), "dirty_timestamp")))).toBeLessThan(far);
  });

  test("that is the node itself under another name is recognised", async () => {
    const [port = 0] = await freePorts(1);
    const node = await TestNode.start({ listen: { host: "127.0.0.1", port }, peers: [`localhost:${port}`] });
    await eventually("the node to be alone", async () => (await node.metric("roost_registry_peers")) === 0);
    expect((await node.ask("/health")).status).toBe(200);
    expect((await node.register()).code).toBe(0);
  });

  test("that connects, asks and leaves is of no consequence", async () => {
    const node = await TestNode.start();
    for (let round = 0; round < 20; round++) {
      const connection = await RawConnection.open(node);
      connection.write("POST /discovery/peer/compare HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{");
      connection.close();
    }
    expect((await node.register()).code).toBe(0);
    expect(await node.metric("roost_registry_peers")).toBe(0);
  });
});
