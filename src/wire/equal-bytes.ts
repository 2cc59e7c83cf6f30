// Compares bytes inside a packet with a short key. For a name the loop takes some nanoseconds, a call of the platform's
// comparison seventy.

/** Reports whether bytes[start, end) equal the key. */
export function equalBytes(key: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (key.length !== end - start) return false;
  for (let index = 0; index < key.length; index++) {
    if (key[index] !== bytes[start + index]) return false;
  }
  return true;
}
