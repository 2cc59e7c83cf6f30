// Rendezvous hashing with weights, by the logarithmic method (Schindelhauer and Schomaker, 2005): a node's share of the
// connections is its weight's share of the sum, all gateways choose alike, and a weight that changes moves no more
// connections than it has to.

import { weightMax } from "../../base/limits/fixed.ts";
import { weightDefault } from "../../registry/client/zone-balance.ts";
import { rendezvousHash } from "./hash.ts";
import type { NodeView, SelectionKey, Selector } from "./selector.ts";

/** Returns a node's weight; an invalid one counts as the default. */
function weightOf({ weight }: NodeView): number {
  return weight >= 0 && weight <= weightMax ? weight : weightDefault;
}

function isAnyWeighted(nodes: readonly NodeView[]): boolean {
  for (const node of nodes) if (weightOf(node) > 0) return true;
  return false;
}

/**
 * By channelId and weight: the node with the least −ln(h) / weight, h being the rendezvous hash as a fraction between 0
 * and 1. A node that weighs 0 is not chosen; when all do, they count alike, because a request that a node could serve
 * is not refused over a number.
 */
export class WeightedSelector implements Selector {
  readonly isSticky = false;

  choose<Node extends NodeView>(nodes: readonly Node[], { channelId }: SelectionKey): Node | undefined {
    const keyCrc = Bun.hash.crc32(channelId);
    const isWeighted = isAnyWeighted(nodes);
    let chosen: Node | undefined;
    let best = Infinity;
    for (const node of nodes) {
      const weight = isWeighted ? weightOf(node) : weightDefault;
      if (weight === 0) continue;
      const fraction = (rendezvousHash(keyCrc, node.id) + 0.5) / 2 ** 32;
      const score = -Math.log(fraction) / weight;
      // A weight near zero makes the score infinite.
      if (chosen === undefined || score < best) {
        best = score;
        chosen = node;
      }
    }
    return chosen;
  }
}
