// Histories page by page, more of the list, refused changes, and the outbox.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { HistoryOptions } from "../../../src/sdk/messenger/messenger.ts";
import { Messenger as Server } from "../../support/messenger.ts";
import { endAll } from "../support.ts";
import { device, fresh, same } from "./support.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());
afterEach(endAll);

test("a history has every message once, in each direction, in threads, and while messages are edited", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const { client } = await device(server, alice, "phone");
  const ids: bigint[] = [];
  for (let at = 0; at < 7; at++) {
    const replyTo = at === 3 || at === 5 ? ids[1] : undefined;
    ids.push((await client.talkToUser(bob, { body: String(at), ...(replyTo && { replyTo }) })).id);
  }
  const pages = async (options: HistoryOptions): Promise<string[]> => {
    const found: string[] = [];
    for await (const { messages } of client.conversation({ account: bob }).history(options)) {
      found.push(messages.map(({ body }) => body).join(""));
      await client.edit(ids[0] ?? 0n, { body: "0" });
    }
    return found;
  };
  expect(await pages({ limit: 3 })).toEqual(["456", "123", "0"]);
  expect(await pages({ limit: 3, before: ids[4] ?? 0n })).toEqual(["123", "0"]);
  expect(await pages({ limit: 3, after: ids[1] ?? 0n })).toEqual(["234", "56"]);
  expect((await pages({ limit: 3, around: ids[4] ?? 0n })).join(" ")).toBe("345 012");
  expect(await pages({ thread: ids[1] ?? 0n })).toEqual(["135"]);
  expect(await client.messages([ids[2] ?? 0n])).toMatchObject([{ body: "2" }]);
  const timeline = await client.conversation({ account: bob }).timeline({ limit: 3 });
  await Promise.all([timeline.loadBefore(), timeline.loadBefore()]);
  expect([timeline.messages.map(({ body }) => body).join(""), timeline.hasBefore]).toEqual(["0123456", false]);
});

test("a timeline's part stays the same array until one of its messages changes", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const { client } = await device(server, alice, "phone");
  const ids: bigint[] = [];
  for (let at = 0; at < 7; at++) ids.push((await client.talkToUser(bob, { body: String(at) })).id);
  const handle = client.conversation({ account: bob });
  const timeline = await handle.timeline({ limit: 3 });
  const [newest] = timeline.parts;
  await timeline.loadBefore();
  await timeline.loadBefore();
  const texts = () => timeline.parts.map((part) => part.map(({ body }) => body).join(""));
  expect([texts(), timeline.parts.length]).toEqual([["0", "123", "456"], 3]);
  expect(timeline.parts[2] === newest).toBe(true);
  const before = timeline.parts;
  await client.edit(ids[2] ?? 0n, { body: "x" });
  await same(texts, ["0", "1x3", "456"], "the edited message");
  expect(before.map((part, at) => part === timeline.parts[at])).toEqual([true, false, true]);
  handle.send({ body: "w" });
  expect(texts()).toEqual(["0", "1x3", "456", "w"]);
  await same(texts, ["0", "1x3", "456w"], "the stored message");
  expect(before[0] === timeline.parts[0]).toBe(true);
  await client.hideMessages([ids[0] ?? 0n]);
  expect([texts(), timeline.messages]).toEqual([["1x3", "456w"], timeline.parts.flat()]);
});

test("the list loads more, and keeps what it has loaded current", async () => {
  const alice = fresh("alice");
  const { client } = await device(server, alice, "phone");
  const names = Array.from({ length: 53 }, () => fresh("friend"));
  for (const name of names) await client.talkToUser(name, { body: "hello" });
  const tablet = await device(server, alice, "tablet");
  const list = tablet.client.conversations;
  expect([list.items.length, list.hasMore]).toEqual([50, true]);
  await Promise.all([list.loadMore(), client.talkToUser(names[0] ?? "", { body: "again" })]);
  await same(() => [list.items.length, list.hasMore, list.items[0]?.key], [53, false, `u:${names[0]}`], "all of them");
  expect(new Set(list.items.map(({ key }) => key)).size).toBe(53);
});

test("a refused change is taken away, and another one of the same message stays", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const { client } = await device(server, alice, "phone");
  const other = await device(server, bob, "phone");
  const { id } = await other.client.talkToUser(alice, { body: "mine" });
  const timeline = await client.conversation({ account: bob }).timeline();
  const shown = () => timeline.messages.map(({ body, reactions }) => [body, reactions.map(({ reaction }) => reaction)]);
  await same(shown, [["mine", []]], "the message");
  const editing = client.edit(id, { body: "not yours" });
  const reacting = client.react(id, "+1");
  expect(shown()).toEqual([["not yours", ["+1"]]]);
  await expect(editing).rejects.toThrow();
  await reacting;
  await same(shown, [["mine", ["+1"]]], "what was, with the reaction");
  await client.react(id, "+1", false);
  await same(shown, [["mine", []]], "without it");
});

test("the outbox sends in order, shows what it has, and keeps what is refused", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const { client } = await device(server, alice, "phone");
  const other = await device(server, bob, "phone");
  const handle = client.conversation({ account: bob });
  const timeline = await handle.timeline();
  const bodies = Array.from({ length: 20 }, (_, at) => String(at));
  for (const body of bodies) handle.send({ body });
  expect(timeline.messages.map(({ state }) => state)).toEqual(bodies.map(() => "sending"));
  await same(
    () => timeline.messages.map(({ body, state }) => [body, state]),
    bodies.map((body) => [body, "stored"]),
    "sent",
  );
  await same(() => other.messages.map(({ body }) => body), bodies, "received");
  const { clientId } = handle.send({ body: "x".repeat(20_000) });
  await same(() => client.pending().map(({ state }) => state), ["failed"], "too large");
  expect(timeline.messages.at(-1)?.error?.message).toContain("16");
  await client.discard(clientId);
  expect(timeline.messages.length).toBe(bodies.length);
});

test("groups appear with their creation, and one that an account was added to", async () => {
  const [alice, bob, cat] = [fresh("alice"), fresh("bob"), fresh("cat")];
  const owner = await device(server, alice, "phone");
  const member = await device(server, bob, "phone");
  const late = await device(server, cat, "phone");
  const group = await owner.client.createGroup({ name: "team", members: [bob] });
  await owner.client.joinGroup(group, cat);
  for (const { client } of [owner, member, late])
    await same(() => client.conversations.items.map(({ key }) => key), [`g:${group}`], "the group");
});
