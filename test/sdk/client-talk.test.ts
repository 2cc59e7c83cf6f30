// A talk is repeated under one clientId until it is stored or refused.

import { afterEach, describe, expect, test } from "bun:test";
import { RequestRefused } from "../../src/sdk/client-errors.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, MessageRespSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { until } from "../../scripts/harness/until.ts";
import { endAll, peerOn } from "./support.ts";
import { connect } from "./connected-client.ts";

afterEach(endAll);

describe("a talk", () => {
  test("is repeated with the same clientId after a failure of the server and after a lost connection", async () => {
    const peer = peerOn("ws");
    const clientIds: string[] = [];
    peer.on(Command.UserTalk, (request) => {
      clientIds.push(request.body(MessageReqSchema).clientId);
      if (clientIds.length === 1) request.refuse(Status.ServiceUnavailable, "try again");
      else if (clientIds.length === 2) request.connection.end();
      else request.respond(MessageRespSchema, { messageId: 9n });
    });
    const { client, timers } = await connect(peer);
    const talking = client.talkToUser("bob", { body: "hello" });
    let isDone = false;
    void talking.then(() => (isDone = true));
    await until(() => {
      timers.advance(100);
      return isDone;
    }, "the third try");
    expect((await talking).id).toBe(9n);
    expect(clientIds.length).toBe(3);
    expect(new Set(clientIds).size).toBe(1);
    expect(clientIds[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test("is not repeated when it is refused for good", async () => {
    const peer = peerOn("ws");
    let tries = 0;
    peer.on(Command.GroupTalk, (request) => {
      tries++;
      request.refuse(Status.Forbidden, "you are not a member of this group");
    });
    const { client } = await connect(peer);
    const error = await client.talkToGroup("g", { body: "x" }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(RequestRefused);
    expect(tries).toBe(1);
  });

  test("whose type is no integer rejects with the field's name, and nothing waits for an answer", async () => {
    const peer = peerOn("ws");
    const { client, timers } = await connect(peer);
    const before = timers.pending;
    await expect(client.talkToUser("bob", { body: "x", type: 1.5 })).rejects.toThrow(/type/);
    expect(timers.pending).toBe(before);
  });

  test("is given up after as many tries as allowed", async () => {
    const peer = peerOn("ws");
    let tries = 0;
    peer.on(Command.UserTalk, (request) => {
      tries++;
      request.refuse(Status.SystemException, "the store is away");
    });
    const { client, timers } = await connect(peer, { talkTriesMax: 3 });
    let error: unknown;
    client.talkToUser("bob", { body: "x" }).catch((cause: unknown) => (error = cause));
    await until(() => {
      timers.advance(100);
      return error !== undefined;
    }, "the last try");
    expect([tries, error instanceof RequestRefused]).toEqual([3, true]);
  });

  test("outlasts a database whose primary is replaced after 25 s", async () => {
    const peer = peerOn("ws");
    let nowMs = 0;
    peer.on(Command.UserTalk, (request) => {
      if (nowMs < 25_000) request.refuse(Status.SystemException, "no host of the list takes writes");
      else request.respond(MessageRespSchema, { messageId: 9n });
    });
    const { client, timers } = await connect(peer);
    let end: unknown;
    client.talkToUser("bob", { body: "x" }).then(
      ({ id }) => (end = id),
      (error: unknown) => (end = error),
    );
    await until(() => {
      timers.advance(100);
      nowMs += 100;
      return end !== undefined;
    }, "it is stored");
    expect(end).toBe(9n);
  });

  test("signs in again when the session is lost", async () => {
    const peer = peerOn("ws");
    peer.on(Command.UserTalk, (request) => {
      if (peer.connections.length === 1) request.refuse(Status.SessionNotFound, "sign in again");
      else request.respond(MessageRespSchema, { messageId: 3n });
    });
    const { client, timers } = await connect(peer);
    let id: bigint | undefined;
    void client.talkToUser("bob", { body: "x" }).then((stored) => (id = stored.id));
    await until(() => {
      timers.advance(100);
      return id !== undefined;
    }, "the answer");
    expect([id, peer.connections.length]).toEqual([3n, 2]);
  });
});
