// What is read of a query's bytes, and what is refused: nothing that a peer sends is trusted.

import { describe, expect, test } from "bun:test";
import {
  headerBytes,
  labelsOf,
  parseQuery,
  type QueryView,
  Rcode,
  RecordType,
} from "../../../src/registry/dns/query.ts";
import { Random, testSeed } from "../../support/random.ts";
import { headerOf, nameBytes, optBytes, queryOf, typeAndClass } from "./messages.ts";

function viewOf(bytes: Buffer): QueryView {
  const query = parseQuery(bytes);
  if (typeof query !== "object") throw new Error(`refused with ${query}`);
  return query;
}

/** A record of some type with an empty name, and as much data as it says, or less. */
function recordOf(type: number, declaredBytes: number, dataBytes = declaredBytes): Buffer {
  const bytes = Buffer.alloc(11 + dataBytes);
  bytes.writeUInt16BE(type, 1);
  bytes.writeUInt16BE(declaredBytes, 9);
  return bytes;
}

const question = Buffer.concat([nameBytes("a.roost"), typeAndClass(RecordType.A)]);

describe("a query", () => {
  test("is read with its name as it came", () => {
    const bytes = queryOf("_Login._tcp.Z1.roost", "SRV");
    const query = viewOf(bytes);
    expect(labelsOf(query)).toEqual(["_Login", "_tcp", "Z1", "roost"]);
    expect(query).toMatchObject({ type: RecordType.SRV, isInternet: true, isRecursionDesired: true, edns: undefined });
    expect(query.questionEnd).toBe(bytes.length);
  });

  test("may be for the root, and for the longest name", () => {
    expect(labelsOf(viewOf(queryOf("", "NS")))).toEqual([]);
    const labels = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)];
    expect(labelsOf(viewOf(queryOf(labels, "A")))).toEqual(labels);
    labels[3] = "d".repeat(62);
    expect(parseQuery(queryOf(labels, "A"))).toBe(Rcode.FormErr);
  });

  test("may be of class ANY; another class is refused", () => {
    expect(viewOf(queryOf("a.roost", "A", { class: 255 })).isInternet).toBe(true);
    expect(viewOf(queryOf("a.roost", "A", { class: 3 })).isInternet).toBe(false);
  });

  test("tells what its OPT record says", () => {
    expect(viewOf(queryOf("a.roost", "A", { edns: 1232 })).edns).toEqual({
      version: 0,
      udpBytesMax: 1232,
      isDnssecOk: false,
    });
    const strange = queryOf("a.roost", "A", { edns: 0, ednsVersion: 7, isDnssecOk: true });
    expect(viewOf(strange).edns).toEqual({ version: 7, udpBytesMax: 0, isDnssecOk: true });
    const withCookie = Buffer.concat([headerOf(0, [1, 0, 0, 1]), question, optBytes(4096, 0, false, Buffer.alloc(12))]);
    expect(viewOf(withCookie).edns?.udpBytesMax).toBe(4096);
  });

  test("may carry other records, with names that are pointers, which are skipped", () => {
    const pointed = Buffer.concat([Buffer.from([0xc0, 0x0c]), recordOf(RecordType.TXT, 5).subarray(1)]);
    const bytes = Buffer.concat([headerOf(0, [1, 1, 1, 2]), question, pointed, pointed, pointed, optBytes(512)]);
    expect(viewOf(bytes).edns?.udpBytesMax).toBe(512);
  });
});

describe("no answer goes to", () => {
  test("less than a header", () => {
    for (let length = 0; length < headerBytes; length++) expect(parseQuery(Buffer.alloc(length))).toBeUndefined();
  });

  test("an answer, whatever else it is", () => {
    expect(parseQuery(queryOf("a.roost", "A", { flags: 0x8000 }))).toBeUndefined();
    expect(parseQuery(Buffer.alloc(headerBytes, 0xff))).toBeUndefined();
    expect(parseQuery(queryOf("a.roost", "A", { flags: 0xf800 }))).toBeUndefined();
  });
});

describe("refused as malformed is", () => {
  test("every beginning of a query with all sections", () => {
    const bytes = Buffer.concat([headerOf(0, [1, 1, 0, 1]), question, recordOf(RecordType.A, 4), optBytes(1232)]);
    viewOf(bytes);
    for (let length = headerBytes; length < bytes.length; length++)
      expect([length, parseQuery(bytes.subarray(0, length))]).toEqual([length, Rcode.FormErr]);
  });

  test("no question, and more than one", () => {
    expect(parseQuery(headerOf(0, [0, 0, 0, 0]))).toBe(Rcode.FormErr);
    expect(parseQuery(Buffer.concat([headerOf(0, [2, 0, 0, 0]), question, question]))).toBe(Rcode.FormErr);
    expect(parseQuery(Buffer.concat([headerOf(0, [0xffff, 0, 0, 0]), question]))).toBe(Rcode.FormErr);
  });

  test("a name that points, to itself, forwards, backwards or nowhere", () => {
    for (const pointer of [0xc00c, 0xc00e, 0xc000, 0xffff]) {
      const name = Buffer.alloc(2);
      name.writeUInt16BE(pointer);
      const bytes = [headerOf(0, [1, 0, 0, 0]), name, typeAndClass(RecordType.A)];
      expect(parseQuery(Buffer.concat(bytes))).toBe(Rcode.FormErr);
      const afterLabel = [headerOf(0, [1, 0, 0, 0]), Buffer.from([1, 0x61]), name, typeAndClass(RecordType.A)];
      expect(parseQuery(Buffer.concat(afterLabel))).toBe(Rcode.FormErr);
    }
  });

  test("a label of a kind that does not exist", () => {
    for (const length of [0x40, 0x7f, 0x80, 0xbf]) {
      const name = Buffer.concat([Buffer.from([length]), Buffer.alloc(length, 0x61), Buffer.from([0])]);
      const bytes = Buffer.concat([headerOf(0, [1, 0, 0, 0]), name, typeAndClass(RecordType.A)]);
      expect(parseQuery(bytes)).toBe(Rcode.FormErr);
    }
  });

  test("junk behind the last record", () => {
    expect(parseQuery(Buffer.concat([queryOf("a.roost", "A"), Buffer.from([0])]))).toBe(Rcode.FormErr);
    expect(parseQuery(Buffer.concat([queryOf("a.roost", "A", { edns: 512 }), Buffer.alloc(65_000)]))).toBe(
      Rcode.FormErr,
    );
  });

  test("counts of records that are not there", () => {
    for (const counts of [
      [1, 1, 0, 0],
      [1, 0, 1, 0],
      [1, 0, 0, 1],
      [1, 0xffff, 0xffff, 0xffff],
    ] as const)
      expect(parseQuery(Buffer.concat([headerOf(0, counts), question]))).toBe(Rcode.FormErr);
  });

  test("a record that says to be longer than the message", () => {
    const bytes = Buffer.concat([headerOf(0, [1, 0, 0, 1]), question, recordOf(RecordType.TXT, 0xffff, 10)]);
    expect(parseQuery(bytes)).toBe(Rcode.FormErr);
  });

  test("a record's name that loops over labels to the end", () => {
    const endless = Buffer.concat(Array.from({ length: 20_000 }, () => Buffer.from([1, 0x61])));
    expect(parseQuery(Buffer.concat([headerOf(0, [1, 0, 0, 1]), question, endless]))).toBe(Rcode.FormErr);
  });

  test("a second OPT record, one with a name, and one that is no additional record", () => {
    const two = [headerOf(0, [1, 0, 0, 2]), question, optBytes(512), optBytes(512)];
    expect(parseQuery(Buffer.concat(two))).toBe(Rcode.FormErr);
    const named = [headerOf(0, [1, 0, 0, 1]), question, nameBytes("a"), optBytes(512).subarray(1)];
    expect(parseQuery(Buffer.concat(named))).toBe(Rcode.FormErr);
    for (const counts of [
      [1, 1, 0, 0],
      [1, 0, 1, 0],
    ] as const)
      expect(parseQuery(Buffer.concat([headerOf(0, counts), question, optBytes(512)]))).toBe(Rcode.FormErr);
  });

  test("a question for OPT", () => {
    expect(parseQuery(queryOf("", "OPT"))).toBe(Rcode.FormErr);
  });
});

test("other opcodes than a query's are not implemented", () => {
  for (let opcode = 1; opcode < 16; opcode++)
    expect(parseQuery(queryOf("a.roost", "A", { flags: opcode << 11 }))).toBe(Rcode.NotImp);
});

test("random and mutated bytes of any length are read or refused, and never beyond their end", () => {
  const random = new Random(testSeed("DNS query bytes"));
  const seeds = [
    queryOf("_login._tcp.z1.roost", "SRV", { edns: 1232 }),
    Buffer.concat([headerOf(0, [1, 1, 0, 1]), question, recordOf(RecordType.A, 4), optBytes(1232)]),
  ];
  let readable = 0;
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(random.once(4) ? random.bytes(random.below(100)) : (seeds[round % 2] ?? ""));
    for (let changes = random.below(3); changes > 0 && bytes.length > 0; changes--)
      bytes[random.below(bytes.length)] = random.u32();
    const query = parseQuery(bytes.subarray(0, random.once(4) ? random.below(bytes.length + 1) : bytes.length));
    if (typeof query !== "object") continue;
    readable++;
    expect(query.questionEnd).toBeLessThanOrEqual(query.bytes.length);
    expect(labelsOf(query).length).toBeLessThan(128);
  }
  expect(readable).toBeGreaterThan(2_000);
});
