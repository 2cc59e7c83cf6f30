// The client signs in, asks and answers, and comes back when it may.

import { afterEach, describe, expect, test } from "bun:test";
import { Disconnected, RequestRefused, RequestTimedOut } from "../../src/sdk/client-errors.ts";
import type { ClientEvents } from "../../src/sdk/client-options.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  HeaderSchema,
  GroupGetReqSchema,
  GroupGetRespSchema,
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  KickoutNotifySchema,
  MessageContentReqSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { until } from "../../scripts/harness/until.ts";
import { type PeerRequest, ScriptedPeer } from "../support/scripted-peer.ts";
import { endAll, peerOn } from "./support.ts";
import { connect } from "./connected-client.ts";

afterEach(endAll);

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
