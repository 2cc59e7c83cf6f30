// The nodes that a gateway may choose from: ready ones, in order, and with a version that says when to choose again.

import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { linkFrameBytesMax } from "../../src/base/limits/fixed.ts";
import { seededRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { Link, Links, type NodeAttributes } from "../../src/routing/links.ts";
import { createSelector } from "../../src/routing/selectors/selection.ts";
import type { NodeView, Selector } from "../../src/routing/selectors/selector.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { Flusher } from "../../src/transport/flusher.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { FrameHandler } from "../../src/transport/transport.ts";
import { closeLeaving } from "../../src/wire/close-reason.ts";
import { Random, testSeed } from "../support/random.ts";
import { deviationMax, keyOf, randomKeys } from "./selectors/support.ts";

const seed = testSeed("links");
const network = new MemoryNetwork();
const options = {
  frameBytesMax: linkFrameBytesMax,
  unsentBytesMax: 64 * 1024 * 1024,
  closeWhenSlow: false,
  readWaitMs: 1_000_000,
  writeWaitMs: 10_000,
  wheel: new TimerWheel(),
  flusher: new Flusher(),
  observer: new Metrics().forService("x", "x"),
};
const silent: FrameHandler = { frame() {}, closed() {} };
network.listen("node", { accept: () => silent }, options);
/** Links differ by what the registry says about them; what they are connected to does not matter here. */
const connection = await network.dial("node", "gate/1", () => silent, options);
afterAll(() => connection.close(closeLeaving));

const linkTo = (id: string, attributes: NodeAttributes = {}, service = "chat"): Link<string> =>
  new Link<string>(service, id, connection, attributes);

/** Links to these nodes, and what their selector was given last. */
function linksTo(...added: Link<string>[]): { readonly links: Links<string>; readonly seen: () => string[] } {
  let nodes: readonly NodeView[] = [];
  const selectorOf = (): Selector => ({
    isSticky: false,
    choose(given) {
      nodes = given;
      return given[0];
    },
  });
  const links = new Links<string>(["login", "chat"], selectorOf);
  for (const link of added) links.add(link);
  const seen = (): string[] => {
    nodes = [];
    links.choose("chat", keyOf("c"));
    return nodes.map(({ id }) => id);
  };
  return { links, seen };
}

test("choose alike in whatever order the nodes came, for every selector that goes by the key", () => {
  const ids = fc.uniqueArray(fc.string({ unit: "binary" }), { minLength: 1, maxLength: 8 });
  const shuffled = ids.chain((list) =>
    fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
  );
  fc.assert(
    fc.property(fc.constantFrom("hash", "hash-mod", "weighted"), shuffled, fc.string(), (name, [one, other], key) => {
      const chosen = [one, other].map((order) => {
        const links = new Links<string>(["chat"], () => createSelector(name, seededRandom(seed)));
        for (const id of order) links.add(linkTo(id, { weight: id.length }));
        return links.choose("chat", keyOf(key))?.id;
      });
      expect(chosen[0]).toBe(chosen[1] ?? "none");
      expect(one).toContain(chosen[0] ?? "none");
    }),
    { seed },
  );
});

test("give a selector the nodes of one service, ordered by the bytes of their ids", () => {
  // In UTF-16 the surrogates of the last one stand before U+FFFD.
  const { seen } = linksTo(linkTo("\u{1f642}"), linkTo("b"), linkTo("\ufffd"), linkTo("a"), linkTo("c", {}, "login"));
  expect(seen()).toEqual(["a", "b", "\ufffd", "\u{1f642}"]);
});

test("choose no node that is not ready, and count it as missing until it is", () => {
  const fresh = linkTo("n1", { isReady: false });
  const { links, seen } = linksTo(linkTo("login1", {}, "login"), fresh);
  expect(links.version).toBe(1);
  expect(links.choose("chat", keyOf("c"))).toBeUndefined();
  expect(links.missing()).toEqual(["chat"]);
  expect([...links.all()]).toContain(fresh);
  links.add(linkTo("n2"));
  expect(seen()).toEqual(["n2"]);
  links.setState(fresh, { isReady: true, load: 0 });
  expect(links.version).toBe(3);
  expect(seen()).toEqual(["n1", "n2"]);
  expect(links.missing()).toEqual([]);
});

test("change their version with the nodes that can be chosen, and with nothing else", () => {
  const [ready, fresh] = [linkTo("n1"), linkTo("n2", { isReady: false })];
  const { links } = linksTo();
  const grows = (change: () => void): boolean => {
    const before = links.version;
    change();
    return links.version > before;
  };
  expect(grows(() => links.add(ready))).toBe(true);
  expect(grows(() => links.add(fresh))).toBe(false);
  expect(grows(() => links.remove(fresh))).toBe(false);
  links.add(fresh);
  expect(grows(() => links.setState(ready, { isReady: true, load: 0 }))).toBe(false);
  expect(grows(() => links.remove(linkTo("n1")))).toBe(false);
  expect(grows(() => links.add(linkTo("x", {}, "no such service")))).toBe(false);
  expect(grows(() => links.setState(fresh, { isReady: true, load: 0 }))).toBe(true);
  expect(grows(() => links.setState(fresh, { isReady: true, load: 0 }))).toBe(false);
  expect(grows(() => links.remove(fresh))).toBe(true);
  expect(grows(() => links.remove(fresh))).toBe(false);
  expect(grows(() => links.forgetChoices())).toBe(true);
  const unlinked = linkTo("n3", { isReady: false });
  expect(grows(() => links.setState(unlinked, { isReady: true, load: 0 }))).toBe(false);
  expect(grows(() => links.add(unlinked))).toBe(true);
});

test("a newcomer not ready under a ready node's id removes that node; its old link is not removed twice", () => {
  const [older, newer] = [linkTo("n1"), linkTo("n1", { isReady: false })];
  const { links, seen } = linksTo(older);
  const { version } = links;
  links.add(newer);
  expect(links.version).toBeGreaterThan(version);
  expect(seen()).toEqual([]);
  links.remove(older);
  links.setState(newer, { isReady: true, load: 0 });
  expect(links.choose("chat", keyOf("c"))).toBe(newer);
});

test("count a choice as load until the node says better, so that a burst is spread", () => {
  const links = new Links<string>(["chat"], () => createSelector("least-connections", seededRandom(seed)));
  const nodes = ["n1", "n2", "n3"].map((id) => linkTo(id));
  for (const link of nodes) links.add(link);
  for (const key of randomKeys(new Random(seed), 300)) links.choose("chat", key);
  expect(nodes.map(({ load }) => load)).toEqual([100, 100, 100]);
  for (const link of nodes) link.load = link.id === "n2" ? 0 : 50;
  for (const key of randomKeys(new Random(seed), 30)) expect(links.choose("chat", key)?.id).toBe("n2");
});

test("take turns for each service by itself", () => {
  const links = new Links<string>(["login", "chat"], () => createSelector("round-robin", seededRandom(seed)));
  for (const service of ["login", "chat"]) for (const id of ["n1", "n2"]) links.add(linkTo(id, {}, service));
  const chosen = { login: new Set<string>(), chat: new Set<string>() };
  for (let connections = 0; connections < 2; connections++)
    for (const service of ["login", "chat"] as const)
      chosen[service].add(links.choose(service, keyOf("c"))?.id ?? "none");
  expect(chosen).toEqual({ login: new Set(["n1", "n2"]), chat: new Set(["n1", "n2"]) });
});

describe("by weight", () => {
  /** How many of 4000 connections each node gets. */
  function sharesOf(links: Links<string>): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const key of randomKeys(new Random(seed), 4_000)) {
      const id = links.choose("chat", key)?.id ?? "none";
      counts[id] = (counts[id] ?? 0) + 1;
    }
    return counts;
  }

  function expectShares(links: Links<string>, shares: Readonly<Record<string, number>>): void {
    const counts = sharesOf(links);
    expect(Object.keys(counts).toSorted()).toEqual(
      Object.keys(shares)
        .filter((id) => shares[id] !== 0)
        .toSorted(),
    );
    for (const [id, share] of Object.entries(shares))
      expect(Math.abs((counts[id] ?? 0) - share * 4_000)).toBeLessThan(deviationMax(4_000, share));
  }

  const weighted = (zoneWeights?: ReadonlyMap<string, number>): Links<string> =>
    new Links<string>(["chat"], () => createSelector("weighted", seededRandom(seed)), zoneWeights);

  test("each node has its weight's share if no zone has any, and a new one when the registry says so", () => {
    const links = weighted();
    const nodes = [linkTo("n1", { weight: 1, zone: "a" }), linkTo("n2", { weight: 3, zone: "b" })] as const;
    for (const link of nodes) links.add(link);
    expectShares(links, { n1: 1 / 4, n2: 3 / 4 });
    const { version } = links;
    links.setWeight(nodes[0], 1);
    expect(links.version).toBe(version);
    links.setWeight(nodes[0], 9);
    expect(links.version).toBeGreaterThan(version);
    expectShares(links, { n1: 9 / 12, n2: 3 / 12 });
    links.setWeight(nodes[1], 0);
    expectShares(links, { n1: 1, n2: 0 });
  });

  test("a zone has its weight's share, however many nodes it has and whatever they weigh", () => {
    const links = weighted(new Map([["a", 3]]));
    const [n1, n2] = [linkTo("n1", { weight: 1_000_000, zone: "a" }), linkTo("n2", { weight: 500_000, zone: "a" })];
    // Zone b is not named: it weighs 1.
    const others = ["n3", "n4"].map((id) => linkTo(id, { zone: "b" }));
    for (const link of [n1, n2, ...others]) links.add(link);
    expectShares(links, { n1: 2 / 4, n2: 1 / 4, n3: 1 / 8, n4: 1 / 8 });
    links.remove(n1);
    expectShares(links, { n2: 3 / 4, n3: 1 / 8, n4: 1 / 8 });
    links.setWeight(n2, 0);
    expectShares(links, { n3: 1 / 2, n4: 1 / 2 });
  });

  test("a zone that weighs 0 gets nothing while another one has a node, and all else", () => {
    const links = weighted(new Map([["a", 0]]));
    const other = linkTo("n2", { zone: "b" });
    for (const link of [linkTo("n1", { zone: "a" }), linkTo("n3", { zone: "a" }), other]) links.add(link);
    expectShares(links, { n2: 1 });
    links.remove(other);
    expectShares(links, { n1: 1 / 2, n3: 1 / 2 });
  });
});

test("keep a connection where it is for a sticky selector only, and only while its node can be chosen", () => {
  const [link, fresh] = [linkTo("n1"), linkTo("n2", { isReady: false })];
  for (const name of ["hash", "hash-mod", "random", "round-robin", "weighted", "least-connections"] as const) {
    const links = new Links<string>(["chat"], () => createSelector(name, seededRandom(seed)));
    links.add(link);
    links.add(fresh);
    expect([name, links.keeps(link)]).toEqual([name, name === "least-connections"]);
    expect(links.keeps(fresh)).toBe(false);
    links.remove(link);
    expect(links.keeps(link)).toBe(false);
  }
});
