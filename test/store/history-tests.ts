// What every store promises of histories and of messages by id.

import { expect, test } from "bun:test";
import { windowsReadMax } from "../../src/base/limits/fixed.ts";
import { Random, testSeed } from "../support/random.ts";
import type { ConversationAsks } from "./conversation-asks.ts";
import { ofTest } from "./samples.ts";

export function historyTests(asks: ConversationAsks): void {
  const { send, hide, set, page, history, messages, newGroup, quit, join, recall, edit } = asks;
  const historyOf = (account: string, to: string, app = ofTest.app): Promise<Uint8Array | "notFound"> =>
    asks.store.history({
      app,
      account,
      toGroup: to.startsWith("@"),
      dest: to.replace("@", ""),
      from: { at: "newest" },
      limit: 9,
      thread: 0n,
    });

  test("both directions of a direct conversation are one history, in the order of ids", async () => {
    const ids: bigint[] = [];
    for (let i = 0; i < 12; i++) ids.push(await send(i % 3 === 0 ? "bob" : "ann", i % 3 === 0 ? "ann" : "bob"));
    await send("ann", "joe");
    await send("joe", "bob");
    for (const [account, to] of [
      ["ann", "bob"],
      ["bob", "ann"],
    ] as const) {
      expect(await page(account, to)).toEqual([ids, false, false]);
      expect(await page(account, to, { limit: 5 })).toEqual([ids.slice(7), true, false]);
      expect(await page(account, to, { limit: 12 })).toEqual([ids, false, false]);
    }
    const { messages: all } = await history("ann", "bob", { limit: 1 });
    expect(all).toMatchObject([
      { messageId: ids[11], sender: "ann", type: 1, body: "hello", extra: "", account: "", group: "", cut: false },
    ]);
    expect(all[0]?.sendTime).toBeGreaterThan(0n);
  });

  test("a page is before an id, after one, or around one, and says what is beyond", async () => {
    const ids: bigint[] = [];
    for (let i = 0; i < 10; i++) ids.push(await send("ann", "bob"));
    const at = (where: "before" | "after" | "around", index: number, limit = 3) =>
      page("bob", "ann", { from: { at: where, id: ids[index] ?? 0n }, limit });
    expect(await at("before", 5)).toEqual([ids.slice(2, 5), true, true]);
    expect(await at("before", 3)).toEqual([ids.slice(0, 3), false, true]);
    expect(await at("before", 0)).toEqual([[], false, true]);
    expect(await at("after", 5)).toEqual([ids.slice(6, 9), true, true]);
    expect(await at("after", 6)).toEqual([ids.slice(7), true, false]);
    expect(await at("after", 9)).toEqual([[], true, false]);
    expect(await at("around", 5)).toEqual([ids.slice(4, 7), true, true]);
    expect(await at("around", 5, 4)).toEqual([ids.slice(3, 7), true, true]);
    expect(await at("around", 5, 1)).toEqual([ids.slice(5, 6), true, true]);
    expect(await at("around", 9)).toEqual([ids.slice(8), true, false]);
    expect(await at("around", 0)).toEqual([ids.slice(0, 2), false, true]);
    const end = 2n ** 63n - 1n;
    expect(await page("bob", "ann", { from: { at: "after", id: end }, limit: 3 })).toEqual([[], true, false]);
    expect(await page("bob", "ann", { from: { at: "before", id: end }, limit: 3 })).toEqual([
      ids.slice(7),
      true,
      false,
    ]);
    expect(await page("bob", "ann", { from: { at: "after", id: 0n }, limit: 3 })).toEqual([
      ids.slice(0, 3),
      false,
      true,
    ]);
    expect(await page("bob", "ann", { from: { at: "before", id: 1n }, limit: 3 })).toEqual([[], false, true]);
  });

  test("paging in either direction shows every message once", async () => {
    const random = new Random(testSeed("history"));
    const ids: bigint[] = [];
    for (let i = 0; i < 60; i++) {
      ids.push(await (random.once(2) ? send("ann", "bob") : send("bob", "ann")));
      if (random.once(3)) await send("joe", "bob");
    }
    const limit = 1 + random.below(9);
    const older: bigint[] = [];
    for (let id = 2n ** 62n; ;) {
      const [part, hasBefore] = await page("ann", "bob", { from: { at: "before", id }, limit });
      older.unshift(...part);
      id = part[0] ?? 0n;
      if (!hasBefore) break;
    }
    const newer: bigint[] = [];
    for (let id = 0n; ;) {
      const [part, , hasAfter] = await page("ann", "bob", { from: { at: "after", id }, limit });
      newer.push(...part);
      id = part.at(-1) ?? id;
      if (!hasAfter) break;
    }
    expect([older, newer]).toEqual([ids, ids]);
  });

  test("messages to oneself are a conversation", async () => {
    const ids = [await send("ann", "ann"), await send("ann", "ann")];
    expect(await page("ann", "ann")).toEqual([ids, false, false]);
    expect(await page("ann", "ann", { from: { at: "after", id: ids[0] ?? 0n } })).toEqual([ids.slice(1), true, false]);
    expect(await messages("ann", ids)).toMatchObject([{ account: "ann" }, { account: "ann" }]);
  });

  test("of a group a member sees what was sent in its windows, also after it has left", async () => {
    await newGroup("g1", "ann", "bob");
    const [one, two] = [await send("ann", "@g1"), await send("bob", "@g1")] as const;
    await quit("bob", "g1");
    const three = await send("ann", "@g1");
    expect(await page("bob", "@g1")).toEqual([[one, two], false, false]);
    await join("bob", "g1");
    const four = await send("ann", "@g1");
    expect(await page("bob", "@g1")).toEqual([[one, two, four], false, false]);
    expect(await page("bob", "@g1", { limit: 2 })).toEqual([[two, four], true, false]);
    expect(await page("bob", "@g1", { from: { at: "around", id: three }, limit: 2 })).toEqual([
      [two, four],
      true,
      false,
    ]);
    expect(await page("bob", "@g1", { from: { at: "after", id: one }, limit: 1 })).toEqual([[two], true, true]);
    expect(await page("ann", "@g1")).toEqual([[one, two, three, four], false, false]);
    expect((await messages("bob", [one, two, three, four])).map(({ messageId, group }) => [messageId, group])).toEqual([
      [one, "g1"],
      [two, "g1"],
      [four, "g1"],
    ]);
  });

  test("of a group a history shows the last thousand stays, however many there were", async () => {
    await newGroup("g1", "ann", "bob");
    const first = await send("ann", "@g1");
    for (let stays = 0; stays <= windowsReadMax; stays += 100)
      await Promise.all(Array.from({ length: 100 }, async () => Promise.all([quit("bob", "g1"), join("bob", "g1")])));
    const last = await send("ann", "@g1");
    expect(await page("bob", "@g1")).toEqual([[last], false, false]);
    expect(await page("ann", "@g1")).toEqual([[first, last], false, false]);
    expect((await asks.list("bob")).conversations).toMatchObject([{ activityId: last, unread: 1 }]);
    expect((await messages("bob", [first, last])).map(({ messageId }) => messageId)).toEqual([first, last]);
    expect((await asks.log("bob", { after: first })).isReset).toBe(true);
    expect((await asks.log("bob", { after: last - 1n })).isReset).toBe(false);
  }, 60_000);

  test("a conversation that an account never had is not found", async () => {
    await newGroup("g1", "ann");
    await send("ann", "bob");
    expect(await historyOf("ann", "joe")).toBe("notFound");
    expect(await historyOf("bob", "@g1")).toBe("notFound");
    expect(await historyOf("ann", "@none")).toBe("notFound");
    expect(await historyOf("nobody", "ann")).toBe("notFound");
    expect(await historyOf("ann", "bob", ofTest.otherApp)).toBe("notFound");
    expect(await historyOf("ann", "@g1", ofTest.otherApp)).toBe("notFound");
    expect(await page("ann", "@g1")).toEqual([[], false, false]);
  });

  test("hidden messages are passed over, whatever page they would be on", async () => {
    const ids: bigint[] = [];
    for (let i = 0; i < 8; i++) ids.push(await send(i % 2 === 0 ? "ann" : "bob", i % 2 === 0 ? "bob" : "ann"));
    await hide("ann", ids[7] ?? 0n, ids[6] ?? 0n, ids[3] ?? 0n, ids[0] ?? 0n);
    const at = (index: number): bigint => ids[index] ?? 0n;
    const seen = [1, 2, 4, 5].map(at);
    expect(await page("ann", "bob", { limit: 3 })).toEqual([seen.slice(1), true, false]);
    expect(await page("ann", "bob", { limit: 4 })).toEqual([seen, false, false]);
    expect(await page("ann", "bob", { from: { at: "after", id: at(4) } })).toEqual([[at(5)], true, false]);
    expect(await page("ann", "bob", { from: { at: "before", id: ids[1] ?? 0n } })).toEqual([[], false, true]);
  });

  test("the largest and smallest ids are bounds of pages as others are, of threads, too", async () => {
    const root = await send("ann", "bob");
    const reply = await send("bob", "ann", { replyTo: root });
    const [first, last] = [1n, 2n ** 63n - 1n];
    const threads = [
      [0n, [root, reply]],
      [root, [root, reply]],
      [first, []],
      [last, []],
    ] as const;
    for (const [thread, all] of threads) {
      const isFound = all.length > 0;
      const at = (where: "before" | "after" | "around", id: bigint) =>
        page("ann", "bob", { from: { at: where, id }, thread });
      expect(await at("before", last)).toEqual([[...all], false, false]);
      expect(await at("before", first)).toEqual([[], false, isFound]);
      expect(await at("after", last)).toEqual([[], isFound, false]);
      expect(await at("after", first)).toEqual([[...all], false, false]);
      expect(await at("around", last)).toEqual([[...all], false, false]);
      expect(await at("around", first)).toEqual([[...all], false, false]);
    }
  });

  test("a thread is its first message and what answers it, directly or not", async () => {
    await newGroup("g1", "ann", "bob");
    const root = await send("ann", "@g1");
    const replies = [root];
    for (let i = 0; i < 6; i++) {
      await send("ann", "@g1");
      replies.push(await send("bob", "@g1", { replyTo: replies[i % 2 === 0 ? i : 0] ?? root }));
    }
    const other = await send("ann", "@g1");
    await send("bob", "@g1", { replyTo: other });
    const thread = { thread: root };
    expect(await page("ann", "@g1", thread)).toEqual([replies, false, false]);
    expect(await page("ann", "@g1", { ...thread, limit: 3 })).toEqual([replies.slice(4), true, false]);
    expect(await page("ann", "@g1", { ...thread, limit: 3, from: { at: "before", id: replies[4] ?? 0n } })).toEqual([
      replies.slice(1, 4),
      true,
      true,
    ]);
    expect(await page("ann", "@g1", { ...thread, limit: 9, from: { at: "after", id: root } })).toEqual([
      replies.slice(1),
      true,
      false,
    ]);
    await recall("ann", root);
    await hide("ann", replies[2] ?? 0n);
    expect(await page("ann", "@g1", thread)).toEqual([replies.filter((_, index) => index !== 2), false, false]);
    await set("ann", "@g1", { clearUpTo: replies[4] ?? 0n });
    expect(await page("ann", "@g1", thread)).toEqual([replies.slice(5), false, false]);
    await join("joe", "g1");
    expect(await page("joe", "@g1", thread)).toEqual([[], false, false]);
    const direct = await send("ann", "bob");
    const answer = await send("bob", "ann", { replyTo: direct });
    expect(await page("ann", "bob", { thread: direct })).toEqual([[direct, answer], false, false]);
    expect(await page("ann", "@g1", { thread: direct })).toEqual([[], false, false]);
    expect(await page("ann", "bob", { thread: 5n })).toEqual([[], false, false]);
  });

  test("a member sees of a thread what was sent in its windows, others nothing", async () => {
    await newGroup("g1", "ann", "bob");
    await newGroup("g2", "ann", "bob");
    const root = await send("ann", "@g1");
    await send("ann", "@g2");
    await send("joe", "ann");
    const replies: bigint[] = [];
    const reply = async (sender = "ann"): Promise<void> =>
      void replies.push(await send(sender, "@g1", { replyTo: sender === "ann" ? (replies.at(-1) ?? root) : root }));
    await reply("bob");
    await quit("bob", "g1");
    for (let i = 0; i < 100; i++) await reply();
    await join("bob", "g1");
    await reply("bob");
    await quit("bob", "g1");
    for (let i = 0; i < 100; i++) await reply();
    const seen = [root, replies[0] ?? 0n, replies[101] ?? 0n];
    const thread = { thread: root };
    expect(await page("bob", "@g1", thread)).toEqual([seen, false, false]);
    expect(await page("bob", "@g1", { ...thread, from: { at: "after", id: 1n } })).toEqual([seen, false, false]);
    expect(await page("bob", "@g1", { ...thread, from: { at: "after", id: root }, limit: 1 })).toEqual([
      seen.slice(1, 2),
      true,
      true,
    ]);
    expect(await page("bob", "@g1", { ...thread, from: { at: "around", id: replies[50] ?? 0n } })).toEqual([
      seen,
      false,
      false,
    ]);
    expect(await page("bob", "@g1", { ...thread, from: { at: "before", id: replies[101] ?? 0n } })).toEqual([
      seen.slice(0, 2),
      false,
      true,
    ]);
    expect(await page("ann", "@g1", { ...thread, limit: 200 })).toEqual([replies.slice(-200), true, false]);
    for (const from of [{ at: "newest" }, { at: "after", id: 1n }, { at: "around", id: root }] as const)
      for (const [account, other] of [
        ["bob", "@g2"],
        ["ann", "joe"],
        ["joe", "ann"],
      ] as const)
        expect(await page(account, other, { ...thread, from })).toEqual([[], false, false]);
  });

  test("messages by id come in the order asked, with their conversations, as they are now", async () => {
    await newGroup("g1", "ann", "bob");
    const [one, two, three] = [await send("ann", "bob"), await send("bob", "ann"), await send("ann", "@g1")] as const;
    const toJoe = await send("ann", "joe");
    await edit("ann", one, { body: "new" });
    await recall("bob", two);
    expect(await messages("bob", [three, toJoe, two, 5n, one, -1n])).toMatchObject([
      { messageId: three, account: "", group: "g1", edited: false },
      { messageId: two, account: "ann", group: "", recalled: true, body: "", sender: "bob" },
      { messageId: one, account: "ann", group: "", edited: true, body: "new", sender: "ann" },
    ]);
    expect(await messages("ann", [one])).toMatchObject([{ account: "bob" }]);
    expect(await messages("bob", [one, two], ofTest.otherApp)).toEqual([]);
    expect(await messages("nobody", [one])).toEqual([]);
    expect(await messages("bob", [])).toEqual([]);
  });
}
