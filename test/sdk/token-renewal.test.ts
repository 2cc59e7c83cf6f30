// A client whose token comes from a callback stays signed in beyond its token's end.

import { afterEach, expect, test } from "bun:test";
import type { ClientOptions } from "../../src/sdk/client-options.ts";
import { suspectMs } from "../../src/sdk/liveness.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  LoginRenewReqSchema,
  LoginRenewRespSchema,
  LoginReqSchema,
  LoginRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { ScriptedPeer } from "../support/scripted-peer.ts";
import { until } from "../../scripts/harness/until.ts";

const running: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0)) await stop();
});

const hourMs = 3_600_000;
/** The `number`th token, good for an hour. */
const tokenOf = (number: number): string => {
  const iat = Math.floor(Date.now() / 1000);
  return `e30.${Buffer.from(JSON.stringify({ iat, exp: iat + hourMs / 1000, number })).toString("base64url")}.x`;
};
const numberOf = (token: string): unknown =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString())["number"];

async function stage(features: string[], token: (made: number) => ClientOptions["token"]) {
  const peer = ScriptedPeer.start("tcp");
  running.push(() => peer.stop());
  const asked: string[] = [];
  const renewed: unknown[] = [];
  const refusals: Status[] = [];
  peer.on(Command.SignIn, (request) => {
    asked.push(...request.body(LoginReqSchema).features);
    peer.connections.push(request.connection);
    request.respond(LoginRespSchema, { account: "alice", channelId: "c", features });
  });
  peer.on(Command.Renew, (request) => {
    renewed.push(numberOf(request.body(LoginRenewReqSchema).token));
    const refusal = refusals.shift();
    if (refusal === undefined) request.respond(LoginRenewRespSchema, { expiresAt: 1n });
    else request.refuse(refusal, "not now");
  });
  const timers = new ManualTimers();
  const client = await RoostClient.connect({
    url: peer.url,
    token: token(0),
    environment: { after: timers.after, random: () => 0.5 },
  });
  running.unshift(() => client.close());
  /**
   * The server is heard while that much time passes: no step is as long as the silence that makes a connection suspect.
   */
  const pass = async (ms: number): Promise<void> => {
    const stepMs = suspectMs - 1;
    for (let left = ms; left > 0; left -= stepMs) {
      timers.advance(Math.min(left, stepMs));
      await client.acknowledge(1n);
    }
  };
  return { timers, client, pass, asked, renewed, refusals };
}

/** Counts how often a token was asked for. */
function counting() {
  let made = 0;
  return () => () => Promise.resolve(tokenOf(++made));
}

test("a fresh token is shown when four fifths of the former one's life are over, again and again", async () => {
  const { client, pass, asked, renewed } = await stage(["renew"], counting());
  expect(asked).toEqual(["renew"]);
  await pass(hourMs * 0.75);
  expect(renewed).toEqual([]);
  await pass(hourMs * 0.1);
  await until(() => renewed.length === 1, "it renews");
  await pass(hourMs);
  expect(renewed).toEqual([2, 3]);
  expect(client.isOnline).toBe(true);
});

test("a renewal that is refused is tried again with another token", async () => {
  const { pass, renewed, refusals, client } = await stage(["renew"], counting());
  refusals.push(Status.Unauthorized, Status.RateLimited);
  await pass(hourMs * 0.9);
  expect(renewed).toEqual([2, 3, 4]);
  expect(client.isOnline).toBe(true);
});

test("nothing is renewed if the server does not grant it, if the token is a text, or after the end", async () => {
  const old = await stage([], counting());
  await old.pass(hourMs);
  const fixed = await stage(["renew"], () => tokenOf(1));
  await fixed.pass(hourMs);
  const closed = await stage(["renew"], counting());
  await closed.client.close();
  closed.timers.advance(hourMs);
  expect([old.renewed, fixed.renewed, closed.renewed]).toEqual([[], [], []]);
});
