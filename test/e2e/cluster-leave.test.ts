// Processes of a cluster that leave in good order, and that come, while people talk: everybody is answered, and only
// those are moved who have to be.

import { afterEach, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { Command, MetaKey } from "../../src/wire/commands.ts";
import {
  Flag,
  LoginRespSchema,
  MessagePushSchema,
  MessageReqSchema,
  MetaType,
  SessionSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { basicPing, BasicCode, decodePacket, encodeLogicPacket, type LogicPacket } from "../../src/wire/packet.ts";
import { closeAll, newIdentity } from "../link/support.ts";
import { HandDialler } from "../link/hand-handshake.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
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

test("a gateway that leaves sends 200 clients to the other one, and serves each until its turn", async () => {
  const { cluster } = (stage = await ClusterStage.start({ gateways: 2 }));
  const running = stage;
  const clients = await Promise.all(Array.from({ length: 200 }, (_, at) => running.wire(`client${at}`, 0)));
  const codes: number[] = [];
  for (const client of clients) void client.closed.then(({ code }) => codes.push(code));
  const talks = { answered: 0, refused: 0 };
  // Everybody talks for as long as it is there: whatever was read before the end is answered.
  const talking = clients.map(async (client, at) => {
    while (!client.isClosed) {
      const answer = await client
        .request(Command.UserTalk, `client${(at + 1) % clients.length}`, MessageReqSchema, { type: 1, body: "hello" })
        .catch(() => undefined);
      if (answer?.status === Status.Success) talks.answered++;
      else if (answer !== undefined) talks.refused++;
      await Bun.sleep(20);
    }
  });
  await until(() => talks.answered > 400, "the talk is in full swing");
  const ending = cluster.end("gateway-1", "SIGTERM");
  await until(() => codes.length > 0, "the first one is sent away");
  expect(codes.length).toBeLessThan(100);
  const staying = clients.findLast(({ isClosed }) => !isClosed);
  if (staying === undefined) throw new Error("all were sent away at once");
  const { answered } = talks;
  await until(() => talks.answered > answered + 50, "those whose turn it is not are served");
  expect(await ending).toBe(0);
  await Promise.all(talking);
  expect(codes).toEqual(Array.from(clients, () => CloseCode.Leaving));
  // Only in the moments between a client's last answer and its close may it be sent elsewhere.
  expect(talks.refused).toBeLessThanOrEqual(clients.length);
  const back = await Promise.all(clients.map((_, at) => running.wire(`client${at}`, 1)));
  const [first, second] = back;
  if (first === undefined || second === undefined) throw new Error("all are back");
  await talk(first, "client1", "here we are");
  expect((await second.pushed(Command.UserTalk, MessagePushSchema)).at(-1)?.body).toBe("here we are");
}, 60_000);

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
