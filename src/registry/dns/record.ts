// Resource records as they stand in an answer (RFC 1035, 3.2.1), without the owner's name: the response writer puts
// that before the record, mostly as a pointer of two bytes. Names are ASCII without checks here: the caller has checked
// them with `isHostName`.
//
//   0  type (2) · 2  class (2) · 4  TTL in seconds (4) · 8  length of the data (2) · 10  the data

import { isIP } from "node:net";
import { addressBytes } from "../../transport/address-ranges.ts";
import { classInternet, labelBytesMax, RecordType } from "./query.ts";

/** Text of a name without the final dot: 255 bytes on the wire. */
const nameCharactersMax = 253;
const fixedBytes = 10;

export class ResourceRecord {
  /** In lower case, without the final dot. */
  readonly owner: string;
  private readonly parts: {
    readonly type: number;
    readonly ttl: number;
    readonly data: () => Buffer;
    readonly target?: string;
    readonly targetOffset?: number;
    readonly textBytes?: number;
  };
  private encoded: Buffer | undefined;

  constructor(owner: string, parts: ResourceRecord["parts"]) {
    this.owner = owner;
    this.parts = parts;
  }

  /** The target's name, for SRV and NS. */
  get target(): string | undefined {
    return this.parts.target;
  }

  /** The target's offset in `body`, uncompressed as RFC 2782 requires. */
  get targetAt(): number {
    return fixedBytes + (this.parts.targetOffset ?? 0);
  }

  /** The length of the data, if it may be long. */
  get textBytes(): number {
    return this.parts.textBytes ?? 0;
  }

  /**
   * Type, class, TTL, length and data. Encoded on first use: most records of a large service never fit into an answer.
   */
  get body(): Buffer {
    return (this.encoded ??= this.encode());
  }

  private encode(): Buffer {
    const { type, ttl } = this.parts;
    const data = this.parts.data();
    const body = Buffer.allocUnsafe(fixedBytes + data.length);
    body.writeUInt16BE(type, 0);
    body.writeUInt16BE(classInternet, 2);
    body.writeUInt32BE(ttl, 4);
    body.writeUInt16BE(data.length, 8);
    data.copy(body, fixedBytes);
    return body;
  }
}

/** Returns an A record for an IPv4 address, AAAA for IPv6. */
export function addressRecord(owner: string, ttl: number, address: string): ResourceRecord {
  const type = isIP(address) === 4 ? RecordType.A : RecordType.AAAA;
  return new ResourceRecord(owner, { type, ttl, data: () => addressBytes(address) });
}

/** RFC 2782. All targets are equally near: priority 0. */
export function serviceRecord(
  owner: string,
  ttl: number,
  { target, port, weight }: { readonly target: string; readonly port: number; readonly weight: number },
): ResourceRecord {
  const data = (): Buffer => Buffer.concat([numbersOf(2, [0, weight, port]), nameOf(target)]);
  return new ResourceRecord(owner, { type: RecordType.SRV, ttl, data, target, targetOffset: 6 });
}

/**
 * Returns a record of one string of at most 255 bytes. A record may hold several, but many resolvers, Go's among them,
 * join those without a separator.
 */
export function textRecord(owner: string, ttl: number, text: string): ResourceRecord {
  const textBytes = 1 + Buffer.byteLength(text);
  const data = (): Buffer => Buffer.concat([numbersOf(1, [textBytes - 1]), Buffer.from(text)]);
  return new ResourceRecord(owner, { type: RecordType.TXT, ttl, data, textBytes });
}

/** Returns a CNAME record; `owner` has no other record (RFC 1034, 3.6.2). */
export function aliasRecord(owner: string, ttl: number, target: string): ResourceRecord {
  return new ResourceRecord(owner, { type: RecordType.CNAME, ttl, data: () => nameOf(target) });
}

export function nameServerRecord(owner: string, ttl: number, target: string): ResourceRecord {
  return new ResourceRecord(owner, { type: RecordType.NS, ttl, data: () => nameOf(target), target });
}

/** Returns the start of authority; its last number is the life of negative answers in caches (RFC 2308, 4). */
export function authorityRecord(owner: string, ttl: number, mname: string, serial: number): ResourceRecord {
  const [refresh, retry, expire] = [3600, 600, 86_400];
  const data = (): Buffer =>
    Buffer.concat([
      nameOf(mname),
      nameOf(`hostmaster.${owner}`),
      numbersOf(4, [serial >>> 0, refresh, retry, expire, ttl]),
    ]);
  return new ResourceRecord(owner, { type: RecordType.SOA, ttl, data });
}

/**
 * Reports whether resolvers accept a lower-case name as a host's: labels of letters, digits, dashes and underscores.
 */
export function isHostName(name: string): boolean {
  if (name.length > nameCharactersMax) return false;
  const labels = name.split(".");
  // A last label of digits only looks like an address.
  return labels.every(isHostLabel) && !/^\d+$/.test(labels.at(-1) ?? "");
}

/** Writes a name without compression (RFC 1035, 3.1); returns its end. */
export function writeName(bytes: Buffer, name: string, start: number): number {
  let at = start;
  for (const label of name.split(".")) {
    at = bytes.writeUInt8(label.length, at);
    at += bytes.write(label, at, "latin1");
  }
  return bytes.writeUInt8(0, at);
}

function nameOf(name: string): Buffer {
  const bytes = Buffer.allocUnsafe(name.length + 2);
  writeName(bytes, name, 0);
  return bytes;
}

/** Encodes numbers of `size` bytes each. */
function numbersOf(size: number, numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(size * numbers.length);
  for (const [index, number] of numbers.entries()) bytes.writeUIntBE(number, index * size, size);
  return bytes;
}

function isHostLabel(label: string): boolean {
  return label.length <= labelBytesMax && /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/.test(label);
}
