// A gateway whose link to a node is full: who signs in is refused at once, and nothing of it stays behind; sessions
// that are to be sent again wait.

import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { signToken } from "../../src/auth/token.ts";
import { Link } from "../../src/routing/links.ts";
import { restoreSessions } from "../../src/roles/gateway/login-link.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { Command } from "../../src/wire/commands.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { LoginReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { FrameKeeper, loneGateway } from "../support/lone-gateway.ts";
import { until } from "../../scripts/harness/until.ts";

test("a sign-in that the link to the login service does not take is refused, and its place is free again", async () => {
  const { gateway, fresh } = loneGateway();
  const login = new FrameKeeper();
  login.isFull = true;
  const link = new Link<Channel>("login", "login-1", login);
  gateway.links.add(link);
  const token = await signToken(new Uint8Array(32), { account: "alice", app: "app", ttlSeconds: 60 });
  const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token }));
  const { channel, connection } = fresh();
  const packet = Buffer.from(encodeLogicPacket({ command: Command.SignIn, sequence: 5 }, body));
  channel.frame(packet, 0, packet.length);
  await until(() => !connection.isOpen, "it is told that it cannot sign in");
  expect(connection.packets.map(({ header }) => [header.sequence, header.status])).toEqual([
    [5, Status.ServiceUnavailable],
  ]);
  expect(connection.reason?.code).toBe(CloseCode.Overload);
  channel.closed({ code: CloseCode.Overload, text: "" });
  expect([link.pending.size, channel.unanswered, gateway.channels.size]).toEqual([0, 0, 0]);
  // No session was made: there is nothing to sign out.
  login.isFull = false;
  gateway.signOuts.tidy();
  expect(login.frames).toEqual([]);
});

test("sessions that are sent again wait for a link that is full, and none is passed over", async () => {
  const { gateway, client } = loneGateway();
  const names = Array.from({ length: 20 }, (_, at) => `account${at}`);
  for (const name of names) client(name);
  const login = new FrameKeeper();
  const link = new Link<Channel>("login", "login-1", login);
  const send = login.send.bind(login);
  login.send = (payload) => {
    login.isFull = login.frames.length === 7;
    return send(payload);
  };
  restoreSessions(gateway, link);
  expect(login.frames).toHaveLength(7);
  await Bun.sleep(30);
  expect(login.frames).toHaveLength(7);
  Object.assign(login, { send, isFull: false });
  const restored = (): string[] => login.packets.map(({ header }) => header.channelId);
  await until(() => login.frames.length >= names.length, "all are sent");
  expect(restored()).toEqual(names);
});
