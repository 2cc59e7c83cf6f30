// The hand-written bodies of talks agree with the generated code.

import { describe, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  mediaIdCharacters,
  mediaMax,
  mediaNameBytesMax,
  mediaTypeBytesMax,
  mentionsMax,
  nameCharactersMax,
} from "../../src/base/limits/fixed.ts";
import { messageLimits } from "../../src/base/limits/message-limits.ts";
import { plainPushBytes, pushView, readTalk, talkAnswerView } from "../../src/roles/chat/talk-body.ts";
import { decodeBody } from "../../src/wire/body.ts";
import { MessagePushSchema, MessageReqSchema, MessageRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { Random, testSeed } from "../support/random.ts";

const runs = 20_000;
const longMax = 2n ** 63n - 1n;

function text(random: Random): string {
  const alphabets = ["abc xyz", "\ufeffäöü€", "😀漢字\u0000", ""] as const;
  const alphabet = Array.from(random.pick(alphabets));
  const length = random.pick([0, 1, 40, 50, 127, 128, 300]);
  return alphabet.length === 0 ? "" : Array.from({ length }, () => alphabet[random.below(alphabet.length)]).join("");
}

/** Of any length in bits, so that varints of every length occur. */
function long(random: Random): bigint {
  const bits = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  return bits >> BigInt(1 + random.below(63));
}

function int32(random: Random): number {
  return random.once(4) ? -1 - (random.u32() >>> 1) : random.u32() >>> (1 + random.below(31));
}

describe("reading a talk", () => {
  test("what the generated code writes is read as it was, wherever it begins", () => {
    const random = new Random(testSeed("reading a talk"));
    for (let run = 0; run < runs; run++) {
      const said = { type: int32(random), body: text(random), extra: text(random), clientId: text(random) };
      const before = random.bytes(random.below(9));
      const read = readTalk(
        Buffer.concat([before, toBinary(MessageReqSchema, create(MessageReqSchema, said))]),
        before.length,
        random.once(2),
      );
      // Large numbers and negative ones are left to the generated code.
      if (said.type < 0 || said.type >= 2 ** 28) expect(read).toBeUndefined();
      else expect(read).toEqual(said);
    }
  });

  test("of bytes that were changed, cut or made up, what is read is what the generated code reads", () => {
    const random = new Random(testSeed("reading changed talks"));
    let read = 0;
    for (let run = 0; run < runs; run++) {
      const said = { type: random.below(300), body: text(random), extra: text(random), clientId: text(random) };
      let bytes: Buffer = random.once(4)
        ? random.bytes(random.below(12))
        : Buffer.from(toBinary(MessageReqSchema, create(MessageReqSchema, said)));
      if (random.once(2)) bytes = bytes.subarray(0, random.below(bytes.length + 1));
      for (let changes = random.below(3); changes > 0 && bytes.length > 0; changes--)
        bytes[random.below(Math.min(bytes.length, 8))] = random.u32();
      const talk = readTalk(bytes, 0, false);
      if (talk === undefined) continue;
      read++;
      const { type, body, extra, clientId } = decodeBody(MessageReqSchema, bytes) ?? {};
      expect({ type, body, extra, clientId }).toEqual({ ...talk });
    }
    expect(read).toBeGreaterThan(runs / 20);
  });

  test("mentions, replies and files are left to the generated code, and those of older clients are ignored", () => {
    const said = { type: 3, body: "b", extra: "e", clientId: "c" };
    const whole = toBinary(
      MessageReqSchema,
      create(MessageReqSchema, { ...said, mentions: ["a", "b"], replyTo: longMax, media: ["m"] }),
    );
    expect(readTalk(Buffer.from(whole), 0, false)).toBeUndefined();
    expect(readTalk(Buffer.from(whole), 0, true)).toEqual(said);
    const plain = toBinary(MessageReqSchema, create(MessageReqSchema, said));
    for (const hex of [
      "2801",
      "2a02ffff",
      "3201ff",
      "35ffffffff",
      "29ffffffffffffffff",
      "30ffffffffffffffffff01",
      "3a0161",
    ]) {
      const bytes = Buffer.concat([Buffer.from(hex, "hex"), plain, Buffer.from(hex, "hex")]);
      expect(readTalk(bytes, 0, true)).toEqual(said);
    }
    for (const hex of ["2a02ff", "30", "2c"]) expect(readTalk(Buffer.from(hex, "hex"), 0, true)).toBeUndefined();
  });

  test("a field that it does not know is left to the generated code", () => {
    for (const hex of ["7a0161120178", "4001", "0a0161", "1003", "08ffffffff0f", "1202c328"])
      expect(readTalk(Buffer.from(hex, "hex"), 0, true)).toBeUndefined();
  });
});

describe("writing", () => {
  test("an answer is what the generated code writes", () => {
    const random = new Random(testSeed("writing answers"));
    const check = (messageId: bigint, sendTime: bigint): void => {
      const written = toBinary(MessageRespSchema, create(MessageRespSchema, { messageId, sendTime }));
      expect(Buffer.compare(talkAnswerView(messageId, sendTime), written)).toBe(0);
    };
    for (let run = 0; run < runs; run++) check(long(random), long(random));
    check(0n, 0n);
    check(longMax, longMax);
  });

  test("a push is what the generated code writes, and begins with what older clients get", () => {
    const random = new Random(testSeed("writing pushes"));
    for (let run = 0; run < runs; run++) {
      const talk = { type: int32(random), body: text(random), extra: text(random), sender: text(random) };
      const outcome = { messageId: long(random), sendTime: long(random), previousId: long(random) };
      const newer = random.once(2)
        ? { previousEntryId: 0n, mentions: [], replyTo: 0n, media: [] }
        : {
            previousEntryId: long(random),
            mentions: Array.from({ length: random.below(mentionsMax + 1) }, (_, at) => `é${at}`),
            replyTo: long(random),
            media: Array.from({ length: random.below(mediaMax + 1) }, () => ({
              id: text(random).slice(0, mediaIdCharacters),
              name: "é".repeat(random.below(120)),
              type: text(random).slice(0, 20),
              size: random.below(2 ** 31) * random.below(4),
            })),
          };
      const sized = newer.media.map((item) => ({ ...item, size: BigInt(item.size) }));
      const plain = toBinary(MessagePushSchema, create(MessagePushSchema, { ...talk, ...outcome }));
      const whole = toBinary(
        MessagePushSchema,
        create(MessagePushSchema, { ...talk, ...outcome, ...newer, media: sized }),
      );
      const view = pushView({ ...talk, ...newer }, { ...outcome, ...newer });
      expect(Buffer.compare(view, whole)).toBe(0);
      expect(Buffer.compare(view.subarray(0, plainPushBytes), plain)).toBe(0);
    }
  });

  test("a push of the largest texts has room", () => {
    const talk = {
      type: -1,
      body: "b".repeat(messageLimits.messageBodyBytes.max),
      extra: "e".repeat(messageLimits.messageExtraBytes.max),
      sender: "😀".repeat(nameCharactersMax),
      mentions: Array.from({ length: mentionsMax }, () => "😀".repeat(nameCharactersMax)),
      replyTo: longMax,
      media: Array.from({ length: mediaMax }, () => ({
        id: "m".repeat(mediaIdCharacters),
        name: "n".repeat(mediaNameBytesMax),
        type: "t".repeat(mediaTypeBytesMax),
        size: Number.MAX_SAFE_INTEGER,
      })),
    };
    const outcome = { messageId: longMax, sendTime: longMax, previousId: longMax, previousEntryId: longMax };
    const media = talk.media.map((item) => ({ ...item, size: BigInt(item.size) }));
    expect(fromBinary(MessagePushSchema, pushView(talk, outcome))).toMatchObject({ ...talk, ...outcome, media });
  });
});
