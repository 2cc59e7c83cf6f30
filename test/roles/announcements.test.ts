// What a gateway does with an announcement of a back end: whom it shows it to, and what it drops.

import { expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { type Announcement, decodeAnnouncement, encodeAnnouncement } from "../../src/wire/announcement.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { Flag, MetaType, SignalSchema } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { ChannelState } from "../../src/roles/gateway/channel-state.ts";
import { Feature } from "../../src/wire/features.ts";
import { type FrameKeeper, loneGateway } from "../support/lone-gateway.ts";
import { until } from "../../scripts/harness/until.ts";

const announcement: Announcement = { app: "app", sender: "@system", kind: "notice", body: "back at 22:00 ⏰" };

function stage() {
  const lone = loneGateway();
  const hear = (body: Uint8Array): void => {
    const meta = [{ key: MetaKey.DestServer, value: "gate", type: MetaType.string }];
    const packet = Buffer.from(encodeLogicPacket({ command: Command.Announce, flag: Flag.Push, meta }, body));
    lone.downlink.frame(packet, 0, packet.length);
  };
  const client = (account: string, change: Partial<Channel> = {}) => {
    const made = lone.client(account);
    Object.assign(made.channel, { features: [Feature.Conversations], ...change });
    return made;
  };
  return { ...lone, hear, client };
}

const shown = (connection: FrameKeeper) =>
  connection.packets
    .filter(({ header }) => header.command === Command.Signal)
    .map(({ header, body }) => [header.flag, fromBinary(SignalSchema, body)] as const);

test("its body is read as it was written, and a malformed one is counted and shown to nobody", () => {
  expect(decodeAnnouncement(Buffer.from(encodeAnnouncement(announcement)))).toEqual(announcement);
  const { hear, client, gateway } = stage();
  const ann = client("ann");
  for (const bad of ["", "{", "[]", '{"app":"app"}', '{"app":1,"sender":"","kind":"","body":""}']) {
    expect(decodeAnnouncement(Buffer.from(bad))).toBeUndefined();
    hear(Buffer.from(bad));
  }
  expect(gateway.metrics.faults.counts.get("link-packet")?.count).toBe(5);
  expect(shown(ann.connection)).toEqual([]);
});

test("all clients of the app that know signals and are signed in are shown it, and nobody else", async () => {
  const { hear, client } = stage();
  const many = Array.from({ length: 3_000 }, (_, at) => client(`a${at}`));
  const others = [
    client("other", { app: "other" }),
    client("old", { features: [] }),
    client("pending", { state: ChannelState.Pending }),
  ];
  hear(encodeAnnouncement(announcement));
  await until(() => many.every(({ connection }) => shown(connection).length > 0), "all are shown it");
  const { kind, body, sender } = announcement;
  expect(shown(many[2_999]!.connection)).toEqual([[Flag.Push, expect.objectContaining({ kind, body, sender })]]);
  expect(many.filter(({ connection }) => shown(connection).length !== 1)).toEqual([]);
  expect(others.flatMap(({ connection }) => shown(connection))).toEqual([]);
});

test("beyond 16 that are under way, further ones are dropped", async () => {
  const { hear, client } = stage();
  const clients = Array.from({ length: 3_000 }, (_, at) => client(`a${at}`));
  const last = clients.at(-1)!.connection;
  for (let at = 0; at < 20; at++) hear(encodeAnnouncement({ ...announcement, body: `${at}` }));
  await until(() => shown(last).length >= 16, "those under way are shown");
  await Bun.sleep(10);
  expect(shown(last).map(([, { body }]) => body)).toEqual(Array.from({ length: 16 }, (_, at) => `${at}`));
  hear(encodeAnnouncement({ ...announcement, body: "next" }));
  await until(() => shown(last).length === 17, "the next one is shown");
});
