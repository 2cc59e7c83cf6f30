// What one client can do to the others: nothing.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema } from "../../src/wire/gen/pkt_pb.ts";
import { createGroup, groupTalk, readIndex, talk } from "../support/commands.ts";
import { Messenger } from "../support/messenger.ts";
import { frameOf } from "../support/wire-client.ts";
import vectors from "../../proto/vectors/packets.json" with { type: "json" };

let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start({ loginWaitMs: 1_000 });
});
afterAll(() => messenger.stop());

test("a length of four gigabytes before the sign-in is refused at once", async () => {
  const client = await messenger.stranger();
  client.write(Buffer.from("02ffffffff", "hex"));
  expect((await client.ending()).code).toBe(1009);
});

test("every malformed packet costs its sender the connection and nobody else anything", async () => {
  const witness = await messenger.client("h-witness");
  for (const { hex } of vectors.malformed) {
    const stranger = await messenger.stranger();
    stranger.write(frameOf(Buffer.from(hex, "hex")));
    expect([1002, 1009]).toContain((await stranger.ending()).code);
    const client = await messenger.client("h-malformed");
    client.write(frameOf(Buffer.from(hex, "hex")));
    expect([1002, 1009]).toContain((await client.ending()).code);
  }
  await talk(witness, "h-witness-friend", "unharmed");
});

test("a member that stops reading delays nobody, is closed, and finds its messages in the index", async () => {
  const [owner, reader, stuck] = await Promise.all(
    ["h-owner", "h-reader", "h-stuck"].map((name) => messenger.client(name)),
  );
  if (owner === undefined || reader === undefined || stuck === undefined) throw new Error("three clients");
  const group = await createGroup(owner, ["h-reader", "h-stuck"]);
  stuck.pause();
  const body = "x".repeat(16 * 1024);
  const count = 600;
  // Fifty wait for the reader at most, which is less than the bound: it is never slow itself, however busy the machine
  // is.
  for (let sent = 50; sent <= count; sent += 50) {
    await Promise.all(Array.from({ length: 50 }, () => groupTalk(owner, group, body)));
    expect(await reader.pushed(Command.GroupTalk, MessagePushSchema, sent)).toHaveLength(sent);
  }
  stuck.resume();
  expect([1013, 1006]).toContain((await stuck.ending()).code);
  const back = await messenger.client("h-stuck");
  expect((await readIndex(back)).length).toBe(count);
});

test("a client that vanishes with data queued harms nobody", async () => {
  const [sender, reader] = await Promise.all([messenger.client("h-sender"), messenger.client("h-reader2")]);
  const group = await createGroup(sender, ["h-reader2", "h-gone"]);
  for (let round = 0; round < 5; round++) {
    const gone = await messenger.client("h-gone");
    gone.pause();
    const talks = Array.from({ length: 40 }, (_, number) =>
      groupTalk(sender, group, `${round}/${number} ${"y".repeat(8_000)}`),
    );
    gone.terminate();
    await Promise.all(talks);
    await reader.pushed(Command.GroupTalk, MessagePushSchema, 40 * (round + 1));
  }
  const pushes = await reader.pushed(Command.GroupTalk, MessagePushSchema, 200);
  expect(pushes.map(({ body }) => body.split(" ")[0])).toEqual(
    Array.from({ length: 200 }, (_, index) => `${Math.floor(index / 40)}/${index % 40}`),
  );
});

test("connections that never sign in or trickle bytes are closed, and others still get in", async () => {
  const silent = await Promise.all(Array.from({ length: 200 }, () => messenger.stranger()));
  const trickling = await messenger.stranger();
  const slowly = setInterval(() => trickling.write(Buffer.from([0x02])), 100);
  await messenger.client("h-others").then((client) => client.terminate());
  const reasons = await Promise.all([...silent, trickling].map((client) => client.ending()));
  clearInterval(slowly);
  for (const { code } of reasons) expect([4008, 1002, 1009]).toContain(code);
});
