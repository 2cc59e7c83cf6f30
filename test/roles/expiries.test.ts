// A token's end is the end of the connection that it signed in.

import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { signToken } from "../../src/auth/token.ts";
import { Link } from "../../src/routing/links.ts";
import { goLive } from "../../src/roles/gateway/accept.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { ChannelState } from "../../src/roles/gateway/channel-state.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { LoginReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { FrameKeeper, loneGateway } from "../support/lone-gateway.ts";
import { until } from "../../scripts/harness/until.ts";

const dayMs = 86_400_000;
const start = 1_800_000_000;
const expired = { code: CloseCode.Unauthorised, text: "the token has expired" };

/** A gateway whose clocks go with its wheel; the wall clock may be set ahead. */
function stage() {
  const clock = { ms: start * 1000, aheadMs: 0 };
  const lone = loneGateway(
    {},
    () => clock.ms + clock.aheadMs,
    () => clock.ms,
  );
  lone.gateway.expiries.start();
  const pass = (seconds: number): void => {
    for (let left = seconds * 10; left > 0; left--) {
      clock.ms += 100;
      lone.wheel.advance(100);
    }
  };
  const client = (name: string, seconds: number) => {
    const made = lone.client(name);
    made.channel.expiresAt = start + seconds;
    lone.gateway.expiries.watch(made.channel);
    return made;
  };
  return { ...lone, clock, pass, client };
}

for (const seconds of [2, 60, 3_600]) {
  test(`a token of ${seconds} s ends its connection with 4003 when it expires, and not before`, () => {
    const { client, pass, gateway } = stage();
    const { connection } = client("alice", seconds);
    const { connection: later } = client("bob", seconds + 1_000);
    pass(seconds - 1);
    expect(connection.isOpen).toBe(true);
    pass(2);
    expect(connection.reason).toEqual(expired);
    expect([later.isOpen, gateway.expiries.size]).toEqual([true, 0]);
  });
}

test("of many connections, all that expire end, the others stay, and only soon expiring ones are kept apart", () => {
  const { client, pass, gateway } = stage();
  const made = Array.from({ length: 5_000 }, (_, at) => client(`account${at}`, at % 2 === 0 ? 600 : 6_000));
  pass(400);
  expect(gateway.expiries.size).toBe(0);
  pass(190);
  expect(gateway.expiries.size).toBe(2_500);
  expect(made.every(({ connection }) => connection.isOpen)).toBe(true);
  pass(12);
  made.forEach(({ connection }, at) => expect(connection.isOpen).toBe(at % 2 === 1));
  expect(gateway.expiries.size).toBe(0);
});

test("a wall clock that is set while a connection is signed in neither ends it nor keeps it beyond its token", () => {
  const { client, pass, clock } = stage();
  const { connection } = client("alice", 300);
  for (const aheadMs of [30 * dayMs, -365 * dayMs, 0, -dayMs]) {
    clock.aheadMs = aheadMs;
    pass(70);
    expect(connection.isOpen).toBe(true);
  }
  pass(21);
  expect(connection.reason).toEqual(expired);
});

test("what is left of a token is counted by the wall clock of the moment in which it is shown", async () => {
  const { fresh, gateway, pass, clock } = stage();
  gateway.links.add(new Link<Channel>("login", "login-1", new FrameKeeper()));
  clock.aheadMs = 30 * dayMs;
  const claims = { account: "alice", app: "app", ttlSeconds: 60 };
  const token = await signToken(new Uint8Array(32), claims, start * 1000 + 30 * dayMs);
  const { channel, connection } = fresh();
  const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token }));
  const packet = Buffer.from(encodeLogicPacket({ command: Command.SignIn }, body));
  channel.frame(packet, 0, packet.length);
  await until(() => channel.state === ChannelState.Pending, "the token is verified");
  goLive(gateway, channel);
  clock.aheadMs = 0;
  pass(59);
  expect(connection.isOpen).toBe(true);
  pass(2);
  expect(connection.reason).toEqual(expired);
});

test("a connection that has ended is forgotten", () => {
  const { client, gateway } = stage();
  const { channel } = client("alice", 5);
  expect(gateway.expiries.size).toBe(1);
  channel.closed(expired);
  expect(gateway.expiries.size).toBe(0);
});

test("a token that expires while its sign-in is under way ends the connection once that is answered", async () => {
  const { fresh, gateway, pass } = stage();
  gateway.links.add(new Link<Channel>("login", "login-1", new FrameKeeper()));
  const claims = { account: "alice", app: "app", ttlSeconds: 3 };
  const token = await signToken(new Uint8Array(32), claims, start * 1000);
  const { channel, connection } = fresh();
  const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token }));
  const packet = Buffer.from(encodeLogicPacket({ command: Command.SignIn }, body));
  channel.frame(packet, 0, packet.length);
  await until(() => channel.state === ChannelState.Pending, "the token is verified");
  pass(5);
  expect(connection.isOpen).toBe(true);
  goLive(gateway, channel);
  pass(1);
  expect(connection.reason).toEqual(expired);
});
