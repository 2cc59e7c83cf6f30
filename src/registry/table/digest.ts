// A summary of a table that two nodes can compare: identities fall into buckets by the hash of their key, a bucket's
// number is the XOR of the hashes of its states. Adding and removing a state is the same operation.

/** Buckets of a digest; part of what nodes say to each other. */
export const digestBuckets = 1024;
const digitsPerBucket = 16;
/** Length of a digest as text. */
export const digestCharacters = digestBuckets * digitsPerBucket;

/** The bucket of a key. */
export function bucketOf(key: string): number {
  return Bun.hash.crc32(key) % digestBuckets;
}

export class Digest {
  private readonly buckets = new BigUint64Array(digestBuckets);
  private known: string | undefined;

  /** Adds a state's hash, or takes it away again. */
  toggle(bucket: number, hash: bigint): void {
    this.buckets[bucket] = (this.buckets[bucket] ?? 0n) ^ hash;
    this.known = undefined;
  }

  /** All buckets, as hexadecimal digits (least significant byte first): 16 each. */
  text(): string {
    return (this.known ??= Buffer.from(this.buckets.buffer).toString("hex"));
  }

  /** True when a bucket is as in `text`. */
  agrees(bucket: number, text: string): boolean {
    const [from, to] = [bucket * digitsPerBucket, (bucket + 1) * digitsPerBucket];
    return this.text().slice(from, to) === text.slice(from, to);
  }
}
