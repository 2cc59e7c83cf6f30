import { describe, expect, test } from "bun:test";
import { isUtf8 as platformIsUtf8 } from "node:buffer";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { headerBytesMax } from "../../src/base/limits/fixed.ts";
import { HeaderSchema } from "../../src/wire/gen/pkt_pb.ts";
import { PacketKind, PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { isUtf8 } from "../../src/wire/utf8.ts";
import { packetOf, randomHeader } from "../support/random-header.ts";
import { Random, testSeed } from "../support/random.ts";
import { checkHeader } from "../support/scan-agreement.ts";

const seed = testSeed("packet-scan");
const nothing = new Uint8Array(0);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

function scanOf(header: Uint8Array): PacketScan {
  const scan = new PacketScan();
  scanPacket(packetOf(header, Buffer.from("body")), scan);
  return scan;
}

function headerBytes(header: MessageInitShape<typeof HeaderSchema>): Uint8Array {
  return toBinary(HeaderSchema, create(HeaderSchema, header));
}

describe("agreement with the generated decoder", () => {
  test("on random headers, well-formed and nearly so", () => {
    const random = new Random(seed);
    let logic = 0;
    for (let round = 0; round < 4000; round++) {
      if (checkHeader(randomHeader(random), random.bytes(random.below(8))).kind === PacketKind.Logic) logic++;
    }
    expect(logic).toBeGreaterThan(400);
    expect(logic).toBeLessThan(3600);
  });

  test("whatever the generated encoder makes is Logic", () => {
    const text = fc.string({ unit: "binary", maxLength: 300 });
    const meta = fc.record({
      key: fc.oneof(fc.constantFrom("dest.server", "dest.channels", "dest.plain", "app", "account"), text),
      value: text,
      type: fc.integer({ min: -2147483648, max: 2147483647 }),
    });
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
    const i32 = fc.integer({ min: -2147483648, max: 2147483647 });
    const header = fc.record({
      command: text,
      channelId: text,
      sequence: u32,
      dest: text,
      ticket: u32,
      meta: fc.array(meta),
    });
    fc.assert(
      fc.property(header, i32, i32, (fields, flag, status) => {
        const well = fields.command.isWellFormed() && fields.channelId.isWellFormed() && fields.dest.isWellFormed();
        fc.pre(well && fields.meta.every(({ key, value }) => key.isWellFormed() && value.isWellFormed()));
        const numbers = hex("20").toString("hex") + varintHex(flag) + "28" + varintHex(status);
        const metas = fields.meta.map(({ key, value }) => ({ key, value }));
        const bytes = Buffer.concat([headerBytes({ ...fields, meta: metas }), hex(numbers)]);
        expect(checkHeader(bytes, nothing).kind).toBe(PacketKind.Logic);
      }),
      { seed, numRuns: 300 },
    );
  });

  test("when every single byte of a header is replaced by every value", () => {
    const header = Buffer.from(
      headerBytes({ command: "c.é", sequence: 300, dest: "b", meta: [{ key: "app", value: "k" }], ticket: 7 }),
    );
    for (let at = 0; at < header.length; at++) {
      for (let value = 0; value < 256; value++) {
        const mutated = Buffer.from(header);
        mutated[at] = value;
        checkHeader(mutated, nothing);
      }
    }
  });
});

/** A signed enum value as protobuf writes it: ten bytes when negative. */
function varintHex(value: number): string {
  let rest = BigInt.asUintN(64, BigInt(value));
  let text = "";
  for (; rest >= 0x80n; rest >>= 7n) text += (Number(rest & 0x7fn) | 0x80).toString(16).padStart(2, "0");
  return text + Number(rest).toString(16).padStart(2, "0");
}

describe("plain headers", () => {
  test("a client's usual header is plain, with metas of its own too", () => {
    const scan = scanOf(
      headerBytes({
        command: "chat.user.talk",
        sequence: 7,
        dest: "bob",
        meta: [{ key: "trace", value: "1", type: 1 }],
      }),
    );
    expect(scan.kind).toBe(PacketKind.Logic);
    expect(scan.isPlain).toBe(true);
    expect([scan.channelIdStart, scan.appStart, scan.serverStart, scan.ticket]).toEqual([-1, -1, -1, -1]);
    expect(scanOf(nothing).isPlain).toBe(true);
  });

  const notPlain: Record<string, Uint8Array> = {
    "a channelId": headerBytes({ command: "a.b", channelId: "x" }),
    "an empty channelId": hex("0a01 61 1200"),
    "a ticket": headerBytes({ command: "a.b", ticket: 1 }),
    "a ticket of 0": hex("7d00000000"),
    "a meta app": headerBytes({ meta: [{ key: "app", value: "x" }] }),
    "a meta account": headerBytes({ meta: [{ key: "account", value: "x" }] }),
    "a meta dest.server": headerBytes({ meta: [{ key: "dest.server", value: "x" }] }),
    "a meta dest.channels": headerBytes({ meta: [{ key: "dest.channels", value: "x" }] }),
    "a meta dest.plain": headerBytes({ meta: [{ key: "dest.plain", value: "x" }] }),
    "an untyped meta app without a value": hex("3a05 0a03 617070"),
    "a meta that becomes app by a second key": hex("3a0a 0a03 787878 0a03 617070"),
    "a meta with its value first": hex("3a08 1201 78 0a03 617070"),
    "a meta whose first key was app": hex("3a0a 0a03 617070 0a03 787878"),
    "a reserved meta among others": headerBytes({ meta: [{ key: "a" }, { key: "app", value: "x" }, { key: "b" }] }),
    "command twice": hex("0a0161 0a0162"),
    "sequence twice": hex("1801 1802"),
    "flag twice": hex("2001 2001"),
    "status twice": hex("2801 2801"),
    "dest twice": hex("320161 320162"),
    "an unknown field": hex("4001"),
    "an unknown field with a large number": hex("f8ffffff0f01"),
    "an unknown field in a meta": hex("3a02 2001"),
  };
  for (const [what, header] of Object.entries(notPlain)) {
    test(`${what} makes a header that is well-formed but not plain`, () => {
      const scan = scanOf(header);
      expect(scan.kind).toBe(PacketKind.Logic);
      expect(scan.isPlain).toBe(false);
      checkHeader(header, nothing);
    });
  }

  test("of a field that stands twice the last counts", () => {
    const header = hex("0a0161 0a0162 1801 1802");
    const packet = packetOf(header, nothing);
    const scan = new PacketScan();
    scanPacket(packet, scan);
    expect(packet.toString("utf8", scan.commandStart, scan.commandEnd)).toBe("b");
    expect(scan.sequence).toBe(2);
  });

  test("a scan leaves nothing of the scan before", () => {
    const scan = new PacketScan();
    const full = headerBytes({
      command: "a.b",
      channelId: "c",
      sequence: 9,
      flag: 2,
      status: 300,
      dest: "d",
      ticket: 3,
      meta: [{ key: "app" }, { key: "account" }, { key: "dest.server" }, { key: "x" }, { key: "dest.channels" }],
    });
    const fresh = scanOf(nothing);
    scanPacket(packetOf(full, Buffer.from("body")), scan);
    scanPacket(hex("c315a765000100 00"), scan);
    scanPacket(hex("00"), scan);
    scanPacket(packetOf(nothing, Buffer.from("body")), scan);
    fresh.basicCode = scan.basicCode;
    expect(scan).toEqual(fresh);
  });
});

describe("refused headers", () => {
  const malformed: Record<string, string> = {
    "field number 0": "0001",
    "wire type 3 (group)": "0b",
    "wire type 4": "0c",
    "wire type 6": "0e",
    "wire type 7": "0f",
    "an unknown group": "4344",
    "command as a varint": "0801",
    "sequence as a string": "1a0161",
    "flag as fixed32": "2501000000",
    "meta as a varint": "3801",
    "ticket as a varint": "7801",
    "meta key as a varint": "3a020801",
    "a varint of eleven bytes": "188080808080808080808000",
    "a varint that the header cuts": "1880",
    "a tag above 32 bits": "8880808010 01",
    "a tag of six bytes": "988080808000 01",
    "a length above the header": "0a0261",
    "a length of 4 GiB": "0affffffff0f",
    "a meta key that leaves its meta": "3a03 0a05 61 62636465",
    "a fixed32 that the header cuts": "7d000000",
    "an unknown fixed64 that the header cuts": "4100000000000000",
    "a lone continuation byte": "0a0180",
    "an overlong character": "0a02c080",
    "a surrogate": "0a03eda080",
    "a character above U+10FFFF": "3204f4908080",
    "bad UTF-8 in a meta value": "3a06 0a0161 1201ff",
    "bad UTF-8 in a command that a later one replaces": "0a01ff 0a0161",
  };
  for (const [what, header] of Object.entries(malformed)) {
    test(`${what} is a protocol fault`, () => {
      const scan = scanOf(hex(header));
      expect(scan.kind).toBe(PacketKind.Malformed);
      expect(scan.fault?.code).toBe(1002);
      checkHeader(hex(header), nothing);
    });
  }

  test("a varint of ten bytes is cut to 32 bits, as protobuf does", () => {
    expect(scanOf(hex("18ffffffffffffffffff01")).sequence).toBe(0xffff_ffff);
    expect(scanOf(hex("20ffffffffffffffffff01")).flag).toBe(-1);
    expect(scanOf(hex("18858080801000")).kind).toBe(PacketKind.Malformed);
    expect(scanOf(hex("188580808010")).sequence).toBe(5);
  });

  test("a header above headerBytesMax is 1009, one of exactly that many bytes is read", () => {
    const header = (bytes: number) =>
      Buffer.concat([
        Buffer.of(0x32, 0x80 | ((bytes - 4) % 128), ((bytes - 4) >> 7) | 0x80, (bytes - 4) >> 14),
        Buffer.alloc(bytes - 4, "a"),
      ]);
    expect(scanOf(header(headerBytesMax)).kind).toBe(PacketKind.Logic);
    expect(scanOf(header(headerBytesMax + 1)).fault?.code).toBe(1009);
    const scan = new PacketScan();
    scanPacket(packetOf(header(headerBytesMax + 1), nothing), scan, 2 * headerBytesMax);
    expect(scan.kind).toBe(PacketKind.Logic);
  });
});

describe("the tail", () => {
  const server = { key: "dest.server", value: "g" };
  const channels = { key: "dest.channels", value: "c" };
  const own = { key: "trace", value: "t" };

  test("begins where only dest.* metas and the ticket follow", () => {
    const head = headerBytes({ command: "a.b", meta: [own] });
    const scan = scanOf(headerBytes({ command: "a.b", meta: [own, server, channels], ticket: 5 }));
    expect(scan.tailStart).toBe(8 + head.length);
    expect(scan.hasStrayRouting).toBe(false);
  });

  test("is empty when the header ends with something else, and what stands before is stray", () => {
    const scan = scanOf(headerBytes({ command: "a.b", meta: [server, channels, own] }));
    expect(scan.tailStart).toBe(scan.headerEnd);
    expect(scan.hasStrayRouting).toBe(true);
    expect(scanOf(headerBytes({ meta: [server, own, channels] })).hasStrayRouting).toBe(true);
    expect(scanOf(headerBytes({ meta: [own] })).hasStrayRouting).toBe(false);
  });

  test("app and account are not of the tail", () => {
    const scan = scanOf(
      headerBytes({
        command: "a.b",
        meta: [
          { key: "app", value: "x" },
          { key: "account", value: "y" },
        ],
      }),
    );
    expect(scan.tailStart).toBe(scan.headerEnd);
    expect(scan.hasStrayRouting).toBe(false);
  });
});

describe("UTF-8", () => {
  test("is judged as by the platform, for each string of one or two bytes and each lead with edge bytes", () => {
    const edges = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xff];
    const check = (...bytes: number[]): void => {
      const buffer = Buffer.from(bytes);
      if (isUtf8(buffer, 0, buffer.length) !== platformIsUtf8(buffer))
        throw new Error(`disagree on ${buffer.toString("hex")}`);
    };
    for (let first = 0; first < 256; first++) {
      check(first);
      for (let second = 0; second < 256; second++) check(first, second);
      for (const second of edges)
        for (const third of edges) {
          check(first, second, third);
          for (const fourth of edges) check(first, second, third, fourth);
        }
    }
  });

  test("looks at its own range only", () => {
    const bytes = Buffer.from([0xff, 0x61, 0xc3, 0xa9, 0xff]);
    expect(isUtf8(bytes, 1, 4)).toBe(true);
    expect(isUtf8(bytes, 1, 3)).toBe(false);
    expect(isUtf8(bytes, 2, 2)).toBe(true);
  });
});
