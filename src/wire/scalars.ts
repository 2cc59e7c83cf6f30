// The scalar types of protobuf that proto/pkt.proto uses. Each is a constant of its own, so that a bundle contains only
// those of its messages. A type that is added here is added to scripts/message-tables.ts, too.
// https://protobuf.dev/programming-guides/encoding

import { putBytes, putFixed32, putText, putVarint, putVarint64 } from "./message-output.ts";
import type { Scalar } from "./message-type.ts";
import { readBytes, readFixed32, readText, readVarint, readVarint64 } from "./proto-reader.ts";

const noBytes = new Uint8Array(0);
/** The words of one 64-bit number. */
const words = new DataView(new ArrayBuffer(8));

function outOfRange(name: string, value: unknown, range: string): RangeError {
  return new RangeError(`${name}: expected ${range}, got ${String(value)}`);
}

/** Also enums: protobuf allows values that the schema does not define. */
export const int32: Scalar = {
  wireType: 0,
  zero: 0,
  write(value: number, name) {
    if ((value | 0) !== value) throw outOfRange(name, value, "a signed integer of 32 bits");
    // A negative number is extended to 64 bits.
    if (value < 0) putVarint64(value >>> 0, 0xffff_ffff);
    else putVarint(value);
  },
  read: (bytes, at, end) => readVarint(bytes, at, end) | 0,
};

function checkUint32(value: number, name: string): void {
  if (value >>> 0 !== value) throw outOfRange(name, value, "an unsigned integer of 32 bits");
}

export const uint32: Scalar = {
  wireType: 0,
  zero: 0,
  write(value: number, name) {
    checkUint32(value, name);
    putVarint(value);
  },
  read: readVarint,
};

export const fixed32: Scalar = {
  wireType: 5,
  zero: 0,
  write(value: number, name) {
    checkUint32(value, name);
    putFixed32(value);
  },
  read: readFixed32,
};

export const int64: Scalar = {
  wireType: 0,
  zero: 0n,
  write(value: bigint | number, name) {
    const wide = BigInt(value);
    words.setBigInt64(0, wide);
    if (words.getBigInt64(0) !== wide) throw outOfRange(name, value, "a signed integer of 64 bits");
    putVarint64(words.getUint32(4), words.getUint32(0));
  },
  read: readVarint64,
};

export const bool: Scalar = {
  wireType: 0,
  zero: false,
  write: (value: boolean) => putVarint(value ? 1 : 0),
  read: (bytes, at, end) => readVarint64(bytes, at, end) !== 0n,
};

export const string: Scalar = { wireType: 2, zero: "", write: (value) => putText(String(value)), read: readText };

/** What is read is a view of the message. */
export const bytes: Scalar = { wireType: 2, zero: noBytes, write: putBytes, read: readBytes };
