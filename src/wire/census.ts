// The bodies of login.census, by which a gateway and a login node compare the gateway's sessions. Little-endian:
//
//   question    u32 count, u32 sum of the marks modulo 2^32
//   answer      u32 mark of each session that the store has, in no particular order; only if the sums differ

interface CensusQuestion {
  readonly count: number;
  readonly sum: number;
}

const questionBytes = 8;
const markBytes = 4;

export function encodeCensusQuestion({ count, sum }: CensusQuestion): Uint8Array {
  const body = Buffer.alloc(questionBytes);
  body.writeUInt32LE(count, 0);
  body.writeUInt32LE(sum, markBytes);
  return body;
}

/** Returns undefined for a malformed question. */
export function decodeCensusQuestion(body: Buffer): CensusQuestion | undefined {
  if (body.length !== questionBytes) return undefined;
  return { count: body.readUInt32LE(0), sum: body.readUInt32LE(markBytes) };
}

export function encodeMarks(marks: readonly number[]): Uint8Array {
  const body = Buffer.allocUnsafe(marks.length * markBytes);
  for (const [at, mark] of marks.entries()) body.writeUInt32LE(mark, at * markBytes);
  return body;
}

/** Returns undefined for malformed marks. */
export function decodeMarks(body: Buffer): Set<number> | undefined {
  if (body.length % markBytes !== 0) return undefined;
  const marks = new Set<number>();
  for (let at = 0; at < body.length; at += markBytes) marks.add(body.readUInt32LE(at));
  return marks;
}
