// Pushes whose body is not for all of their connections, as a gateway passes them on; and what a gateway keeps of the
// features that a client asked for.

import { expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { ChannelState } from "../../src/roles/gateway/channel-state.ts";
import { goLive } from "../../src/roles/gateway/accept.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import { grantedFeatures, isOfFirstVersion, knownFeatures, passedFeatures } from "../../src/wire/features.ts";
import { Flag, LoginRespSchema, MetaType } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { type LoneClient, loneGateway } from "../support/lone-gateway.ts";

const meta = (key: string, value: string) => ({ key, value, type: MetaType.string });

function push(channels: readonly string[], plain: string, command: string = Command.GroupTalk): Buffer {
  const routing = [
    meta(MetaKey.DestServer, "gate"),
    meta(MetaKey.DestChannels, channels.join()),
    meta(MetaKey.DestPlain, plain),
  ];
  const header = { command, flag: Flag.Push, dest: "group", meta: routing };
  return Buffer.from(encodeLogicPacket(header, Buffer.from("old and new")));
}

const bodies = ({ connection }: LoneClient): string[] =>
  connection.packets.map(({ header, body }) => {
    // What a client gets shows nothing of how it came.
    expect(header).toMatchObject({ flag: Flag.Push, dest: "group", meta: [] });
    return Buffer.from(body).toString();
  });

test("the first connections of a push get the part of the body that is for them, the others all of it", () => {
  const { client, downlink } = loneGateway();
  const clients = ["a", "b", "c"].map((name) => client(name));
  for (const command of [Command.UserTalk, Command.GroupTalk]) {
    for (const plain of ["3,2", "0,1", "11,3", "11,0"]) {
      const packet = push(["a", "b", "c"], plain, command);
      downlink.frame(packet, 0, packet.length);
    }
  }
  const whole = "old and new";
  const wanted = [
    ["old", "", whole, whole],
    ["old", whole, whole, whole],
    [whole, whole, whole, whole],
  ];
  expect(clients.map(bodies)).toEqual(wanted.map((each) => [...each, ...each]));
});

test("connections that wait for their sign-in, and those of a push that waits for its turn, get the same", async () => {
  const { client, downlink, gateway, fresh } = loneGateway();
  const names = Array.from({ length: 2_000 }, (_, at) => `c${at}`);
  const clients = names.map((name) => client(name));
  const pending = ["p0", "p1"].map((id) => {
    const { channel, connection } = fresh();
    Object.assign(channel, { id, app: "app", account: id, state: ChannelState.Pending });
    gateway.channels.set(id, channel);
    return { channel, connection, send: () => undefined };
  });
  const packet = push(["p0", ...names.slice(0, 1_000), "p1", ...names.slice(1_000)], "3,1001");
  downlink.frame(packet, 0, packet.length);
  const last = push(["p0", ...names.slice(0, 1_000), "p1", ...names.slice(1_000)], "7,1001");
  downlink.frame(last, 0, last.length);
  expect(gateway.pushes.isWaiting).toBe(true);
  while (gateway.pushes.isWaiting) await Bun.sleep(0);
  for (const [at, each] of clients.entries())
    expect(bodies(each)).toEqual(at < 1_000 ? ["old", "old and"] : ["old and new", "old and new"]);
  for (const { channel } of pending) goLive(gateway, channel);
  expect(pending.map(bodies)).toEqual([
    ["old", "old and"],
    ["old and new", "old and new"],
  ]);
});

test("a part that cannot be is a fault of the link's peer, and reaches nobody", () => {
  const { client, downlink } = loneGateway();
  const clients = ["a", "b"].map((name) => client(name));
  for (const plain of ["", "x", "1", "12,1", "-1,1", "1,3", "1,-1", "1.5,1", "1,0.5", "NaN,1"]) {
    const packet = push(["a", "b"], plain);
    const before = clients.map(({ connection }) => connection.frames.length);
    downlink.frame(packet, 0, packet.length);
    expect([plain, clients.map(({ connection }) => connection.frames.length)]).toEqual([plain, before]);
  }
});

test("of the features that were asked for, a gateway keeps those that the login service granted", () => {
  for (const [asked, granted, kept] of [
    [
      ["renew", "conversations"],
      ["renew", "conversations"],
      ["renew", "conversations"],
    ],
    [["renew", "conversations"], ["renew"], ["renew"]],
    [["conversations"], [], []],
    [["renew"], [], ["renew"]],
    [[], [], ["first-version"]],
  ] as const) {
    const { fresh, gateway, downlink, link } = loneGateway();
    const { channel } = fresh();
    Object.assign(channel, { id: "c", app: "app", account: "a", state: ChannelState.Pending });
    channel.features = passedFeatures(asked);
    gateway.channels.set("c", channel);
    const ticket = link.pending.take(channel, 1, Command.SignIn);
    channel.unanswered++;
    const body = toBinary(LoginRespSchema, create(LoginRespSchema, { channelId: "c", features: [...granted] }));
    const routing = [meta(MetaKey.DestServer, "gate"), meta(MetaKey.DestChannels, "c")];
    const header = { command: Command.SignIn, flag: Flag.Response, sequence: 1, ticket, meta: routing };
    const packet = Buffer.from(encodeLogicPacket(header, body));
    downlink.frame(packet, 0, packet.length);
    expect(channel.state).toBe(ChannelState.Live);
    expect(channel.features).toEqual([...kept]);
  }
});

test("the lists of features are shared, and each combination is known at each step", () => {
  for (const [asked, passed, granted] of [
    [[], ["first-version"], []],
    [["of the future"], ["first-version"], []],
    [["renew"], ["renew"], ["renew"]],
    [["conversations", "of the future"], ["conversations"], ["conversations"]],
    [
      ["conversations", "renew"],
      ["renew", "conversations"],
      ["renew", "conversations"],
    ],
  ] as const) {
    const lists = passedFeatures(asked);
    expect(lists).toEqual([...passed]);
    expect(passedFeatures([...asked].toReversed())).toBe(lists);
    expect(knownFeatures([...lists])).toBe(lists);
    expect(grantedFeatures(lists)).toEqual([...granted]);
    expect(isOfFirstVersion(lists)).toBe(granted.length === 0);
  }
});
