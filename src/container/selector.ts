// Which node of a service takes a packet. Rendezvous hashing: the node with the largest hash of (key, node), so that
// a node that comes or goes moves only its own share of the connections (Thaler and Ravishankar, 1998).

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

/**
 * The node for `key` among `ids`, which the caller holds ordered by bytes: the largest
 * fmix32(crc32(key) xor fmix32(crc32(id))), ties by id. Undefined without nodes.
 */
export function selectByHash(key: string, ids: readonly string[]): string | undefined {
  const keyHash = Bun.hash.crc32(key);
  let chosen: string | undefined;
  let best = -1;
  for (const id of ids) {
    const weight = fmix32(keyHash ^ fmix32(Bun.hash.crc32(id)));
    if (weight > best) {
      best = weight;
      chosen = id;
    }
  }
  return chosen;
}
