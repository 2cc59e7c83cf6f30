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
