// An answer's bytes (RFC 1035, 4.1). The question is copied as it came. An owner's name becomes a pointer to where that
// name stands already, which is nearly always: in the question, or as a target. What does not fit is left out in the
// order in which it is missed least: additional records set by set, unmarked (RFC 2181, 9); then answers, with TC set.

import { headerBytes, labelsOf, type QueryView, Rcode, RecordType } from "./query.ts";
import { type ResourceRecord, writeName } from "./record.ts";
import type { Finding } from "./finding.ts";
import { asciiLower } from "../name-index.ts";

/** The largest message over TCP: its length is two bytes. */
export const messageBytesMax = 65_535;
/** What we say to take over UDP ourselves, and the most that we send there: fits into one packet nearly everywhere. */
export const udpBytesMax = 1232;

/** Our OPT record: root, type, payload size, extended code, version, flags, no options (RFC 6891, 6.1.2). */
const optBytes = 11;
/** A pointer reaches this far (RFC 1035, 4.1.4). */
const pointerEnd = 0x4000;

const Flag = { Response: 0x8000, Authoritative: 0x0400, Truncated: 0x0200, RecursionDesired: 0x0100 } as const;

/** Where the records of an answer come from. */
interface ResponseSource {
  /** In lower case, without the final dot. */
  readonly domain: string;
  glue(target: string): readonly ResourceRecord[];
}

/** The answer to what has no readable question: a header alone. `bytes` hold the header at least. */
export function refusalOf(bytes: Buffer, rcode: Rcode): Buffer {
  const response = Buffer.alloc(headerBytes);
  bytes.copy(response, 0, 0, 2);
  // The opcode and RD are the requester's.
  response.writeUInt16BE(Flag.Response | (bytes.readUInt16BE(2) & 0x7900) | rcode, 2);
  return response;
}

export class ResponseWriter {
  private readonly source: ResponseSource;
  private readonly bytes = Buffer.alloc(messageBytesMax);
  private at = 0;
  /** No record may end behind this. */
  private end = 0;
  /** Where names stand that a pointer may point to, in lower case. */
  private readonly names = new Map<string, number>();

  constructor(source: ResponseSource) {
    this.source = source;
  }

  /**
   * Writes an answer of at most `bytesMax` (512 at least), with the answers in their order from number `first` on, all
   * around. Over TCP (`messageBytesMax`) what does not fit is left out unmarked: there is no way to ask for more. The
   * bytes are the caller's.
   */
  write(query: QueryView, finding: Finding, first: number, bytesMax: number): Buffer {
    const { bytes, names } = this;
    const { questionEnd, edns } = query;
    query.bytes.copy(bytes, 0, 0, questionEnd);
    this.at = questionEnd;
    this.end = bytesMax - (edns === undefined ? 0 : optBytes);
    names.clear();
    this.nameQuestion(query);

    const { answers, authorities, rcode } = finding;
    let answerCount = 0;
    while (answerCount < answers.length) {
      const record = answers[(first + answerCount) % answers.length];
      if (record === undefined || !this.append(record)) break;
      answerCount++;
    }
    let isTruncated = answerCount < answers.length && bytesMax < messageBytesMax;
    let authorityCount = 0;
    for (const record of authorities) {
      if (this.append(record)) authorityCount++;
      else isTruncated = true;
    }
    let additionalCount = 0;
    if (!isTruncated) additionalCount = this.appendGlue(answers, first, answerCount);
    if (edns !== undefined) {
      this.appendOpt(rcode, edns.isDnssecOk);
      additionalCount++;
    }

    const isAuthoritative = rcode === Rcode.NoError || rcode === Rcode.NxDomain;
    bytes.writeUInt16BE(
      Flag.Response |
        (isAuthoritative ? Flag.Authoritative : 0) |
        (isTruncated ? Flag.Truncated : 0) |
        (query.isRecursionDesired ? Flag.RecursionDesired : 0) |
        (rcode & 0xf),
      2,
    );
    bytes.writeUInt16BE(1, 4);
    bytes.writeUInt16BE(answerCount, 6);
    bytes.writeUInt16BE(authorityCount, 8);
    bytes.writeUInt16BE(additionalCount, 10);
    return Buffer.from(bytes.subarray(0, this.at));
  }

  /**
   * Writes an answer without records that says to ask again over TCP. It is as long as its query, and no longer: who
   * has forged the sender's address gains nothing.
   */
  writeCut(query: QueryView): Buffer {
    const { bytes } = this;
    const { questionEnd, edns } = query;
    query.bytes.copy(bytes, 0, 0, questionEnd);
    this.at = questionEnd;
    if (edns !== undefined) this.appendOpt(Rcode.NoError, edns.isDnssecOk);
    const desired = query.isRecursionDesired ? Flag.RecursionDesired : 0;
    bytes.writeUInt16BE(Flag.Response | Flag.Authoritative | Flag.Truncated | desired, 2);
    bytes.writeUInt16BE(1, 4);
    bytes.writeUInt16BE(0, 6);
    bytes.writeUInt16BE(0, 8);
    bytes.writeUInt16BE(edns === undefined ? 0 : 1, 10);
    return Buffer.from(bytes.subarray(0, this.at));
  }

  /** The question's name, and the domain at its end, can be pointed to. */
  private nameQuestion(query: QueryView): void {
    const name = asciiLower(labelsOf(query).join("."));
    const { domain } = this.source;
    // The name's text is one byte longer than its labels with their lengths, the root and the type and class follow.
    const domainAt = query.questionEnd - 4 - 1 - (domain.length + 1);
    if (name === domain || name.endsWith(`.${domain}`)) this.names.set(domain, domainAt);
    this.names.set(name, headerBytes);
  }

  /** False, and nothing written, when it does not fit. */
  private append(record: ResourceRecord): boolean {
    const { bytes, names } = this;
    const { owner, body, target, targetAt } = record;
    const pointer = names.get(owner);
    const ownerBytes = pointer === undefined ? owner.length + 2 : 2;
    if (this.at + ownerBytes + body.length > this.end) return false;
    if (pointer === undefined) this.appendName(owner);
    else this.at = bytes.writeUInt16BE(0xc000 | pointer, this.at);
    const targetOffset = this.at + targetAt;
    if (target !== undefined && targetOffset < pointerEnd && !names.has(target)) names.set(target, targetOffset);
    this.at += body.copy(bytes, this.at);
    return true;
  }

  private appendName(name: string): void {
    const { bytes, names } = this;
    if (this.at < pointerEnd) names.set(name, this.at);
    this.at = writeName(bytes, name, this.at);
  }

  /** The addresses of the targets, all of a target's or none. Gives the number of records. */
  private appendGlue(answers: readonly ResourceRecord[], first: number, answerCount: number): number {
    const done = new Set<string>();
    let count = 0;
    for (let index = 0; index < answerCount; index++) {
      // Hardly another record would fit.
      if (this.end - this.at < 2 + 14) break;
      const target = answers[(first + index) % answers.length]?.target;
      if (target === undefined || done.has(target)) continue;
      done.add(target);
      count += this.appendAll(this.source.glue(target));
    }
    return count;
  }

  private appendAll(records: readonly ResourceRecord[]): number {
    const start = this.at;
    for (const record of records) {
      if (this.append(record)) continue;
      this.forgetNamesFrom(start);
      this.at = start;
      return 0;
    }
    return records.length;
  }

  private forgetNamesFrom(start: number): void {
    for (const [name, at] of this.names) if (at >= start) this.names.delete(name);
  }

  private appendOpt(rcode: Rcode, isDnssecOk: boolean): void {
    const { bytes } = this;
    let at = bytes.writeUInt8(0, this.at);
    at = bytes.writeUInt16BE(RecordType.OPT, at);
    at = bytes.writeUInt16BE(udpBytesMax, at);
    at = bytes.writeUInt8(rcode >>> 4, at);
    at = bytes.writeUInt8(0, at);
    at = bytes.writeUInt16BE(isDnssecOk ? 0x8000 : 0, at);
    this.at = bytes.writeUInt16BE(0, at);
  }
}
