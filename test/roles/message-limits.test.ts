// The bounds of a message, and of what is read at once.

import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  MessageContentReqSchema,
  MessageContentRespSchema,
  MessageReqSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { bound } from "../support/bounds.ts";
import { readContents, readIndex, talk } from "../support/commands.ts";
import { testLimits } from "../support/limits.ts";
import { Messenger } from "../support/messenger.ts";
import { sentenceOf, type WireClient } from "../support/wire-client.ts";

const limits = testLimits({ messageBodyBytes: 8, messageExtraBytes: 4, indexEntries: 3, contentIds: 3 });
let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start({ limits });
});
afterAll(() => messenger.stop());

let people = 0;
/** Two people nobody has met. */
async function pair(): Promise<{ sender: WireClient; receiver: WireClient; name: string }> {
  const name = `receiver-${people++}`;
  const [sender, receiver] = await Promise.all([messenger.client(`sender-of-${name}`), messenger.client(name)]);
  return { sender, receiver, name };
}

async function refused(what: { readonly body: string; readonly extra?: string }, said: string): Promise<void> {
  const { sender, receiver, name } = await pair();
  const answer = await sender.request(Command.UserTalk, name, MessageReqSchema, { type: 1, ...what });
  expect([answer.status, sentenceOf(answer)]).toEqual([Status.PayloadTooLarge, said]);
  expect(await readIndex(receiver)).toHaveLength(0);
}

/** What their receiver finds. */
async function found(bodies: readonly string[]): Promise<{ receiver: WireClient; ids: bigint[] }> {
  const { sender, receiver, name } = await pair();
  const ids: bigint[] = [];
  for (const body of bodies) ids.push((await talk(sender, name, body)).messageId);
  return { receiver, ids };
}

bound("messageBodyBytes", {
  // Bytes, not characters: an ü has two.
  at: async () => {
    const { receiver, ids } = await found(["üüüü"]);
    expect((await readContents(receiver, ids)).map(({ body }) => body)).toEqual(["üüüü"]);
  },
  above: async () => {
    await refused({ body: "üüüüx" }, "a message's body is at most 8 bytes");
    expect(limits.reached.get("messageBodyBytes")).toBe(1);
  },
});

bound("messageExtraBytes", {
  at: async () => {
    const { sender, receiver, name } = await pair();
    await sender.request(Command.UserTalk, name, MessageReqSchema, { type: 1, body: "x", extra: "üü" });
    const [entry] = await readIndex(receiver);
    expect((await readContents(receiver, [entry?.messageId ?? 0n])).map(({ extra }) => extra)).toEqual(["üü"]);
  },
  above: async () => {
    await refused({ body: "x", extra: "üüx" }, "a message's extra is at most 4 bytes");
    expect(limits.reached.get("messageExtraBytes")).toBe(1);
  },
});

bound("indexEntries", {
  at: async () => {
    const { receiver, ids } = await found(["1", "2", "3"]);
    expect((await readIndex(receiver)).map(({ messageId }) => messageId)).toEqual(ids);
  },
  above: async () => {
    const { receiver, ids } = await found(["1", "2", "3", "4"]);
    const page = await readIndex(receiver);
    expect(page.map(({ messageId }) => messageId)).toEqual(ids.slice(0, 3));
    const rest = await readIndex(receiver, page[2]?.messageId);
    expect(rest.map(({ messageId }) => messageId)).toEqual(ids.slice(3));
  },
});

bound("contentIds", {
  at: async () => {
    const { receiver, ids } = await found(["1", "2", "3"]);
    expect((await readContents(receiver, ids)).map(({ body }) => body)).toEqual(["1", "2", "3"]);
  },
  above: async () => {
    const { receiver, ids } = await found(["1", "2", "3", "4"]);
    const answer = await receiver.request(Command.OfflineContent, "", MessageContentReqSchema, { messageIds: ids });
    expect([answer.status, sentenceOf(answer)]).toEqual([Status.PayloadTooLarge, "at most 3 message ids a request"]);
    expect(limits.reached.get("contentIds")).toBe(1);
  },
});

test("two hundred contents of the largest size are one answer", async () => {
  const usual = await Messenger.start();
  try {
    const sender = await usual.client("ann");
    const receiver = await usual.client("zoe");
    const messageIds: bigint[] = [];
    for (let sent = 0; sent < 200; sent++) {
      const large = { type: 1, body: "b".repeat(16 * 1024), extra: "e".repeat(4 * 1024) };
      await sender.request(Command.UserTalk, "zoe", MessageReqSchema, large);
    }
    for (const { messageId } of await readIndex(receiver)) messageIds.push(messageId);
    const answer = await receiver.request(Command.OfflineContent, "", MessageContentReqSchema, { messageIds });
    expect(answer.status).toBe(Status.Success);
    expect(fromBinary(MessageContentRespSchema, answer.body).contents).toHaveLength(200);
  } finally {
    await usual.stop();
  }
});
