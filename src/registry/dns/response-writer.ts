// Encodes answers (RFC 1035, 4.1). The question is copied unchanged. An owner's name becomes a pointer to an earlier
// occurrence, which nearly always exists: in the question, or as a target. What does not fit is omitted in order of
// least loss: additional records set by set, unmarked (RFC 2181, 9); then answers, with TC set.

import { headerBytes, labelsOf, type QueryView, Rcode, RecordType } from "./query.ts";
import { type ResourceRecord, writeName } from "./record.ts";
import type { Finding } from "./finding.ts";
import { asciiLower } from "../name-index.ts";

/** The largest message over TCP: its length is two bytes. */
export const messageBytesMax = 65_535;
/** The UDP size that we declare and the most that we send: fits into one packet nearly everywhere. */
export const udpBytesMax = 1232;

/** Our OPT record: root, type, payload size, extended code, version, flags, no options (RFC 6891, 6.1.2). */
const optBytes = 11;
/** A pointer reaches this far (RFC 1035, 4.1.4). */
const pointerEnd = 0x4000;

const Flag = { Response: 0x8000, Authoritative: 0x0400, Truncated: 0x0200, RecursionDesired: 0x0100 } as const;

/** The source of additional records. */
interface ResponseSource {
  /** In lower case, without the final dot. */
  readonly domain: string;
  glue(target: string): readonly ResourceRecord[];
}

/** Returns the answer to a message without a readable question: a header alone. `bytes` must hold a header. */
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
  /** The limit for the end of records. */
  private end = 0;
  /** Offsets of names that pointers can refer to, in lower case. */
  private readonly names = new Map<string, number>();

  constructor(source: ResponseSource) {
    this.source = source;
  }

  /**
   * Writes an answer of at most `bytesMax` bytes (512 or more), with the answers in order from index `first`,
   * cyclically. Over TCP (`messageBytesMax`) what does not fit is omitted unmarked, because there is no way to ask for
   * more. The caller owns the bytes.
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
   * Writes an answer without records that asks the requester to use TCP. It is exactly as long as the query, so forging
   * the sender's address gains nothing.
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

  /** Records the offsets of the question's name and of the domain at its end. */
  private nameQuestion(query: QueryView): void {
    const name = asciiLower(labelsOf(query).join("."));
    const { domain } = this.source;
    // The encoded name is two bytes longer than its text; type and class follow.
    const domainAt = query.questionEnd - 4 - 1 - (domain.length + 1);
    if (name === domain || name.endsWith(`.${domain}`)) this.names.set(domain, domainAt);
    this.names.set(name, headerBytes);
  }

  /** Returns false, and writes nothing, if it does not fit. */
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

  /** Appends the addresses of the targets, all of a target's or none. Returns the number of records. */
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
