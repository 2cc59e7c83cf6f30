import { describe, expect, test } from "bun:test";
import { headerBytesMax } from "../../src/base/limits/fixed.ts";
import { basicPing, decodePacket, encodeLogicPacket } from "../../src/wire/packet.ts";
import { ProtocolFault } from "../../src/wire/protocol-fault.ts";

const faultCode = (packet: Uint8Array): number | undefined => {
  try {
    decodePacket(packet);
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolFault) return error.reason.code;
    throw error;
  }
};

describe("decodePacket", () => {
  test("works on a view that begins inside its buffer", () => {
    const packet = encodeLogicPacket({ command: "a.b", dest: "小明" }, Uint8Array.of(1, 2, 3));
    const padded = new Uint8Array(packet.length + 20).fill(0xee);
    padded.set(packet, 7);
    const decoded = decodePacket(padded.subarray(7, 7 + packet.length));
    if (decoded.kind !== "logic") throw new Error("not a logic packet");
    expect([decoded.header.command, decoded.header.dest]).toEqual(["a.b", "小明"]);
    expect(Array.from(decoded.body)).toEqual([1, 2, 3]);
    expect(decoded.body.buffer).toBe(padded.buffer);
  });

  test("refuses a header above headerBytesMax with 1009, unless told another bound", () => {
    const packet = encodeLogicPacket({ dest: "x".repeat(headerBytesMax) }, new Uint8Array(0));
    expect(faultCode(packet)).toBe(1009);
    expect(decodePacket(packet, packet.length).kind).toBe("logic");
  });

  test("refuses everything shorter than a packet with 1002", () => {
    for (let length = 0; length < basicPing.length; length++)
      expect(faultCode(basicPing.subarray(0, length))).toBe(1002);
  });

  test("drops unknown header fields, so that encoding again gives a plain header", () => {
    const packet = encodeLogicPacket({ command: "a.b" }, new Uint8Array(0));
    const odd = new Uint8Array(packet.length + 2);
    odd.set(packet.subarray(0, 8));
    odd[7] = 7;
    odd.set(packet.subarray(8, 13), 8);
    odd.set([0x40, 0x01], 13);
    const decoded = decodePacket(odd);
    if (decoded.kind !== "logic") throw new Error("not a logic packet");
    expect(encodeLogicPacket(decoded.header, decoded.body)).toEqual(packet);
  });

  test("passes basic codes that mean nothing", () => {
    const packet = Uint8Array.from([0xc3, 0x15, 0xa7, 0x65, 0xff, 0xfe, 0, 1, 9]);
    expect(decodePacket(packet)).toEqual({ kind: "basic", code: 0xfffe, body: Uint8Array.of(9) });
  });
});
