// The client delivers each message once, in the order of ids, whatever pushes are lost or repeated.

import { afterEach, describe, expect, test } from "bun:test";
import { Command } from "../../src/wire/commands.ts";
import { HeaderSchema, MessagePushSchema, MessageRespSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { until } from "../../scripts/harness/until.ts";
import { endAll, peerOn } from "./support.ts";
import { connect } from "./connected-client.ts";

afterEach(endAll);

describe("messages", () => {
  test("that were missed come in id order, over pages and contents, and are acknowledged", async () => {
    const peer = peerOn("ws", 300);
    for (let id = 1n; id <= 700n; id++) peer.received.push(id);
    const { ids, events } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    expect(ids).toEqual(peer.received);
    expect(peer.indexAsked).toEqual([0n, 300n, 600n, 700n]);
    expect(peer.acknowledged.at(-1)).toBe(700n);
  });

  test("that are pushed while the missed ones are read come after them, once", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n, 2n, 3n);
    peer.on(Command.SignIn, (request) => {
      peer.signIn(request);
      request.connection.message("alice", 4n, 3n);
      request.connection.message("alice", 3n, 2n);
    });
    const { ids } = await connect(peer);
    await until(() => ids.length >= 4, "four messages");
    expect(ids).toEqual([1n, 2n, 3n, 4n]);
  });

  test("that are pushed twice are delivered once", async () => {
    const peer = peerOn("ws");
    const { ids, client, events } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    for (const id of [5n, 5n]) peer.latest.message("alice", id, 0n);
    await client.members("g");
    expect(ids).toEqual([5n]);
  });

  test("whose push was lost are found when the next push names them", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const { ids, events } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    peer.received.push(2n, 3n);
    peer.latest.message("alice", 3n, 2n);
    await until(() => ids.length === 3, "three messages");
    expect(ids).toEqual([1n, 3n, 2n]);
    await until(() => peer.acknowledged.at(-1) === 3n, "the acknowledgement");
  });

  test("are looked for when the server hints at them", async () => {
    const peer = peerOn("ws");
    const { ids, events } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    peer.received.push(8n);
    peer.latest.push(Command.Sync, "", HeaderSchema, {});
    await until(() => ids.length === 1, "the message");
    expect(ids).toEqual([8n]);
  });

  test("of an own other device are delivered and say nothing about holes", async () => {
    const peer = peerOn("ws");
    const { events, client, ids } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    peer.latest.message("bob", 50n, 40n, "alice");
    await until(() => ids.length === 1, "the push");
    await client.members("g");
    expect(peer.indexAsked).toEqual([0n]);
  });

  test("of a group after one's own leave no hole", async () => {
    const peer = peerOn("ws");
    peer.on(Command.GroupTalk, (request) => request.respond(MessageRespSchema, { messageId: 20n }));
    const { events, client, ids } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    await client.talkToGroup("g", { body: "mine" });
    peer.latest.push(Command.GroupTalk, "g", MessagePushSchema, {
      messageId: 21n,
      previousId: 20n,
      sender: "bob",
      body: "x",
    });
    await until(() => ids.length === 1, "the push");
    await client.members("g");
    expect(peer.indexAsked).toEqual([0n]);
  });

  test("that came before a lost connection are not delivered again after it", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const { ids, events, timers } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    peer.received.push(2n);
    peer.latest.message("alice", 2n, 1n);
    await until(() => ids.length === 2, "the push");
    peer.received.push(3n);
    peer.latest.end();
    await until(() => events.some((event) => event.startsWith("offline")), "the end");
    timers.advance(30_000);
    await until(() => ids.length === 3, "the third message");
    expect(ids).toEqual([1n, 2n, 3n]);
  });

  test("that cannot be read are reported, and read later", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const read = peer.scriptOf(Command.OfflineContent);
    peer.on(Command.OfflineContent, (request) => request.refuse(Status.SystemException, "the store is away"));
    const failures: unknown[] = [];
    const { ids, timers } = await connect(peer, { on: { syncFailed: ({ error }) => failures.push(error) } });
    await until(() => failures.length === 1, "the failure");
    expect([ids, peer.acknowledged]).toEqual([[], []]);
    peer.on(Command.OfflineContent, read);
    timers.advance(500);
    await until(() => ids.length === 1, "the message");
    await until(() => peer.acknowledged.at(-1) === 1n, "the acknowledgement");
  });
});
