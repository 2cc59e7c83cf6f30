// DNS messages in the test's hands: queries written byte by byte, answers read by dns-packet.

import { type Answer, decode, type DecodedPacket } from "dns-packet";
import { RecordType } from "../../../src/registry/dns/query.ts";

export type QueryParts = {
  readonly id?: number;
  /** Opcode and flags; RD alone by default. */
  readonly flags?: number;
  readonly class?: number;
  /** The UDP payload that the requester declares; undefined: no OPT record. */
  readonly edns?: number | undefined;
  readonly ednsVersion?: number;
  readonly isDnssecOk?: boolean;
};

/** A name on the wire; labels may be given as such, with dots and any bytes. */
export function nameBytes(name: string | readonly (string | Buffer)[]): Buffer {
  const labels = typeof name === "string" ? name.split(".").filter((label) => label !== "") : name;
  const parts = labels.map((label) => Buffer.from(label));
  return Buffer.concat([...parts.flatMap((label) => [Buffer.from([label.length]), label]), Buffer.from([0])]);
}

/** An OPT record. */
export function optBytes(udpBytes: number, version = 0, isDnssecOk = false, options = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(11);
  bytes.writeUInt16BE(RecordType.OPT, 1);
  bytes.writeUInt16BE(udpBytes, 3);
  bytes.writeUInt8(version, 6);
  bytes.writeUInt16BE(isDnssecOk ? 0x8000 : 0, 7);
  bytes.writeUInt16BE(options.length, 9);
  return Buffer.concat([bytes, options]);
}

/** A header with these counts. */
export function headerOf(flags: number, counts: readonly [number, number, number, number], id = 1): Buffer {
  const bytes = Buffer.alloc(12);
  for (const [at, word] of [id, flags, ...counts].entries()) bytes.writeUInt16BE(word, 2 * at);
  return bytes;
}

/** Type and class of a question. */
export function typeAndClass(type: number, questionClass = 1): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(questionClass, 2);
  return bytes;
}

/** A query with one question. */
export function queryOf(
  name: string | readonly (string | Buffer)[],
  type: number | Exclude<keyof typeof RecordType, number>,
  parts: QueryParts = {},
): Buffer {
  const { id = 1, flags = 0x0100, edns, ednsVersion, isDnssecOk } = parts;
  return Buffer.concat([
    headerOf(flags, [1, 0, 0, edns === undefined ? 0 : 1], id),
    nameBytes(name),
    typeAndClass(typeof type === "number" ? type : RecordType[type], parts.class),
    edns === undefined ? Buffer.alloc(0) : optBytes(edns, ednsVersion, isDnssecOk),
  ]);
}

/** What a test wants to know of an answer. */
export interface Read {
  readonly packet: DecodedPacket;
  /** `NOERROR`, `NXDOMAIN` ... */
  readonly rcode: string;
  readonly isAuthoritative: boolean;
  readonly isTruncated: boolean;
  /** As `owner TTL type data`, in the answer's order. */
  readonly answers: readonly string[];
  readonly authorities: readonly string[];
  /** Without the OPT record. */
  readonly additionals: readonly string[];
}

export function readAnswer(bytes: Buffer): Read {
  const packet = decode(bytes);
  return {
    packet,
    // The types know nothing of it.
    rcode: String(Reflect.get(packet, "rcode")),
    isAuthoritative: packet.flag_aa,
    isTruncated: packet.flag_tc,
    answers: (packet.answers ?? []).map(textOf),
    authorities: (packet.authorities ?? []).map(textOf),
    additionals: (packet.additionals ?? []).filter(({ type }) => type !== "OPT").map(textOf),
  };
}

/** The OPT record of an answer. */
export function optOf({ packet }: Read): Extract<Answer, { readonly type: "OPT" }> | undefined {
  const [opt] = (packet.additionals ?? []).flatMap((record) => (record.type === "OPT" ? [record] : []));
  return opt;
}

function textOf(record: Answer): string {
  const head = `${record.name} ${record.type === "OPT" ? "" : record.ttl} ${record.type}`;
  switch (record.type) {
    case "SRV": {
      const { priority, weight, port, target } = record.data;
      return `${head} ${priority} ${weight} ${port} ${target}`;
    }
    case "TXT":
      return `${head} ${[record.data].flat().map(String).join("|")}`;
    case "SOA":
      return `${head} ${record.data.mname} ${record.data.rname} ${record.data.minimum}`;
    case "A":
    case "AAAA":
    case "CNAME":
    case "NS":
      return `${head} ${record.data}`;
    default:
      return head;
  }
}
