// Chooses by app, account and zone, by the rules of a route file: a zone by the slot of the app or the account, then a
// node of this zone by account, so that all connections of an account, through any gateway, use the same node.

import { AssertionError } from "../../base/assert.ts";
import type { Random } from "../../base/random.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import { pickRandom } from "./random.ts";
import type { RouteRules } from "./route-file.ts";
import type { NodeView, SelectionKey, Selector } from "./selector.ts";

const slotsPerNode = 10;

/** Its rules can be replaced while it is in use; kept choices must be forgotten then. */
export class RouteSelector implements Selector {
  readonly isSticky = false;
  private rules: RouteRules;
  private readonly random: Random;
  private readonly metrics: Pick<ServiceMetrics, "noServerFound">;

  constructor(rules: RouteRules, random: Random, metrics: Pick<ServiceMetrics, "noServerFound">) {
    this.rules = rules;
    this.random = random;
    this.metrics = metrics;
  }

  /**
   * A node of the zone. One at random when the app or the account is unknown, and, counted, when the zone has no node.
   * Without any node the zone is not to blame: that is for the caller to count.
   */
  choose<Node extends NodeView>(nodes: readonly Node[], { app, account }: SelectionKey): Node | undefined {
    if (nodes.length === 0) return undefined;
    if (app === "" || account === "") return pickRandom(nodes, this.random);
    const zone = zoneFor(app, account, this.rules);
    let count = 0;
    for (const node of nodes) if (node.zone === zone) count++;
    if (count === 0) {
      this.metrics.noServerFound(zone);
      return pickRandom(nodes, this.random);
    }
    let left = Math.floor((Bun.hash.crc32(account) % (slotsPerNode * count)) / slotsPerNode);
    for (const node of nodes) if (node.zone === zone && left-- === 0) return node;
    throw new AssertionError("every slot belongs to a node of the zone");
  }

  replaceRules(rules: RouteRules): void {
    this.rules = rules;
  }
}

/** Returns the zone of an account of an app; neither is ''. */
export function zoneFor(app: string, account: string, rules: RouteRules): string {
  const { routeBy, zones, weightTotal, zoneOfApp } = rules;
  const listed = zoneOfApp.get(app);
  if (listed !== undefined) return listed;
  let slot = Bun.hash.crc32(routeBy === "app" ? app : account) % weightTotal;
  for (const { id, weight } of zones) {
    slot -= weight;
    if (slot < 0) return id;
  }
  throw new AssertionError("every slot below the sum of the weights belongs to a zone");
}
