// What every store promises of an account's own view: settings of conversations, hidden messages, read cursors, and who
// has read a message.

import { expect, test } from "bun:test";
import { hiddenMax, hideIdsMax, pinnedMax, readersGroupMax } from "../../src/base/limits/fixed.ts";
import type { AccountState, ReadersAnswer } from "../../src/store/conversations.ts";
import { type ConversationAsks, named, versionOf } from "./conversation-asks.ts";
import { ofTest, stored, talk } from "./samples.ts";

export function settingTests(asks: ConversationAsks): void {
  const { send, set, hide, read, newGroup, quit, join, names, list, page } = asks;
  const state = (account: string, since = 0n, limit = 500): Promise<AccountState> =>
    asks.store.accountState(ofTest.app, account, since, limit);

  test("settings have versions of the log's sequence, and another device learns what changed since one", async () => {
    await newGroup("g1", "ann", "bob");
    const id = await send("ann", "bob");
    const first = versionOf(await set("bob", "ann", { isPinned: true }));
    expect(first).toBeGreaterThan(id);
    const second = versionOf(await set("bob", "@g1", { isMuted: true, isHidden: true }));
    const plain = { isPinned: false, isMuted: false, hiddenId: 0n, clearedTo: 0n };
    const ann = { ...named("ann"), ...plain, isPinned: true, version: first };
    const group = { ...named("@g1"), ...plain, isMuted: true, hiddenId: expect.any(BigInt), version: second };
    const all = await state("bob");
    expect(all).toMatchObject({ settings: [ann, group], hiddenMessages: [], hasMore: false });
    expect(all.version).toBeGreaterThanOrEqual(second);
    expect((await state("bob", first)).settings).toEqual([group]);
    expect((await state("bob", all.version)).settings).toEqual([]);
    const third = versionOf(await set("bob", "ann", { clearUpTo: id }));
    expect((await state("bob", all.version)).settings).toEqual([{ ...ann, clearedTo: id, version: third }]);
    expect(await state("ann")).toMatchObject({ settings: [], hiddenMessages: [] });
    expect(await asks.store.accountState(ofTest.otherApp, "bob", 0n, 500)).toMatchObject({ settings: [] });
    expect(await state("nobody")).toMatchObject({ settings: [], hasMore: false });
    // Of a time that a restore has undone.
    const beyond = await state("bob", all.version * 2n);
    expect(beyond).toEqual(await state("bob"));
    expect(beyond.settings).toHaveLength(2);
  });

  test("what is set already is unchanged, with the version that has it", async () => {
    const id = await send("ann", "bob");
    const version = versionOf(
      await set("bob", "ann", { isPinned: true, isMuted: true, isHidden: true, clearUpTo: id }),
    );
    for (const change of [
      { isPinned: true },
      { isMuted: true, isHidden: true },
      { clearUpTo: id },
      { clearUpTo: id - 1n },
      { clearUpTo: 0n },
      {},
    ]) {
      expect(await set("bob", "ann", change)).toEqual({ result: "unchanged", version });
    }
    expect(versionOf(await set("bob", "ann", { isPinned: false }))).toBeGreaterThan(version);
    expect(await set("ann", "bob", { isPinned: false, isHidden: false })).toEqual({ result: "unchanged", version: 0n });
  });

  test("a conversation exists from its first message or, for a member, from its join on", async () => {
    await newGroup("g1", "ann");
    await send("joe", "joe");
    const resultOf = async (account: string, to: string, app = ofTest.app): Promise<string> =>
      (await set(account, to, { app, isMuted: true })).result;
    for (const to of ["bob", "joe", "nobody", "@none"]) expect(await resultOf("ann", to)).toBe("notFound");
    expect(await resultOf("bob", "@g1")).toBe("notFound");
    expect(await resultOf("nobody", "ann")).toBe("notFound");
    expect(await resultOf("ann", "@g1", ofTest.otherApp)).toBe("notFound");
    expect(await resultOf("ann", "@g1")).toBe("stored");
    await send("ann", "bob");
    expect(await resultOf("ann", "bob", ofTest.otherApp)).toBe("notFound");
    expect(await resultOf("ann", "bob")).toBe("stored");
    expect(await resultOf("bob", "ann")).toBe("stored");
    expect(await resultOf("joe", "joe")).toBe("stored");
    await join("bob", "g1");
    expect(await resultOf("bob", "@g1")).toBe("stored");
    await quit("bob", "g1");
    expect((await set("bob", "@g1", { isMuted: false })).result).toBe("stored");
  });

  test("a refused talk begins no conversation", async () => {
    await send("ann", "bob", { clientId: "k" });
    expect(await asks.opened.say2({ sender: "ann", dest: "joe", clientId: "k" })).toBe("conflict");
    expect(await asks.opened.say2({ sender: "ann", dest: "eve", mentions: ["joe"] })).toBe("mentionOfStranger");
    for (const to of ["joe", "eve"]) expect((await set("ann", to, { isMuted: true })).result).toBe("notFound");
    expect(await names("ann")).toEqual(["bob"]);
  });

  test("a conversation that is hidden is hidden again only after it was shown", async () => {
    await newGroup("g1", "ann", "bob");
    const id = await send("ann", "bob");
    await send("ann", "@g1");
    const direct = versionOf(await set("bob", "ann", { isHidden: true }));
    const group = versionOf(await set("bob", "@g1", { isHidden: true }));
    await send("ann", "joe");
    await asks.edit("ann", id);
    expect(await set("bob", "ann", { isHidden: true })).toEqual({ result: "unchanged", version: direct });
    expect(await set("bob", "@g1", { isHidden: true })).toEqual({ result: "unchanged", version: group });
    await send("bob", "ann");
    await quit("bob", "g1");
    await join("bob", "g1");
    expect(await names("bob")).toEqual(["@g1", "ann"]);
    versionOf(await set("bob", "ann", { isHidden: true }));
    versionOf(await set("bob", "@g1", { isHidden: true }));
    expect(await names("bob")).toEqual([]);
  });

  test("an account pins at most so many conversations", async () => {
    const talks = Array.from({ length: pinnedMax + 1 }, (_, i) => talk({ dest: `p${i}` }));
    for (const outcome of await asks.store.append(talks)) stored(outcome);
    const pinned = await Promise.all(
      Array.from({ length: pinnedMax }, (_, i) => set("ann", `p${i}`, { isPinned: true })),
    );
    for (const outcome of pinned) versionOf(outcome);
    expect(await set("ann", `p${pinnedMax}`, { isPinned: true })).toEqual({ result: "full" });
    expect((await set("ann", "p0", { isPinned: true })).result).toBe("unchanged");
    expect((await set("ann", `p${pinnedMax}`, { isMuted: true })).result).toBe("stored");
    versionOf(await set("ann", "p0", { isPinned: false }));
    versionOf(await set("ann", `p${pinnedMax}`, { isPinned: true }));
  });

  test("what is cleared is shown no more, and no more than exists is cleared", async () => {
    const [one, two] = [await send("ann", "bob"), await send("bob", "ann")] as const;
    versionOf(await set("bob", "ann", { clearUpTo: one }));
    expect(await page("bob", "ann")).toEqual([[two], false, false]);
    expect(await page("bob", "ann", { from: { at: "around", id: one } })).toEqual([[two], false, false]);
    expect(await page("ann", "bob")).toEqual([[one, two], false, false]);
    expect(await asks.messages("bob", [one, two])).toMatchObject([{ messageId: two }]);
    versionOf(await set("bob", "ann", { clearUpTo: 2n ** 63n - 1n }));
    expect(await page("bob", "ann")).toEqual([[], false, false]);
    expect(await names("bob")).toEqual([]);
    const three = await send("ann", "bob");
    expect(await page("bob", "ann")).toEqual([[three], false, false]);
    expect((await list("bob")).conversations).toMatchObject([{ account: "ann", unread: 1, activityId: three }]);
  });

  test("a hidden message is gone for its account only, on every device", async () => {
    await newGroup("g1", "ann", "bob");
    const [one, two, three] = [await send("ann", "bob"), await send("ann", "@g1"), await send("ann", "bob")] as const;
    const toJoe = await send("ann", "joe");
    const version = versionOf(await hide("bob", one, two, toJoe, 5n, one));
    expect(await hide("bob", one)).toMatchObject({ result: "unchanged" });
    expect(await hide("bob", toJoe)).toMatchObject({ result: "unchanged" });
    expect(await hide("nobody", one)).toMatchObject({ result: "unchanged" });
    expect(await state("bob")).toMatchObject({ hiddenMessages: [one, two], settings: [] });
    expect((await state("bob", version)).hiddenMessages).toEqual([]);
    expect(await page("bob", "ann")).toEqual([[three], false, false]);
    expect(await page("bob", "@g1")).toEqual([[], false, false]);
    expect((await asks.messages("bob", [one, two, three])).map(({ messageId }) => messageId)).toEqual([three]);
    expect((await asks.messages("ann", [one, two])).map(({ messageId }) => messageId)).toEqual([one, two]);
    expect(await page("ann", "bob")).toEqual([[one, three], false, false]);
    expect((await list("bob")).conversations).toMatchObject([
      { account: "ann", unread: 1, activityId: three },
      { group: "g1", unread: 0 },
    ]);
  });

  test("what is cleared is not hidden besides; what is hidden already has the version that hid it", async () => {
    const [one, two, three] = [await send("ann", "bob"), await send("bob", "ann"), await send("ann", "bob")] as const;
    const cleared = versionOf(await set("bob", "ann", { clearUpTo: two }));
    expect(await hide("bob", one, two)).toEqual({ result: "unchanged", version: 0n });
    const version = versionOf(await hide("bob", one, two, three));
    expect(await state("bob", cleared)).toMatchObject({ hiddenMessages: [three] });
    await send("ann", "bob");
    expect(await hide("bob", three, one)).toEqual({ result: "unchanged", version });
  });

  test("an account hides at most so many messages one by one", async () => {
    const talks = Array.from({ length: hiddenMax + 1 }, () => talk({ sender: "ann", dest: "bob" }));
    const ids: bigint[] = [];
    for (let at = 0; at < talks.length; at += 1_000)
      for (const outcome of await asks.store.append(talks.slice(at, at + 1_000))) ids.push(stored(outcome).messageId);
    const last = ids.at(-1) ?? 0n;
    for (let at = 0; at < hiddenMax - 1; at += hideIdsMax)
      versionOf(await hide("bob", ...ids.slice(at, Math.min(at + hideIdsMax, hiddenMax - 1))));
    expect(await hide("bob", ...ids.slice(-2))).toEqual({ result: "full" });
    versionOf(await hide("bob", ids[hiddenMax - 1] ?? 0n));
    expect(await hide("bob", last)).toEqual({ result: "full" });
    // What is hidden already is told all the same, and others hide what they like.
    expect(await hide("bob", ids[0] ?? 0n)).toMatchObject({ result: "unchanged" });
    versionOf(await hide("ann", last));
    versionOf(await asks.set("bob", "ann", { clearUpTo: last }));
    expect((await asks.list("bob")).conversations).toEqual([]);
  }, 60_000);

  test("what was hidden at once is told at once, page by page", async () => {
    const outcomes = await asks.store.append(Array.from({ length: hideIdsMax + 3 }, () => talk()));
    const ids = outcomes.map((outcome) => stored(outcome).messageId);
    const many = ids.slice(0, hideIdsMax);
    const first = versionOf(await hide("bob", ...many));
    for (const id of ids.slice(hideIdsMax)) versionOf(await hide("bob", id));
    versionOf(await set("bob", "ann", { isMuted: true }));
    const told: bigint[] = [];
    const settings: bigint[] = [];
    let since = 0n;
    for (let rounds = 0; ; rounds++) {
      expect(rounds).toBeLessThan(9);
      const part = await state("bob", since, hideIdsMax);
      told.push(...part.hiddenMessages);
      settings.push(...part.settings.map(({ version }) => version));
      since = part.version;
      if (!part.hasMore) break;
    }
    expect(told).toEqual(ids);
    expect(settings).toHaveLength(1);
    expect(since).toBeGreaterThan(first);
  });

  test("a read cursor goes forward only, to messages of the conversation that one may read", async () => {
    await newGroup("g1", "ann", "bob");
    const [one, two] = [await send("ann", "bob"), await send("bob", "ann")] as const;
    const inGroup = await send("ann", "@g1");
    const mark = (messageId: bigint) =>
      asks.store.markRead({ app: ofTest.app, account: "bob", ...named("ann"), messageId });
    expect(await mark(one)).toEqual({ result: "moved", readId: one });
    expect(await mark(two)).toEqual({ result: "moved", readId: two });
    expect(await mark(two)).toEqual({ result: "unchanged", readId: two });
    expect(await mark(one)).toEqual({ result: "unchanged", readId: two });
    for (const id of [inGroup, (await send("ann", "joe")) + 0n]) expect(await read("bob", "ann", id)).toBe("notFound");
    for (const to of ["ann", "@none"]) {
      expect(await read("bob", to, 2n ** 63n - 1n)).toBe("future");
      expect(await read("bob", to, -1n)).toBe("future");
    }
    expect(await read("bob", "joe", two)).toBe("notFound");
    expect(await read("bob", "@none", two)).toBe("notFound");
    expect(await read("nobody", "ann", two)).toBe("notFound");
    expect(await read("bob", "ann", two, { app: ofTest.otherApp })).toBe("notFound");
    expect(await read("bob", "@g1", one)).toBe("notFound");
    expect(await read("joe", "@g1", inGroup)).toBe("notFound");
    expect(await read("bob", "@g1", inGroup)).toBe("moved");
    expect((await list("ann")).conversations.find(({ account }) => account === "bob")).toMatchObject({
      readId: 0n,
      peerReadId: two,
    });
  });

  test("a direct conversation of which the retention has deleted everything is as if it had never been", async () => {
    await send("ann", "bob");
    const last = await send("bob", "ann");
    expect(await asks.page("ann", "bob")).toEqual([[expect.any(BigInt), last], false, false]);
    await asks.opened.place.deleteUpTo?.(last);
    expect(await asks.page("ann", "bob").catch(String)).toContain("got notFound");
    expect(await set("ann", "bob", { isPinned: true })).toEqual({ result: "notFound" });
    expect(await names("ann")).toEqual([]);
    const next = await send("ann", "bob");
    expect(await asks.page("bob", "ann")).toEqual([[next], false, false]);
  });

  test("a message that the retention has deleted moves no cursor", async () => {
    const [one, two, three] = [await send("ann", "bob"), await send("ann", "bob"), await send("ann", "bob")] as const;
    expect(await read("bob", "ann", one)).toBe("moved");
    await asks.opened.place.deleteUpTo?.(two);
    expect(await read("bob", "ann", two)).toBe("notFound");
    expect(await read("bob", "ann", one)).toBe("unchanged");
    expect(await read("bob", "ann", three)).toBe("moved");
  });

  test("many cursors at once are each answered in order", async () => {
    const ids = (await asks.store.append(Array.from({ length: 700 }, () => talk()))).map(
      (outcome) => stored(outcome).messageId,
    );
    const results = await Promise.all([...ids, ...ids].map((id) => read("bob", "ann", id)));
    expect(results).toEqual([...ids.map(() => "moved"), ...ids.map(() => "unchanged")]);
    expect((await list("bob")).conversations).toMatchObject([{ unread: 0, readId: ids.at(-1) }]);
  });

  test("cursors that wait when the store closes are moved first", async () => {
    const id = await send("ann", "bob");
    const late = read("bob", "ann", id);
    await asks.store.close();
    expect(await late).toBe("moved");
    asks.opened.store = await asks.opened.place.open();
    expect(await read("bob", "ann", id)).toBe("unchanged");
  });

  test("the state of an account that was never used is empty, and as new as the store", async () => {
    const id = await send("ann", "bob");
    const version = (await state("ann")).version;
    expect(version).toBeGreaterThanOrEqual(id);
    expect(await state("nobody")).toMatchObject({ version, settings: [], hiddenMessages: [], hasMore: false });
  });

  test("a version above the last id counts as 0: it is from before a backup was restored", async () => {
    const id = await send("ann", "bob");
    versionOf(await set("bob", "ann", { isPinned: true }));
    versionOf(await hide("bob", id));
    const { settings, hiddenMessages, version } = await state("bob", 2n ** 62n);
    expect([settings.length, hiddenMessages]).toEqual([1, [id]]);
    expect(await state("bob", version)).toMatchObject({ settings: [], hiddenMessages: [] });
  });

  test("its author and the members learn which members have read a message", async () => {
    await newGroup("g1", "ann", "bob", "joe", "eve", "zoe");
    const id = await send("ann", "@g1");
    const readers = (account: string, change = {}): Promise<ReadersAnswer> =>
      asks.store.readers({ app: ofTest.app, account, messageId: id, after: "", limit: 200, ...change });
    const found = (accounts: readonly string[], count = accounts.length, hasMore = false): ReadersAnswer => ({
      result: "found",
      accounts,
      count,
      hasMore,
    });
    expect(await readers("ann")).toEqual(found([]));
    for (const account of ["zoe", "bob", "ann", "eve"]) await read(account, "@g1", id);
    expect(await readers("ann")).toEqual(found(["bob", "eve", "zoe"]));
    expect(await readers("bob", { limit: 2 })).toEqual(found(["bob", "eve"], 3, true));
    expect(await readers("bob", { limit: 2, after: "eve" })).toEqual(found(["zoe"], 3));
    await join("max", "g1");
    const later = await send("ann", "@g1");
    await read("max", "@g1", later);
    expect(await readers("joe")).toEqual(found(["bob", "eve", "zoe"]));
    expect((await readers("max")).result).toBe("notFound");
    await quit("eve", "g1");
    expect((await readers("eve")).result).toBe("forbidden");
    expect(await readers("joe")).toEqual(found(["bob", "zoe"]));
    await quit("ann", "g1");
    expect(await readers("ann")).toEqual(found(["bob", "zoe"]));
    expect((await readers("nobody")).result).toBe("notFound");
    expect((await readers("ann", { messageId: 5n })).result).toBe("notFound");
    expect((await readers("ann", { app: ofTest.otherApp })).result).toBe("notFound");
  });

  test("a member that has left and come back has read what it read before", async () => {
    await newGroup("g1", "ann", "bob", "joe");
    const first = await send("ann", "@g1");
    await quit("bob", "g1");
    const missed = await send("ann", "@g1");
    await join("bob", "g1");
    expect(await read("bob", "@g1", await send("ann", "@g1"))).toBe("moved");
    const ask = { app: ofTest.app, account: "joe", after: "", limit: 200 };
    const readersOf = async (messageId: bigint): Promise<ReadersAnswer> => asks.store.readers({ ...ask, messageId });
    expect(await readersOf(first)).toMatchObject({ result: "found", accounts: ["bob"] });
    expect(await readersOf(missed)).toMatchObject({ result: "found", accounts: [] });
  });

  test("readers of a message in a large group are not told", async () => {
    await newGroup("g1", "ann", ...Array.from({ length: readersGroupMax }, (_, i) => `p${i}`));
    const messageId = await send("ann", "@g1");
    const ask = { app: ofTest.app, account: "ann", messageId, after: "", limit: 200 };
    expect(await asks.store.readers(ask)).toEqual({ result: "tooLarge" });
    await quit("p0", "g1");
    expect(await asks.store.readers(ask)).toMatchObject({ result: "found", count: 0 });
  });
}
