import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { MessageContentRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { type Content, encodeContents } from "../../src/wire/message-contents.ts";
import { Random, testSeed } from "../support/random.ts";

const encodedByLibrary = (contents: readonly Content[]): Uint8Array =>
  toBinary(MessageContentRespSchema, create(MessageContentRespSchema, { contents: [...contents] }));

const ids = [0n, 1n, 127n, 128n, 16_384n, 2n ** 53n + 1n, 2n ** 63n - 1n, -1n];
const types = [0, 1, 127, 128, 2 ** 31 - 1, -1, -(2 ** 31)];
const texts = ["", "a", "x".repeat(127), "x".repeat(128), "\u00e9".repeat(64), "\u{1f600}\u4e2d", "y".repeat(20_000)];

test("contents are encoded as the library does it, byte by byte", () => {
  const random = new Random(testSeed("contents"));
  const pick = <T>(from: readonly T[]): T => {
    const item = from[random.below(from.length)];
    if (item === undefined) throw new Error("there are some");
    return item;
  };
  for (let round = 0; round < 300; round++) {
    const contents = Array.from({ length: random.below(6) }, () => ({
      messageId: pick(ids),
      type: pick(types),
      body: pick(texts),
      extra: pick(texts),
    }));
    const encoded = encodeContents(contents);
    expect(Buffer.from(encoded).equals(encodedByLibrary(contents))).toBe(true);
    expect(fromBinary(MessageContentRespSchema, encoded).contents).toHaveLength(contents.length);
    // It is handed over to another thread: nobody else has a share in its buffer.
    expect(encoded.buffer.byteLength).toBe(encoded.length);
  }
});
