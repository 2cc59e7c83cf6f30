// Randomness as an argument, and identifiers made of it. Ids that nobody may guess use `systemRandom`; runs that must
// be repeatable use `seededRandom`.

import { randomBytes } from "node:crypto";
import { assert } from "./assert.ts";

/** A source of randomness. */
export interface Random {
  /** Returns `count` random bytes, owned by the caller. */
  bytes(count: number): Uint8Array;
  /** Returns a whole number in [0, 2^32). */
  uint32(): number;
  /** Returns `bits` random bits in base 62, padded to the digits of the largest such number. */
  base62(bits: number): string;
}

/** The operating system's cryptographic generator. */
export const systemRandom: Random = {
  bytes: (count) => randomBytes(count),
  uint32: () => randomBytes(4).readUInt32LE(),
  base62: (bits) => base62Of(systemRandom, bits),
};

type XoshiroState = readonly [number, number, number, number];

/** xoshiro128** 1.1 by Blackman and Vigna (prng.di.unimi.it): repeatable, fast and predictable: never for secrets. */
export class Xoshiro128 implements Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /** Four 32-bit numbers that are not all 0. */
  constructor([a, b, c, d]: XoshiroState) {
    assert((a | b | c | d) !== 0, "xoshiro128** never leaves the state of zeros");
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
  }

  uint32(): number {
    const { b } = this;
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    this.c ^= this.a;
    this.d ^= b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= b << 9;
    this.d = rotateLeft(this.d, 11);
    return result;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let at = 0, word = 0; at < count; at++, word >>>= 8) {
      if (at % 4 === 0) word = this.uint32();
      bytes[at] = word;
    }
    return bytes;
  }

  base62(bits: number): string {
    return base62Of(this, bits);
  }
}

/** xoshiro128** seeded by splitmix32: a 32-bit seed gives the same run on every machine. */
export function seededRandom(seed: number): Random {
  let counter = seed >>> 0;
  const next = (): number => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(counter ^ (counter >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
  // splitmix32 is a bijection of its counter: of four values in a row at most one is 0.
  return new Xoshiro128([next(), next(), next(), next()]);
}

/** Returns a group's id: 128 random bits in base 62, always 22 digits. */
export function newGroupId(random: Random): string {
  return random.base62(128);
}

/** Returns the id of one run of a process: 64 random bits as 16 hexadecimal digits. */
export function newIncarnation(random: Random): string {
  return Buffer.from(random.bytes(8)).toString("hex");
}

const base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

function base62Of(random: Random, bits: number): string {
  let value = 0n;
  for (const byte of random.bytes(Math.ceil(bits / 8))) value = (value << 8n) | BigInt(byte);
  value = BigInt.asUintN(bits, value);
  let text = "";
  for (let digits = Math.ceil(bits / Math.log2(62)); digits > 0; digits--) {
    text = base62Digits.charAt(Number(value % 62n)) + text;
    value /= 62n;
  }
  return text;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
