// A blocked Bloom filter (Bloom, 1970; Putze, Sanders, Singler, 2007): all bits of a key are in one cache line of 64
// bytes, so a lookup costs one cache miss. With 16 bits a key, about one lookup in 500 is a false positive; with 8, one
// in 30.

const blockWords = 16;
const blockBits = blockWords * 32;
const probes = 8;

/** Hashes a key to 32 bits (the finalizer of MurmurHash3, with a seed). */
function mix(key: number, seed: number): number {
  let mixed = (key ^ seed) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

export class BloomFilter {
  /** The filter's bytes, for storing and for the constructor. */
  readonly words: Uint32Array<ArrayBuffer>;
  private readonly blocks: number;

  constructor(words: Uint32Array<ArrayBuffer>) {
    this.words = words;
    this.blocks = words.length / blockWords;
  }

  static forKeys(count: number, bitsPerKey = 16): BloomFilter {
    const blocks = Math.max(1, Math.ceil((count * bitsPerKey) / blockBits));
    return new BloomFilter(new Uint32Array(blocks * blockWords));
  }

  add(key: number): void {
    const base = this.block(key);
    const step = mix(key, 0x51ed270b) | 1;
    for (let probe = 0, bit = step >>> 9; probe < probes; probe++, bit += step) {
      const at = base + ((bit >>> 5) & (blockWords - 1));
      this.words[at] = (this.words[at] ?? 0) | (1 << (bit & 31));
    }
  }

  mayHave(key: number): boolean {
    const base = this.block(key);
    const step = mix(key, 0x51ed270b) | 1;
    for (let probe = 0, bit = step >>> 9; probe < probes; probe++, bit += step) {
      const word = this.words[base + ((bit >>> 5) & (blockWords - 1))] ?? 0;
      if ((word & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  private block(key: number): number {
    return Math.floor((mix(key, 0x9e3779b9) / 0x1_0000_0000) * this.blocks) * blockWords;
  }
}
