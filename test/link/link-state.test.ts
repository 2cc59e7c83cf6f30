// What a service says of itself in a ping: it differs from a ping that says nothing, whatever it says.

import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "bun:test";
import { newStoreIdentity, shownPlace } from "../../src/auth/store-ownership.ts";
import { decodeLinkState, encodeLinkState, messageOf } from "../../src/link/link-state.ts";
import { metadataOfStores, storesOfMetadata, unknownStores } from "../../src/link/node-stores.ts";
import { InnerHandshakeResponseSchema, LinkStateSchema } from "../../src/wire/gen/pkt_pb.ts";
import { basicPing, decodePacket } from "../../src/wire/packet.ts";

for (const load of [0, 1, 70_000]) {
  for (const isReady of [false, true]) {
    test(`a state comes out as it went in: load ${load}, ready ${isReady}`, () => {
      const { body } = decodePacket(encodeLinkState({ load, isReady, stores: unknownStores }));
      expect(body.length).toBeGreaterThan(0);
      expect(decodeLinkState(body)).toEqual({ load, isReady, stores: unknownStores });
    });
  }
}

test("a bare ping carries no state", () => {
  expect(decodeLinkState(decodePacket(basicPing).body)).toBeUndefined();
});

describe("which stores a node uses", () => {
  const sessions = { identity: newStoreIdentity(), place: "redis://127.0.0.1:6379" };
  const messages = { identity: newStoreIdentity(), place: "postgres://db/roost" };

  test("comes out as it went in, over links and by metadata", () => {
    for (const stores of [
      { sessions, messages },
      { sessions, messages: undefined },
      { sessions: undefined, messages },
    ]) {
      const { body } = decodePacket(encodeLinkState({ load: 1, isReady: true, stores }));
      expect(decodeLinkState(body)?.stores).toEqual(stores);
      expect(storesOfMetadata(new Map(metadataOfStores(stores)))).toEqual(stores);
    }
    expect(metadataOfStores(unknownStores)).toEqual([]);
    expect(new Map(metadataOfStores({ sessions, messages: undefined }))).toEqual(
      new Map([
        ["sessions", sessions.identity],
        ["sessions-at", sessions.place],
      ]),
    );
  });

  test("is unknown of a program that does not say, and where an identity or a place is malformed", () => {
    const old = toBinary(LinkStateSchema, create(LinkStateSchema, { load: 1, isReady: true }));
    expect(decodeLinkState(old)?.stores).toEqual(unknownStores);
    const { identity, place } = sessions;
    const bad: readonly (readonly [string, string])[] = [
      ["", place],
      [identity.slice(1), place],
      [`${identity}0`, place],
      [identity.toUpperCase().replace(/^./, "A"), place],
      [`${identity.slice(2)}zz`, place],
      [identity, ""],
      [identity, "x".repeat(161)],
      [identity, "\u00e9".repeat(81)],
      [identity, "redis://a\nroot: all is well"],
      [identity, "redis://a\u001b[2J"],
      [identity, "redis://a\u0085"],
    ];
    for (const [sessionsIdentity, sessionsPlace] of bad) {
      const message = create(LinkStateSchema, { load: 1, isReady: true, sessions: sessionsIdentity, sessionsPlace });
      expect(decodeLinkState(toBinary(LinkStateSchema, message))).toEqual({
        load: 1,
        isReady: true,
        stores: unknownStores,
      });
      const metadata = new Map([
        ["sessions", sessionsIdentity],
        ["sessions-at", sessionsPlace],
      ]);
      expect(storesOfMetadata(metadata)).toEqual(unknownStores);
    }
  });

  test("fits into an answer to the handshake, however long and of whatever characters its places are", () => {
    for (const place of ["x", "\u00e9", "\u732b", "\u{1f426}", "\n"].map((character) =>
      shownPlace(character.repeat(999)),
    )) {
      const store = { identity: newStoreIdentity(), place };
      const state = messageOf({ load: 4_000_000_000, isReady: true, stores: { sessions: store, messages: store } });
      const id = "x".repeat(40);
      const answer = create(InnerHandshakeResponseSchema, {
        serviceId: id,
        incarnation: id,
        nonce: new Uint8Array(32),
        proof: new Uint8Array(32),
        state,
      });
      expect(toBinary(InnerHandshakeResponseSchema, answer).length).toBeLessThan(700);
      const { body } = decodePacket(
        encodeLinkState({ load: 1, isReady: true, stores: { sessions: store, messages: store } }),
      );
      expect(decodeLinkState(body)?.stores).toEqual({ sessions: store, messages: store });
    }
  });
});
