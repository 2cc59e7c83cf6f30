// A checksum of postings, independent of their order: equal sums mean equal postings, except with a probability of
// 2^-64. It takes constant memory.

export class PostingSum {
  count = 0;
  private low = 0;
  private high = 0;
  private static readonly id = new BigInt64Array(1);
  private static readonly words = new Uint32Array(PostingSum.id.buffer);

  add(key: number, second: number, id: bigint): void {
    const { words } = PostingSum;
    PostingSum.id[0] = id;
    const first = mix(key ^ mix((words[0] ?? 0) ^ mix((words[1] ?? 0) ^ mix(second))));
    this.low = (this.low + first) >>> 0;
    this.high = (this.high + mix(first ^ 0x9e3779b9 ^ key ^ Math.imul(second, 0x85ebca6b))) >>> 0;
    this.count++;
  }

  equals(other: PostingSum): boolean {
    return this.count === other.count && this.low === other.low && this.high === other.high;
  }
}

/** The finalizer of MurmurHash3. */
function mix(value: number): number {
  let mixed = value >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
