// The node that serves the fewest connections. How many it serves it says with its link's heartbeats; what this gateway
// has given it since is counted on top by the links, or all connections between two heartbeats would go to one node.

import { rendezvousHash } from "./hash.ts";
import type { NodeView, SelectionKey, Selector } from "./selector.ts";

/** A node's load; one that makes no sense is taken for a full node's. */
function loadOf({ load }: NodeView): number {
  return load >= 0 ? load : Infinity;
}

/** By load, then by the largest rendezvous hash, so that gateways do not all choose the same node first. */
export class LeastConnectionsSelector implements Selector {
  /** Nodes that come are behind at first: everybody would choose them. */
  readonly isSticky = true;

  choose<Node extends NodeView>(nodes: readonly Node[], { channelId }: SelectionKey): Node | undefined {
    const keyCrc = Bun.hash.crc32(channelId);
    let chosen: Node | undefined;
    let leastLoad = Infinity;
    let best = -1;
    for (const node of nodes) {
      const load = loadOf(node);
      if (load > leastLoad) continue;
      const hash = rendezvousHash(keyCrc, node.id);
      if (load === leastLoad && hash <= best) continue;
      leastLoad = load;
      best = hash;
      chosen = node;
    }
    return chosen;
  }
}
