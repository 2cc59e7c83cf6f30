// A login node of a cluster that leaves in good order, and what a link carries meanwhile. A gateway that leaves is
// gateway-leave.slow.test.ts.

import { afterEach, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import {
  Flag,
  LoginRespSchema,
  MessagePushSchema,
  MessageReqSchema,
  MetaType,
  SessionSchema,
} from "../../src/wire/gen/pkt_pb.ts";
import { basicPing, BasicCode, decodePacket, encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";
import { closeAll, newIdentity } from "../link/support.ts";
import { HandDialler } from "../link/hand-handshake.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";

let stage: ClusterStage | undefined;

afterEach(async () => {
  await closeAll();
  await stage?.close();
  stage = undefined;
});

/** A packet as a gateway sends it for one of its connections. */
function stamped(gateway: string, channelId: string, account: string, command: string, sequence: number, dest: string) {
  const meta = (key: string, value: string) => ({ key, value, type: MetaType.string });
  const identity = [meta(MetaKey.App, "app"), meta(MetaKey.Account, account), meta(MetaKey.DestServer, gateway)];
  return { command, channelId, sequence, dest, ticket: sequence, meta: identity };
}

test("a login node that leaves while people sign in refuses nobody", async () => {
  const running = (stage = await ClusterStage.start({ logins: 2 }));
  const { cluster } = running;
  const signIns = { areOver: false, count: 0 };
  const signingIn = Array.from({ length: 5 }, async (_, at) => {
    for (let round = 0; !signIns.areOver; round++, signIns.count++) {
      const client = await running.wire(`new${at}-${round}`);
      client.terminate();
    }
  });
  for (const name of ["login-1", "login-2"]) {
    const { count } = signIns;
    await until(() => signIns.count > count + 50, "people sign in");
    expect(await cluster.end(name, "SIGTERM")).toBe(0);
    await cluster.start(name);
    await until(() => cluster.isReady(name), `${name} is back`);
  }
  signIns.areOver = true;
  await Promise.all(signingIn);
}, 60_000);

test("heartbeats and data that are written at once on one link never interleave", async () => {
  const random = new Random(testSeed("heartbeats between data"));
  const running = (stage = await ClusterStage.start({ gateways: 0 }));
  const { clusterKey: key, cluster } = running;
  const identity = newIdentity("hand");
  const { id } = identity;
  const login = await HandDialler.connect(cluster.linkAddress("login-1"), { identity, key });
  const chat = await HandDialler.connect(cluster.linkAddress("chat-1"), { identity, key });
  await login.shake();
  await chat.shake();
  for (const [at, account] of ["alice", "bob"].entries()) {
    const header = stamped(id, `channel-${account}`, account, Command.SignIn, at + 1, "");
    const body = toBinary(SessionSchema, create(SessionSchema, { channelId: `channel-${account}` }));
    login.connection.send(encodeLogicPacket(header, body));
  }
  const logic = ({ recording }: HandDialler): LogicPacket[] =>
    recording.frames.slice(1).flatMap((frame) => {
      const packet = decodePacket(frame, 64 * 1024);
      return packet.kind === "logic" ? [packet] : [];
    });
  const signedIn = (): LogicPacket[] => logic(login).filter(({ header }) => header.flag === Flag.Response);
  await until(() => signedIn().length === 2, "both are signed in");
  expect(signedIn().map(({ body }) => fromBinary(LoginRespSchema, body).account)).toEqual(["alice", "bob"]);
  const bodies = Array.from({ length: 2_000 }, (_, at) => `${at} ${"x".repeat(random.below(16_000))}`);
  let pings = 0;
  for (const [at, text] of bodies.entries()) {
    const body = toBinary(MessageReqSchema, create(MessageReqSchema, { type: 1, body: text }));
    const header = stamped(id, "channel-alice", "alice", Command.UserTalk, at + 1, "bob");
    for (let times = random.below(3); times > 0; times--, pings++) chat.connection.send(basicPing);
    chat.connection.send(encodeLogicPacket(header, body));
    if (random.once(20)) await Bun.sleep(0);
  }
  const { recording } = chat;
  await until(
    () => recording.frames.length >= 1 + 2 * bodies.length + pings || recording.reasons.length > 0,
    "all came",
  );
  expect(recording.reasons).toEqual([]);
  const answers = logic(chat).filter(({ header }) => header.flag === Flag.Response);
  expect(answers.map(({ header }) => [header.sequence, header.status])).toEqual(bodies.map((_, at) => [at + 1, 0]));
  const pushes = logic(chat).filter(({ header }) => header.flag === Flag.Push);
  expect(pushes.map(({ body }) => fromBinary(MessagePushSchema, body).body)).toEqual(bodies);
  const pongs = recording.frames.slice(1).filter((frame) => {
    const packet = decodePacket(frame, 64 * 1024);
    return packet.kind === "basic" && packet.code === BasicCode.Pong;
  });
  expect(pongs).toHaveLength(pings);
}, 60_000);
