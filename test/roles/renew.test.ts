// A new token on a connection that is signed in.

import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { signToken } from "../../src/auth/token.ts";
import { Link } from "../../src/routing/links.ts";
import { restoreSession } from "../../src/roles/gateway/login-link.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { decodeBody } from "../../src/wire/body.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  ErrorRespSchema,
  LoginRenewReqSchema,
  LoginRenewRespSchema,
  LoginReqSchema,
  LoginRespSchema,
  SessionSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { encodeLogicPacket } from "../../src/wire/packet.ts";
import { Messenger } from "../support/messenger.ts";
import { FrameKeeper, loneGateway, type LoneClient } from "../support/lone-gateway.ts";
import { until } from "../../scripts/harness/until.ts";

const key = new Uint8Array(32);
const start = 1_800_000_000;
const tokenOf = (account: string, ttlSeconds: number, app = "app"): Promise<string> =>
  signToken(key, { account, app, ttlSeconds }, start * 1000);
const renewal = (token: string, sequence: number): Uint8Array =>
  encodeLogicPacket(
    { command: Command.Renew, sequence },
    toBinary(LoginRenewReqSchema, create(LoginRenewReqSchema, { token })),
  );

function stage() {
  const clock = { ms: start * 1000 };
  const lone = loneGateway({}, () => clock.ms);
  lone.gateway.expiries.start();
  const pass = (seconds: number): void => {
    for (let left = seconds * 10; left > 0; left--) {
      clock.ms += 100;
      lone.wheel.advance(100);
    }
  };
  const alice = lone.client("alice");
  alice.channel.expiresAt = start + 20;
  lone.gateway.expiries.watch(alice.channel);
  return { ...lone, pass, alice };
}

/** Sends it and waits for its answer. */
async function answered(client: LoneClient, packet: Uint8Array) {
  const { connection } = client;
  const before = connection.frames.length;
  client.send(packet);
  await until(() => connection.frames.length > before, "it is answered");
  const answer = connection.packets.at(-1);
  if (answer === undefined) throw new Error("no packet");
  return answer;
}

test("a fresh token of the same account lets the connection stay until that token expires", async () => {
  const { alice, pass } = stage();
  const { header, body } = await answered(alice, renewal(await tokenOf("alice", 300), 7));
  expect([header.command, header.sequence, header.status]).toEqual([Command.Renew, 7, Status.Success]);
  expect(decodeBody(LoginRenewRespSchema, body)?.expiresAt).toBe(BigInt(start + 300));
  expect(alice.channel.unanswered).toBe(0);
  pass(299);
  expect(alice.connection.isOpen).toBe(true);
  pass(2);
  expect(alice.connection.reason?.code).toBe(CloseCode.Unauthorised);
});

test("the token that was shown last counts, though it expires sooner", async () => {
  const { alice, pass } = stage();
  await answered(alice, renewal(await tokenOf("alice", 5), 1));
  pass(7);
  expect(alice.connection.reason?.code).toBe(CloseCode.Unauthorised);
});

test("another account's, another app's and an expired token are refused, and the one before still counts", async () => {
  const { alice, pass } = stage();
  const wrong = [
    await tokenOf("bob", 300),
    await tokenOf("alice", 300, "other"),
    await tokenOf("alice", -1),
    "",
    "a.b",
  ];
  for (const token of wrong) {
    const { header, body } = await answered(alice, renewal(token, 3));
    expect([token, header.status]).toEqual([token, Status.Unauthorized]);
    expect(decodeBody(ErrorRespSchema, body)?.message).toContain("token");
  }
  pass(19);
  expect(alice.connection.isOpen).toBe(true);
  pass(2);
  expect(alice.connection.reason?.code).toBe(CloseCode.Unauthorised);
});

test("a second renewal while one is under way is refused, and so is a body of something else", async () => {
  const { alice } = stage();
  const token = await tokenOf("alice", 300);
  alice.send(renewal(token, 1));
  alice.send(renewal(token, 2));
  alice.send(encodeLogicPacket({ command: Command.Renew, sequence: 3 }, new Uint8Array([0xff, 0xff])));
  await until(() => alice.connection.frames.length === 3, "all are answered");
  expect(alice.connection.packets.map(({ header }) => [header.sequence, header.status])).toEqual([
    [2, Status.RateLimited],
    [3, Status.InvalidPacketBody],
    [1, Status.Success],
  ]);
  expect(alice.channel.unanswered).toBe(0);
});

test("a renewal whose connection ends meanwhile is forgotten", async () => {
  const { alice, gateway } = stage();
  alice.send(renewal(await tokenOf("alice", 300), 1));
  alice.channel.closed({ code: CloseCode.Normal, text: "" });
  await until(() => gateway.renewing.size === 0, "the token is verified");
  await Bun.sleep(1);
  expect([alice.connection.frames, gateway.expiries.size]).toEqual([[], 0]);
});

test("features that the gateway knows go to the login service at the sign-in and with a renewed session", async () => {
  const { fresh, gateway } = stage();
  const login = new FrameKeeper();
  const link = new Link<Channel>("login", "login-1", login);
  gateway.links.add(link);
  for (const features of [[], ["renew", "of the future", "renew"], Array.from({ length: 1_000 }, () => "x")]) {
    const { channel, connection } = fresh();
    const token = await tokenOf("carol", 60);
    const body = toBinary(LoginReqSchema, create(LoginReqSchema, { token, features }));
    const packet = Buffer.from(encodeLogicPacket({ command: Command.SignIn }, body));
    channel.frame(packet, 0, packet.length);
    const before = login.frames.length;
    await until(() => login.frames.length > before, "it is forwarded");
    restoreSession(gateway, channel, link);
    const sent = login.packets.slice(before).map(({ body: session }) => decodeBody(SessionSchema, session)?.features);
    const known = [features.includes("renew") ? "renew" : "first-version"];
    expect(sent).toEqual([known, known]);
    expect(connection.isOpen).toBe(true);
  }
});

test("over sockets: the sign-in grants what was asked for and is known, and the renewal counts", async () => {
  const messenger = await Messenger.start();
  try {
    const short = await signToken(messenger.secret, { account: "alice", app: "app", ttlSeconds: 2 });
    const [renewing, ending] = [await messenger.stranger(), await messenger.stranger()];
    const granted = async (client: typeof ending, device: string, features: string[]) => {
      const { status, body } = await client.request(Command.SignIn, "", LoginReqSchema, {
        token: short,
        device,
        features,
      });
      return [status, decodeBody(LoginRespSchema, body)?.features];
    };
    expect(await granted(renewing, "one", ["renew", "else"])).toEqual([Status.Success, ["renew"]]);
    expect(await granted(ending, "two", [])).toEqual([Status.Success, []]);
    const token = await messenger.token("alice");
    expect((await renewing.request(Command.Renew, "", LoginRenewReqSchema, { token })).status).toBe(Status.Success);
    // Clients that never named the feature renew, too: old-clients.json has some.
    const unnamed = await messenger.stranger();
    expect(await granted(unnamed, "three", ["of the future"])).toEqual([Status.Success, []]);
    expect((await unnamed.request(Command.Renew, "", LoginRenewReqSchema, { token })).status).toBe(Status.Success);
    await until(() => ending.isClosed, "its token has expired");
    for (const client of [renewing, unnamed]) {
      expect(client.isClosed).toBe(false);
      client.terminate();
    }
  } finally {
    await messenger.drain();
    await messenger.stop();
  }
}, 60_000);
