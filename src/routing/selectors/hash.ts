// Rendezvous hashing, the default: the node with the largest hash of (channel, node), so that a node that comes or goes
// moves only its own share of the connections (Thaler and Ravishankar, 1998). All gateways choose alike.

import type { NodeView, SelectionKey, Selector } from "./selector.ts";

/** MurmurHash3's 32-bit finaliser: spreads what CRC-32, being affine, leaves in step. */
export function fmix32(value: number): number {
  let hash = value >>> 0;
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return hash >>> 0;
}

/** The hash of a key, given as its CRC-32, and a node: 32 bits. */
export function rendezvousHash(keyCrc: number, nodeId: string): number {
  return fmix32(keyCrc ^ fmix32(Bun.hash.crc32(nodeId)));
}

/** By channelId: the node with the largest fmix32(crc32(channelId) xor fmix32(crc32(id))), of two alike the first. */
export class HashSelector implements Selector {
  readonly isSticky = false;

  choose<Node extends NodeView>(nodes: readonly Node[], { channelId }: SelectionKey): Node | undefined {
    const keyCrc = Bun.hash.crc32(channelId);
    let chosen: Node | undefined;
    let best = -1;
    for (const node of nodes) {
      const hash = rendezvousHash(keyCrc, node.id);
      if (hash > best) {
        best = hash;
        chosen = node;
      }
    }
    return chosen;
  }
}
