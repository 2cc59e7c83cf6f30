// Golden vectors: what an independent encoder made is read as it says, by decoder and scanner, and what is malformed is
// refused by both.

import { describe, expect, test } from "bun:test";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { FrameReader } from "../../src/wire/frame-reader.ts";
import { frameHeaderBytes } from "../../src/wire/frame-writer.ts";
import { file_pkt } from "../../src/wire/gen/pkt_pb.ts";
import { OpCode } from "../../src/wire/opcode.ts";
import { basicPing, basicPong, decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { PacketKind, PacketScan, scanPacket } from "../../src/wire/packet-scan.ts";
import { ProtocolFault } from "../../src/wire/protocol-fault.ts";
import { bytesOf, frameVectors, malformedVectors, packetVectors } from "../support/vectors.ts";

describe("golden packets", () => {
  for (const vector of packetVectors) {
    test(`${vector.name} decodes to the stated values`, () => {
      const packet = decodePacket(bytesOf(vector.hex));
      expect(Buffer.from(packet.body).toString("hex")).toBe(vector.bodyHex);
      if (packet.kind === "basic") {
        expect(vector.kind).toBe("basic");
        expect(packet.code).toBe(vector.code ?? -1);
        return;
      }
      const expected = vector.header;
      if (expected === undefined) throw new Error("the vector states a header");
      const { command, channelId, sequence, flag, status, dest, ticket } = packet.header;
      const meta = packet.header.meta.map(({ key, value, type }) => ({ key, value, type }));
      expect<unknown>({ command, channelId, sequence, flag, status, dest, meta }).toEqual(expected);
      expect(ticket).toBe(0);
    });

    test(`${vector.name} scans to the stated values`, () => {
      const bytes = bytesOf(vector.hex);
      const scan = new PacketScan();
      scanPacket(bytes, scan);
      expect(bytes.toString("hex", scan.bodyStart, scan.bodyEnd)).toBe(vector.bodyHex);
      const expected = vector.header;
      if (expected === undefined) {
        expect(scan.kind).toBe(PacketKind.Basic);
        expect(scan.basicCode).toBe(vector.code ?? -1);
        return;
      }
      expect(scan.kind).toBe(PacketKind.Logic);
      const text = (start: number, end: number): string => (start < 0 ? "" : bytes.toString("utf8", start, end));
      expect(text(scan.commandStart, scan.commandEnd)).toBe(expected.command);
      expect(text(scan.channelIdStart, scan.channelIdEnd)).toBe(expected.channelId);
      expect(text(scan.destStart, scan.destEnd)).toBe(expected.dest);
      expect([scan.sequence, scan.flag, scan.status]).toEqual([expected.sequence, expected.flag, expected.status]);
      const metaOf = (key: string): string => expected.meta.find((meta) => meta.key === key)?.value ?? "";
      expect(text(scan.serverStart, scan.serverEnd)).toBe(metaOf("dest.server"));
      expect(text(scan.channelsStart, scan.channelsEnd)).toBe(metaOf("dest.channels"));
      expect(scan.isPlain).toBe(expected.channelId === "" && expected.meta.length === 0);
    });

    if (vector.header !== undefined) {
      test(`${vector.name} survives encoding and decoding`, () => {
        const once = decodePacket(bytesOf(vector.hex));
        if (once.kind !== "logic") throw new Error("the vector is a logic packet");
        const again = decodePacket(encodeLogicPacket(once.header, once.body));
        if (again.kind !== "logic") throw new Error("a logic packet stays one");
        expect(again.header).toEqual(once.header);
        expect(Buffer.from(again.body)).toEqual(Buffer.from(once.body));
      });
    }

    if (vector.bodyType !== undefined) {
      test(`${vector.name} has a body that decodes to the stated values`, () => {
        const schema = file_pkt.messages.find((message) => message.name === vector.bodyType);
        if (schema === undefined) throw new Error(`no message ${vector.bodyType}`);
        const body = toJson(schema, fromBinary(schema, bytesOf(vector.bodyHex)), { alwaysEmitImplicit: true });
        expect(body).toMatchObject(vector.body ?? {});
      });
    }
  }

  test("the constant heartbeats are the golden ones", () => {
    const hexOf = (name: string): string | undefined => packetVectors.find((vector) => vector.name === name)?.hex;
    expect(Buffer.from(basicPing).toString("hex")).toBe(hexOf("ping") ?? "");
    expect(Buffer.from(basicPong).toString("hex")).toBe(hexOf("pong") ?? "");
  });
});

describe("golden frames", () => {
  for (const vector of frameVectors) {
    test(`${vector.packet ?? `opcode ${vector.opcode}`} is read as one frame`, () => {
      const seen: string[] = [];
      const note = (opcode: number) => (payload?: Buffer) => seen.push(`${opcode} ${payload?.toString("hex") ?? ""}`);
      const reader = new FrameReader(
        {
          binaryReceived: (bytes, start, end) => note(OpCode.Binary)(bytes.subarray(start, end)),
          pingReceived: note(OpCode.Ping),
          pongReceived: note(OpCode.Pong),
          closeReceived: note(OpCode.Close),
        },
        1024,
      );
      expect(reader.push(bytesOf(vector.hex))).toBeUndefined();
      expect(seen).toEqual([`${vector.opcode ?? OpCode.Binary} ${vector.hex.slice(frameHeaderBytes * 2)}`]);
    });
  }
});

describe("malformed packets", () => {
  for (const vector of malformedVectors) {
    test(`${vector.name}: the decoder throws a protocol fault and the scanner gives the same reason`, () => {
      const bytes = bytesOf(vector.hex);
      let thrown: unknown;
      try {
        decodePacket(bytes);
      } catch (error) {
        thrown = error;
      }
      if (!(thrown instanceof ProtocolFault)) throw new Error("not refused");
      const scan = new PacketScan();
      scanPacket(bytes, scan);
      expect(scan.kind).toBe(PacketKind.Malformed);
      expect(scan.fault).toBe(thrown.reason);
      expect([1002, 1009]).toContain(thrown.reason.code);
    });
  }

  test("every proper prefix of every golden packet is refused", () => {
    const scan = new PacketScan();
    for (const vector of packetVectors) {
      const bytes = bytesOf(vector.hex);
      for (let end = 0; end < bytes.length; end++) {
        scanPacket(bytes.subarray(0, end), scan);
        expect(scan.kind).toBe(PacketKind.Malformed);
        expect(() => decodePacket(bytes.subarray(0, end))).toThrow(ProtocolFault);
      }
    }
  });
});
