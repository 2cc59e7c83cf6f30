// What is so for every selector, and the selectors that go by chance, turn, weight and load.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../src/base/random.ts";
import { LeastConnectionsSelector } from "../../../src/routing/selectors/least-connections.ts";
import { RandomSelector } from "../../../src/routing/selectors/random.ts";
import { RoundRobinSelector } from "../../../src/routing/selectors/round-robin.ts";
import { parseRouteFile } from "../../../src/routing/selectors/route-file.ts";
import { RouteSelector } from "../../../src/routing/selectors/route.ts";
import { createSelector, parseSelector, selectorNames } from "../../../src/routing/selectors/selection.ts";
import type { Selector } from "../../../src/routing/selectors/selector.ts";
import { WeightedSelector } from "../../../src/routing/selectors/weighted.ts";
import { Random, testSeed } from "../../support/random.ts";
import { countChoices, deviationMax, keyOf, node, nodesOf, randomKeys } from "./support.ts";

const seed = testSeed("selectors");
const rules = parseRouteFile('{ "zones": [{ "id": "a", "weight": 1 }, { "id": "b", "weight": 3 }] }', "route.json");
const selectorOf = (name: (typeof selectorNames)[number]): Selector =>
  name === "route"
    ? new RouteSelector(rules, seededRandom(seed), { noServerFound() {} })
    : createSelector(name, seededRandom(seed));

const anyNumber = fc.oneof(fc.nat(10), fc.double(), fc.constantFrom(0, -1, NaN, Infinity, -Infinity, 5e-324));
const anyNode = fc.record({
  id: fc.string({ unit: "binary" }),
  zone: fc.constantFrom("", "a", "b", "c"),
  weight: anyNumber,
  load: anyNumber,
});
const anyText = fc.string({ unit: "binary" });
const anyKey = fc.record({ channelId: anyText, app: anyText, account: anyText });

describe.each(selectorNames)("%s", (name) => {
  test("chooses one of the nodes, whatever their weight and load, and none only when there are none", () => {
    const selector = selectorOf(name);
    fc.assert(
      fc.property(fc.array(anyNode), fc.array(anyKey, { minLength: 1 }), (nodes, keys) => {
        for (const key of keys) {
          const chosen = selector.choose(nodes, key);
          if (chosen === undefined) expect(nodes).toEqual([]);
          else expect(nodes).toContain(chosen);
        }
      }),
      { seed },
    );
  });

  test("is found by its name", () => {
    expect(parseSelector(name)).toBe(name);
  });
});

test("an unknown name is refused with a list of the known ones", () => {
  const sentence = "one of hash, hash-mod, route, random, round-robin, weighted, least-connections";
  for (const name of ["", "Hash", "hash ", "constructor"])
    expect(() => parseSelector(name)).toThrow(new Error(sentence));
});

describe.each(["hash", "hash-mod", "weighted"] as const)("%s", (name) => {
  test("chooses alike on every gateway", () => {
    const nodes = [node("n1", { weight: 2 }), node("n2"), node("n3", { weight: 7 })];
    const keys = randomKeys(new Random(seed), 200);
    const [one, other] = [createSelector(name, seededRandom(1)), createSelector(name, seededRandom(2))];
    // The other gateway has chosen for others before.
    for (const key of randomKeys(new Random(seed + 1), 7)) other.choose(nodes, key);
    for (const key of keys) expect(one.choose(nodes, key)).toBe(other.choose(nodes, key) ?? node("none"));
  });
});

describe("random", () => {
  test("gives each node its share, to one and the same connection too", () => {
    const nodes = nodesOf("n1", "n2", "n3", "n4");
    const selector = new RandomSelector(seededRandom(seed));
    const counts = countChoices(Array.from({ length: 4_000 }, () => selector.choose(nodes)));
    for (const { id } of nodes) expect(Math.abs((counts.get(id) ?? 0) - 1_000)).toBeLessThan(deviationMax(4_000, 0.25));
  });
});

describe("round-robin", () => {
  test("takes the nodes in turn", () => {
    const nodes = nodesOf("n1", "n2", "n3");
    const selector = new RoundRobinSelector(seededRandom(seed));
    const chosen = selector.choose(nodes);
    const first = nodes.findIndex((candidate) => candidate === chosen);
    for (let turn = 1; turn < 10; turn++)
      expect(selector.choose(nodes)).toBe(nodes[(first + turn) % nodes.length] ?? node("none"));
  });

  test("does not begin with the same node on every gateway", () => {
    const nodes = nodesOf("n1", "n2", "n3");
    const random = seededRandom(seed);
    const firsts = Array.from({ length: 60 }, () => new RoundRobinSelector(random).choose(nodes));
    expect(countChoices(firsts).size).toBe(3);
  });

  test("goes on after a time without nodes", () => {
    const nodes = nodesOf("n1", "n2");
    const selector = new RoundRobinSelector(seededRandom(seed));
    expect(selector.choose([])).toBeUndefined();
    expect(countChoices([selector.choose(nodes), selector.choose(nodes)]).size).toBe(2);
  });
});

describe("weighted", () => {
  const selector = new WeightedSelector();
  const sharesOf = (weights: readonly number[]): number[] => {
    const nodes = weights.map((weight, at) => node(`n${at}`, { weight }));
    const counts = countChoices(randomKeys(new Random(seed), 6_000).map((key) => selector.choose(nodes, key)));
    return nodes.map(({ id }) => counts.get(id) ?? 0);
  };
  const expectShares = (weights: readonly number[], counted: readonly number[]): void => {
    const sum = counted.reduce((so, weight) => so + weight, 0);
    sharesOf(weights).forEach((count, at) => {
      const share = (counted[at] ?? 0) / sum;
      expect(Math.abs(count - share * 6_000)).toBeLessThan(deviationMax(6_000, share));
    });
  };

  test.each([[[1, 1]], [[1, 2, 3]], [[10, 0, 30]], [[1_000_000, 1_000_000, 500_000]], [[99, 1]]])(
    "gives each node its weight's share: %j",
    (weights) => expectShares(weights, weights),
  );

  test.each([[[0.5, 1, 0.25]], [[0.001, 0.0005]]])("gives each node its fraction's share: %j", (weights) =>
    expectShares(weights, weights),
  );

  test("chooses the one node however little it weighs", () => {
    const tiny = node("tiny", { weight: 5e-324 });
    expect(createSelector("weighted", seededRandom(seed)).choose([tiny], keyOf("a"))).toBe(tiny);
  });

  test("gives a node that weighs nothing nothing, unless all weigh nothing", () => {
    expect(sharesOf([0, 1, 0]).filter((count) => count === 0)).toHaveLength(2);
    expectShares([0, 0, 0], [1, 1, 1]);
  });

  test.each([[-1], [NaN], [Infinity], [-Infinity], [1_000_001]])("counts the weight %d as 1", (weight) => {
    expectShares([weight, 2], [1, 2]);
  });

  test("moves, when a node grows heavier, connections to that node only", () => {
    const keys = randomKeys(new Random(seed), 2_000);
    const before = [node("n1", { weight: 2 }), node("n2", { weight: 2 }), node("n3", { weight: 2 })];
    const after = [node("n1", { weight: 2 }), node("n2", { weight: 5 }), node("n3", { weight: 2 })];
    for (const key of keys) {
      const [from, to] = [selector.choose(before, key)?.id, selector.choose(after, key)?.id];
      if (from !== to) expect(to).toBe("n2");
    }
  });
});

describe("least-connections", () => {
  const selector = new LeastConnectionsSelector();

  test("chooses the node with the least load", () => {
    const nodes = [node("n1", { load: 7 }), node("n2", { load: 3 }), node("n3", { load: 4 })];
    for (const key of randomKeys(new Random(seed), 50)) expect(selector.choose(nodes, key)?.id).toBe("n2");
  });

  test("spreads connections over nodes that carry the same", () => {
    const nodes = [node("n1", { load: 3 }), node("n2", { load: 3 }), node("n3", { load: 4 })];
    const counts = countChoices(randomKeys(new Random(seed), 1_000).map((key) => selector.choose(nodes, key)));
    expect(counts.get("n3")).toBeUndefined();
    expect(Math.abs((counts.get("n1") ?? 0) - 500)).toBeLessThan(deviationMax(1_000, 0.5));
  });

  test.each([[NaN], [-1], [Infinity]])("takes a node whose load is %d for full", (load) => {
    expect(selector.choose([node("n1", { load }), node("n2", { load: 1e9 })], keyOf("c"))?.id).toBe("n2");
    expect(selector.choose([node("n1", { load })], keyOf("c"))?.id).toBe("n1");
  });
});
