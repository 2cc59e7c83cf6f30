// The header Range of RFC 9110, section 14: one range of bytes. Several ranges in one request are answered as none,
// with the whole file, which the RFC permits.

interface ByteRange {
  readonly start: number;
  /** Behind the last byte. */
  readonly end: number;
}

/** Undefined: the whole file. `unsatisfiable`: it has no such byte. `size` is at least 1. */
export function byteRange(header: string | null, size: number): ByteRange | "unsatisfiable" | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return undefined;
  if (first === "") {
    const count = Number(last);
    return count === 0 ? "unsatisfiable" : { start: Math.max(0, size - count), end: size };
  }
  const start = Number(first);
  const end = last === "" ? size : Number(last) + 1;
  if (end <= start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end: Math.min(end, size) };
}
