// What a service says of itself in a ping: it can be told from a ping that says nothing, whatever it says.

import { expect, test } from "bun:test";
import { decodeLinkState, encodeLinkState } from "../../../src/container/link/link-state.ts";
import { basicPing, decodePacket } from "../../../src/wire/packet.ts";

for (const load of [0, 1, 70_000]) {
  for (const isAdult of [false, true]) {
    test(`a state comes out as it went in: load ${load}, adult ${isAdult}`, () => {
      const { body } = decodePacket(encodeLinkState({ load, isAdult }));
      expect(body.length).toBeGreaterThan(0);
      expect(decodeLinkState(body)).toEqual({ load, isAdult });
    });
  }
}

test("a bare ping carries no state", () => {
  expect(decodeLinkState(decodePacket(basicPing).body)).toBeUndefined();
});
