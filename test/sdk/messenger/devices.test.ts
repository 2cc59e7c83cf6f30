// What one device does, the account's other devices and its partners see.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { Messenger as Server } from "../../support/messenger.ts";
import { endAll } from "../support.ts";
import { device, fresh, same } from "./support.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());
afterEach(endAll);

for (const transport of ["ws", "tcp"] as const) {
  describe(`over ${transport}`, () => {
    test("a message makes a conversation on every device; reading it on one reads it on the others", async () => {
      const [alice, bob] = [fresh("alice"), fresh("bob")];
      const sender = await device(server, alice, "phone", { transport });
      const phone = await device(server, bob, "phone", { transport });
      const tablet = await device(server, bob, "tablet", { transport });
      const reads: bigint[] = [];
      sender.client.on("read", ({ messageId }) => void reads.push(messageId));
      for (const body of ["one", "two"]) await sender.client.talkToUser(bob, { body });
      const listed = ({ client }: typeof phone) =>
        client.conversations.items.map(({ key, unread, lastMessage }) => [key, unread, lastMessage?.body]);
      for (const one of [phone, tablet]) await same(() => listed(one), [[`u:${alice}`, 2, "two"]], "unread");
      await same(() => listed(sender), [[`u:${bob}`, 0, "two"]], "the sender's list");
      const handle = phone.client.conversation({ account: alice });
      const done = handle.markRead();
      expect(handle.state?.unread).toBe(0);
      await done;
      for (const one of [phone, tablet]) await same(() => listed(one), [[`u:${alice}`, 0, "two"]], "read");
      await same(() => reads.length, 1, "the partner learns of it");
      expect(sender.client.conversation({ account: bob }).state?.peerReadId).toBe(reads[0] ?? 0n);
    });

    test("what another device sent while this one was away comes once, and nothing of its own", async () => {
      const [alice, bob] = [fresh("alice"), fresh("bob")];
      const tablet = await device(server, alice, "tablet", { transport });
      await tablet.client.close();
      const phone = await device(server, alice, "phone", { transport });
      const { id } = await phone.client.talkToUser(bob, { body: "from the phone" });
      const again = await device(server, alice, "tablet", { transport });
      await same(() => again.messages.map((message) => message.id), [id], "the phone's message");
      const { id: own } = await again.client.talkToUser(bob, { body: "from the tablet" });
      await same(() => phone.messages.map((message) => message.id), [own], "the tablet's message");
      expect(again.messages.length).toBe(1);
    });

    test("edits, recalls and reactions show in timelines, lists and events", async () => {
      const [alice, bob] = [fresh("alice"), fresh("bob")];
      const sender = await device(server, alice, "phone", { transport });
      const receiver = await device(server, bob, "phone", { transport });
      const seen: string[] = [];
      receiver.client.on("messageChanged", ({ kind, actor, message }) => {
        seen.push(`${kind} ${actor === alice} ${message?.body}`);
      });
      const timeline = await receiver.client.conversation({ account: alice }).timeline();
      const { id } = await sender.client.talkToUser(bob, { body: "helo" });
      const shown = () =>
        timeline.messages.map(({ body, isEdited, isRecalled, reactions }) => [
          body,
          isEdited,
          isRecalled,
          reactions.map(({ reaction, count, isMine }) => [reaction, count, isMine]),
        ]);
      await same(shown, [["helo", false, false, []]], "the message");
      await sender.client.edit(id, { body: "hello" });
      await same(shown, [["hello", true, false, []]], "the edit");
      const last = () => receiver.client.conversation({ account: alice }).state?.lastMessage?.body;
      await same(last, "hello", "the list");
      await receiver.client.react(id, "+1");
      await same(shown, [["hello", true, false, [["+1", 1, true]]]], "the own reaction");
      // Each event has the message as it is by then.
      await same(() => seen.length, 2, "the events of the edit and the reaction");
      await sender.client.recall(id);
      await same(shown, [["", true, true, []]], "the recall");
      await same(last, "", "the list after the recall");
      await same(() => seen, ["edited true hello", "reacted false hello", "recalled true "], "the events");
    });
  });
}
