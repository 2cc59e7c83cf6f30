// Resource records as they stand in an answer. dns-packet encodes what follows the owner's name; the name is put before
// it when the answer is written, where it can mostly be a pointer of two bytes. dns-packet checks no name: who makes a
// record has checked its names with `isHostName`.

import { isIP } from "node:net";
import { encode, type Answer } from "dns-packet";
import { headerBytes, labelBytesMax } from "./query.ts";

/** Text of a name without the final dot: 255 bytes on the wire. */
const nameCharactersMax = 253;

/** The types of which a registry's table makes records, and those of the apex. */
type RecordAnswer = Extract<Answer, { readonly type: string; readonly data: unknown }>;

export class ResourceRecord {
  /** In lower case, without the final dot. */
  readonly owner: string;
  /** The name that it points to, for SRV and NS. */
  readonly target: string | undefined;
  /** Where in `body` that name stands, uncompressed (RFC 2782 wants it so). */
  readonly targetAt: number;
  /** Length of what it says, where that may be long. */
  readonly textBytes: number;
  private readonly answer: RecordAnswer;
  private encoded: Buffer | undefined;

  constructor(owner: string, answer: RecordAnswer, target?: string, targetAt = 0, textBytes = 0) {
    this.textBytes = textBytes;
    this.owner = owner;
    this.answer = answer;
    this.target = target;
    this.targetAt = targetAt;
  }

  /** Type, class, TTL, length and data. Made when first asked for: most records of a large service never fit an answer. */
  get body(): Buffer {
    // The root's name, which stands for the owner's, is one byte.
    this.encoded ??= encode({ type: "response", answers: [this.answer] }).subarray(headerBytes + 1);
    return this.encoded;
  }
}

/** Makes A of an IPv4 address, AAAA of an IPv6 one. */
export function addressRecord(owner: string, ttl: number, address: string): ResourceRecord {
  return new ResourceRecord(owner, { name: ".", type: isIP(address) === 4 ? "A" : "AAAA", ttl, data: address });
}

/** RFC 2782. All our targets are equally near: priority 0. */
export function serviceRecord(
  owner: string,
  ttl: number,
  data: { readonly target: string; readonly port: number; readonly weight: number },
): ResourceRecord {
  return new ResourceRecord(owner, { name: ".", type: "SRV", ttl, data: { ...data, priority: 0 } }, data.target, 16);
}

/**
 * One string of at most 255 bytes. A record may hold several, but many resolvers, Go's among them, hand those out as one,
 * joined without anything between them.
 */
export function textRecord(owner: string, ttl: number, text: string): ResourceRecord {
  const data = Buffer.from(text);
  return new ResourceRecord(owner, { name: ".", type: "TXT", ttl, data }, undefined, 0, 1 + data.length);
}

/** The name of which `owner` is another one; `owner` has no other record (RFC 1034, 3.6.2). */
export function aliasRecord(owner: string, ttl: number, target: string): ResourceRecord {
  return new ResourceRecord(owner, { name: ".", type: "CNAME", ttl, data: target });
}

export function nameServerRecord(owner: string, ttl: number, target: string): ResourceRecord {
  return new ResourceRecord(owner, { name: ".", type: "NS", ttl, data: target }, target, 10);
}

/** The start of authority, whose last number says how long "no such thing" may be remembered (RFC 2308, 4). */
export function authorityRecord(owner: string, ttl: number, mname: string, serial: number): ResourceRecord {
  const times = { refresh: 3600, retry: 600, expire: 86_400, minimum: ttl };
  const data = { mname, rname: `hostmaster.${owner}`, serial: serial >>> 0, ...times };
  return new ResourceRecord(owner, { name: ".", type: "SOA", ttl, data });
}

/** True for a name in lower case that resolvers take for a host's: labels of letters, digits, dashes and underscores. */
export function isHostName(name: string): boolean {
  if (name.length > nameCharactersMax) return false;
  const labels = name.split(".");
  // Of digits alone, the last one, the whole would look like an address.
  return labels.every(isHostLabel) && !/^\d+$/.test(labels.at(-1) ?? "");
}

function isHostLabel(label: string): boolean {
  return label.length <= labelBytesMax && /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/.test(label);
}
