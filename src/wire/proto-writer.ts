// Protobuf's primitives, written to a buffer at an offset, and their sizes, so that room is reserved exactly.

export function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}

/** Writes an unsigned 32-bit varint; returns the offset behind it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  while (value >= 0x80) {
    target[at++] = (value & 0x7f) | 0x80;
    value >>>= 7;
  }
  target[at++] = value;
  return at;
}

/** Writes a big-endian number; returns the offset behind it. */
export function writeU32(target: Buffer, at: number, value: number): number {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
  return at + 4;
}

/** Returns the size of a length-delimited field with a one-byte tag and a value of `valueBytes`. */
export function lengthFieldBytes(valueBytes: number): number {
  return 1 + varintBytes(valueBytes) + valueBytes;
}

/** Up to this length a loop is faster than the platform's encoder (14 against 50 ns for a short name). */
const loopCharactersMax = 48;

/** Writes a string of `textBytes` bytes (Buffer.byteLength); returns the offset behind it. */
export function writeUtf8(target: Buffer, at: number, text: string, textBytes: number): number {
  // As many bytes as UTF-16 units: the text is ASCII.
  if (textBytes === text.length && textBytes <= loopCharactersMax) {
    for (let index = 0; index < textBytes; index++) target[at + index] = text.charCodeAt(index);
  } else {
    target.write(text, at, textBytes, "utf8");
  }
  return at + textBytes;
}
