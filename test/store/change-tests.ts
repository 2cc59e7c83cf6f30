// What every store promises of edits, recalls and reactions.

import { expect, test } from "bun:test";
import { reactionKindsMax } from "../../src/base/limits/fixed.ts";
import { entryKind } from "../../src/store/conversations.ts";
import { contentsOf } from "../support/contents.ts";
import { changed, type ConversationAsks } from "./conversation-asks.ts";
import { ofTest } from "./samples.ts";

export function changeTests(asks: ConversationAsks): void {
  const { send, edit, recall, react, message, newGroup, quit, join, read } = asks;

  test("an edit replaces the text for everybody, by every command, and is an entry of the log", async () => {
    const id = await send("ann", "bob", { extra: "x" });
    const { entry, groupVersion } = changed(await edit("ann", id, { body: "n\u0000ew 😀", extra: "y" }));
    expect(entry).toEqual({
      entryId: expect.any(BigInt),
      kind: entryKind.edited,
      refersTo: id,
      actor: "ann",
      time: expect.any(BigInt),
      account: "bob",
      group: "",
      reaction: "",
      isOff: false,
    });
    expect(entry.entryId).toBeGreaterThan(id);
    expect(groupVersion).toBe(0n);
    const text = { messageId: id, body: "n\u0000ew 😀", extra: "y" };
    for (const account of ["ann", "bob"]) {
      expect(await message(account, id)).toMatchObject({ ...text, edited: true, recalled: false });
      expect(await contentsOf(asks.store, ofTest.app, account, [id])).toEqual([{ ...text, type: 1 }]);
    }
    expect(await send("ann", "bob")).toBeGreaterThan(entry.entryId);
    expect(await asks.opened.idsOf("bob")).toHaveLength(2);
  });

  test("a recall leaves no text, mentions or reactions; the message stays in the log", async () => {
    await newGroup("g1", "ann", "bob");
    const id = await send("ann", "@g1", { extra: "x", mentions: ["bob"] });
    await react("bob", id);
    const { entry, groupVersion } = changed(await recall("ann", id));
    expect(entry).toMatchObject({ kind: entryKind.recalled, refersTo: id, actor: "ann", account: "", group: "g1" });
    expect(groupVersion).toBe((await asks.store.membership(ofTest.app, "g1"))?.version ?? -1n);
    expect(await message("bob", id)).toMatchObject({
      body: "",
      extra: "",
      recalled: true,
      mentions: [],
      reactions: [],
      type: 1,
      sender: "ann",
    });
    expect(await contentsOf(asks.store, ofTest.app, "bob", [id])).toEqual([
      { messageId: id, type: 1, body: "", extra: "" },
    ]);
    expect(await asks.opened.idsOf("bob")).toEqual([id]);
    expect((await asks.list("bob")).conversations[0]).toMatchObject({ unread: 1, unreadMentions: 0 });
  });

  test("what one may not read does not exist", async () => {
    await newGroup("g1", "ann", "bob");
    const before = await send("ann", "@g1");
    await join("joe", "g1");
    const direct = await send("ann", "bob");
    for (const id of [direct, before, 0n, 1n, -1n, 2n ** 63n - 1n]) {
      expect((await edit("joe", id)).result).toBe("notFound");
      expect((await recall("joe", id)).result).toBe("notFound");
      expect((await react("joe", id)).result).toBe("notFound");
      expect((await edit("nobody", id)).result).toBe("notFound");
    }
    expect((await edit("ann", direct, { app: ofTest.otherApp })).result).toBe("notFound");
    await send("ann", "bob", { app: ofTest.otherApp });
    expect((await edit("ann", direct, { app: ofTest.otherApp })).result).toBe("notFound");
    expect((await recall("ann", direct, { app: ofTest.otherApp })).result).toBe("notFound");
  });

  test("only its author edits a message, within the window, while it may talk there", async () => {
    await newGroup("g1", "ann", "bob");
    const direct = await send("ann", "bob");
    const inGroup = await send("bob", "@g1");
    expect((await edit("bob", direct)).result).toBe("forbidden");
    expect((await edit("ann", inGroup)).result).toBe("forbidden");
    expect((await edit("ann", direct, { windowMs: 0 })).result).toBe("late");
    await Bun.sleep(5);
    expect((await edit("ann", direct, { windowMs: 1 })).result).toBe("late");
    await quit("bob", "g1");
    expect((await edit("bob", inGroup)).result).toBe("forbidden");
    await join("bob", "g1");
    expect((await edit("bob", inGroup)).result).toBe("stored");
    expect(await message("ann", direct)).toMatchObject({ body: "hello", edited: false });
  });

  test("its author recalls a message within the window, whatever its rights are; an owner at any time", async () => {
    await newGroup("g1", "ann", "bob", "joe");
    const [first, second, third] = [
      await send("bob", "@g1"),
      await send("bob", "@g1"),
      await send("ann", "@g1"),
    ] as const;
    expect((await recall("joe", first)).result).toBe("forbidden");
    expect((await recall("bob", third)).result).toBe("forbidden");
    expect((await recall("bob", first, { windowMs: 0 })).result).toBe("late");
    expect((await recall("ann", first, { windowMs: 0 })).result).toBe("stored");
    await quit("bob", "g1", "ann");
    expect((await recall("bob", second)).result).toBe("stored");
    expect((await recall("bob", third)).result).toBe("forbidden");
    const direct = await send("ann", "bob");
    expect((await recall("bob", direct)).result).toBe("forbidden");
    await quit("ann", "g1");
    expect((await recall("ann", third, { windowMs: 0 })).result).toBe("late");
  });

  test("a recalled message is not edited and takes no reactions; recalling it again changes nothing", async () => {
    const id = await send("ann", "bob");
    const { entry } = changed(await recall("ann", id));
    expect(await recall("ann", id)).toEqual({ result: "unchanged", entryId: entry.entryId, time: entry.time });
    expect((await recall("ann", id, { windowMs: 0 })).result).toBe("unchanged");
    expect((await edit("ann", id)).result).toBe("recalled");
    expect((await react("bob", id)).result).toBe("recalled");
    expect(await message("bob", id)).toMatchObject({ body: "", recalled: true });
  });

  test("a repeated edit of the same actor, message and clientId changes nothing", async () => {
    const [one, two] = [await send("ann", "bob"), await send("ann", "bob")] as const;
    const { entry } = changed(await edit("ann", one, { body: "1", clientId: "k" }));
    changed(await edit("ann", one, { body: "2", clientId: "l" }));
    const repeat = { result: "unchanged", entryId: entry.entryId, time: entry.time } as const;
    expect(await edit("ann", one, { body: "1", clientId: "k" })).toEqual(repeat);
    expect(await message("bob", one)).toMatchObject({ body: "2" });
    changed(await edit("ann", two, { body: "3", clientId: "k" }));
    changed(await edit("ann", one, { body: "4" }));
    changed(await edit("ann", one, { body: "4" }));
    await recall("ann", one);
    expect(await edit("ann", one, { body: "1", clientId: "k", windowMs: 0 })).toEqual(repeat);
  });

  test("reactions are counted by kind, one of each for each account", async () => {
    await newGroup("g1", "ann", "bob", "joe");
    const id = await send("ann", "@g1");
    const first = changed(await react("bob", id, "a"));
    expect(first.entry).toMatchObject({ kind: entryKind.reacted, reaction: "a", isOff: false, actor: "bob" });
    const { entryId, time } = first.entry;
    expect(await react("bob", id, "a")).toEqual({ result: "unchanged", entryId, time });
    changed(await react("ann", id, "a"));
    expect(await react("bob", id, "a")).toEqual({ result: "unchanged", entryId, time });
    changed(await react("bob", id, "b\u0000"));
    const reactionsOf = async (account: string): Promise<unknown[]> =>
      ((await message(account, id))?.reactions ?? []).map(({ reaction, count, mine }) => [reaction, count, mine]);
    expect(await reactionsOf("bob")).toEqual([
      ["a", 2, true],
      ["b\u0000", 1, true],
    ]);
    expect(await reactionsOf("joe")).toEqual([
      ["a", 2, false],
      ["b\u0000", 1, false],
    ]);
    const taken = changed(await react("bob", id, "a", true)).entry;
    expect(taken).toMatchObject({ reaction: "a", isOff: true });
    expect(await react("bob", id, "a", true)).toEqual({
      result: "unchanged",
      entryId: taken.entryId,
      time: taken.time,
    });
    expect(await react("joe", id, "z", true)).toEqual({ result: "unchanged", entryId: 0n, time: 0n });
    expect(await reactionsOf("bob")).toEqual([
      ["a", 1, false],
      ["b\u0000", 1, true],
    ]);
    changed(await react("ann", id, "a", true));
    expect(await reactionsOf("ann")).toEqual([["b\u0000", 1, false]]);
    await quit("joe", "g1");
    expect((await react("joe", id, "a")).result).toBe("forbidden");
  });

  test("a message has at most so many kinds of reactions", async () => {
    const id = await send("ann", "bob");
    for (let kind = 0; kind < reactionKindsMax; kind++) changed(await react("bob", id, `r${kind}`));
    expect((await react("ann", id, "one more")).result).toBe("full");
    changed(await react("ann", id, "r3"));
    expect((await message("ann", id))?.reactions).toHaveLength(reactionKindsMax);
    changed(await react("bob", id, "r0", true));
    changed(await react("ann", id, "one more"));
    expect((await react("bob", id, "r0")).result).toBe("full");
  });

  test("who was removed from a group changes nothing there any more", async () => {
    await newGroup("g1", "ann", "bob");
    const id = await send("bob", "@g1");
    await quit("bob", "g1", "ann");
    const after = await send("ann", "@g1");
    expect((await edit("bob", id)).result).toBe("forbidden");
    expect((await react("bob", id)).result).toBe("forbidden");
    expect((await react("bob", after)).result).toBe("notFound");
    expect(await read("bob", "@g1", after)).toBe("notFound");
    expect(await read("bob", "@g1", id)).toBe("moved");
  });

  test("changes survive closing and opening, and other processes see them at once", async () => {
    const id = await send("ann", "bob");
    const second = await asks.opened.place.open();
    changed(await edit("ann", id, { clientId: "k" }));
    expect(await contentsOf(second, ofTest.app, "bob", [id])).toMatchObject([{ body: "edited" }]);
    await second.close();
    await asks.store.close();
    asks.opened.store = await asks.opened.place.open();
    expect(await message("bob", id)).toMatchObject({ body: "edited", edited: true });
    expect((await edit("ann", id, { clientId: "k" })).result).toBe("unchanged");
  });

  test("a closed store refuses changes", async () => {
    const id = await send("ann", "bob");
    await asks.store.close();
    expect(edit("ann", id)).rejects.toThrow("closed");
    expect(asks.hide("ann", id)).rejects.toThrow("closed");
    expect(read("ann", "bob", id)).rejects.toThrow("closed");
    asks.opened.store = await asks.opened.place.open();
  });
}
