// A client comes back over a connection that has died unnoticed.

import { afterEach, describe, expect, test } from "bun:test";
import { Command } from "../../src/wire/commands.ts";
import { LoginReqSchema, MessageRespSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import type { ScriptedPeer } from "../support/scripted-peer.ts";
import { until } from "../../scripts/harness/until.ts";
import { endAll, peerOn } from "./support.ts";
import { deadUrl, connecting, connected } from "./several-servers.ts";

afterEach(endAll);

/** Takes everything and answers nothing, as a network does that leads nowhere. */
function fallSilent(peer: ScriptedPeer): void {
  peer.answersHeartbeats = false;
  for (const command of [Command.UserTalk, Command.SignIn]) peer.on(command, () => undefined);
}

for (const transport of ["ws", "tcp"] as const) {
  describe(`a dead connection over ${transport}`, () => {
    test("costs a talk 6 s: it is stored over a new one", async () => {
      const peer = peerOn(transport);
      const signIn = peer.scriptOf(Command.SignIn);
      const { client, timers, events } = await connected({ url: peer.url });
      fallSilent(peer);
      const talking = client.talkToUser("bob", { body: "hello" });
      await Bun.sleep(0);
      timers.advance(5_999);
      expect(client.isOnline).toBe(true);
      timers.advance(1);
      expect(events.at(-1)).toBe("offline 1006 250");
      peer.on(Command.SignIn, signIn);
      peer.on(Command.UserTalk, (request) => request.respond(MessageRespSchema, { messageId: 7n }));
      timers.advance(250);
      await until(() => client.isOnline, "the return");
      timers.advance(250);
      expect((await talking).id).toBe(7n);
    });

    test("is found out 3 s after reconnect()", async () => {
      const peer = peerOn(transport);
      const { client, timers, events } = await connected({ url: peer.url });
      fallSilent(peer);
      client.reconnect();
      timers.advance(2_999);
      expect(client.isOnline).toBe(true);
      timers.advance(1);
      expect(events.at(-1)).toBe("offline 1006 250");
    });

    test("reconnect() keeps a connection that answers", async () => {
      const peer = peerOn(transport);
      const { client, timers } = await connected({ url: peer.url });
      client.reconnect();
      await until(() => peer.heartbeats === 1, "the ping");
      // Its answer comes before this one.
      await client.members("g");
      timers.advance(10_000);
      expect([client.isOnline, peer.connections.length]).toEqual([true, 1]);
    });
  });
}

test("reconnect() ends a wait at once, but for a second one within a second", async () => {
  const peer = peerOn("ws");
  const { client, timers, events } = await connected({ url: peer.url });
  peer.latest.end({ code: 1012, text: "server is leaving; 60000" });
  await until(() => events.includes("offline 1012 30000"), "the end");
  client.reconnect();
  await until(() => peer.connections.length === 2, "the return");
  await until(() => client.isOnline, "the sign-in");
  peer.latest.end();
  await until(() => events.at(-1)?.startsWith("offline 1006") === true, "the second end");
  client.reconnect();
  await Bun.sleep(20);
  expect(peer.connections.length).toBe(2);
  timers.advance(1_000);
  await until(() => peer.connections.length === 3, "the return after the usual wait");
});

test("reconnect() gives a sign-in under way 3 s more, however often it is called", async () => {
  const peer = peerOn("ws");
  const { client, timers, events } = await connected({ url: peer.url });
  let signIns = 0;
  peer.on(Command.SignIn, () => void signIns++);
  peer.latest.end();
  await until(() => events.at(-1) === "offline 1006 250", "the end");
  timers.advance(250);
  await until(() => signIns === 1, "the sign-in");
  for (let at = 0; at < 3; at++) {
    client.reconnect();
    timers.advance(999);
  }
  expect(events.at(-1)).toBe("offline 1006 250");
  timers.advance(3);
  expect(events.at(-1)).toBe("offline 1006 500");
});

test("too many devices are no reason to stay away: one of them may leave", async () => {
  const peer = peerOn("ws");
  const signIn = peer.scriptOf(Command.SignIn);
  const { timers, events } = await connected({ url: peer.url });
  peer.on(Command.SignIn, (request) => request.refuse(Status.Forbidden, "signed in on 16 devices"));
  peer.latest.end();
  await until(() => events.at(-1) === "offline 1006 250", "the end");
  timers.advance(250);
  await until(() => events.at(-1) === "offline 4008 500", "the refusal");
  peer.on(Command.SignIn, signIn);
  timers.advance(500);
  await until(() => peer.connections.length === 2, "the return");
  // At the start it is the application's to decide.
  peer.on(Command.SignIn, (request) => request.refuse(Status.Forbidden, "signed in on 16 devices"));
  await expect(connecting({ url: peer.url }).client).rejects.toThrow("signed in on 16 devices");
});

test("what watches the network doubts the connection, until the client ends", async () => {
  const peer = peerOn("ws");
  let doubt: (() => void) | undefined;
  const watchNetwork = (told: () => void) => {
    doubt = told;
    return () => void (doubt = undefined);
  };
  const { client } = await connected({ url: peer.url }, { watchNetwork });
  doubt?.();
  await until(() => peer.heartbeats === 1, "the ping");
  await client.close();
  expect(doubt).toBeUndefined();
});

test("a heartbeat goes out as often as the application wants, within bounds", async () => {
  const peer = peerOn("ws");
  const { timers } = await connected({ url: peer.url, heartbeatMs: 1_000 });
  timers.advance(1_000);
  await until(() => peer.heartbeats === 1, "the heartbeat");
  for (const heartbeatMs of [0, 999, 50_001, NaN])
    await expect(connecting({ url: peer.url, heartbeatMs }).client).rejects.toBeInstanceOf(RangeError);
});

test("the wall clock does not matter: a day off, a day on", async () => {
  const peer = peerOn("ws");
  const now = Date.now;
  try {
    Date.now = () => now() + 86_400_000;
    const { client, timers, events } = await connected({ url: peer.url });
    Date.now = () => now() - 86_400_000;
    timers.advance(20_000);
    await client.members("g");
    expect(client.isOnline).toBe(true);
    peer.latest.end();
    await until(() => events.at(-1) === "offline 1006 250", "the end");
    timers.advance(250);
    await until(() => client.isOnline, "the return");
  } finally {
    Date.now = now;
  }
});

test("a platform that tells of an error and of no end (Node 22) costs a try 100 ms", async () => {
  const url = await deadUrl();
  const openWebSocket = (): WebSocket => {
    const socket = new WebSocket(url);
    Object.defineProperty(socket, "onclose", { set() {} });
    return socket;
  };
  const { client, timers } = connecting({ url }, { openWebSocket });
  await until(() => timers.pending === 2, "the error");
  timers.advance(99);
  expect(timers.pending).toBe(2);
  timers.advance(1);
  await expect(client).rejects.toThrow(`no connection to ${url}`);
});

test("a device that is not known yet keeps the sign-in waiting, not the connection", async () => {
  const peer = peerOn("ws");
  const signIn = peer.scriptOf(Command.SignIn);
  const devices: string[] = [];
  peer.on(Command.SignIn, (request) => {
    devices.push(request.body(LoginReqSchema).device);
    signIn(request);
  });
  const { promise: device, resolve } = Promise.withResolvers<string>();
  const opened = Promise.withResolvers<void>();
  const openWebSocket = (url: string): WebSocket => {
    const socket = new WebSocket(url);
    socket.addEventListener("open", () => opened.resolve());
    return socket;
  };
  const { client } = connecting({ url: peer.url, device }, { openWebSocket });
  await opened.promise;
  expect(devices).toEqual([]);
  resolve("tab-2");
  await client;
  expect(devices).toEqual(["tab-2"]);
});

test("without a device there is no sign-in, and no other try", async () => {
  const peer = peerOn("ws");
  const device = Promise.reject<string>(new Error("all devices are taken"));
  const { client, events } = connecting({ url: peer.url, device });
  await expect(client).rejects.toThrow("all devices are taken");
  expect([peer.tokens, events]).toEqual([[], ["offline 1002 for good"]]);
});
