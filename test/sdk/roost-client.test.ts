import { afterEach, describe, expect, spyOn, test } from "bun:test";
import { Disconnected, RequestRefused, RequestTimedOut } from "../../src/sdk/client-errors.ts";
import type { ClientEvents, ClientOptions } from "../../src/sdk/client-options.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { inWorkMax } from "../../src/sdk/synchroniser.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  HeaderSchema,
  GroupGetReqSchema,
  GroupGetRespSchema,
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  KickoutNotifySchema,
  MessageContentReqSchema,
  MessagePushSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { until } from "../../scripts/harness/until.ts";
import { type PeerRequest, ScriptedPeer } from "../support/scripted-peer.ts";
import { afterwards, endAll, peerOn } from "./support.ts";

afterEach(endAll);

/** A client on manual timers, everything that it delivered, and what it said of its connection. */
async function connect(peer: ScriptedPeer, options: Partial<ClientOptions> = {}) {
  const timers = new ManualTimers();
  const ids: bigint[] = [];
  const events: string[] = [];
  const client = await RoostClient.connect({
    url: peer.url,
    token: "a token",
    environment: { after: timers.after, random: () => 0.5 },
    ...options,
    on: {
      message: ({ id }) => ids.push(id),
      online: () => events.push("online"),
      offline: ({ reason, returnsInMs }) => events.push(`offline ${reason.code} ${returnsInMs ?? "for good"}`),
      kicked: () => events.push("kicked"),
      synced: () => events.push("synced"),
      ...options.on,
    },
  });
  afterwards(() => client.close(), true);
  return { client, timers, ids, events };
}

for (const transport of ["ws", "tcp"] as const) {
  describe(`over ${transport}`, () => {
    test("signs in, talks and asks", async () => {
      const peer = peerOn(transport);
      peer.on(Command.UserTalk, (request) => {
        expect(request.header.dest).toBe("bob");
        expect(request.body(MessageReqSchema)).toMatchObject({ type: 1, body: "hello", clientId: "one" });
        request.respond(MessageRespSchema, { messageId: 2n ** 62n + 1n, sendTime: 5n });
      });
      const { client } = await connect(peer);
      expect([client.account, client.isOnline, peer.tokens]).toEqual(["alice", true, ["a token"]]);
      expect(await client.talkToUser("bob", { body: "hello" }, { clientId: "one" })).toEqual({
        id: 2n ** 62n + 1n,
        sendTime: 5n,
      });
    });

    test("reads close reasons: a kick is for good, whatever then ends the connection", async () => {
      const peer = peerOn(transport);
      const { events, client } = await connect(peer);
      peer.latest.push(Command.SignIn, "alice", KickoutNotifySchema, { channelId: "channel-1" });
      peer.latest.end();
      await until(() => events.length >= 3, "the end");
      expect(events.filter((event) => event !== "synced")).toEqual(["online", "kicked", "offline 4001 for good"]);
      await expect(client.talkToUser("bob", { body: "x" })).rejects.toBeInstanceOf(Disconnected);
    });

    test("an operator's kick is for good, and told as what it is", async () => {
      const peer = peerOn(transport);
      const texts: string[] = [];
      const offline = ({ reason }: ClientEvents["offline"]): void => void texts.push(`${reason.code} ${reason.text}`);
      await connect(peer, { on: { offline } });
      peer.latest.push(Command.SignIn, "alice", KickoutNotifySchema, { channelId: "channel-1" });
      peer.latest.end({ code: 4001, text: "ended by an operator" });
      await until(() => texts.length > 0, "the end");
      expect(texts).toEqual(["4001 ended by an operator"]);
    });

    test("comes back when the server leaves", async () => {
      const peer = peerOn(transport);
      const { events, timers } = await connect(peer);
      peer.latest.end({ code: 1012, text: "server is leaving" });
      await until(() => events.includes("offline 1012 2500"), "the end");
      timers.advance(2_500);
      await until(() => peer.connections.length === 2, "the return");
    });
  });
}

test("tells who was left out of a new group", async () => {
  const peer = peerOn("ws");
  peer.on(Command.GroupCreate, (request) => {
    const { members } = request.body(GroupCreateReqSchema);
    request.respond(GroupCreateRespSchema, { groupId: "the group", leftOut: members.slice(1) });
  });
  const { client } = await connect(peer);
  const draft = { name: "team", members: ["bob", "carol"] };
  expect(await client.newGroup(draft)).toEqual({ id: "the group", leftOut: ["carol"] });
  expect(await client.createGroup(draft)).toBe("the group");
});

describe("signing in", () => {
  test("rejects with the server's refusal, and does not come back", async () => {
    const peer = peerOn("tcp");
    peer.on(Command.SignIn, (request) => {
      request.refuse(Status.Unauthorized, "the token has expired");
      request.connection.end({ code: 4003, text: "unauthorised" });
    });
    const error = await connect(peer).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(RequestRefused);
    expect(error).toMatchObject({ status: Status.Unauthorized, message: "the token has expired" });
  });

  test("rejects when nobody listens, and for a URL that means nothing", async () => {
    const peer = ScriptedPeer.start("tcp");
    await peer.stop();
    await expect(connect(peer)).rejects.toBeInstanceOf(Disconnected);
    await expect(RoostClient.connect({ url: "http://127.0.0.1:1", token: "" })).rejects.toBeInstanceOf(TypeError);
  });

  test("times out on a server that says nothing", async () => {
    const peer = peerOn("ws");
    peer.on(Command.SignIn, () => undefined);
    const connecting = RoostClient.connect({ url: peer.url, token: "", requestTimeoutMs: 20 });
    await expect(connecting).rejects.toBeInstanceOf(RequestTimedOut);
  });

  test("brings a fresh token after 4003 when it knows where to get one", async () => {
    const peer = peerOn("ws");
    let made = 0;
    const { events, timers } = await connect(peer, { token: async () => `token ${++made}` });
    peer.latest.end({ code: 4003, text: "revoked" });
    await until(() => events.includes("offline 4003 250"), "the end");
    timers.advance(250);
    await until(() => peer.tokens.length === 2, "the return");
    expect(peer.tokens).toEqual(["token 1", "token 2"]);
  });

  test("takes a first packet that is not the answer for a protocol fault", async () => {
    const peer = peerOn("ws");
    peer.on(Command.SignIn, ({ connection }) => connection.push(Command.Sync, "", HeaderSchema, {}));
    const error = await connect(peer).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(Disconnected);
    expect(error).toMatchObject({ reason: { code: 1002 } });
  });
});

describe("requests", () => {
  test("pair with their answers out of order", async () => {
    const peer = peerOn("ws");
    const held: PeerRequest[] = [];
    peer.on(Command.GroupDetail, (request) => {
      held.push(request);
      if (held.length < 3) return;
      for (const one of held.toReversed()) one.respond(GroupGetRespSchema, { id: one.body(GroupGetReqSchema).groupId });
    });
    const { client } = await connect(peer);
    const groups = await Promise.all(["x", "y", "z"].map((id) => client.group(id)));
    expect(groups.map(({ id }) => id)).toEqual(["x", "y", "z"]);
  });

  test("that are refused keep the connection", async () => {
    const peer = peerOn("ws");
    peer.on(Command.GroupJoin, (request) => request.refuse(Status.Forbidden, "the group is closed"));
    const { client } = await connect(peer);
    await expect(client.joinGroup("g")).rejects.toThrow("the group is closed");
    expect(await client.members("g")).toEqual([]);
  });

  test("time out", async () => {
    const peer = peerOn("ws");
    peer.on(Command.GroupMembers, () => undefined);
    const { client, timers, events } = await connect(peer, { requestTimeoutMs: 2_000 });
    await until(() => events.includes("synced"), "the sync");
    const asked = client.members("g");
    timers.advance(2_000);
    await expect(asked).rejects.toBeInstanceOf(RequestTimedOut);
  });

  test("for more than 200 contents are split", async () => {
    const peer = peerOn("ws");
    const sizes: number[] = [];
    peer.on(Command.OfflineContent, (request) => {
      sizes.push(request.body(MessageContentReqSchema).messageIds.length);
      request.succeed();
    });
    const { client } = await connect(peer);
    await client.contents(Array.from({ length: 450 }, (_, at) => BigInt(at + 1)));
    expect(sizes).toEqual([200, 200, 50]);
  });
});

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

  test("are acknowledged only up to what the index proves, some time after a push", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const { ids, events, timers, client } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    peer.latest.message("alice", 6n, 1n);
    await until(() => ids.length === 2, "the push");
    await client.members("g");
    expect(peer.acknowledged).toEqual([1n]);
    // Message 4 was never pushed; the push of 6 does not say so, the index does.
    peer.received.push(4n, 6n);
    timers.advance(2_000);
    await until(() => peer.acknowledged.length === 2, "the acknowledgement");
    expect([ids, peer.acknowledged]).toEqual([
      [1n, 6n, 4n],
      [1n, 6n],
    ]);
    expect(peer.contentsAsked).toEqual([1n, 4n]);
  });

  test("are acknowledged when the client closes", async () => {
    const peer = peerOn("ws");
    const { ids, events, client } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    peer.received.push(2n);
    peer.latest.message("alice", 2n, 0n);
    await until(() => ids.length === 1, "the push");
    await client.close();
    expect([peer.acknowledged, events.at(-1)]).toEqual([[2n], "offline 1000 for good"]);
  });

  test("are acknowledged after the promises that a handler returns, in order, however they are resolved", async () => {
    const peer = peerOn("ws", 2);
    peer.received.push(1n, 2n, 3n);
    const taken = new Map<bigint, () => void>();
    const { events } = await connect(peer, {
      on: { message: ({ id }) => new Promise<void>((resolve) => void taken.set(id, resolve)) },
    });
    await until(() => events.includes("synced"), "the sync");
    taken.get(3n)?.();
    taken.get(1n)?.();
    await Bun.sleep(20);
    expect(peer.acknowledged).toEqual([]);
    taken.get(2n)?.();
    await until(() => peer.acknowledged.length > 0, "the acknowledgement");
    expect(peer.acknowledged).toEqual([3n]);
  });

  test("are acknowledged up to the first that is still being handled; a slow handler holds up reading", async () => {
    const peer = peerOn("ws");
    for (let id = 1n; id <= 3_000n; id++) peer.received.push(id);
    const waiting: (() => void)[] = [];
    await connect(peer, {
      on: { message: ({ id }) => (id < 10n ? undefined : new Promise<void>((resolve) => waiting.push(resolve))) },
    });
    await until(() => waiting.length > inWorkMax, "so many that the reading waits");
    const many = waiting.length;
    await Bun.sleep(50);
    expect([waiting.length, peer.acknowledged]).toEqual([many, [9n]]);
    for (let done = 0; done < 2_991; await Bun.sleep(1)) {
      const free = waiting.splice(0);
      for (const take of free) take();
      done += free.length;
    }
    await until(() => peer.acknowledged.at(-1) === 3_000n, "the last acknowledgement");
  });

  test("are acknowledged after a promise of another realm or library, too", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const { promise, resolve } = Promise.withResolvers<void>();
    const foreign: PromiseLike<void> = { then: (done, failed) => promise.then(done, failed) };
    const { events } = await connect(peer, { on: { message: () => foreign } });
    await until(() => events.includes("synced"), "the sync");
    await Bun.sleep(20);
    expect(peer.acknowledged).toEqual([]);
    resolve();
    await until(() => peer.acknowledged.length > 0, "the acknowledgement");
  });

  test("that a handler is not done with keep none from coming after a return", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const ids: bigint[] = [];
    const first = Promise.withResolvers<void>();
    const message = ({ id }: ClientEvents["message"]): void | Promise<void> => {
      ids.push(id);
      return id === 1n ? first.promise : undefined;
    };
    const { events, timers } = await connect(peer, { on: { message: async (event) => message(event) } });
    await until(() => events.includes("synced"), "the sync");
    peer.received.push(2n);
    peer.latest.end({ code: 1012, text: "server is leaving" });
    await until(() => events.includes("offline 1012 2500"), "the end");
    timers.advance(2_500);
    await until(() => ids.includes(2n), "the second message");
    expect([ids, peer.acknowledged]).toEqual([[1n, 2n], []]);
    first.resolve();
    await until(() => peer.acknowledged.length > 0, "the acknowledgement");
    expect(peer.acknowledged).toEqual([2n]);
  });

  test("before one whose handler's promise never settles are acknowledged: 2 s later, and by a close", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n, 2n, 3n, 4n);
    const taken = new Map<bigint, () => void>();
    const { client, timers, events } = await connect(peer, {
      on: { message: ({ id }) => new Promise<void>((resolve) => void taken.set(id, resolve)) },
    });
    await until(() => events.includes("synced"), "the sync");
    for (const id of [1n, 4n]) taken.get(id)?.();
    await Bun.sleep(20);
    expect(peer.acknowledged).toEqual([]);
    timers.advance(2_000);
    await until(() => peer.acknowledged.length === 1, "the acknowledgement");
    taken.get(2n)?.();
    await Bun.sleep(20);
    const closing = client.close();
    await until(() => peer.acknowledged.length === 2, "the acknowledgement of the close");
    timers.advance(2_000);
    await closing;
    expect(peer.acknowledged).toEqual([1n, 2n]);
    expect(timers.pending).toBe(0);
  });

  test("whose handler's promise is pending are not acknowledged by a close, which does not wait for it", async () => {
    const peer = peerOn("ws");
    peer.received.push(1n);
    const { client, timers } = await connect(peer, { on: { message: () => new Promise<void>(() => undefined) } });
    const closing = client.close();
    timers.advance(2_000);
    await closing;
    expect(peer.acknowledged).toEqual([]);
  });

  test("whose handler's promise rejects are not acknowledged, nor is what follows; the error surfaces", async () => {
    const peer = peerOn("ws", 1);
    peer.received.push(1n, 2n, 3n);
    // The runner takes an uncaught error for its own.
    const errors: string[] = [];
    const surfaced = spyOn(globalThis, "queueMicrotask").mockImplementation((work) => {
      try {
        work();
      } catch (error) {
        errors.push(String(error));
      }
    });
    try {
      const ids: bigint[] = [];
      const { client } = await connect(peer, {
        on: {
          message: async ({ id }) => {
            await Bun.sleep(1);
            ids.push(id);
            if (id === 2n) throw new Error("no room");
          },
        },
      });
      await until(() => ids.length === 3, "the messages");
      await client.close();
      expect([ids, peer.acknowledged, errors]).toEqual([[1n, 2n, 3n], [1n], ["Error: no room"]]);
    } finally {
      surfaced.mockRestore();
    }
  });

  test("after 200 pushes are acknowledged without waiting", async () => {
    const peer = peerOn("ws");
    const { events } = await connect(peer);
    await until(() => events.includes("synced"), "the sync");
    for (let id = 1n; id <= 200n; id++) {
      peer.received.push(id);
      peer.latest.message("alice", id, id - 1n);
    }
    await until(() => peer.acknowledged.at(-1) === 200n, "the acknowledgement");
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

  test("that cannot be read are said so, and read later", async () => {
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
