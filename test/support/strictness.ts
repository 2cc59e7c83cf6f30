// What our decoders refuse and @bufbuild/protobuf accepts, found by a walk over the bytes that has its
// own code.

import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

/** Why a message is refused, whatever its values are. */
export type Flaw =
  | "truncated or too long a varint"
  | "a tag of more than 32 bits, or of number 0"
  | "a group, or a wire type that does not exist"
  | "a known field of another wire type"
  | "a value that leaves its message";

class Flawed extends Error {
  readonly flaw: Flaw;

  constructor(flaw: Flaw) {
    super(flaw);
    this.flaw = flaw;
  }
}

/** Returns the first flaw of a message, also in nested ones; undefined if its fields are whole and as declared. */
export function flawOf(schema: DescMessage, bytes: Uint8Array): Flaw | undefined {
  try {
    walk(schema, bytes);
    return undefined;
  } catch (error) {
    if (error instanceof Flawed) return error.flaw;
    throw error;
  }
}

/** Calls for a value; returns the bytes behind it. */
function varint(bytes: Uint8Array): readonly [value: bigint, rest: Uint8Array] {
  const end = bytes.slice(0, 10).findIndex((byte) => byte < 0x80);
  if (end < 0) throw new Flawed("truncated or too long a varint");
  let value = 0n;
  for (let at = end; at >= 0; at--) value = (value << 7n) | BigInt(bytes[at]! & 0x7f);
  return [value, bytes.subarray(end + 1)];
}

function taken(bytes: Uint8Array, count: number): readonly [value: Uint8Array, rest: Uint8Array] {
  if (count > bytes.length) throw new Flawed("a value that leaves its message");
  return [bytes.subarray(0, count), bytes.subarray(count)];
}

function walk(schema: DescMessage, message: Uint8Array): void {
  for (let rest = message; rest.length > 0;) {
    let tag: bigint;
    [tag, rest] = varint(rest);
    const number = Number(tag >> 3n);
    if (tag >= 2n ** 32n || number === 0) throw new Flawed("a tag of more than 32 bits, or of number 0");
    const field = schema.fields.find((one) => one.number === number);
    const wireType = Number(tag & 7n);
    if (![0, 1, 2, 5].includes(wireType)) throw new Flawed("a group, or a wire type that does not exist");
    const element = field === undefined ? wireType : wireTypeOf(field);
    if (wireType !== element && !(wireType === 2 && field?.fieldKind === "list"))
      throw new Flawed("a known field of another wire type");
    if (wireType === 0) [, rest] = varint(rest);
    else if (wireType !== 2) [, rest] = taken(rest, wireType === 1 ? 8 : 4);
    else {
      let length: bigint;
      let content: Uint8Array;
      [length, rest] = varint(rest);
      // Lengths are 32 bits of a varint, as every decoder has it.
      [content, rest] = taken(rest, Number(BigInt.asUintN(32, length)));
      if (field?.message !== undefined) walk(field.message, content);
      else if (element === 0) while (content.length > 0) [, content] = varint(content);
      else if (element === 5) while (content.length > 0) [, content] = taken(content, 4);
    }
  }
}

function wireTypeOf(field: DescField): number {
  if (field.message !== undefined) return 2;
  if (field.enum !== undefined) return 0;
  if (field.scalar === ScalarType.STRING || field.scalar === ScalarType.BYTES) return 2;
  return field.scalar === ScalarType.FIXED32 ? 5 : 0;
}
