import { TableOverTime } from "../support.ts";
import { testLimits } from "../../support/limits.ts";
import { limitTable } from "../../../src/base/limits/table.ts";
import { afterEach, describe, expect, test } from "bun:test";
import type { Clock } from "../../../src/base/clock.ts";
import {
  leaseMs,
  registryAnswerBytesMax,
  registryPeerBodyBytesMax,
  tombstoneMs,
} from "../../../src/base/limits/fixed.ts";
import { silentLog } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import type { EntryState } from "../../../src/registry/table/entry.ts";
import { HybridClock } from "../../../src/registry/table/hybrid-clock.ts";
import { listingMs, OriginalPeers } from "../../../src/registry/http/original-peer.ts";
import type { Identity, Instance } from "../../../src/registry/instance.ts";
import { Status } from "../../../src/registry/instance.ts";
import type { Compare, NodeInfo, Renewal, Replicate } from "../../../src/registry/replication/peer-messages.ts";
import { Code } from "../../../src/registry/codes.ts";
import { RegistryNode } from "../../../src/registry/node/registry-node.ts";
import { TokenChoice } from "../../../src/registry/client/token-choice.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { until } from "../../../scripts/harness/until.ts";
import { testSeed } from "../../support/random.ts";
import { coded, FakeOriginalNode, type OriginalInstance } from "./fake-original-node.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function originalNode(): FakeOriginalNode {
  const node = new FakeOriginalNode();
  ends.push(() => node.stop());
  return node;
}

class SettableClock implements Clock {
  nowMs = 1_790_000_000_000;
  wallMs = (): number => this.nowMs;
  wallNs = (): bigint => BigInt(this.nowMs) * 1_000_000n;
  monotonicMs = (): number => this.nowMs;
}

function setUp(requestMsMax = 5_000): { peers: OriginalPeers; node: FakeOriginalNode; clock: SettableClock } {
  const clock = new SettableClock();
  const node = originalNode();
  node.nowMs = clock.wallMs;
  const tokens = new TokenChoice(() => ["the token"]);
  return { peers: new OriginalPeers({ clock, tokens, requestMsMax, lagMsMax: 900_000 }), node, clock };
}

/** A version that no double holds, and that is no multiple of 1024. */
const version = 1_789_999_990_000_000_001n;

function original(hostname: string, change: Partial<OriginalInstance> = {}): OriginalInstance {
  return {
    ...{ region: "r", zone: "z1", env: "prod", appid: "chat", hostname, addrs: [`tcp://${hostname}:1`], version: "7" },
    ...{ metadata: { id: hostname }, status: 1, reg_timestamp: version + 1n, up_timestamp: version + 2n },
    ...{ renew_timestamp: version + 3n, dirty_timestamp: version, latest_timestamp: version + 4n },
    ...change,
  };
}

const identity = (hostname: string): Identity => ({ env: "prod", appid: "chat", zone: "z1", hostname });

function living(hostname: string, change: Partial<Instance> = {}): EntryState {
  const timestamps = { regTimestamp: version + 1n, upTimestamp: version, latestTimestamp: version + 2n };
  const instance: Instance = {
    ...{ ...identity(hostname), region: "r", addrs: [`tcp://${hostname}:1`], version: "7" },
    ...{ metadata: new Map([["id", hostname]]), status: Status.Up, dirtyTimestamp: version, ...timestamps, ...change },
  };
  return {
    identity: identity(hostname),
    dirty: instance.dirtyTimestamp,
    instance,
    ageMs: 0,
    isProbed: false,
    hasRenewed: true,
  };
}

function cancelled(hostname: string): EntryState {
  return {
    identity: identity(hostname),
    dirty: version,
    instance: undefined,
    ageMs: 0,
    isProbed: false,
    hasRenewed: true,
  };
}

const renewal = (hostname: string, dirty = version): Renewal => ({ identity: identity(hostname), dirty, ageMs: 0 });

const self: NodeInfo = { incarnation: "i", address: "127.0.0.1:1", zone: "z1", clock: version, isStarting: false };
const nobody: NodeInfo = { incarnation: "", address: "", zone: "", clock: 0n, isStarting: false };
const compare = (digest = "d"): Compare => ({ kind: "compare", node: self, digest, fromBucket: 0 });

function replicate(states: readonly EntryState[], renewals: readonly Renewal[] = [], isSpread = false): Replicate {
  return { kind: "replicate", node: self, isSpread, states, renewals };
}

const nothing = { kind: "compared", node: nobody, differing: [], states: [], nextBucket: undefined } as const;

describe("a comparison", () => {
  test("brings everything that the node lists, to the last digit of its timestamps", async () => {
    const { peers, node } = setUp();
    node.put(original("a"));
    node.put(original("b", { env: "uat", zone: "z2", appid: "login", status: 2, dirty_timestamp: version + 6n }));
    const reply = await peers.compare(node.address, compare(""));
    expect(reply).toMatchObject({ kind: "compared", node: nobody, differing: [], nextBucket: undefined });
    if (reply.kind === "failed") throw new Error(reply.sentence);
    const [a, b] = reply.states;
    expect(a).toEqual({
      identity: identity("a"),
      dirty: version,
      instance: {
        ...{ ...identity("a"), region: "r", addrs: ["tcp://a:1"], version: "7", metadata: new Map([["id", "a"]]) },
        ...{ status: Status.Up, regTimestamp: version + 1n, upTimestamp: version + 2n, dirtyTimestamp: version },
        latestTimestamp: version + 4n,
      },
      ageMs: 10_000,
      isProbed: false,
      hasRenewed: false,
    });
    expect(b?.identity).toEqual({ env: "uat", appid: "login", zone: "z2", hostname: "b" });
    expect([b?.dirty, b?.instance?.status]).toEqual([version + 6n, Status.Waiting]);
    const [call] = node.calls;
    expect([call?.method, call?.endpoint, node.calls.length]).toEqual(["GET", "fetch/all", 1]);
    expect(call?.headers.get("authorization")).toBe("Bearer the token");
    expect(call?.headers.get("accept-encoding")).toBe("identity");
  });

  test("takes null for no addresses and no metadata, and splits addresses that its peers have joined", async () => {
    const { peers, node } = setUp();
    node.put(original("a", { addrs: null, metadata: null }));
    node.put(original("b", { addrs: ["tcp://b:1,http://b:2"] }));
    const reply = await peers.compare(node.address, compare(""));
    if (reply.kind === "failed") throw new Error(reply.sentence);
    expect(reply.states.map(({ instance }) => instance?.addrs)).toEqual([[], ["tcp://b:1", "http://b:2"]]);
    expect(reply.states[0]?.instance?.metadata.size).toBe(0);
  });

  test("with a node that lists nothing brings nothing", async () => {
    const { peers, node } = setUp();
    expect(await peers.compare(node.address, compare(""))).toEqual(nothing);
    node.script = () => coded(0, null);
    expect(await peers.compare(node.address, compare(""))).toEqual(nothing);
  });

  test("measures ages by the node's clock, within a lease's bounds", async () => {
    const { peers, node, clock } = setUp();
    node.nowMs = () => clock.wallMs() + 600_000;
    const renewed = (agoMs: number): bigint => BigInt(node.nowMs() - agoMs) * 1_000_000n;
    for (const agoMs of [20_000, -7_000, 2 * tombstoneMs])
      node.put(original(String(agoMs), { renew_timestamp: renewed(agoMs) }));
    const reply = await peers.compare(node.address, compare(""));
    if (reply.kind === "failed") throw new Error(reply.sentence);
    expect(reply.states.map(({ ageMs }) => ageMs)).toEqual([20_000, 0, tombstoneMs]);
  });

  test("measures them by this node's clock when the other one tells no time", async () => {
    const { peers, node } = setUp();
    node.put(original("a"));
    node.script = () => {
      const answer = coded(0, { chat: [original("a")] });
      answer.headers.set("date", "noon");
      return answer;
    };
    const reply = await peers.compare(node.address, compare(""));
    if (reply.kind === "failed") throw new Error(reply.sentence);
    expect(reply.states[0]?.ageMs).toBe(10_000);
  });

  test("leaves out what no client could register here, and takes the rest", async () => {
    const { peers, node } = setUp();
    node.put(original("a\nb"));
    node.put(original("c".repeat(limitTable.registryNameBytes.initial + 1)));
    node.put(original("d", { addrs: Array.from({ length: 1_000 }, () => "tcp://d:1") }));
    node.put(original("e", { metadata: { text: "x".repeat(1_000_000) } }));
    node.put(original("f"));
    const reply = await peers.compare(node.address, compare(""));
    if (reply.kind === "failed") throw new Error(reply.sentence);
    const { table } = new TableOverTime();
    for (const state of reply.states) table.merge(state);
    expect(Array.from(table.all(), ({ identity: { hostname } }) => hostname)).toEqual(["f"]);
  });

  test("with a node that is starting says so, and is made again at once", async () => {
    const { peers, node } = setUp();
    node.put(original("a"));
    node.isProtected = true;
    expect(await peers.compare(node.address, compare())).toEqual({ ...nothing, node: { ...nobody, isStarting: true } });
    node.isProtected = false;
    expect(await peers.compare(node.address, compare())).toMatchObject({ states: [{ dirty: version }] });
  });

  test("asks every 30 s at most; at a start, and after any failure, always", async () => {
    const { peers, node, clock } = setUp();
    node.put(original("a"));
    const asked = async (digest?: string): Promise<number> => {
      const before = node.called("fetch/all").length;
      const reply = await peers.compare(node.address, compare(digest));
      const count = node.called("fetch/all").length - before;
      expect(reply).toMatchObject(count === 0 ? nothing : { kind: "compared", states: [{ dirty: version }] });
      return count;
    };
    expect(await asked()).toBe(1);
    expect(await asked()).toBe(0);
    expect(await asked("")).toBe(1);
    clock.nowMs += listingMs - 1;
    expect(await asked()).toBe(0);
    clock.nowMs += 1;
    expect(await asked()).toBe(1);
    node.script = () => new Response("");
    expect(await peers.replicate(node.address, replicate([living("a")]))).toMatchObject({ kind: "failed" });
    expect(await peers.compare(node.address, compare())).toMatchObject({ kind: "failed" });
    node.script = () => undefined;
    expect(await asked()).toBe(1);
    expect(await asked()).toBe(0);
  });
});

describe("a message", () => {
  test("reaches a node of the own zone as its own nodes would send it", async () => {
    const { peers, node } = setUp();
    node.put(original("gone"));
    node.put(original("renewed"));
    const addrs = ["tcp://a:1", "http://a:2"];
    const states = [living("a", { addrs, status: Status.Waiting }), cancelled("gone")];
    const reply = await peers.replicate(node.address, replicate(states, [renewal("renewed")]));
    expect(reply).toEqual({ kind: "replicated", node: nobody, wanted: [], newer: [] });
    const place = (hostname: string): string[][] => [
      ["zone", "z1"],
      ["env", "prod"],
      ["appid", "chat"],
      ["hostname", hostname],
      ["replication", "true"],
      ["from_zone", "true"],
    ];
    const sent = (endpoint: string): unknown => node.called(endpoint).map(({ parameters }) => [...parameters]);
    expect(sent("register")).toEqual([
      [
        ...place("a"),
        ["region", "r"],
        ["addrs", "tcp://a:1"],
        ["addrs", "http://a:2"],
        ["status", "2"],
        ["version", "7"],
        ["metadata", '{"id":"a"}'],
        ["reg_timestamp", String(version + 1n)],
        ["dirty_timestamp", String(version)],
        ["latest_timestamp", String(version + 2n)],
      ],
    ]);
    expect(sent("cancel")).toEqual([[...place("gone"), ["latest_timestamp", String(version)]]]);
    expect(sent("renew")).toEqual([[...place("renewed"), ["dirty_timestamp", String(version)]]]);
    for (const { method, headers } of node.calls) {
      expect(method).toBe("POST");
      expect(headers.get("content-type")).toContain("application/x-www-form-urlencoded");
      expect(headers.get("authorization")).toBe("Bearer the token");
    }
    expect(node.get("a")).toMatchObject({ addrs, dirty_timestamp: version, metadata: { id: "a" }, status: 2 });
    expect(node.get("gone")).toBeUndefined();
  });

  test("to another zone asks to be passed on there", async () => {
    const { peers, node } = setUp();
    node.put(original("b"));
    await peers.replicate(node.address, replicate([living("a"), cancelled("b")], [renewal("a")], true));
    expect(node.calls.length).toBe(3);
    for (const { parameters } of node.calls)
      expect([parameters.get("replication"), parameters.get("from_zone")]).toEqual(["false", "true"]);
  });

  for (const [where, isSpread] of [
    ["its own zone", false],
    ["another zone", true],
  ] as const) {
    test(`learns from a node of ${where} what that lacks, has older and has newer`, async () => {
      const { peers, node } = setUp();
      node.put(original("older", { dirty_timestamp: version - 1n }));
      node.put(original("same"));
      node.put(original("newer", { dirty_timestamp: version + 1n }));
      const renewals = ["unknown", "older", "same", "newer"].map((hostname) => renewal(hostname));
      const reply = await peers.replicate(node.address, replicate([], renewals, isSpread));
      if (reply.kind === "failed") throw new Error(reply.sentence);
      expect(reply.wanted.toSorted((one, other) => one - other)).toEqual([0, 1]);
      expect(reply.newer).toMatchObject([
        { identity: identity("newer"), dirty: version + 1n, ageMs: 0, isProbed: false, hasRenewed: true },
      ]);
      expect(reply.newer[0]?.instance).toMatchObject({ dirtyTimestamp: version + 1n, latestTimestamp: version + 4n });
    });
  }

  test("does not bring in an instance that no client could register here", async () => {
    const { peers, node } = setUp();
    node.put(
      original("a", { dirty_timestamp: version + 1n, version: "x".repeat(limitTable.registryNameBytes.initial + 1) }),
    );
    const reply = await peers.replicate(node.address, replicate([], [renewal("a")]));
    if (reply.kind === "failed") throw new Error(reply.sentence);
    expect(reply.newer).toHaveLength(1);
    const { table } = new TableOverTime();
    for (const state of reply.newer) expect(table.merge(state)).toBe("refused");
  });

  test("goes on after what the node does not know or refuses", async () => {
    const { peers, node } = setUp();
    const states = [cancelled("unknown"), living("homeless", { addrs: [] }), living("b")];
    const reply = await peers.replicate(node.address, replicate(states));
    expect(reply).toEqual({ kind: "replicated", node: nobody, wanted: [], newer: [] });
    expect(node.instances.map(({ hostname }) => hostname)).toEqual(["b"]);
  });

  test("to a node that is starting is told, and learns that it is", async () => {
    const { peers, node } = setUp();
    node.script = () => coded(-500);
    const reply = await peers.replicate(node.address, replicate([living("a")], [renewal("b")]));
    expect(reply).toEqual({ kind: "replicated", node: { ...nobody, isStarting: true }, wanted: [], newer: [] });
    expect(node.calls.length).toBe(2);
  });

  test("leaves out a renewal that is older than a lease: the node would count it from now on", async () => {
    const { peers, node } = setUp();
    node.put(original("a"));
    await peers.replicate(node.address, replicate([], [{ ...renewal("a"), ageMs: leaseMs }]));
    expect(node.calls).toEqual([]);
  });

  test("is told with eight requests at once, and no more", async () => {
    const { peers, node } = setUp();
    const { promise, resolve } = Promise.withResolvers<void>();
    node.script = ({ parameters }) => promise.then(() => coded(parameters.get("hostname") === "h3" ? -400 : 0));
    const states = Array.from({ length: 50 }, (_, at) => living(`h${at}`));
    const telling = peers.replicate(node.address, replicate(states));
    await until(() => node.busy === 8, "eight requests");
    await Bun.sleep(10);
    expect(node.calls.length).toBe(8);
    resolve();
    expect(await telling).toMatchObject({ kind: "replicated" });
    expect([node.calls.length, node.busyMax]).toEqual([50, 8]);
    expect(new Set(node.calls.map(({ parameters }) => parameters.get("hostname"))).size).toBe(50);
  });

  test("ends at the first request that fails", async () => {
    const { peers, node } = setUp();
    node.script = ({ parameters }) => (parameters.get("hostname") === "h20" ? new Response("") : undefined);
    const states = Array.from({ length: 200 }, (_, at) => living(`h${at}`));
    expect(await peers.replicate(node.address, replicate(states))).toMatchObject({ kind: "failed", reason: "garbage" });
    expect(node.calls.length).toBeLessThan(21 + 2 * 8);
  });
});

describe("a node that is none", () => {
  /** What both questions come to. */
  async function reasons(peers: OriginalPeers, address: string): Promise<string[]> {
    const replies = [
      await peers.compare(address, compare("")),
      await peers.replicate(address, replicate([living("a")])),
      await peers.replicate(address, replicate([], [renewal("a")])),
    ];
    return replies.map((reply) => (reply.kind === "failed" ? reply.reason : reply.kind));
  }

  const garbage: Record<string, () => Response> = {
    "no JSON": () => new Response("<html>"),
    "an empty body": () => new Response(""),
    "no UTF-8": () => new Response(new Uint8Array([0x7b, 0xff, 0x7d])),
    "no object": () => new Response("[]"),
    "no code": () => Response.json({ data: {} }),
    "an HTTP error": () => new Response('{"code":0}', { status: 500 }),
    "not found": () => new Response("404 page not found", { status: 404 }),
    "more than is read": () => new Response(" ".repeat(registryAnswerBytesMax + 1)),
    "something packed, which may be of any length": () =>
      new Response(Bun.gzipSync(Buffer.from('{"code":0,"data":null}')), { headers: { "content-encoding": "gzip" } }),
  };
  for (const [what, answer] of Object.entries(garbage)) {
    test(`and answers ${what} is garbage`, async () => {
      const { peers, node } = setUp();
      node.script = answer;
      expect(await reasons(peers, node.address)).toEqual(["garbage", "garbage", "garbage"]);
    });
  }

  test("and never stops answering is garbage, and read no further than the bound", async () => {
    const { peers, node } = setUp();
    let sentBytes = 0;
    const chunk = new Uint8Array(1024 * 1024).fill(0x20);
    node.script = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            sentBytes += chunk.length;
            controller.enqueue(chunk);
          },
        }),
      );
    const reply = await peers.replicate(node.address, replicate([living("a")]));
    expect(reply).toMatchObject({ kind: "failed", reason: "garbage" });
    expect(sentBytes).toBeLessThan(4 * registryPeerBodyBytesMax);
  });

  const shapes: Record<string, unknown> = {
    "no lists": { chat: 1 },
    "a list": [],
    "an instance that is none": { chat: [null] },
    "an instance without a zone": { chat: [{ ...original("a"), zone: undefined }] },
    "an instance without a renewal": { chat: [{ ...original("a"), renew_timestamp: "soon" }] },
  };
  for (const [what, data] of Object.entries(shapes)) {
    test(`and lists ${what} is garbage`, async () => {
      const { peers, node } = setUp();
      node.script = () => coded(0, data);
      expect(await peers.compare(node.address, compare(""))).toMatchObject({ kind: "failed", reason: "garbage" });
    });
  }

  test("and answers a renewal with something else than an instance is garbage", async () => {
    const { peers, node } = setUp();
    node.script = () => coded(-409, { hostname: 1 });
    const reply = await peers.replicate(node.address, replicate([], [renewal("a")]));
    expect(reply).toMatchObject({ kind: "failed", reason: "garbage" });
  });

  test("and wants a key that we do not have refuses", async () => {
    const { peers, node } = setUp();
    node.script = () => new Response("no", { status: 401 });
    expect(await reasons(peers, node.address)).toEqual(["refused", "refused", "refused"]);
  });

  test("and sends us elsewhere is not followed", async () => {
    const { peers, node } = setUp();
    const elsewhere = originalNode();
    node.script = () => Response.redirect(`http://${elsewhere.address}/discovery/fetch/all`);
    expect(await reasons(peers, node.address)).toEqual(["unreachable", "unreachable", "unreachable"]);
    expect(elsewhere.calls).toEqual([]);
  });

  test("and does not answer within the time of a request is unreachable, as one is that is not there", async () => {
    const { peers, node } = setUp(40);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    node.script = () => promise;
    expect(await reasons(peers, node.address)).toEqual(["unreachable", "unreachable", "unreachable"]);
    resolve(undefined);
    await node.stop();
    expect(await reasons(peers, node.address)).toEqual(["unreachable", "unreachable", "unreachable"]);
  });

  test("and stops in the middle of an answer is unreachable", async () => {
    const { peers, node } = setUp(40);
    node.script = () =>
      new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{"code":0,')) }));
    expect(await reasons(peers, node.address)).toEqual(["unreachable", "unreachable", "unreachable"]);
  });
});

test("a hybrid clock is not moved by what such a node says of its own", () => {
  const clock = new HybridClock(new SettableClock(), limitTable.timestampAhead.initial);
  const before = clock.reading();
  expect(clock.observe(nobody.clock)).toBe(true);
  expect(clock.reading()).toBe(before);
});

describe("a registry node beside an original one", () => {
  const seed = testSeed("original-peer");

  /**
   * A node whose only peer is an original one; `run` lets so many milliseconds pass, and their requests be answered.
   */
  async function beside(
    node: FakeOriginalNode,
  ): Promise<{ registry: RegistryNode; run: (ms: number) => Promise<void>; names: () => string[] }> {
    const time = new VirtualTime();
    const clock = time.clock(0);
    node.nowMs = () => clock.wallMs();
    const peers = new OriginalPeers({ clock, tokens: new TokenChoice(() => []), requestMsMax: 5_000, lagMsMax: 0 });
    let underWay = 0;
    async function answered<Reply>(reply: Promise<Reply>, done: (reply: Reply) => void): Promise<void> {
      underWay++;
      const said = await reply;
      underWay--;
      done(said);
    }
    const registry = new RegistryNode({
      settings: {
        ...{ env: "prod", zone: "z1", region: "r", address: "127.0.0.1:1", seeds: [node.address], version: "1" },
        hasKey: true,
      },
      limits: testLimits(),
      clock,
      timers: time.timersOf(() => true),
      random: seededRandom(seed),
      network: {
        replicate: (address, message, done) => void answered(peers.replicate(address, message), done),
        compare: (address, message, done) => void answered(peers.compare(address, message), done),
      },
      log: silentLog,
    });
    ends.push(async () => registry.stop());
    const run = async (ms: number): Promise<void> => {
      for (let leftMs = ms; leftMs > 0; leftMs -= 100) {
        time.advance(Math.min(leftMs, 100));
        await until(() => underWay === 0, "all answers");
      }
    };
    const names = (): string[] =>
      registry
        .instances("prod", "chat", Status.Any)
        .map(({ hostname }) => hostname)
        .toSorted();
    return { registry, run, names };
  }

  const nowNs = (node: FakeOriginalNode): bigint => BigInt(node.nowMs()) * 1_000_000n;

  test("starts with what that one lists", async () => {
    const node = originalNode();
    const { registry, run, names } = await beside(node);
    node.isProtected = true;
    node.put(original("a", { renew_timestamp: nowNs(node) - 20_000_000_000n }));
    node.put(original("b", { renew_timestamp: nowNs(node) - 7_200_000_000_000n }));
    registry.start();
    await run(1_000);
    expect(registry.isReadable).toBe(false);
    node.isProtected = false;
    await run(500);
    expect(registry.isReadable).toBe(true);
    expect(names()).toEqual(["a"]);
    expect(registry.table.get(identity("a"))?.dirty).toBe(version);
    expect(node.get("127.0.0.1:1")).toMatchObject({ appid: "infra.discovery", addrs: ["http://127.0.0.1:1"] });
  });

  test("brings nothing back there that was dropped, and repairs it at the next renewal", async () => {
    const node = originalNode();
    const { registry, run, names } = await beside(node);
    node.put(original("a", { renew_timestamp: nowNs(node) }));
    registry.start();
    await run(500);
    const caller = { address: "", origin: "client", isTrusted: false } as const;
    const b = { ...original("b"), addrs: ["tcp://b:1"], metadata: new Map(), status: Status.Up } as const;
    registry.registrar.register({ ...b, dirtyTimestamp: 0n, regTimestamp: 0n }, caller);
    await run(500);
    expect(node.instances.map(({ hostname }) => hostname).toSorted()).toEqual(["127.0.0.1:1", "a", "b"]);
    node.evict("a");
    node.evict("b");
    await run(40_000);
    expect(node.called("fetch/all").length).toBe(2);
    expect(names()).toEqual(["a", "b"]);
    expect(node.instances.map(({ hostname }) => hostname)).toEqual(["127.0.0.1:1"]);
    expect(registry.registrar.renew(identity("b"), 0n, "client").code).toBe(Code.Ok);
    await run(2_000);
    expect(node.get("b")?.dirty_timestamp).toBe(registry.table.get(identity("b"))?.dirty ?? 0n);
    expect(node.get("a")).toBeUndefined();
    await run(50_000);
    expect(names()).toEqual(["b"]);
  });

  test("cancels there, and learns there what that one alone was told", async () => {
    const node = originalNode();
    const { registry, run, names } = await beside(node);
    node.put(original("a", { renew_timestamp: nowNs(node) }));
    registry.start();
    await run(500);
    registry.registrar.cancel(identity("a"), 0n, "client");
    await run(500);
    expect(node.get("a")).toBeUndefined();
    node.put(original("c", { renew_timestamp: nowNs(node) }));
    await run(40_000);
    expect(names()).toEqual(["c"]);
  });
});
