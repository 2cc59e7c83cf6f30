// Chooses the node with the fewest connections. A node announces its number with its link's heartbeats; the links add
// the connections that this gateway has assigned since, or all those between two heartbeats would go to one node.

import { rendezvousHash } from "./hash.ts";
import type { NodeView, SelectionKey, Selector } from "./selector.ts";

/** Returns a node's load; an invalid one counts as full. */
function loadOf({ load }: NodeView): number {
  return load >= 0 ? load : Infinity;
}

/** By load, then by the largest rendezvous hash, so that gateways do not all choose the same node first. */
export class LeastConnectionsSelector implements Selector {
  /** New nodes have few connections: without this, all connections would move to them. */
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
