// The values of a recording that differ from run to run. On a replay each name stands for one value of its kind: ids
// map one to one and keep their order, and times must be plausible.

import { recordedToken, type TokenSpec } from "./recording.ts";
import type { ValueKind, Variable } from "./byte-text.ts";

/** 128 random bits in base 62. */
export const groupCharacters = 22;
/** The end of a channel's id: a number in base 36. */
export const channelCharacters = 10;
/** `Sun, 29 Nov 2026 04:50:08 GMT`, RFC 9110, 5.6.7. */
export const dateCharacters = 29;
/** How far a time may be from that of this run; it says that a time is one, not that a clock is good. */
const plausibleMs = 3_600_000;
const varintBytesMax = 10;

/** What was received is not what was recorded. */
export class Mismatch extends Error {
  override readonly name = "Mismatch";
}

/** Writes an unsigned number as protobuf does. */
export function varintOf(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}

/** The values of one run. */
export class Values {
  private readonly beginMs = Date.now();
  private readonly byName = new Map<string, string | bigint>();
  private readonly namesByValue = new Map<string, string>();
  private readonly tokens: Readonly<Record<string, TokenSpec>>;

  constructor(tokens: Readonly<Record<string, TokenSpec>>) {
    this.tokens = tokens;
  }

  /** The bytes of a value that this run has given already, or of a token. */
  bytesOf({ kind, name }: Variable): Buffer {
    if (kind === "token") return Buffer.from(recordedToken(this.tokenSpec(name), this.expiryOf(name)));
    const value = this.byName.get(`${kind} ${name}`);
    if (value === undefined) throw new Error(`${kind} ${name} is sent before it was received`);
    return typeof value === "bigint" ? varintOf(value) : Buffer.from(value, "latin1");
  }

  /** When a token of this run expires, in seconds since 1970. */
  expiryOf(token: string): number {
    return Math.floor(this.beginMs / 1000) + this.tokenSpec(token).ttlSeconds;
  }

  /**
   * Reads a value at `at`; returns where it ends, or undefined if not all of it has been received.
   * @throws Mismatch if the value cannot be the one of that name.
   */
  match({ kind, name }: Variable, bytes: Buffer, at: number): number | undefined {
    if (kind === "channel" || kind === "group") {
      const end = at + (kind === "channel" ? channelCharacters : groupCharacters);
      if (bytes.length < end) return undefined;
      const text = bytes.toString("latin1", at, end);
      if (!/^[0-9A-Za-z]+$/.test(text)) throw new Mismatch(`${kind} ${name} is no id: ${JSON.stringify(text)}`);
      this.bind(kind, name, text);
      return end;
    }
    if (kind === "date") {
      const end = at + dateCharacters;
      if (bytes.length < end) return undefined;
      this.checkTime(name, Date.parse(bytes.toString("latin1", at, end)));
      return end;
    }
    const read = readVarint(bytes, at);
    if (read === undefined) return undefined;
    this.check(kind, name, read.value);
    return read.end;
  }

  private check(kind: ValueKind, name: string, value: bigint): void {
    if (kind === "expiry") {
      if (value !== BigInt(this.expiryOf(name))) throw new Mismatch(`${value} is not when the token ${name} expires`);
      return;
    }
    if (kind === "time") this.checkTime(name, Number(value / 1_000_000n));
    if (kind === "second") return this.checkTime(name, Number(value) * 1000);
    this.bind(kind, name, value);
    return undefined;
  }

  private checkTime(name: string, ms: number): void {
    if (!(ms >= this.beginMs - plausibleMs && ms <= Date.now() + plausibleMs))
      throw new Mismatch(`time ${name} is not of this run: ${ms} ms since 1970`);
  }

  private bind(kind: ValueKind, name: string, value: string | bigint): void {
    const key = `${kind} ${name}`;
    const known = this.byName.get(key);
    if (known === value) return;
    if (known !== undefined) throw new Mismatch(`${key} is ${value} here, and ${known} before`);
    const other = this.namesByValue.get(`${kind}=${value}`);
    if (other !== undefined) throw new Mismatch(`${key} has the value of ${other}: ${value}`);
    if (typeof value === "bigint") this.checkOrder(kind, Number(name), value);
    this.byName.set(key, value);
    this.namesByValue.set(`${kind}=${value}`, key);
  }

  /** Numbers are named in their order. */
  private checkOrder(kind: ValueKind, place: number, value: bigint): void {
    for (const [key, other] of this.byName) {
      if (typeof other !== "bigint" || !key.startsWith(`${kind} `)) continue;
      if (Number(key.slice(kind.length + 1)) < place !== other < value)
        throw new Mismatch(`${kind} ${place} is ${value}, on the wrong side of ${key}, ${other}`);
    }
  }

  private tokenSpec(name: string): TokenSpec {
    const spec = this.tokens[name];
    if (spec === undefined) throw new Error(`the recording has no token ${name}`);
    return spec;
  }
}

function readVarint(bytes: Buffer, at: number): { readonly value: bigint; readonly end: number } | undefined {
  let value = 0n;
  for (let index = 0; index < varintBytesMax; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  throw new Mismatch("no varint");
}
