// What connections with the feature "conversations" get of the index and of talks, and those without do not.
import { describe, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  EntryKind,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessagePushSchema,
  MessageReqSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { app, chatLink, newer, older } from "../support/chat-link.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { alice, ask, old, scripted, stage } from "./conversation-stage.ts";

describe("the index", () => {
  const index = (includeEvents: boolean) =>
    ask(Command.OfflineIndex, MessageIndexReqSchema, { messageId: 5n, includeEvents });

  test("of a connection without the feature is the former one, whatever it asks for", async () => {
    const { request, asked } = stage();
    const { command, schema, init } = index(true);
    const answer = await request(old, command, schema, init);
    expect(answer.body).toHaveLength(0);
    expect(asked).toMatchObject([{ index: { account: "alice", after: 5n } }]);
  });

  test("of a connection with the feature says the last id, and what entries are if it asks for events", async () => {
    const { request, asked } = stage();
    for (const includeEvents of [false, true]) {
      const { command, schema, init } = index(includeEvents);
      const answer = await request(alice, command, schema, init);
      const plain = { messageId: 8n, direction: 0, sendTime: 1n, accountB: "bob", group: "" };
      const event = { kind: EntryKind.EntryReacted, refersTo: 7n, detail: { reaction: "👍", off: true } };
      expect(fromBinary(MessageIndexRespSchema, answer.body)).toMatchObject({
        indexes: [{ ...plain, ...(includeEvents ? event : { kind: EntryKind.EntryMessage, refersTo: 0n }) }],
        lastId: 9n,
        reset: false,
      });
    }
    expect(asked).toMatchObject([{ entries: { includeEvents: false } }, { entries: { includeEvents: true } }]);
  });
});

describe("a talk", () => {
  const talk = { type: 1, body: "hello", extra: "", clientId: "" };
  const both = { mentions: ["bob", "bob"], replyTo: 1_000n };

  test("of a connection without the feature mentions and answers nothing, whatever it says", async () => {
    const { request, talks, requestBytes } = stage();
    const init = { ...talk, ...both };
    expect((await request(old, Command.UserTalk, MessageReqSchema, init, "bob")).status).toBe(Status.Success);
    const many = { ...talk, mentions: Array.from({ length: 51 }, () => "a,b"), replyTo: -1n };
    expect((await request(old, Command.UserTalk, MessageReqSchema, many, "bob")).status).toBe(Status.Success);
    // Without the feature a field is unknown, whatever its type.
    const bytes = Buffer.concat([
      Buffer.from("2801", "hex"),
      toBinary(MessageReqSchema, create(MessageReqSchema, talk)),
    ]);
    expect((await requestBytes(old, Command.UserTalk, bytes, "bob")).status).toBe(Status.Success);
    const plain = { app, sender: "alice", toGroup: false, dest: "bob", ...talk };
    expect(talks).toEqual([plain, plain, plain]);
  });

  test("mentions each once, and answers a message", async () => {
    const { request, talks } = stage();
    expect((await request(alice, Command.UserTalk, MessageReqSchema, { ...talk, ...both }, "bob")).status).toBe(
      Status.Success,
    );
    expect(talks).toMatchObject([{ mentions: ["bob"], replyTo: 1_000n }]);
    await request(alice, Command.GroupTalk, MessageReqSchema, { ...talk, mentions: ["*"] }, "g");
    expect(talks[1]).toMatchObject({ mentions: ["*"], replyTo: 0n });
  });

  test("is charged for its mentions, whoever is online", async () => {
    const script = scripted();
    const link = chatLink(script.store, { fanOutAtOnce: 1_000, fanOutPerSecond: 1 });
    link.signIn("alice", "a1", newer);
    const say = async (dest: string, count: number): Promise<Status> => {
      const init = { ...talk, mentions: Array.from({ length: count }, (_, at) => `m${at}`) };
      const command = dest === "g" ? Command.GroupTalk : Command.UserTalk;
      return (await link.request(alice, command, MessageReqSchema, init, dest)).status;
    };
    for (let times = 0; times < 10; times++) expect(await say("bob", 0)).toBe(Status.Success);
    const { Success, RateLimited } = Status;
    expect([await say("bob", 50), await say("g", 50), await say("bob", 50)]).toEqual([Success, Success, Success]);
    expect([await say("bob", 0), await say("g", 1)]).toEqual([RateLimited, RateLimited]);
    expect(script.talks).toHaveLength(13);
  });

  test("with mentions or a reply that cannot be is refused, and not stored", async () => {
    const { request, talks } = stage();
    const cases: readonly (readonly [string, MessageInitShape<typeof MessageReqSchema>])[] = [
      [Command.UserTalk, { mentions: Array.from({ length: 51 }, () => "bob") }],
      [Command.UserTalk, { mentions: ["a,b"] }],
      [Command.UserTalk, { mentions: [""] }],
      [Command.UserTalk, { mentions: ["*"] }],
      [Command.GroupTalk, { mentions: ["*", "bob"] }],
      [Command.UserTalk, { replyTo: -1n }],
    ];
    for (const [command, init] of cases) {
      const answer = await request(alice, command, MessageReqSchema, { ...talk, ...init }, "bob");
      expect(answer.status).toBe(Status.InvalidPacketBody);
      expect(sentenceOf(answer)).toMatch(/mentions|replyTo/);
    }
    expect(talks).toEqual([]);
  });

  test("that the store refuses for its mentions, reply or sender is answered with a sentence", async () => {
    const { request, setTalk } = stage();
    for (const [result, status] of [
      ["mentionOfStranger", Status.Forbidden],
      ["mentionOfAll", Status.Forbidden],
      ["replyElsewhere", Status.InvalidPacketBody],
      ["muted", Status.Forbidden],
      ["forAdmins", Status.Forbidden],
      ["unwilling", Status.Forbidden],
    ] as const) {
      setTalk({ result });
      const answer = await request(alice, Command.UserTalk, MessageReqSchema, { ...talk, ...both }, "bob");
      expect(answer.status).toBe(status);
      expect(sentenceOf(answer)).not.toBe("");
    }
  });

  test("is pushed as one packet, of which connections without the feature get what they always did", async () => {
    const { request, pushes } = stage();
    await request(alice, Command.UserTalk, MessageReqSchema, { ...talk, ...both }, "bob");
    await Bun.sleep(1);
    const [push, ...others] = pushes();
    expect(others).toEqual([]);
    const { plain, channels = [], body = new Uint8Array(0) } = push ?? {};
    expect(channels.slice(0, plain?.count).toSorted()).toEqual(["a-old", "b-old"]);
    expect(channels.slice(plain?.count).toSorted()).toEqual(["a2", "b1"]);
    const former = { messageId: 2_000n, type: 1, body: "hello", sender: "alice", sendTime: 9n, previousId: 1_000n };
    const cut = Buffer.from(toBinary(MessagePushSchema, create(MessagePushSchema, former)));
    expect(Buffer.from(body.subarray(0, plain?.bytes))).toEqual(cut);
    expect(fromBinary(MessagePushSchema, body)).toMatchObject({
      ...former,
      previousEntryId: 1_500n,
      mentions: ["bob"],
      replyTo: 1_000n,
    });
  });

  test("to a lone connection is pushed with what that may see, and no cut is asked of its gateway", async () => {
    for (const features of [newer, older]) {
      const script = scripted();
      const link = chatLink(script.store);
      link.signIn("alice", "a1", newer);
      link.signIn("bob", "b1", features);
      await link.request(alice, Command.UserTalk, MessageReqSchema, talk, "bob");
      await Bun.sleep(1);
      const [push] = link.pushes();
      expect(push).toMatchObject({ channels: ["b1"], plain: undefined });
      const { previousEntryId } = fromBinary(MessagePushSchema, push?.body ?? new Uint8Array(0));
      expect(previousEntryId).toBe(features === newer ? 1_500n : 0n);
    }
  });
});
