import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { finalWeights, instanceWeight } from "../../../src/registry/client/zone-balance.ts";
import { testSeed } from "../../support/random.ts";

const seed = testSeed("zone-balance");

interface Item {
  readonly zone: string;
  readonly weight: number;
}
const weightOf = ({ weight }: Item): number => weight;

/** What part of the whole each zone receives. */
function sharesOf(items: readonly Item[], zoneWeights: ReadonlyMap<string, number>): Map<string, number> {
  const weights = finalWeights(items, weightOf, zoneWeights);
  const sum = weights.reduce((one, other) => one + other, 0);
  const shares = new Map<string, number>();
  items.forEach(({ zone }, at) => shares.set(zone, (shares.get(zone) ?? 0) + (weights[at] ?? 0) / sum));
  return shares;
}

const ownWeight = fc.oneof(
  fc.integer({ min: 1, max: 1_000 }),
  fc.double({ min: 1e-300, max: 1e300, noNaN: true }),
  fc.constant(Number.MAX_VALUE),
);
const zone = fc.constantFrom("a", "b", "c", "d");
const item = fc.record({ zone, weight: ownWeight });
const zoneWeight = fc.integer({ min: 1, max: 1_000_000 });
const zoneWeights = fc.record({ a: zoneWeight, b: zoneWeight, c: zoneWeight, d: zoneWeight });

describe("final weights", () => {
  test("give each zone its own weight's share, however many instances it has and whatever they weigh", () => {
    fc.assert(
      fc.property(fc.array(item, { minLength: 1, maxLength: 200 }), zoneWeights, (items, given) => {
        // An instance that weighs nothing beside the heaviest, by a double's measure, weighs nothing.
        const heaviest = Math.max(...items.map(weightOf));
        fc.pre(items.every(({ weight }) => weight / heaviest > Number.MIN_VALUE));
        const named = new Map(Object.entries(given));
        const zones = new Set(items.map((one) => one.zone));
        const sum = [...zones].reduce((so, name) => so + (named.get(name) ?? 0), 0);
        for (const [name, share] of sharesOf(items, named)) expect(share).toBeCloseTo((named.get(name) ?? 0) / sum, 9);
      }),
      { seed },
    );
  });

  test("are those of the formula calibration(z) = zw(z) · ∏ w / w(z), where that can be computed", () => {
    const small = fc.integer({ min: 1, max: 20 });
    const items = fc.array(fc.record({ zone, weight: small }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(items, zoneWeights, (list, given) => {
        const named = new Map(Object.entries(given));
        const sums = new Map<string, number>();
        for (const one of list) sums.set(one.zone, (sums.get(one.zone) ?? 0) + one.weight);
        const product = [...sums.values()].reduce((so, sum) => so * sum, 1);
        const formula = list.map(
          (one) => one.weight * (((named.get(one.zone) ?? 0) * product) / (sums.get(one.zone) ?? 1)),
        );
        const weights = finalWeights(list, weightOf, named);
        const [whole, of] = [formula, weights].map((all) => all.reduce((one, other) => one + other, 0));
        for (const [at, weight] of weights.entries())
          expect(weight / (of ?? 0)).toBeCloseTo((formula[at] ?? 0) / (whole ?? 0), 9);
      }),
      { seed },
    );
  });

  test("do not overflow over many zones of many heavy instances, where the product would", () => {
    const items = Array.from({ length: 400 }, (_, at) => ({ zone: `z${at % 200}`, weight: 1_000_000 }));
    const named = new Map(items.map((one) => [one.zone, 1_000_000]));
    const shares = [...sharesOf(items, named).values()];
    expect(shares.length).toBe(200);
    for (const share of shares) expect(share).toBeCloseTo(1 / 200, 12);
  });

  test("are 0 for a zone whose own weight is 0, negative or no number", () => {
    const items = ["a", "b", "c", "d"].map((name) => ({ zone: name, weight: 1 }));
    const named = new Map([
      ["a", 0],
      ["b", -1],
      ["c", Number.NaN],
      ["d", 2],
    ]);
    expect(finalWeights(items, weightOf, named)).toEqual([0, 0, 0, 1]);
    expect(finalWeights(items.slice(0, 3), weightOf, named)).toEqual([0, 0, 0]);
    expect(finalWeights([], weightOf, named)).toEqual([]);
  });

  test("keep the ratio of two instances of one zone", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ zone, weight: fc.integer({ min: 0, max: 1_000 }) })),
        zoneWeights,
        (items, given) => {
          const weights = finalWeights(items, weightOf, new Map(Object.entries(given)));
          items.forEach((one, at) => {
            items.forEach((other, to) => {
              if (one.zone !== other.zone) return;
              expect((weights[at] ?? 0) * other.weight).toBeCloseTo((weights[to] ?? 0) * one.weight, 9);
            });
          });
        },
      ),
      { seed },
    );
  });

  test("are finite and not negative, whatever they are made of", () => {
    const number = fc.oneof(fc.double(), fc.integer(), fc.constant(0));
    const given = fc.array(fc.tuple(zone, number)).map((entries) => new Map(entries));
    fc.assert(
      fc.property(fc.array(fc.record({ zone, weight: number })), given, (items, named) => {
        const weights = finalWeights(items, weightOf, named);
        expect(weights.length).toBe(items.length);
        expect(weights.every((weight) => weight >= 0 && weight <= 1)).toBe(true);
        expect(Number.isFinite(weights.reduce((one, other) => one + other, 0))).toBe(true);
      }),
      { seed },
    );
  });

  test("leave a zone whose weights sum to zero without traffic, and give its share to the others", () => {
    const items = [
      { zone: "a", weight: 0 },
      { zone: "b", weight: 3 },
      { zone: "c", weight: 5 },
    ];
    const named = new Map([
      ["a", 80],
      ["b", 15],
      ["c", 5],
    ]);
    expect([...sharesOf(items, named)]).toEqual([
      ["a", 0],
      ["b", 0.75],
      ["c", 0.25],
    ]);
  });

  test("count a zone that is not named as 1, and do not balance when none is", () => {
    const items = ["a", "a", "a", "b"].map((name) => ({ zone: name, weight: 1 }));
    expect(finalWeights(items, weightOf, new Map())).toEqual([1, 1, 1, 1]);
    expect(sharesOf(items, new Map([["a", 3]])).get("a")).toBeCloseTo(0.75, 12);
  });
});

test("an instance's weight is a whole number in its metadata, else 1", () => {
  const weights = { "0": 0, "7": 7, "1000000": 1_000_000, "1000001": 1, "": 1, "-1": 1, "1.5": 1, "1e3": 1, " 2": 1 };
  for (const [text, weight] of Object.entries(weights)) {
    expect(instanceWeight({ metadata: new Map([["weight", text]]) })).toBe(weight);
  }
  expect(instanceWeight({ metadata: new Map() })).toBe(1);
});
