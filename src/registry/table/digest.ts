// A summary of a table that two nodes can compare: identities fall into buckets by the hash of their key, and a
// bucket's number is the XOR of the hashes of its states. Adding and removing a state are the same operation.

/** Buckets of a digest; part of the nodes' protocol. */
export const digestBuckets = 1024;
const digitsPerBucket = 16;
/** Length of a digest as text. */
export const digestCharacters = digestBuckets * digitsPerBucket;

export function bucketOf(key: string): number {
  return Bun.hash.crc32(key) % digestBuckets;
}

export class Digest {
  private readonly buckets = new BigUint64Array(digestBuckets);
  private known: string | undefined;

  /** Adds or removes a state's hash. */
  toggle(bucket: number, hash: bigint): void {
    this.buckets[bucket] = (this.buckets[bucket] ?? 0n) ^ hash;
    this.known = undefined;
  }

  /** Returns all buckets, each as 16 hexadecimal digits, least significant byte first. */
  text(): string {
    return (this.known ??= Buffer.from(this.buckets.buffer).toString("hex"));
  }

  /** Reports whether a bucket equals that in `text`. */
  agrees(bucket: number, text: string): boolean {
    const [from, to] = [bucket * digitsPerBucket, (bucket + 1) * digitsPerBucket];
    return this.text().slice(from, to) === text.slice(from, to);
  }
}
