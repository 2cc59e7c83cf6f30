// Finds frequent strings of the wire (commands, apps, service names) by their bytes, instead of decoding and hashing
// them for every packet. The table is bounded: a peer that invents names costs decoding, not memory.

import { assert } from "../base/assert.ts";
import { Command } from "./commands.ts";
import { equalBytes } from "./equal-bytes.ts";

/** Longer strings are not interned. */
const internedBytesMax = 64;
const probesMax = 8;

/** A set of strings, keyed by their UTF-8 bytes; it contains the commands from the start. */
export class Interner {
  private readonly strings: (string | undefined)[];
  private readonly keys: (Buffer | undefined)[];
  private readonly mask: number;
  private readonly entriesMax: number;
  private entries = 0;

  /** `entriesMax` is the maximum number of strings, including the commands. */
  constructor(entriesMax = 256) {
    assert(entriesMax >= Object.keys(Command).length, "an interner has room for the commands");
    let slots = 64;
    while (slots < entriesMax * 2) slots *= 2;
    this.strings = Array.from({ length: slots }, () => undefined);
    this.keys = Array.from({ length: slots }, () => undefined);
    this.mask = slots - 1;
    this.entriesMax = entriesMax;
    for (const command of Object.values(Command)) {
      const bytes = Buffer.from(command);
      this.intern(bytes, 0, bytes.length);
    }
  }

  /** Returns the string of bytes[start, end), which must be valid UTF-8; "" also for an absent field (start -1). */
  intern(bytes: Buffer, start: number, end: number): string {
    if (start < 0 || start === end) return "";
    if (end - start > internedBytesMax) return bytes.toString("utf8", start, end);
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193);
    hash ^= hash >>> 15;
    for (let probe = 0; probe < probesMax; probe++) {
      const slot = (hash + probe) & this.mask;
      const key = this.keys[slot];
      const known = this.strings[slot];
      if (key === undefined || known === undefined) return this.learn(slot, bytes, start, end);
      if (equalBytes(key, bytes, start, end)) return known;
    }
    return bytes.toString("utf8", start, end);
  }

  private learn(slot: number, bytes: Buffer, start: number, end: number): string {
    const text = bytes.toString("utf8", start, end);
    if (this.entries < this.entriesMax) {
      this.entries++;
      this.keys[slot] = Buffer.from(bytes.subarray(start, end));
      this.strings[slot] = text;
    }
    return text;
  }
}
