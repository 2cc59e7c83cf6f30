// A chat service that dies with requests in flight: the gateway answers them itself, and tells clients to look.

import { afterEach, expect, test } from "bun:test";
import { signToken, TokenVerifier } from "../../src/auth/token.ts";
import { linkFrameBytesMax, linkUnsentBytesMax } from "../../src/base/limits.ts";
import { silentLog } from "../../src/base/log.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { GatewayRole } from "../../src/roles/gateway/role.ts";
import { createLoginService } from "../../src/roles/login/role.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { Flusher } from "../../src/transport/flusher.ts";
import { MemoryNetwork } from "../../src/transport/memory.ts";
import type { Connection, FrameHandler, TransportOptions } from "../../src/transport/transport.ts";
import { closeAbnormal } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { WireClient } from "../support/wire-client.ts";

const key = new TextEncoder().encode("the key of a test without services");
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** A gateway with a login service, and a chat service that swallows everything until it dies. */
async function fixture() {
  const wheel = new TimerWheel();
  const flusher = new Flusher();
  const metrics = new Metrics();
  const network = new MemoryNetwork();
  const options: TransportOptions = {
    frameBytesMax: linkFrameBytesMax,
    unsentBytesMax: linkUnsentBytesMax,
    closeWhenSlow: false,
    readWaitMs: 1_000_000,
    writeWaitMs: 10_000,
    wheel,
    flusher,
    observer: metrics.forService("x", "x"),
  };
  const links: Connection[] = [];
  const swallowed: Buffer[] = [];
  const silent: FrameHandler = { frame: (payload) => void swallowed.push(Buffer.from(payload)), closed() {} };
  const login = createLoginService({
    sessions: new MemorySessions(),
    metrics: metrics.forService("l", "login"),
    log: silentLog,
  });
  network.listen("login", login, options);
  network.listen("chat", { accept: (connection) => (links.push(connection), silent) }, options);
  const gateway = new GatewayRole({
    serviceId: "gate",
    verifier: new TokenVerifier([key]),
    wheel,
    flusher,
    metrics: metrics.forService("gate", "gateway"),
    log: silentLog,
    readWaitMs: 180_000,
    writeWaitMs: 10_000,
    loginWaitMs: 10_000,
  });
  for (const service of ["login", "chat"] as const) {
    await gateway.connect(service, service, (handlerOf) => network.dial(service, "gate/1", handlerOf, options));
  }
  const address = gateway.listen("tcp", { host: "127.0.0.1", port: 0 });
  closing.push(() => void gateway.drain(0));
  const client = await WireClient.connect(address);
  await client.signIn(await signToken(key, { account: "alice", app: "app", ttlSeconds: 60 }));
  return { gateway, client, swallowed, killChat: () => links[0]?.close(closeAbnormal) };
}

test("every request in flight is answered with ServiceUnavailable when its link dies, and chat.sync follows", async () => {
  const { gateway, client, swallowed, killChat } = await fixture();
  const talks = Array.from({ length: 100 }, (_, number) =>
    client.request(Command.UserTalk, "bob", MessageReqSchema, { body: String(number) }),
  );
  while (swallowed.length < talks.length) await Bun.sleep(1);
  killChat();
  const answers = await Promise.all(talks);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([Status.ServiceUnavailable]));
  expect(answers.map(({ header }) => header.command)).toEqual(answers.map(() => Command.UserTalk));
  while (client.pushes.length === 0) await Bun.sleep(1);
  expect(client.pushes.map(({ header }) => header.command)).toEqual([Command.Sync]);
  expect(gateway.missingServices()).toEqual(["chat"]);
});

test("without a node a request is refused at once, and the connection lives", async () => {
  const { client, killChat, gateway } = await fixture();
  killChat();
  while (gateway.missingServices().length === 0) await Bun.sleep(1);
  const talk = () => client.request(Command.UserTalk, "bob", MessageReqSchema, { body: "x" });
  expect((await talk()).status).toBe(Status.ServiceUnavailable);
  expect((await talk()).status).toBe(Status.ServiceUnavailable);
  expect(client.isClosed).toBe(false);
});
