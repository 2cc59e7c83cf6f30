// What a service says of itself, as bytes.

import { expect, test } from "bun:test";
import { decodeLinkState, encodeLinkState } from "../../../src/container/link/link-state.ts";
import { BasicCode, decodePacket } from "../../../src/wire/packet.ts";

test("every state is told, that of an idle node which nobody may choose, too", () => {
  for (const isAdult of [true, false]) {
    for (const load of [0, 1, 127, 128, 0xffff_ffff]) {
      const packet = decodePacket(encodeLinkState({ isAdult, load }));
      if (packet.kind !== "basic") throw new Error("a ping was expected");
      expect(packet.code).toBe(BasicCode.Ping);
      expect(decodeLinkState(packet.body)).toMatchObject({ isAdult, load });
    }
  }
});
