// Selection by zone: the golden answers of an independent implementation, the slots, the file and its replacement.

import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import vectors from "../../../proto/vectors/selectors.json" with { type: "json" };
import { BadFile } from "../../../src/base/json-file.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { reloadRouteFile } from "../../../src/routing/selectors/reload-route-file.ts";
import { parseRouteFile, type RouteRules } from "../../../src/routing/selectors/route-file.ts";
import { RouteSelector, zoneFor } from "../../../src/routing/selectors/route.ts";
import type { NodeView } from "../../../src/routing/selectors/selector.ts";
import { Random, testSeed } from "../../support/random.ts";
import { countChoices, keyOf, node, randomKeys } from "./support.ts";

const seed = testSeed("selection by zone");
const file = {
  routeBy: "app",
  zones: [
    { id: "zone_a", weight: 80 },
    { id: "zone_b", weight: 20 },
  ],
  whitelist: [{ key: "beta-app", value: "zone_b" }],
};
const parse = (content: object): RouteRules => parseRouteFile(JSON.stringify(content), "route.json");
const nodeIn = (zone: string, id: string): NodeView => node(id, { zone });

/** A selector, and the zones in which it missed a node. */
function selectorWith(rules: RouteRules): { readonly selector: RouteSelector; readonly missed: string[] } {
  const missed: string[] = [];
  const selector = new RouteSelector(rules, seededRandom(seed), { noServerFound: (zone) => void missed.push(zone) });
  return { selector, missed };
}

describe("route", () => {
  test("chooses zone and node as an independent implementation does", () => {
    const { file: golden, nodes, answers } = vectors.route;
    const rules = parse(golden);
    const { selector, missed } = selectorWith(rules);
    const views = nodes.map(({ id, zone }) => nodeIn(zone, id));
    expect(answers.length).toBeGreaterThan(30);
    for (const { app, account, zone, node: id } of answers) {
      expect(zoneFor(app, account, rules)).toBe(zone);
      expect(selector.choose(views, keyOf("c", app, account))?.id).toBe(id);
    }
    expect(missed).toEqual([]);
  });

  test("fills the slots in the file's order, as many for a zone as it weighs", () => {
    const weights = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(weights, fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (list, accounts) => {
        fc.pre(list.some((weight) => weight > 0));
        const zones = list.map((weight, at) => ({ id: `z${at}`, weight }));
        const slots = zones.flatMap(({ id, weight }) => Array.from({ length: weight }, () => id));
        const rules = parse({ zones });
        for (const account of accounts)
          expect(zoneFor("app", account, rules)).toBe(slots[Bun.hash.crc32(account) % slots.length] ?? "none");
      }),
      { seed },
    );
  });

  test("hashes the app or the account, as the file says; the account without a word about it", () => {
    const [byApp, byAccount, byDefault] = [
      parse({ ...file, routeBy: "app" }),
      parse({ ...file, routeBy: "account" }),
      parse({ zones: file.zones }),
    ];
    for (const { app, account } of randomKeys(new Random(seed), 200)) {
      expect(zoneFor(app, account, byApp)).toBe(Bun.hash.crc32(app) % 100 < 80 ? "zone_a" : "zone_b");
      expect(zoneFor(app, account, byAccount)).toBe(Bun.hash.crc32(account) % 100 < 80 ? "zone_a" : "zone_b");
      expect(zoneFor(app, account, byDefault)).toBe(zoneFor(app, account, byAccount));
    }
  });

  test("sends a whitelisted app to its zone, even one that weighs nothing", () => {
    const zones = [
      { id: "all", weight: 1 },
      { id: "trial", weight: 0 },
    ];
    const { selector } = selectorWith(parse({ zones, whitelist: [{ key: "beta-app", value: "trial" }] }));
    const nodes = [nodeIn("all", "n1"), nodeIn("trial", "n2")];
    for (const { channelId, app, account } of randomKeys(new Random(seed), 50)) {
      expect(selector.choose(nodes, { channelId, app, account })?.id).toBe("n1");
      expect(selector.choose(nodes, { channelId, app: "beta-app", account })?.id).toBe("n2");
    }
  });

  test("gives each of a zone's nodes ten slots, in the order of their ids, past the nodes of other zones", () => {
    const { selector } = selectorWith(parse({ zones: [{ id: "a", weight: 1 }] }));
    const nodes = [nodeIn("b", "n0"), nodeIn("a", "n1"), nodeIn("b", "n2"), nodeIn("a", "n3"), nodeIn("a", "n4")];
    for (const key of randomKeys(new Random(seed), 300)) {
      const slot = Bun.hash.crc32(key.account) % 30;
      expect(selector.choose(nodes, key)?.id).toBe(["n1", "n3", "n4"][Math.floor(slot / 10)] ?? "none");
    }
  });

  test("takes any node when the zone has none, and counts it for the zone", () => {
    const { selector, missed } = selectorWith(parse({ zones: [{ id: "empty", weight: 1 }] }));
    const nodes = [nodeIn("a", "n1"), nodeIn("b", "n2"), nodeIn("", "n3")];
    const choices = randomKeys(new Random(seed), 100).map((key) => selector.choose(nodes, key));
    expect(countChoices(choices).size).toBe(3);
    expect(missed).toEqual(Array.from({ length: 100 }, () => "empty"));
  });

  test("takes any node for who has no app or no account, and counts nothing", () => {
    const { selector, missed } = selectorWith(parse({ zones: [{ id: "a", weight: 1 }] }));
    const nodes = [nodeIn("a", "n1"), nodeIn("b", "n2")];
    for (const key of [keyOf("c", "", "account"), keyOf("c", "app", ""), keyOf("c", "", "")])
      expect(countChoices(Array.from({ length: 60 }, () => selector.choose(nodes, key))).size).toBe(2);
    expect(missed).toEqual([]);
  });

  test("counts nothing when there are no nodes at all: that is no zone's fault", () => {
    const { selector, missed } = selectorWith(parse(file));
    expect(selector.choose([], keyOf("c"))).toBeUndefined();
    expect(missed).toEqual([]);
  });
});

describe("route file", () => {
  test("is read as it stands", () => {
    expect(parse(file)).toEqual({
      routeBy: "app",
      zones: file.zones,
      weightTotal: 100,
      zoneOfApp: new Map([["beta-app", "zone_b"]]),
    });
  });

  const zonesWith = (...zones: unknown[]): string => JSON.stringify({ ...file, zones: [...file.zones, ...zones] });
  const whitelistWith = (...entries: unknown[]): string =>
    JSON.stringify({ ...file, whitelist: [...file.whitelist, ...entries] });
  const changed = (change: object): string => JSON.stringify({ ...file, ...change });
  const badWeight = "route.json: zones[2].weight: expected a whole number from 0 to 1000000";
  const badRouteBy = "route.json: routeBy: expected app or account";

  test.each([
    ["", "route.json: expected JSON"],
    ["{", "route.json: expected JSON"],
    ["[]", "route.json: expected an object"],
    ["null", "route.json: expected an object"],
    ["{}", "route.json: zones: expected a list"],
    [changed({ zone: [] }), "route.json: zone: unknown key"],
    ['{"__proto__": {}}', "route.json: __proto__: unknown key"],
    [changed({ routeBy: "device" }), badRouteBy],
    [changed({ routeBy: "App" }), badRouteBy],
    [changed({ routeBy: "" }), badRouteBy],
    [changed({ routeBy: null }), badRouteBy],
    [changed({ zones: {} }), "route.json: zones: expected a list"],
    [changed({ zones: [] }), "route.json: zones: expected at least one element"],
    [changed({ zones: Array.from({ length: 1_001 }) }), "route.json: zones: expected at most 1000 elements"],
    [changed({ zones: file.zones.map(({ id }) => ({ id, weight: 0 })) }), "route.json: zones: the weights sum to zero"],
    [zonesWith("zone_c"), "route.json: zones[2]: expected an object"],
    [zonesWith({ weight: 1 }), "route.json: zones[2].id: expected a non-empty string"],
    [zonesWith({ id: "", weight: 1 }), "route.json: zones[2].id: expected a non-empty string"],
    [zonesWith({ id: "a\tb", weight: 1 }), "route.json: zones[2].id: it contains control or invisible characters"],
    [zonesWith({ id: "c", weight: 1, share: 2 }), "route.json: zones[2].share: unknown key"],
    [zonesWith({ id: "zone_a", weight: 1 }), 'route.json: zones[2].id: duplicate value "zone_a"'],
    [zonesWith({ id: "c" }), badWeight],
    [zonesWith({ id: "c", weight: -1 }), badWeight],
    [zonesWith({ id: "c", weight: 1.5 }), badWeight],
    [zonesWith({ id: "c", weight: "1" }), badWeight],
    [zonesWith({ id: "c", weight: null }), badWeight],
    [zonesWith({ id: "c", weight: 1_000_001 }), badWeight],
    ['{"zones": [{"id": "a", "weight": 1}, {"id": "b", "weight": 1}, {"id": "c", "weight": 1e999}]}', badWeight],
    [changed({ whitelist: {} }), "route.json: whitelist: expected a list"],
    [changed({ whitelist: null }), "route.json: whitelist: expected a list"],
    [whitelistWith(7), "route.json: whitelist[1]: expected an object"],
    [whitelistWith({ value: "zone_a" }), "route.json: whitelist[1].key: expected a non-empty string"],
    [whitelistWith({ key: "x" }), "route.json: whitelist[1].value: expected a non-empty string"],
    [whitelistWith({ key: "x", value: "zone_c" }), 'route.json: whitelist[1].value: unknown zone "zone_c"'],
    [whitelistWith({ key: "x", value: "zone_a", app: 1 }), "route.json: whitelist[1].app: unknown key"],
    [whitelistWith(...file.whitelist), 'route.json: whitelist[1].key: duplicate value "beta-app"'],
  ])("is refused when it is bad, and says where: %#", (text, sentence) => {
    expect(() => parseRouteFile(text, "route.json")).toThrow(new BadFile(sentence));
  });
});

describe("a route file that is read again", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });
  const pathWith = (text: string): string => {
    const folder = mkdtempSync(join(tmpdir(), "roost-test-"));
    folders.push(folder);
    const path = join(folder, "route.json");
    writeFileSync(path, text);
    return path;
  };
  const only = (zone: string): string => JSON.stringify({ zones: [{ id: zone, weight: 1 }] });
  const nodes = [nodeIn("a", "n1"), nodeIn("b", "n2")];

  test("replaces the rules", () => {
    const { selector } = selectorWith(parseRouteFile(only("a"), "route.json"));
    const path = pathWith(only("b"));
    expect(selector.choose(nodes, keyOf("c"))?.id).toBe("n1");
    expect(reloadRouteFile(path, (rules) => selector.replaceRules(rules))).toEqual({
      isReplaced: true,
      sentence: `the route file was read again: ${path}`,
    });
    expect(selector.choose(nodes, keyOf("c"))?.id).toBe("n2");
  });

  test("is refused when it is bad or gone, and the old rules stay", () => {
    const { selector } = selectorWith(parseRouteFile(only("a"), "route.json"));
    const bad = pathWith('{ "zones": [{ "id": "b", "weight": -1 }] }');
    expect(reloadRouteFile(bad, (rules) => selector.replaceRules(rules))).toEqual({
      isReplaced: false,
      sentence:
        `the route file is refused and the old rules stay: ${bad}: ` +
        "zones[0].weight: expected a whole number from 0 to 1000000",
    });
    const gone = reloadRouteFile(`${bad}.gone`, (rules) => selector.replaceRules(rules));
    expect(gone.isReplaced).toBe(false);
    expect(gone.sentence).toContain(`${bad}.gone`);
    expect(selector.choose(nodes, keyOf("c"))?.id).toBe("n1");
  });
});
