// Randomness as an argument, and the identifiers that are made of it.

import { randomBytes } from "node:crypto";

/** A source of random bytes. */
export interface Random {
  bytes(count: number): Uint8Array;
}

/** The operating system's cryptographic generator. */
export const systemRandom: Random = { bytes: (count) => randomBytes(count) };

const base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 62^22 > 2^128. */
const groupIdDigits = 22;

/** A group's id: 128 random bits in base 62, always 22 digits. Nobody guesses one. */
export function newGroupId(random: Random): string {
  let value = 0n;
  for (const byte of random.bytes(16)) value = (value << 8n) | BigInt(byte);
  let text = "";
  for (let digit = 0; digit < groupIdDigits; digit++) {
    text = base62Digits.charAt(Number(value % 62n)) + text;
    value /= 62n;
  }
  return text;
}

/** An incarnation: 64 random bits as 16 hexadecimal digits, made at each start of a process. */
export function newIncarnation(random: Random): string {
  return Buffer.from(random.bytes(8)).toString("hex");
}
