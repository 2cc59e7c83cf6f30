// The number of a gateway's sessions and a checksum of them, which is independent of their order.

export class SessionTally {
  count = 0;
  /** The sum of the marks, modulo 2^32. */
  sum = 0;

  add(channelId: string): void {
    this.count++;
    this.sum = (this.sum + markOf(channelId)) >>> 0;
  }

  remove(channelId: string): void {
    this.count--;
    this.sum = (this.sum - markOf(channelId)) >>> 0;
  }
}

/** Returns a session's mark: 32 bits of its channelId. */
export function markOf(channelId: string): number {
  return Bun.hash.crc32(channelId);
}
