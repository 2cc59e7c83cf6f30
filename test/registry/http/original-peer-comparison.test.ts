// A comparison with an original node reads that node's list, and asks for it no more often than it has to.

import { TableOverTime } from "../support.ts";
import { limitTable } from "../../../src/base/limits/table.ts";
import { afterEach, describe, expect, test } from "bun:test";
import { tombstoneMs } from "../../../src/base/limits/fixed.ts";
import { listingMs } from "../../../src/registry/http/original-peer.ts";
import { Status } from "../../../src/registry/instance.ts";
import { coded } from "./fake-original-node.ts";
import {
  ends,
  setUp,
  version,
  original,
  identity,
  living,
  nobody,
  compare,
  replicate,
  nothing,
} from "./original-peer-support.ts";

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

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
        ...identity("a"),
        region: "r",
        addrs: ["tcp://a:1"],
        version: "7",
        metadata: new Map([["id", "a"]]),
        status: Status.Up,
        regTimestamp: version + 1n,
        upTimestamp: version + 2n,
        dirtyTimestamp: version,
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
