// Which selector a gateway uses: the names that an operator gives them, and how one is made of its name.

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

/** A selector and what it needs to know. */
export type Selection =
  /** `zoneWeights`: what zones weigh, for `weighted`; absent or empty: they are not balanced. */
  | { readonly name: Exclude<SelectorName, "route">; readonly zoneWeights?: ReadonlyMap<string, number> }
  | { readonly name: "route"; readonly path: string; readonly rules: RouteRules };

/** The selector of that name; throws a sentence that says which there are. */
export function parseSelector(name: string): SelectorName {
  const known = selectorNames.find((candidate) => candidate === name);
  if (known === undefined) throw new Error(`one of ${selectorNames.join(", ")}`);
  return known;
}

/** A new selector, for one service of one gateway. `route` is made of its rules. */
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
