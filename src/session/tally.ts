// How many sessions a gateway holds, and a checksum of them: two who count the same sessions agree, in whatever order.

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

/** A session's mark: 32 bits of its channelId. */
export function markOf(channelId: string): number {
  return Bun.hash.crc32(channelId);
}
