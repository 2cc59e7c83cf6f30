// crc32(channelId) mod n. All gateways choose alike; a node that comes or goes moves nearly every connection.

import type { NodeView, SelectionKey, Selector } from "./selector.ts";

/** By channelId: the node at crc32(channelId) mod n. */
export class HashModSelector implements Selector {
  readonly isSticky = false;

  choose<Node extends NodeView>(nodes: readonly Node[], { channelId }: SelectionKey): Node | undefined {
    return nodes[Bun.hash.crc32(channelId) % nodes.length];
  }
}
