// Checks a DNS query (RFC 1035, 4.1; RFC 6891). It decodes only the key of a cached answer: the question stays in
// bytes, so that it is echoed unchanged, upper and lower case included.
//
//   0  id (2) · 2  QR (1 bit) opcode (4) AA TC RD (1 each) · RA Z AD CD (1 each) rcode (4)
//   4  questions (2) · 6  answers (2) · 8  authorities (2) · 10 additionals (2) · 12 the sections

export const headerBytes = 12;
/** RFC 1035, 2.3.4: a label's text, and a name with its length bytes and the root's. */
export const labelBytesMax = 63;
export const nameBytesMax = 255;

/** RFC 1035, 4.1.1. BadVers is of RFC 6891, 9; its upper bits are in the OPT record. */
export const Rcode = {
  NoError: 0,
  FormErr: 1,
  ServFail: 2,
  NxDomain: 3,
  NotImp: 4,
  Refused: 5,
  BadVers: 16,
} as const;
export type Rcode = (typeof Rcode)[keyof typeof Rcode];

/** The record types that this server handles. */
export const RecordType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const;

export const classInternet = 1;
const classAny = 255;

/** The requester's OPT record (RFC 6891, 6.1.2). */
interface Edns {
  readonly version: number;
  /** The largest UDP payload that it accepts, as declared. */
  readonly udpBytesMax: number;
  /** The DO bit, which an answer repeats (RFC 3225, 3). */
  readonly isDnssecOk: boolean;
}

/** A well-formed query with one question. Borrows the bytes that it was read from. */
export interface QueryView {
  readonly bytes: Buffer;
  /** The end of the question, which starts at `headerBytes`. */
  readonly questionEnd: number;
  readonly type: number;
  /** The class is IN or ANY. */
  readonly isInternet: boolean;
  readonly isRecursionDesired: boolean;
  readonly edns: Edns | undefined;
}

/**
 * Checks a query. Returns a code if it must be refused, and undefined if it must not be answered: it is shorter than a
 * header, or itself an answer, since two servers could answer each other endlessly.
 */
export function parseQuery(bytes: Buffer): QueryView | Rcode | undefined {
  if (bytes.length < headerBytes) return undefined;
  const flags = bytes.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) return undefined;
  if ((flags & 0x7800) !== 0) return Rcode.NotImp;
  if (bytes.readUInt16BE(4) !== 1) return Rcode.FormErr;
  const nameEnd = questionNameEnd(bytes);
  if (nameEnd === -1 || nameEnd + 4 > bytes.length) return Rcode.FormErr;
  const questionEnd = nameEnd + 4;
  const type = bytes.readUInt16BE(nameEnd);
  if (type === RecordType.OPT) return Rcode.FormErr;
  const rest = readRecords(bytes, questionEnd);
  if (rest === undefined) return Rcode.FormErr;
  const questionClass = bytes.readUInt16BE(nameEnd + 2);
  return {
    bytes,
    questionEnd,
    type,
    isInternet: questionClass === classInternet || questionClass === classAny,
    isRecursionDesired: (flags & 0x0100) !== 0,
    edns: rest.edns,
  };
}

/** Returns the unchanged labels of a query's name, leftmost first; bytes that are not UTF-8 become U+FFFD. */
export function labelsOf({ bytes }: QueryView): string[] {
  const labels: string[] = [];
  for (let at = headerBytes, length = bytes.readUInt8(at); length !== 0; length = bytes.readUInt8(at)) {
    labels.push(bytes.toString("utf8", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return labels;
}

/** Returns the end of the question's name, or -1. The first name of a message cannot be compressed. */
function questionNameEnd(bytes: Buffer): number {
  for (let at = headerBytes; at < bytes.length;) {
    const length = bytes.readUInt8(at);
    at += 1 + length;
    if (length > labelBytesMax || at - headerBytes > nameBytesMax) return -1;
    if (length === 0) return at;
  }
  return -1;
}

/** Skips the records after the question, up to the message's end; undefined if they do not fit it. */
function readRecords(bytes: Buffer, start: number): { readonly edns: Edns | undefined } | undefined {
  // Each has at least 11 bytes, so the message's length bounds the loop, whatever the counts.
  const others = bytes.readUInt16BE(6) + bytes.readUInt16BE(8);
  const count = others + bytes.readUInt16BE(10);
  let edns: Edns | undefined;
  let at = start;
  for (let index = 0; index < count; index++) {
    const owner = at;
    at = ownerEnd(bytes, at);
    if (at === -1 || at + 10 > bytes.length) return undefined;
    const type = bytes.readUInt16BE(at);
    const end = at + 10 + bytes.readUInt16BE(at + 8);
    if (end > bytes.length) return undefined;
    if (type === RecordType.OPT) {
      // At most one, of the root, among the additional records (RFC 6891, 6.1.1).
      if (edns !== undefined || at !== owner + 1 || index < others) return undefined;
      edns = {
        udpBytesMax: bytes.readUInt16BE(at + 2),
        version: bytes.readUInt8(at + 5),
        isDnssecOk: (bytes.readUInt8(at + 6) & 0x80) !== 0,
      };
    }
    at = end;
  }
  return at === bytes.length ? { edns } : undefined;
}

/**
 * Returns the end of a record's owner name, or -1. A pointer ends it and is not followed, because the name is not used.
 */
function ownerEnd(bytes: Buffer, start: number): number {
  for (let at = start; at < bytes.length;) {
    const length = bytes.readUInt8(at);
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
    if (length > labelBytesMax || at - start > nameBytesMax) return -1;
    if (length === 0) return at;
  }
  return -1;
}
