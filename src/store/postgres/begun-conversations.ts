// A bounded cache of the direct conversations that the store has, so that they need not be looked up for every message.
// No conversation ends within a life of the store (life.ts); the cache is dropped when that of account numbers is.

/** A power of two. */
const buckets = 65_536;
/** The accounts' numbers of two conversations, the one that was remembered last first: 2 MiB in all. */
const bucketNumbers = 4;

/** Conversations by the numbers of their two accounts, in either order, which are above 0. */
export class BegunConversations {
  private readonly numbers = new Float64Array(buckets * bucketNumbers);

  /** False also for a conversation that has been forgotten. */
  has(one: bigint, other: bigint): boolean {
    const [low, high] = inOrder(one, other);
    const { numbers } = this;
    const at = bucketOf(low, high);
    return (numbers[at] === low && numbers[at + 1] === high) || (numbers[at + 2] === low && numbers[at + 3] === high);
  }

  /** Only for conversations that were committed. */
  remember(one: bigint, other: bigint): void {
    if (this.has(one, other)) return;
    const [low, high] = inOrder(one, other);
    const at = bucketOf(low, high);
    this.numbers.copyWithin(at + 2, at, at + 2);
    this.numbers[at] = low;
    this.numbers[at + 1] = high;
  }
}

/** Account numbers count accounts: they are exact as numbers. */
function inOrder(one: bigint, other: bigint): readonly [low: number, high: number] {
  return one < other ? [Number(one), Number(other)] : [Number(other), Number(one)];
}

/** The index of the first number of a bucket. */
function bucketOf(low: number, high: number): number {
  const mixed = Math.imul(low, 0x9e_37_79_b1) ^ Math.imul(high, 0x85_eb_ca_6b);
  return (Math.imul(mixed ^ (mixed >>> 15), 0x2c_1b_3c_6d) >>> 16) * bucketNumbers;
}
