// States and renewals reach an original node as its own peers would send them.

import { TableOverTime } from "../support.ts";
import { limitTable } from "../../../src/base/limits/table.ts";
import { afterEach, describe, expect, test } from "bun:test";
import { leaseMs } from "../../../src/base/limits/fixed.ts";
import type { EntryState } from "../../../src/registry/table/entry.ts";
import { Status } from "../../../src/registry/instance.ts";
import { until } from "../../../scripts/harness/until.ts";
import { coded } from "./fake-original-node.ts";
import {
  ends,
  setUp,
  version,
  original,
  identity,
  living,
  renewal,
  nobody,
  replicate,
} from "./original-peer-support.ts";

afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

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

  test("to a node that is starting succeeds, and says so", async () => {
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

  test("is sent with eight requests at once, and no more", async () => {
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
