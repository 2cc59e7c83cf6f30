// The selectors by the names that an operator uses, and how one is made.

import type { Random } from "../../base/random.ts";
import { HashModSelector } from "./hash-mod.ts";
import { HashSelector } from "./hash.ts";
import { LeastConnectionsSelector } from "./least-connections.ts";
import { RandomSelector } from "./random.ts";
import { RoundRobinSelector } from "./round-robin.ts";
import type { RouteRules } from "./route-file.ts";
import type { Selector } from "./selector.ts";
import { WeightedSelector } from "./weighted.ts";

/** All selectors, the default first. */
export const selectorNames = [
  "hash",
  "hash-mod",
  "route",
  "random",
  "round-robin",
  "weighted",
  "least-connections",
] as const;

export type SelectorName = (typeof selectorNames)[number];

/** A selector's name and its options. */
export type Selection =
  /** `zoneWeights`: the weights of zones, for `weighted`; absent or empty does not balance them. */
  | { readonly name: Exclude<SelectorName, "route">; readonly zoneWeights?: ReadonlyMap<string, number> }
  | { readonly name: "route"; readonly path: string; readonly rules: RouteRules };

/** Returns the selector of a name; throws a sentence that lists the valid ones. */
export function parseSelector(name: string): SelectorName {
  const known = selectorNames.find((candidate) => candidate === name);
  if (known === undefined) throw new Error(`one of ${selectorNames.join(", ")}`);
  return known;
}

/** Makes a selector for one service of one gateway. `route` uses its rules. */
export function createSelector(name: Exclude<SelectorName, "route">, random: Random): Selector {
  switch (name) {
    case "hash":
      return new HashSelector();
    case "hash-mod":
      return new HashModSelector();
    case "random":
      return new RandomSelector(random);
    case "round-robin":
      return new RoundRobinSelector(random);
    case "weighted":
      return new WeightedSelector();
    case "least-connections":
      return new LeastConnectionsSelector();
  }
}
