// Protobuf's primitives, read in place. A reader returns the value and sets `next` to the offset behind it, or to -1
// after a fault: a module variable instead of an object per value. Use `next` before the next call.

/** The offset behind the last value; -1 if it was malformed. */
export let next = 0;

/** Big-endian, unsigned. The caller has checked that four bytes exist. */
export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Reads a varint's low 32 bits, unsigned; a fault if it exceeds bytes[at, end) or ten bytes. */
export function readVarint(bytes: Uint8Array, at: number, end: number): number {
  if (at < end && bytes[at]! < 0x80) {
    next = at + 1;
    return bytes[at]!;
  }
  let value = 0;
  const last = Math.min(end, at + 10);
  for (let shift = 0, cursor = at; cursor < last; shift += 7, cursor++) {
    const byte = bytes[cursor]!;
    // The fifth byte's high bits are beyond 32, as are all later bytes (and << counts modulo 32).
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      next = cursor + 1;
      return value >>> 0;
    }
  }
  next = -1;
  return 0;
}

/** The words of one 64-bit number. */
const words = new DataView(new ArrayBuffer(8));

/** Reads a varint of 64 bits, signed; a fault if it exceeds bytes[at, end) or ten bytes. */
export function readVarint64(bytes: Uint8Array, at: number, end: number): bigint {
  const low = readVarint(bytes, at, end);
  let high = 0;
  // The fifth byte has the bits from 28 on, of which the upper three are beyond 32.
  for (let cursor = at + 4, shift = -4; cursor < next; shift += 7, cursor++) {
    const bits = bytes[cursor]! & 0x7f;
    high |= shift < 0 ? bits >>> -shift : bits << shift;
  }
  words.setUint32(0, high);
  words.setUint32(4, low);
  return words.getBigInt64(0);
}

/** Reads a little-endian, unsigned number of 32 bits. */
export function readFixed32(bytes: Uint8Array, at: number, end: number): number {
  next = end - at < 4 ? -1 : at + 4;
  return next < 0 ? 0 : (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Reads a length and so many bytes; returns a view. */
export function readBytes(bytes: Uint8Array, at: number, end: number): Uint8Array {
  const length = readVarint(bytes, at, end);
  const start = next;
  if (start < 0 || length > end - start) {
    next = -1;
    return bytes.subarray(0, 0);
  }
  next = start + length;
  return bytes.subarray(start, next);
}

/** Refuses invalid UTF-8. A leading U+FEFF belongs to the text. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a length and so many bytes of UTF-8. */
export function readText(bytes: Uint8Array, at: number, end: number): string {
  const text = readBytes(bytes, at, end);
  try {
    return decoder.decode(text);
  } catch {
    next = -1;
    return "";
  }
}

/** Reads a field's tag; a fault if it exceeds 32 bits or its number is 0. */
export function readTag(bytes: Uint8Array, at: number, end: number): number {
  const tag = readVarint(bytes, at, end);
  const read = next - at;
  if (read > 5 || (read === 5 && bytes[at + 4]! > 0x0f) || tag >>> 3 === 0) next = -1;
  return tag;
}

/** Returns the offset behind an unknown field's value; -1 for groups, invalid wire types and truncated values. */
export function skipField(bytes: Uint8Array, at: number, end: number, wireType: number): number {
  switch (wireType) {
    case 0:
      readVarint(bytes, at, end);
      return next;
    case 1:
      return end - at < 8 ? -1 : at + 8;
    case 2: {
      const length = readVarint(bytes, at, end);
      return next < 0 || length > end - next ? -1 : next + length;
    }
    case 5:
      return end - at < 4 ? -1 : at + 4;
    default:
      return -1;
  }
}
