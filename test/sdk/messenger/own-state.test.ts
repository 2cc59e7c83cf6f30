// What an account pins, mutes, hides and clears on one device, its other devices show; the own one at once.

import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import type { Timeline } from "../../../src/sdk/messenger/messenger.ts";
import { Messenger as Server } from "../../support/messenger.ts";
import { endAll } from "../support.ts";
import { type Device, device, fresh, same } from "./support.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());
afterEach(endAll);

const keysOf = ({ client }: Device) => client.conversations.items.map(({ key }) => key);

test("settings show at once, on every device, and a hidden conversation is back with its next message", async () => {
  const [alice, bob, cat] = [fresh("alice"), fresh("bob"), fresh("cat")];
  const phone = await device(server, alice, "phone");
  const tablet = await device(server, alice, "tablet");
  const other = await device(server, bob, "phone");
  await other.client.talkToUser(alice, { body: "one" });
  await phone.client.talkToUser(cat, { body: "two" });
  for (const one of [phone, tablet]) await same(() => keysOf(one), [`u:${cat}`, `u:${bob}`], "the list");
  const handle = phone.client.conversation({ account: bob });
  const pinning = handle.pin();
  expect(keysOf(phone)).toEqual([`u:${bob}`, `u:${cat}`]);
  await pinning;
  for (const one of [phone, tablet]) await same(() => keysOf(one), [`u:${bob}`, `u:${cat}`], "pinned");
  expect(phone.client.conversations.unread).toBe(1);
  await handle.mute();
  for (const { client } of [phone, tablet]) await same(() => client.conversations.unread, 0, "muted");
  const hiding = handle.hide();
  expect(keysOf(phone)).toEqual([`u:${cat}`]);
  await hiding;
  for (const one of [phone, tablet]) await same(() => keysOf(one), [`u:${cat}`], "hidden");
  await other.client.talkToUser(alice, { body: "three" });
  for (const one of [phone, tablet]) await same(() => keysOf(one), [`u:${bob}`, `u:${cat}`], "back");
  await same(() => tablet.client.conversation({ account: bob }).state?.unread, 2, "unread");
});

test("hidden messages and cleared conversations vanish on every device", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const phone = await device(server, alice, "phone");
  const tablet = await device(server, alice, "tablet");
  const other = await device(server, bob, "phone");
  const partner = { account: bob };
  const timelines: Timeline[] = [];
  for (const { client } of [phone, tablet]) timelines.push(await client.conversation(partner).timeline());
  const ids: bigint[] = [];
  for (const body of ["one", "two", "three"]) ids.push((await other.client.talkToUser(alice, { body })).id);
  const shown = () => timelines.map(({ messages }) => messages.map(({ body }) => body));
  await same(
    shown,
    [
      ["one", "two", "three"],
      ["one", "two", "three"],
    ],
    "the messages",
  );
  await phone.client.hideMessages(ids.slice(2));
  await same(
    shown,
    [
      ["one", "two"],
      ["one", "two"],
    ],
    "without the hidden one",
  );
  const last = ({ client }: Device) => {
    const { lastMessage, unread } = client.conversation(partner).state ?? {};
    return [lastMessage?.body, unread];
  };
  for (const one of [phone, tablet]) await same(() => last(one), ["two", 2], "the list");
  await phone.client.conversation(partner).clear(ids[0]);
  await same(shown, [["two"], ["two"]], "after a clear");
  for (const one of [phone, tablet]) await same(() => last(one), ["two", 1], "the list");
  await phone.client.conversation(partner).clear();
  await same(shown, [[], []], "after the clear of everything");
  for (const one of [phone, tablet]) await same(() => keysOf(one), [], "the empty list");
});

test("a part that another device has read is counted, and what mentions this account", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const phone = await device(server, alice, "phone");
  const other = await device(server, bob, "phone");
  const group = await other.client.createGroup({ name: "team", members: [alice] });
  const ids: bigint[] = [];
  for (const body of ["one", "two", "three", "four"])
    ids.push((await other.client.talkToGroup(group, { body, mentions: body === "four" ? [alice] : [] })).id);
  const tablet = await device(server, alice, "tablet");
  const counts = ({ client }: Device) => {
    const { unread, unreadMentions, readId } = client.conversation({ group }).state ?? {};
    return [unread, unreadMentions, readId];
  };
  for (const one of [phone, tablet]) await same(() => counts(one), [4, 1, 0n], "unread");
  await phone.client.conversation({ group }).markRead(ids[1]);
  for (const one of [phone, tablet]) await same(() => counts(one), [2, 1, ids[1]], "half of it");
  await other.client.recall(ids[3] ?? 0n);
  for (const one of [phone, tablet]) await same(() => counts(one).slice(0, 2), [2, 0], "without the mention");
});

test("a mention that this account has recalled itself, as a group's owner, counts no more", async () => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const owner = await device(server, bob, "phone");
  const other = await device(server, alice, "phone");
  const group = await owner.client.createGroup({ name: "team", members: [alice] });
  const { id } = await other.client.talkToGroup(group, { body: "you", mentions: [bob] });
  await other.client.talkToGroup(group, { body: "all" });
  const mentions = () => owner.client.conversation({ group }).state?.unreadMentions;
  await same(mentions, 1, "the mention");
  const timeline = await owner.client.conversation({ group }).timeline();
  await owner.client.recall(id);
  await same(mentions, 0, "without it");
  timeline.close();
});
