// What every store promises of mentions, replies and repeats of talks.

import { expect, test } from "bun:test";
import { type ConversationAsks, changed } from "./conversation-asks.ts";
import { ofTest, stored, talk } from "./samples.ts";

export function linkTests(asks: ConversationAsks): void {
  const { send, sent, edit, recall, react, message, newGroup, quit } = asks;

  test("mentions and the message that is answered are kept, and read with the message", async () => {
    const first = await send("ann", "bob");
    const reply = await send("bob", "ann", { mentions: ["ann", "bob"], replyTo: first });
    expect(await message("ann", reply)).toMatchObject({ mentions: ["ann", "bob"], replyTo: first });
    expect(await message("ann", first)).toMatchObject({ mentions: [], replyTo: 0n });
    const toSelf = await send("ann", "ann", { mentions: ["ann"] });
    expect(await message("ann", toSelf)).toMatchObject({ mentions: ["ann"], account: "ann" });
  });

  test("only who is in the conversation is mentioned; everybody only by a group's owner", async () => {
    await newGroup("g1", "ann", "bob", "joe");
    await quit("joe", "g1");
    await send("joe", "joe");
    const resultOf = async (sender: string, to: string, ...mentions: readonly string[]): Promise<string> =>
      (await sent(sender, to, { mentions })).result;
    expect(await resultOf("ann", "bob", "joe")).toBe("mentionOfStranger");
    expect(await resultOf("ann", "bob", "bob", "nobody")).toBe("mentionOfStranger");
    expect(await resultOf("ann", "bob", "*")).toBe("mentionOfAll");
    expect(await resultOf("ann", "@g1", "joe")).toBe("mentionOfStranger");
    expect(await resultOf("ann", "@g1", "nobody")).toBe("mentionOfStranger");
    expect(await resultOf("bob", "@g1", "*")).toBe("mentionOfAll");
    expect(await resultOf("bob", "@g1", "ann")).toBe("stored");
    expect(await resultOf("ann", "@g1", "*")).toBe("stored");
    expect(await resultOf("joe", "@g1", "ann")).toBe("forbidden");
    expect(await resultOf("ann", "@none", "*")).toBe("notFound");
    expect((await sent("ann", "bob", { app: ofTest.otherApp, mentions: ["bob"] })).result).toBe("stored");
  });

  test("a reply is to a message of the same conversation that its sender may read", async () => {
    await newGroup("g1", "ann", "bob");
    await newGroup("g2", "ann", "bob");
    const direct = await send("ann", "bob");
    const inGroup = await send("ann", "@g1");
    const toJoe = await send("ann", "joe");
    const resultOf = async (sender: string, to: string, replyTo: bigint, app = ofTest.app): Promise<string> =>
      (await sent(sender, to, { replyTo, app })).result;
    expect(await resultOf("bob", "ann", direct)).toBe("stored");
    expect(await resultOf("ann", "bob", direct)).toBe("stored");
    expect(await resultOf("bob", "@g1", inGroup)).toBe("stored");
    for (const elsewhere of [inGroup, toJoe, 1n, 2n ** 63n - 1n, -1n]) {
      expect(await resultOf("bob", "ann", elsewhere)).toBe("replyElsewhere");
    }
    expect(await resultOf("bob", "@g2", inGroup)).toBe("replyElsewhere");
    expect(await resultOf("bob", "@g1", direct)).toBe("replyElsewhere");
    expect(await resultOf("bob", "ann", direct, ofTest.otherApp)).toBe("replyElsewhere");
    await asks.join("joe", "g1");
    expect(await resultOf("joe", "@g1", inGroup)).toBe("replyElsewhere");
    expect(await resultOf("joe", "@g1", await send("ann", "@g1"))).toBe("stored");
  });

  test("a talk that may not name somebody spoils no other of its batch, and leaves its clientId free", async () => {
    const bad = talk({ mentions: ["eve"], clientId: "k" });
    const outcomes = await asks.store.append([talk(), bad, talk({ mentions: ["bob"] }), talk({ replyTo: 5n }), talk()]);
    expect(outcomes.map(({ result }) => result)).toEqual([
      "stored",
      "mentionOfStranger",
      "stored",
      "replyElsewhere",
      "stored",
    ]);
    expect((await sent("ann", "bob", { clientId: "k" })).result).toBe("stored");
  });

  test("a repeat is answered before rights: to mention and to answer, too", async () => {
    await newGroup("g1", "ann", "bob");
    const first = await send("ann", "@g1");
    const keyed = { clientId: "k", mentions: ["ann"], replyTo: first };
    const id = await send("bob", "@g1", keyed);
    await quit("ann", "g1");
    await quit("bob", "g1");
    const again = stored(await sent("bob", "@g1", keyed));
    expect([again.messageId, again.repeated]).toEqual([id, true]);
  });

  test("of a message that was edited or recalled the destination alone decides that it is a repeat", async () => {
    const keyed = { clientId: "k", body: "first" };
    const id = await send("ann", "bob", keyed);
    expect((await sent("ann", "bob", { clientId: "k", body: "edited" })).result).toBe("conflict");
    expect((await edit("ann", id)).result).toBe("stored");
    for (const body of ["first", "edited", ofTest.otherApp]) {
      expect(stored(await sent("ann", "bob", { clientId: "k", body })).messageId).toBe(id);
    }
    expect((await sent("ann", "joe", keyed)).result).toBe("conflict");
    expect((await recall("ann", id)).result).toBe("stored");
    expect(stored(await sent("ann", "bob", keyed))).toMatchObject({ messageId: id, repeated: true });
    expect((await sent("ann", "joe", keyed)).result).toBe("conflict");
  });

  test("a message names the entry before it in the list of its receiver, or of the group", async () => {
    await newGroup("g1", "ann", "bob");
    const first = stored(await sent("ann", "bob", { clientId: "k" }));
    const inGroup = stored(await sent("ann", "@g1", {}));
    // The entry of the group's creation.
    const made = inGroup.groupVersion;
    expect([first.previousEntryId, inGroup.previousEntryId]).toEqual([0n, made]);
    const edited = changed(await edit("ann", first.messageId));
    const reacted = changed(await react("ann", inGroup.messageId));
    expect([edited.previousEntryId, reacted.previousEntryId]).toEqual([0n, made]);
    const [entry, groupEntry] = [edited.entry.entryId, reacted.entry.entryId];
    expect(stored(await sent("ann", "bob", {})).previousEntryId).toBe(entry);
    expect(stored(await sent("eve", "bob", {})).previousEntryId).toBe(entry);
    expect(stored(await sent("bob", "ann", {})).previousEntryId).toBe(0n);
    expect(stored(await sent("bob", "@g1", {})).previousEntryId).toBe(groupEntry);
    expect(stored(await sent("ann", "bob", { clientId: "k" }))).toMatchObject({
      repeated: true,
      previousEntryId: 0n,
      previousId: first.previousId,
    });
    const keyed = stored(await sent("ann", "bob", { clientId: "l" }));
    changed(await react("ann", first.messageId, "b"));
    const again = stored(await sent("ann", "bob", { clientId: "l" }));
    expect([keyed.previousEntryId, again.previousEntryId]).toEqual([entry, entry]);
    const next = changed(await react("bob", inGroup.messageId));
    expect(next.previousEntryId).toBe(groupEntry);
    expect(changed(await react("ann", first.messageId)).previousEntryId).toBeGreaterThan(entry);
    expect(next.entry.entryId).toBeGreaterThan(entry);
  });
}
