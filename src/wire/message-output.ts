// The output of message-codec.ts: one buffer that grows with the message that is being encoded, and serves the next.

import { varintBytes, writeVarint } from "./proto-writer.ts";

const bytesMin = 1024;
/** A larger buffer is not kept for the next message. */
const keptBytesMax = 64 * 1024;
const bytesOfVarint64Max = 10;
/** A UTF-16 unit takes at most three bytes in UTF-8; the second half of a surrogate pair takes the fourth. */
const bytesPerUnitMax = 3;
/** Up to this length a loop is faster than the platform's encoder. */
const loopUnitsMax = 48;

const encoder = new TextEncoder();
let buffer = new Uint8Array(bytesMin);
let length = 0;

/** Starts a message; drops an incomplete one. */
export function startOutput(): void {
  length = 0;
}

/** Returns what was written since `startOutput`; the caller owns it. */
export function takeOutput(): Uint8Array<ArrayBuffer> {
  const taken = buffer.slice(0, length);
  if (buffer.length > keptBytesMax) buffer = new Uint8Array(bytesMin);
  return taken;
}

function reserve(bytes: number): void {
  if (length + bytes <= buffer.length) return;
  const grown = new Uint8Array(Math.max(length + bytes, 2 * buffer.length));
  grown.set(buffer.subarray(0, length));
  buffer = grown;
}

/** Appends a varint of at most 32 bits. */
export function putVarint(value: number): void {
  reserve(bytesOfVarint64Max);
  length = writeVarint(buffer, length, value);
}

/** Appends a varint of 64 bits, given as two unsigned halves. */
export function putVarint64(low: number, high: number): void {
  reserve(bytesOfVarint64Max);
  while (high > 0) {
    buffer[length++] = (low & 0x7f) | 0x80;
    low = ((low >>> 7) | (high << 25)) >>> 0;
    high >>>= 7;
  }
  length = writeVarint(buffer, length, low);
}

/** Appends a little-endian number of 32 bits. */
export function putFixed32(value: number): void {
  reserve(4);
  for (let shift = 0; shift < 32; shift += 8) buffer[length++] = value >>> shift;
}

/** Appends bytes after their length. */
export function putBytes(bytes: Uint8Array): void {
  putVarint(bytes.length);
  reserve(bytes.length);
  buffer.set(bytes, length);
  length += bytes.length;
}

/** Appends a string in UTF-8 after its length in bytes; a lone surrogate becomes U+FFFD. */
export function putText(text: string): void {
  const start = openNested();
  reserve(bytesPerUnitMax * text.length);
  if (text.length > loopUnitsMax || !putAscii(text)) {
    length = start + encoder.encodeInto(text, buffer.subarray(start)).written;
  }
  closeNested(start);
}

/** Reports whether the text is ASCII; otherwise only a part of it was written. */
function putAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0x80) return false;
    buffer[length++] = unit;
  }
  return true;
}

/** Starts a length-delimited value, whose length `closeNested` inserts; returns where its content starts. */
export function openNested(): number {
  reserve(1);
  return ++length;
}

/** Ends the length-delimited value whose content starts at `start`. */
export function closeNested(start: number): void {
  const bytes = length - start;
  // One byte is reserved for the length; a longer one moves the content.
  const more = varintBytes(bytes) - 1;
  if (more > 0) {
    reserve(more);
    buffer.copyWithin(start + more, start, length);
  }
  writeVarint(buffer, start - 1, bytes);
  length += more;
}
