import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { idsIn } from "../../src/roles/chat/offline-content.ts";
import { MessageContentReqSchema } from "../../src/wire/gen/pkt_pb.ts";

test("the length of a request for contents says how many ids it has, an eighth too many at most", () => {
  for (let count = 1; count <= 200; count++) {
    for (const id of [2n ** 49n, 2n ** 57n, 2n ** 63n - 1n]) {
      const request = create(MessageContentReqSchema, { messageIds: Array.from({ length: count }, () => id) });
      const ids = idsIn(toBinary(MessageContentReqSchema, request).length);
      expect(ids).toBeGreaterThanOrEqual(count);
      expect(ids).toBeLessThanOrEqual(Math.ceil((count * 9) / 8));
    }
  }
  expect([idsIn(0), idsIn(11)]).toEqual([1, 1]);
});
