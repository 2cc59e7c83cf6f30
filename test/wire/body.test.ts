import { expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { decodeBody } from "../../src/wire/body.ts";
import { MessageContentReqSchema, MessageReqSchema } from "../../src/wire/gen/pkt_pb.ts";

test("a body that is cut short at any byte is refused or is a shorter run of whole fields", () => {
  const whole = toBinary(
    MessageReqSchema,
    create(MessageReqSchema, { type: 1, body: "hello", extra: "x", clientId: "id" }),
  );
  expect(decodeBody(MessageReqSchema, whole)).toMatchObject({ type: 1, body: "hello", extra: "x", clientId: "id" });
  const fieldEnds = [0, 2, 9, 12, 16];
  for (let cut = 0; cut <= whole.length; cut++) {
    expect(decodeBody(MessageReqSchema, whole.subarray(0, cut)) !== undefined).toBe(fieldEnds.includes(cut));
  }
});

test("an unknown field that leaves the message, a group and a varint without end are refused", () => {
  for (const hex of ["0a7f", "7a7f", "0b", "3fff", "08ffffffffffffffffffff01", "00"]) {
    expect(decodeBody(MessageReqSchema, Buffer.from(hex, "hex"))).toBeUndefined();
  }
});

test("an unknown field that is whole is skipped: newer clients are welcome", () => {
  expect(decodeBody(MessageReqSchema, Buffer.from("7a0161120178", "hex"))).toMatchObject({ body: "x" });
});

test("a known field of a foreign wire type is refused; numbers of a list may come packed or one by one", () => {
  for (const hex of ["10031a0161", "0a0161", "0d00000000"])
    expect(decodeBody(MessageReqSchema, Buffer.from(hex, "hex"))).toBeUndefined();
  for (const hex of ["0a020102", "08010802"])
    expect(decodeBody(MessageContentReqSchema, Buffer.from(hex, "hex"))?.messageIds).toEqual([1n, 2n]);
});
