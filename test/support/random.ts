// A seeded source of randomness for tests: the same seed gives the same run on every machine (mulberry32).

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** An unsigned 32-bit number. */
  u32(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number in [0, bound). */
  below(bound: number): number {
    return this.u32() % bound;
  }

  /** True once in `times`, on average. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0];
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; at++) bytes[at] = this.u32();
    return bytes;
  }
}

/** The seed that the environment gives as TEST_SEED, else a fresh one; printed, so that a failure can be repeated. */
export function testSeed(name: string): number {
  const given = process.env["TEST_SEED"];
  const seed = given === undefined || given === "" ? crypto.getRandomValues(new Uint32Array(1))[0] : Number(given);
  if (seed === undefined || !Number.isSafeInteger(seed)) throw new Error(`TEST_SEED is not a number: ${given}`);
  console.log(`${name}: TEST_SEED=${seed}`);
  return seed;
}
