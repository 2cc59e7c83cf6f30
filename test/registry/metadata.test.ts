import { expect, test } from "bun:test";
import { compact } from "../../src/registry/metadata.ts";

test("is the same map in less memory", () => {
  const map = new Map([
    ["weight", "10"],
    ["", ""],
    ["__proto__", "x"],
  ]);
  const flat = compact(map);
  expect([...flat]).toEqual([...map]);
  expect([[...flat.keys()], [...flat.values()], [...flat.entries()]]).toEqual([
    [...map.keys()],
    [...map.values()],
    [...map.entries()],
  ]);
  expect([flat.size, flat.get("weight"), flat.get("no"), flat.has(""), flat.has("10")]).toEqual([
    3,
    "10",
    undefined,
    true,
    false,
  ]);
  const seen: string[] = [];
  flat.forEach((value, key, self) => seen.push(`${key}=${value} ${self === flat}`));
  expect(seen).toEqual(["weight=10 true", "= true", "__proto__=x true"]);
  expect(Object.fromEntries(flat)).toEqual(Object.fromEntries(map));
  expect(compact(flat)).toBe(flat);
  expect([...compact(new Map())]).toEqual([]);
});
