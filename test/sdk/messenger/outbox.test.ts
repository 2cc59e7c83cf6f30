// What waits to be sent, on a real server: order, failures that last, storages that fail, bounds.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { openFileOutbox } from "../../../src/sdk/messenger/file-outbox.ts";
import { deferred } from "../../../src/sdk/deferred.ts";
import { openMemoryOutbox } from "./memory-outbox-storage.ts";
import type { OpenOutbox, OutboxEntry } from "../../../src/sdk/messenger/outbox-storage.ts";
import { until } from "../../../scripts/harness/until.ts";
import { Messenger as Server } from "../../support/messenger.ts";
import { temporaryPaths } from "../../support/temporary-folder.ts";
import { device, fresh, same } from "./support.ts";

const freshPath = temporaryPaths("outbox-");
let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());

/** A storage that has these entries, and fails afterwards if `error` is given. */
const storageOf =
  (entries: readonly OutboxEntry[], error?: Error): OpenOutbox =>
  () => ({
    ...openMemoryOutbox(),
    load: async () => entries,
    put: async () => {
      if (error !== undefined) throw error;
    },
  });

const entry = (dest: string, clientId: string, change: Partial<OutboxEntry> = {}): OutboxEntry => ({
  ...{ clientId, toGroup: false, dest, type: 1, body: clientId, extra: "", mentions: [], replyTo: "" },
  ...{ addedAt: Date.now(), triedAt: 0, failure: "" },
  ...change,
});

test("what an earlier run left in a file is sent once, in its order, and a refusal is remembered", async () => {
  const [ann, bob] = [fresh("ann"), fresh("bob")];
  const path = freshPath();
  const storage = openFileOutbox(path)({ server: "", account: ann, device: "phone" });
  await storage.load();
  for (const id of ["one", "two", "three"]) await storage.put(entry(bob, `${id}-${ann}`));
  await storage.put(entry("nobody's group", `four-${ann}`, { toGroup: true }));
  await storage.close();
  const reader = await device(server, bob, "desk");
  const first = await device(server, ann, "phone", { outbox: openFileOutbox(path) });
  await same(
    () => reader.messages.map(({ body }) => body),
    [`one-${ann}`, `two-${ann}`, `three-${ann}`],
    "all are there",
  );
  await until(() => first.client.pending()[0]?.state === "failed", "the fourth is refused");
  const reason = first.client.pending()[0]?.error?.message;
  await first.client.close();
  const second = await device(server, ann, "phone", { outbox: openFileOutbox(path) });
  expect(second.client.pending().map(({ state, error }) => [state, error?.message])).toEqual([["failed", reason]]);
  await second.client.discard(`four-${ann}`);
  await second.client.close();
  const third = await device(server, ann, "phone", { outbox: openFileOutbox(path) });
  expect(third.client.pending()).toEqual([]);
  expect(reader.messages).toHaveLength(3);
});

test("a message that may have been stored long ago is not sent by itself", async () => {
  const [ann, bob] = [fresh("ann"), fresh("bob")];
  const old = entry(bob, "old", { triedAt: Date.now() - 23.5 * 3_600_000 });
  const reader = await device(server, bob, "desk");
  const { client } = await device(server, ann, "phone", { outbox: storageOf([old, entry(bob, "new")]) });
  await same(() => reader.messages.map(({ body }) => body), ["new"], "the new one is there");
  expect(client.pending()[0]?.error?.message).toMatch(/over 23 hours ago, perhaps stored/);
  client.retry("old");
  await same(() => reader.messages.map(({ body }) => body), ["new", "old"], "the old one is there, too");
  await until(() => client.pending().length === 0, "nothing waits");
});

test("a message that was sent by a clock that was days ahead is not sent by itself either", async () => {
  const [ann, bob] = [fresh("ann"), fresh("bob")];
  const ahead = entry(bob, "ahead", { triedAt: Date.now() + 48 * 3_600_000 });
  const { client } = await device(server, ann, "phone", { outbox: storageOf([ahead]) });
  await until(() => client.pending()[0]?.state === "failed", "it is not sent");
  expect(client.pending()[0]?.error?.message).toMatch(/perhaps stored/);
});

test("a storage that fails is told once, and costs no message", async () => {
  const [ann, bob] = [fresh("ann"), fresh("bob")];
  const errors: string[] = [];
  const reader = await device(server, bob, "desk");
  const { client } = await device(server, ann, "phone", {
    outbox: storageOf([], new Error("the disk is full")),
    on: { outboxFailed: ({ error }) => void errors.push(error.message) },
  });
  for (const body of ["one", "two"]) client.conversation({ account: bob }).send({ body });
  await same(() => reader.messages.map(({ body }) => body), ["one", "two"], "both are there");
  expect(errors).toEqual(["the disk is full"]);
});

test("a message is sent while it is being kept as sent; one behind it is marked before it is sent", async () => {
  const [ann, bob] = [fresh("ann"), fresh("bob")];
  const calls: string[] = [];
  const released = deferred<void>();
  const outbox: OpenOutbox = () => ({
    ...openMemoryOutbox(),
    put: async ({ body, triedAt }) => {
      calls.push(`put ${body}${triedAt > 0 ? ", sent" : ""}`);
      await released.promise;
      calls.push(`kept ${body}`);
    },
    remove: async () => void calls.push("removed"),
  });
  const reader = await device(server, bob, "desk");
  const { client } = await device(server, ann, "phone", { outbox });
  for (const body of ["one", "two"]) client.conversation({ account: bob }).send({ body });
  await same(() => reader.messages.map(({ body }) => body), ["one"], "the first one is there");
  expect(calls).toEqual(["put one, sent", "put two"]);
  released.resolve();
  await same(() => reader.messages.map(({ body }) => body), ["one", "two"], "both are there");
  await until(() => calls.length === 8, "both are removed");
  expect(calls.filter((call) => call.endsWith("one") || call === "removed")).toEqual([
    "kept one",
    "removed",
    "removed",
  ]);
  expect(calls.filter((call) => call.includes("two"))).toEqual(["put two", "kept two", "put two, sent", "kept two"]);
});

test("a storage that was chosen and cannot be read rejects connect", async () => {
  const ann = fresh("ann");
  const path = freshPath();
  const first = await device(server, ann, "phone", { outbox: openFileOutbox(path) });
  expect(device(server, ann, "desk", { outbox: openFileOutbox(path) })).rejects.toThrow(/is in use by process/);
  await first.client.close();
  expect(device(server, ann, "desk", { outbox: openFileOutbox(path) })).rejects.toThrow(/is that of/);
});

test("a discarded message is not sent, and the outbox is bounded", async () => {
  const [ann, bob] = [fresh("ann"), fresh("bob")];
  const seen: string[] = [];
  const reader = await device(server, bob, "desk");
  const { client } = await device(server, ann, "phone", {
    on: { outboxChanged: ({ clientId }) => void seen.push(clientId) },
  });
  const to = client.conversation({ account: bob });
  const { clientId } = to.send({ body: "never" });
  await client.discard(clientId);
  expect(client.pending()).toEqual([]);
  for (let i = 0; i < 10_000; i++) to.send({ body: "x" });
  expect(() => to.send({ body: "one more" })).toThrow(RangeError);
  await Promise.all(client.pending().map((message) => client.discard(message.clientId)));
  to.send({ body: "last" });
  await until(() => reader.messages.at(-1)?.body === "last", "the last one is there");
  expect(reader.messages.map(({ body }) => body)).not.toContain("never");
  expect(seen.filter((id) => id === clientId)).toHaveLength(1);
});

test("the event of a stored message names its id, also of one of several equal messages", async () => {
  const [ann, bob] = [fresh("ann"), fresh("bob")];
  const stored: [string, bigint | undefined][] = [];
  const { client } = await device(server, ann, "phone", {
    on: { outboxChanged: ({ clientId, stored: as }) => void stored.push([clientId, as?.id]) },
  });
  const to = client.conversation({ account: bob });
  const sent = [1, 2, 3].map(() => to.send({ body: "the same" }).clientId);
  await until(() => stored.length === 3, "all are stored");
  expect(stored.map(([clientId]) => clientId)).toEqual(sent);
  for await (const { messages } of to.history()) {
    expect(stored.map(([, id]) => id)).toEqual(messages.map(({ id }) => id));
  }
});
