// The codec of the client library against @bufbuild/protobuf: the same bytes, the same values, and no message accepted
// that the other refuses.

import { afterAll, describe, expect, test } from "bun:test";
import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { LinkState } from "../../src/wire/gen/messages/link-state.ts";
import { MessageAckReq } from "../../src/wire/gen/messages/message-ack-req.ts";
import { MessageContentReq } from "../../src/wire/gen/messages/message-content-req.ts";
import { MessageReq } from "../../src/wire/gen/messages/message-req.ts";
import { decodeMessage, encodeMessage } from "../../src/wire/message-codec.ts";
import { emptyMessage } from "../../src/wire/message-type.ts";
import { initOf, type Plain, plainOf, tabledMessages } from "../support/message-tables.ts";
import { testSeed } from "../support/random.ts";
import { type Flaw, flawOf } from "../support/strictness.ts";
import { bytesOf, packetVectors } from "../support/vectors.ts";

const seed = testSeed("message-codec");
const messages = await tabledMessages();
/** Flaws of messages that @bufbuild/protobuf accepted. */
const stricter = new Map<Flaw, number>();

function otherDecoding(schema: DescMessage, bytes: Uint8Array): Plain | undefined {
  try {
    return plainOf(fromBinary(schema, bytes));
  } catch {
    return undefined;
  }
}

/** A small damage at a place: a byte that is changed, missing, or more, the end, or the beginning once more. */
const damage = fc.record({
  kind: fc.constantFrom("change", "remove", "insert", "cut", "repeat"),
  place: fc.double({ min: 0, max: 1, noNaN: true }),
  byte: fc.nat(0xff),
});

function damaged(whole: Uint8Array, { kind, place, byte }: { kind: string; place: number; byte: number }): Uint8Array {
  const at = Math.floor(place * whole.length);
  const [head, tail] = [whole.subarray(0, at), whole.subarray(at)];
  switch (kind) {
    case "change":
      return Uint8Array.from([...head, byte, ...tail.subarray(1)]);
    case "remove":
      return Uint8Array.from([...head, ...tail.subarray(1)]);
    case "insert":
      return Uint8Array.from([...head, byte, ...tail]);
    case "cut":
      return head;
    default:
      return Uint8Array.from([...whole, ...head]);
  }
}

for (const { name, schema, type } of messages) {
  describe(name, () => {
    const other = (init: Plain): Uint8Array => toBinary(schema, create(schema, init));

    /** Both decode to the same, unless the bytes have a flaw that only we mind. */
    const checkDecoding = (bytes: Uint8Array): void => {
      const flaw = flawOf(schema, bytes);
      const [ours, theirs] = [decodeMessage(type, bytes), otherDecoding(schema, bytes)];
      if (flaw === undefined) expect<unknown>(ours).toEqual(theirs);
      else {
        expect(ours).toBeUndefined();
        if (theirs !== undefined) stricter.set(flaw, (stricter.get(flaw) ?? 0) + 1);
      }
    };

    test("encodes to the same bytes, and decodes to the same values", () => {
      fc.assert(
        fc.property(initOf(schema), (init) => {
          const bytes = encodeMessage(type, init);
          expect(Buffer.from(bytes).equals(other(init))).toBe(true);
          expect<unknown>(decodeMessage(type, bytes)).toEqual(otherDecoding(schema, bytes));
        }),
        { seed },
      );
    });

    test("accepts the same damaged and random bytes, less those with a flaw", () => {
      fc.assert(
        fc.property(initOf(schema), fc.array(damage, { minLength: 1, maxLength: 3 }), (init, damages) => {
          checkDecoding(damages.reduce(damaged, other(init).subarray(0, 2_000)));
        }),
        { seed, numRuns: 300 },
      );
      fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), checkDecoding), { seed });
    });
  });
}

afterAll(() => {
  const list = [...stricter].map(([flaw, count]) => `${flaw} (${count})`);
  console.log(`refused here, accepted by @bufbuild/protobuf: ${list.join("; ")}`);
});

test("golden bodies decode to the stated values, and encode to the golden bytes", () => {
  const known = packetVectors.filter(({ bodyType }) => bodyType !== undefined);
  expect(known.length).toBeGreaterThan(3);
  for (const { bodyType, bodyHex } of known) {
    const message = messages.find(({ name }) => name === bodyType);
    if (message === undefined) throw new Error(`no message ${bodyType}`);
    const decoded = decodeMessage(message.type, bytesOf(bodyHex));
    expect<unknown>(decoded).toEqual(otherDecoding(message.schema, bytesOf(bodyHex)));
    expect(Buffer.from(encodeMessage(message.type, decoded ?? {})).toString("hex")).toBe(bodyHex);
  }
});

test("refuses a message that is cut inside a field, and an endless varint", () => {
  const whole = encodeMessage(MessageReq, { type: 1, body: "hello" });
  const accepted = Array.from(whole, (_, end) => end).filter(
    (end) => decodeMessage(MessageReq, whole.subarray(0, end)) !== undefined,
  );
  expect(accepted).toEqual([0, 2]);
  for (const hex of ["0a7f", "7a7f", "0b", "3fff", "08ffffffffffffffffffff01", "00", "10031a0161", "0d00000000"])
    expect(decodeMessage(MessageReq, bytesOf(hex))).toBeUndefined();
});

test("refuses invalid UTF-8, and keeps a leading U+FEFF", () => {
  for (const hex of ["1201ff", "1202c080", "1203eda080"])
    expect(decodeMessage(MessageReq, bytesOf(hex))).toBeUndefined();
  expect(decodeMessage(MessageReq, bytesOf("1203efbbbf"))?.body).toBe("\ufeff");
});

test("drops unknown fields, and reads numbers of a list packed or one by one", () => {
  expect(decodeMessage(MessageReq, bytesOf("7a0161120178"))).toEqual({
    type: 0,
    body: "x",
    extra: "",
    clientId: "",
    mentions: [],
    replyTo: 0n,
    media: [],
  });
  expect(decodeMessage(emptyMessage, bytesOf("7a0161120178"))).toEqual({});
  for (const hex of ["0a020102", "08010802", "0a01010802"])
    expect(decodeMessage(MessageContentReq, bytesOf(hex))?.messageIds).toEqual([1n, 2n]);
});

test("writes the zero value of an optional field only", () => {
  expect(encodeMessage(LinkState, { load: 0, isReady: false, messages: "" })).toEqual(Uint8Array.of(0x10, 0));
  expect(decodeMessage(LinkState, new Uint8Array(0))?.isReady).toBeUndefined();
});

test("refuses to encode a number that its field cannot hold, by the field's name, and encodes the next message", () => {
  for (const type of [0.5, 2 ** 31, Number.NaN])
    expect(() => encodeMessage(MessageReq, { clientId: "x", type })).toThrow(
      new RangeError(`type: expected a signed integer of 32 bits, got ${type}`),
    );
  for (const load of [-1, 2 ** 32])
    expect(() => encodeMessage(LinkState, { load })).toThrow(
      new RangeError(`load: expected an unsigned integer of 32 bits, got ${load}`),
    );
  expect(() => encodeMessage(MessageAckReq, { messageId: 2n ** 63n })).toThrow(
    new RangeError("messageId: expected a signed integer of 64 bits, got 9223372036854775808"),
  );
  expect(encodeMessage(MessageReq, { type: 1 })).toEqual(Uint8Array.of(0x08, 1));
});
