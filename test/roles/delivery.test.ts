// Sign-ins, order, repeats and acknowledgements: nothing lost, nothing twice, nobody shut out.

import { afterAll, beforeAll, expect, setSystemTime, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  KickoutNotifySchema,
  LoginReqSchema,
  MessageAckReqSchema,
  MessagePushSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { readIndex, succeeded, talk } from "../support/commands.ts";
import { Messenger } from "../support/messenger.ts";

let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start();
});
afterAll(() => messenger.stop());

test("a newer sign-in replaces the older one, which gets a notice and is closed, and receives", async () => {
  const old = await messenger.client("d1");
  const young = await messenger.client("d1");
  expect((await old.pushed(Command.SignIn, KickoutNotifySchema))[0]?.channelId).toBe(old.channelId);
  expect((await old.ending()).code).toBe(4001);
  const sender = await messenger.client("s1");
  await talk(sender, "d1", "to the new one");
  expect((await young.pushed(Command.UserTalk, MessagePushSchema))[0]?.body).toBe("to the new one");
});

test("of many sign-ins at the same moment exactly one remains, and it receives", async () => {
  const token = await messenger.token("d2");
  const rivals = await Promise.all(Array.from({ length: 10 }, () => messenger.stranger()));
  await Promise.allSettled(rivals.map((rival) => rival.signIn(token)));
  const sender = await messenger.client("s2");
  await talk(sender, "d2", "who is it?");
  const deadline = performance.now() + 5_000;
  while (rivals.filter(({ isClosed }) => !isClosed).length > 1 && performance.now() < deadline) await Bun.sleep(5);
  const left = rivals.filter(({ isClosed }) => !isClosed);
  expect(left).toHaveLength(1);
  expect(await left[0]?.pushed(Command.UserTalk, MessagePushSchema)).toHaveLength(1);
});

test("a refused sign-in is answered and leaves no connection", async () => {
  const tokens = [
    "",
    "no.token.this",
    "x".repeat(16 * 1024),
    await messenger.token("a,b"),
    await messenger.token("a\nb"),
  ];
  for (const token of tokens) {
    const client = await messenger.stranger();
    const answer = await client.request(Command.SignIn, "", LoginReqSchema, { token });
    expect(answer.status).toBe(Status.Unauthorized);
    expect((await client.ending()).code).toBe(4003);
  }
});

test("anything before the sign-in is answered with InvalidCommand and closed", async () => {
  const client = await messenger.stranger();
  const answer = await client.request(Command.UserTalk, "b", MessageReqSchema, { body: "x" });
  expect(answer.status).toBe(Status.InvalidCommand);
  expect((await client.ending()).code).toBe(1002);
});

test("requests sent together with the sign-in are served after it", async () => {
  const client = await messenger.stranger();
  const signedIn = client.signIn(await messenger.token("d5"));
  const talked = talk(client, "d5-friend", "pipelined");
  await signedIn;
  expect((await talked).messageId).toBeGreaterThan(0n);
  expect(client.payloads).toHaveLength(2);
});

test("the seventeenth device is refused", async () => {
  for (let device = 0; device < 16; device++) await messenger.client("d6", { device: `device ${device}` });
  const token = await messenger.token("d6");
  const client = await messenger.stranger();
  const answer = await client.request(Command.SignIn, "", LoginReqSchema, { token, device: "one more" });
  expect(answer.status).toBe(Status.Forbidden);
});

test("a thousand messages sent back to back arrive in order", async () => {
  const [sender, receiver] = await Promise.all([messenger.client("s7"), messenger.client("d7")]);
  const answers = Array.from({ length: 1000 }, (_, number) => talk(sender, "d7", String(number)));
  const ids = (await Promise.all(answers)).map(({ messageId }) => messageId);
  const pushes = await receiver.pushed(Command.UserTalk, MessagePushSchema, 1000);
  expect(pushes.map(({ body }) => Number(body))).toEqual(Array.from({ length: 1000 }, (_, number) => number));
  expect(ids).toEqual(ids.toSorted((a, b) => (a < b ? -1 : 1)));
  for (const [index, push] of pushes.entries()) expect(push.previousId).toBe(pushes[index - 1]?.messageId ?? 0n);
});

test("a repeat with its clientId is one message and one push; without one it is two", async () => {
  const [sender, receiver] = await Promise.all([messenger.client("s8"), messenger.client("d8")]);
  const [first, second] = await Promise.all([talk(sender, "d8", "once", "key-8"), talk(sender, "d8", "once", "key-8")]);
  expect(second).toEqual(first);
  expect(await talk(sender, "d8", "once", "key-8")).toEqual(first);
  await talk(sender, "d8", "twice");
  await talk(sender, "d8", "twice");
  const pushes = await receiver.pushed(Command.UserTalk, MessagePushSchema, 3);
  expect(pushes.map(({ body }) => body)).toEqual(["once", "twice", "twice"]);
  expect(await readIndex(receiver)).toHaveLength(3);
  const other = await sender.request(Command.UserTalk, "d8", MessageReqSchema, { body: "other", clientId: "key-8" });
  expect(other.status).toBe(Status.InvalidPacketBody);
});

test("the cursor goes neither back nor into the future", async () => {
  const [sender, receiver] = await Promise.all([messenger.client("s9"), messenger.client("d9")]);
  const ids: bigint[] = [];
  for (const body of ["1", "2", "3"]) ids.push((await talk(sender, "d9", body)).messageId);
  const ack = (messageId: bigint) => receiver.request(Command.TalkAck, "", MessageAckReqSchema, { messageId });
  succeeded(await ack(ids[1] ?? 0n));
  succeeded(await ack(ids[0] ?? 0n));
  expect((await readIndex(receiver)).map(({ messageId }) => messageId)).toEqual([ids[2] ?? 0n]);
  expect((await ack(2n ** 62n)).status).toBe(Status.InvalidPacketBody);
  expect((await ack(-1n)).status).toBe(Status.InvalidPacketBody);
  // It acknowledges nothing, and takes nothing back.
  succeeded(await ack(0n));
  expect(await readIndex(receiver)).toHaveLength(1);
});

test("a message that is too large is refused by its size", async () => {
  const sender = await messenger.client("s10");
  const send = (init: { body?: string; extra?: string; clientId?: string }) =>
    sender.request(Command.UserTalk, "d10", MessageReqSchema, init);
  expect((await send({ body: "ü".repeat(8 * 1024) })).status).toBe(Status.Success);
  expect((await send({ body: "ü".repeat(8 * 1024) + "." })).status).toBe(Status.PayloadTooLarge);
  expect((await send({ extra: "x".repeat(4 * 1024 + 1) })).status).toBe(Status.PayloadTooLarge);
  expect((await send({ clientId: "x".repeat(65) })).status).toBe(Status.InvalidPacketBody);
});

test("a connection that asks too often is refused, not closed", async () => {
  const sender = await messenger.client("s11");
  const answers = await Promise.all(
    Array.from({ length: 9_000 }, () => sender.requestBytes(Command.OfflineContent, "", new Uint8Array(0))),
  );
  expect(answers.some(({ status }) => status === Status.RateLimited)).toBe(true);
  expect(answers.filter(({ status }) => status === Status.Success).length).toBeGreaterThanOrEqual(4_000);
  expect(sender.isClosed).toBe(false);
});

test("a drain answers what was read and tells clients to come back", async () => {
  const own = await Messenger.start();
  const sender = await own.client("s12");
  const talks = Array.from({ length: 500 }, (_, number) =>
    sender.request(Command.UserTalk, "d12", MessageReqSchema, { body: String(number) }),
  );
  await talks[0];
  await own.drain();
  const answers = await Promise.all(talks);
  const statuses = new Set(answers.map(({ status }) => status));
  statuses.delete(Status.Success);
  statuses.delete(Status.ServiceUnavailable);
  expect(statuses.size).toBe(0);
  for (const { status, body } of answers) {
    if (status === Status.Success) expect(fromBinary(MessageRespSchema, body).messageId).toBeGreaterThan(0n);
  }
  expect((await sender.ending()).code).toBe(1012);
  await own.stop();
});

test("a connection that is days old still receives: a session lives as long as its connection", async () => {
  const [sender, receiver] = await Promise.all([messenger.client("s13"), messenger.client("d13")]);
  setSystemTime(new Date(Date.now() + 72 * 3_600_000));
  try {
    await talk(sender, "d13", "three days later");
    expect((await receiver.pushed(Command.UserTalk, MessagePushSchema))[0]?.body).toBe("three days later");
  } finally {
    setSystemTime();
  }
});
