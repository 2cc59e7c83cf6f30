// What every store promises of the list of conversations.

import { expect, test } from "bun:test";
import { lastBodyBytesMax, mentionsReadMax, unreadMax } from "../../src/base/limits/fixed.ts";
import type { Conversation } from "../../src/wire/gen/pkt_pb.ts";
import { Random, testSeed } from "../support/random.ts";
import type { ConversationAsks } from "./conversation-asks.ts";
import { ofTest, stored, talk } from "./samples.ts";

export function listTests(asks: ConversationAsks): void {
  const { send, set, list, names, newGroup, quit, join, read, hide, recall, edit, react } = asks;
  const conversation = async (account: string, index = 0): Promise<Conversation | undefined> =>
    (await list(account, { includeHidden: true })).conversations[index];

  test("the newest activity comes first, with the last message and what is not read", async () => {
    await newGroup("g1", "ann", "bob");
    const one = await send("ann", "bob", { extra: "x" });
    const two = await send("ann", "@g1");
    const three = await send("joe", "bob");
    const { conversations, hasMore } = await list("bob");
    expect(hasMore).toBe(false);
    const none = { pinned: false, muted: false, hidden: false, readId: 0n, peerReadId: 0n, unreadMentions: 0 };
    expect(conversations).toMatchObject([
      { ...none, account: "joe", group: "", activityId: three, unread: 1, lastMessage: { messageId: three } },
      { ...none, account: "", group: "g1", activityId: two, unread: 1, lastMessage: { sender: "ann" } },
      { ...none, account: "ann", group: "", activityId: one, unread: 1, lastMessage: { body: "hello" } },
    ]);
    const four = await send("bob", "ann");
    expect(await names("bob")).toEqual(["ann", "joe", "@g1"]);
    expect((await list("ann")).conversations).toMatchObject([
      { account: "bob", activityId: four, unread: 1 },
      { group: "g1", unread: 0 },
    ]);
    expect(await names("bob", { app: ofTest.otherApp })).toEqual([]);
    expect(await names("nobody")).toEqual([]);
  });

  test("only messages and the own join are activity", async () => {
    const id = await send("ann", "bob");
    await newGroup("g1", "ann", "bob");
    await join("joe", "g1");
    await send("ann", "joe");
    expect(await names("bob")).toEqual(["@g1", "ann"]);
    await edit("ann", id);
    await react("bob", id);
    await set("bob", "ann", { isMuted: true });
    await read("bob", "ann", id);
    expect(await names("bob")).toEqual(["@g1", "ann"]);
    expect(await conversation("joe", 1)).toMatchObject({ group: "g1", unread: 0 });
    expect((await conversation("joe", 1))?.lastMessage).toBeUndefined();
    await quit("bob", "g1");
    await send("ann", "@g1");
    await send("joe", "bob");
    expect(await names("bob")).toEqual(["joe", "@g1", "ann"]);
    await join("bob", "g1");
    expect(await names("bob")).toEqual(["@g1", "joe", "ann"]);
    expect((await conversation("bob"))?.unread).toBe(0);
  });

  test("pages go on below the last activity; pinned conversations are on the first page, besides", async () => {
    const people = Array.from({ length: 12 }, (_, i) => `p${i}`);
    for (const person of people) await send(person, "ann");
    await set("ann", "p2", { isPinned: true });
    await set("ann", "p0", { isPinned: true });
    const expected = people.filter((_, index) => index !== 2 && index !== 0).toReversed();
    expect(await names("ann", { limit: 4 })).toEqual(["p2", "p0", ...expected.slice(0, 4)]);
    const seen: string[] = [];
    for (let before = 0n; ;) {
      const { conversations, hasMore } = await list("ann", { before, limit: 4 });
      seen.push(...conversations.filter(({ pinned }) => !pinned).map(({ account }) => account));
      expect(conversations.some(({ pinned }) => pinned)).toBe(before === 0n);
      before = conversations.at(-1)?.activityId ?? 0n;
      if (!hasMore) break;
    }
    expect(seen).toEqual(expected);
    expect((await list("ann", { limit: 10 })).hasMore).toBe(false);
    expect((await list("ann", { limit: 9 })).hasMore).toBe(true);
    expect(await names("ann", { before: 1n })).toEqual([]);
  });

  test("a busy conversation keeps no quiet one from its page", async () => {
    const people = Array.from({ length: 9 }, (_, i) => `p${i}`);
    for (const person of people) await (person < "p4" ? send(person, "ann") : send("ann", person));
    for (let i = 0; i < 30; i++) await (i % 2 === 0 ? send("p0", "ann") : send("ann", "p0"));
    const expected = ["p0", ...people.slice(1).toReversed()];
    for (const limit of [1, 3, 4]) {
      const seen: string[] = [];
      for (let before = 0n, isLast = false; !isLast;) {
        const { conversations, hasMore } = await list("ann", { before, limit });
        seen.push(...conversations.map(({ account }) => account));
        before = conversations.at(-1)?.activityId ?? 0n;
        isLast = !hasMore;
      }
      expect(seen).toEqual(expected);
    }
  });

  test("a hidden conversation is left out until there is a newer message", async () => {
    await send("joe", "ann");
    await send("ann", "bob");
    await set("ann", "bob", { isHidden: true, isPinned: true });
    expect(await names("ann")).toEqual(["joe"]);
    expect(await names("ann", { includeHidden: true })).toEqual(["bob", "joe"]);
    expect(await conversation("ann")).toMatchObject({ hidden: true, pinned: true });
    expect(await names("bob")).toEqual(["ann"]);
    await send("bob", "ann");
    expect(await names("ann")).toEqual(["bob", "joe"]);
    expect(await conversation("ann")).toMatchObject({ hidden: false });
    await set("ann", "bob", { isHidden: true });
    expect(await names("ann")).toEqual(["joe"]);
    await set("ann", "bob", { isHidden: false });
    expect(await names("ann")).toEqual(["bob", "joe"]);
  });

  test("received messages above the cursor are not read; own ones never count", async () => {
    await newGroup("g1", "ann", "bob", "joe");
    const ids: bigint[] = [];
    for (let i = 0; i < 6; i++) {
      ids.push(await send(i % 2 === 0 ? "ann" : "bob", "@g1"));
      await send(i % 2 === 0 ? "ann" : "bob", i % 2 === 0 ? "bob" : "ann");
    }
    expect((await list("bob")).conversations.map(({ unread }) => unread)).toEqual([3, 3]);
    expect((await list("joe")).conversations.map(({ unread }) => unread)).toEqual([6]);
    await read("joe", "@g1", ids[2] ?? 0n);
    await hide("joe", ids[3] ?? 0n, ids[1] ?? 0n);
    expect(await conversation("joe")).toMatchObject({ unread: 2, readId: ids[2] });
    await set("joe", "@g1", { clearUpTo: ids[4] ?? 0n });
    expect((await conversation("joe"))?.unread).toBe(1);
    await send("ann", "ann");
    expect(await conversation("ann")).toMatchObject({ account: "ann", unread: 0 });
  });

  test("unread counts stop at their maximum", async () => {
    await newGroup("g1", "ann", "bob");
    const fill = (count: number, change = {}) =>
      asks.store.append(Array.from({ length: count }, () => talk({ ...change })));
    await fill(unreadMax - 1);
    await fill(unreadMax - 1, { toGroup: true, dest: "g1" });
    expect((await list("bob")).conversations).toMatchObject([
      { unread: unreadMax - 1, atLeast: false },
      { unread: unreadMax - 1, atLeast: false },
    ]);
    await fill(5);
    await fill(5, { toGroup: true, dest: "g1" });
    expect((await list("bob")).conversations).toMatchObject([
      { unread: unreadMax, atLeast: true },
      { unread: unreadMax, atLeast: true },
    ]);
  });

  test("hidden messages are not counted, however many are unread", async () => {
    await newGroup("g1", "ann", "bob");
    const fill = async (count: number, change = {}): Promise<bigint[]> =>
      (await asks.store.append(Array.from({ length: count }, () => talk({ ...change })))).map(
        (outcome) => stored(outcome).messageId,
      );
    const direct = await fill(unreadMax + 5);
    const inGroup = await fill(unreadMax + 5, { toGroup: true, dest: "g1" });
    const unread = async () => (await list("bob")).conversations.map((each) => [each.unread, each.atLeast]);
    await hide("bob", ...direct.slice(-5), ...inGroup.slice(0, 5));
    expect(await unread()).toEqual([
      [unreadMax, true],
      [unreadMax, true],
    ]);
    await hide("bob", direct[3] ?? 0n, inGroup.at(-1) ?? 0n);
    expect(await unread()).toEqual([
      [unreadMax - 1, false],
      [unreadMax - 1, false],
    ]);
  });

  test("unread mentions of each conversation are its own, however many there are of others", async () => {
    await newGroup("g1", "ann", "bob");
    const mentions = ["bob"];
    const first = await send("joe", "bob", { mentions });
    for (const sender of ["joe", "ann", "eve", "bob"])
      await asks.store.append(Array.from({ length: 300 }, () => talk({ sender, dest: "bob", mentions })));
    await send("ann", "@g1", { mentions: ["*"] });
    const last = await send("eve", "bob", { mentions });
    await hide("bob", last);
    await read("bob", "joe", first);
    const { conversations } = await list("bob");
    expect(Object.fromEntries(conversations.map((each) => [each.account, each.unreadMentions]))).toEqual({
      "": 1,
      bob: 0,
      eve: 300,
      ann: 300,
      joe: 300,
    });
  });

  test("unread mentions are among the newest of the group, one's own included", async () => {
    await newGroup("g1", "ann", "bob", "joe");
    await send("joe", "@g1", { mentions: ["ann"] });
    const everybody = { sender: "ann", toGroup: true, dest: "g1", mentions: ["*"] };
    const fill = (count: number) => asks.store.append(Array.from({ length: count }, () => talk(everybody)));
    for (let left = mentionsReadMax; left > 0; left -= 512) await fill(512);
    expect((await list("ann")).conversations).toMatchObject([{ unread: 1, unreadMentions: 1 }]);
    expect((await list("bob")).conversations).toMatchObject([{ unread: unreadMax, unreadMentions: unreadMax }]);
    const direct = { sender: "ann", dest: "bob", mentions: ["bob"] };
    await send("joe", "bob", { mentions: ["bob"] });
    for (let left = mentionsReadMax; left > 0; left -= 512)
      await asks.store.append(Array.from({ length: 512 }, () => talk(direct)));
    expect((await list("bob")).conversations).toMatchObject([{ account: "ann", unreadMentions: unreadMax }, {}, {}]);
  }, 60_000);

  test("mentions of the account and of everybody are counted until they are read, also where it is muted", async () => {
    await newGroup("g1", "ann", "bob", "joe");
    await set("bob", "@g1", { isMuted: true });
    const first = await send("joe", "@g1", { mentions: ["bob", "ann"] });
    const second = await send("ann", "@g1", { mentions: ["*"] });
    const third = await send("joe", "@g1", { mentions: ["bob"] });
    await send("bob", "@g1", { mentions: ["bob"] });
    await send("ann", "bob", { mentions: ["bob"] });
    const counts = async (account: string): Promise<number[]> =>
      (await list(account)).conversations.map(({ unreadMentions }) => unreadMentions);
    expect(await counts("bob")).toEqual([1, 3]);
    expect(await counts("joe")).toEqual([1]);
    expect(await counts("ann")).toEqual([0, 1]);
    await read("bob", "@g1", first);
    expect(await counts("bob")).toEqual([1, 2]);
    await recall("joe", third);
    expect(await counts("bob")).toEqual([1, 1]);
    await hide("bob", second);
    expect(await counts("bob")).toEqual([1, 0]);
    expect(await counts("joe")).toEqual([1]);
  });

  test("the body of a last message is cut between code points, and its extra left out", async () => {
    const lastOf = async (body: string, extra = "") => {
      await send("ann", "bob", { body, extra });
      return (await conversation("bob"))?.lastMessage;
    };
    const whole = "a".repeat(lastBodyBytesMax);
    expect(await lastOf(whole)).toMatchObject({ body: whole, cut: false });
    expect(await lastOf(`${whole}a`, "x")).toMatchObject({ body: whole, extra: "", cut: true });
    expect(await lastOf(`${whole.slice(1)}é`)).toMatchObject({ body: whole.slice(1), cut: true });
    expect(await lastOf(`${whole.slice(2)}é`)).toMatchObject({ body: `${whole.slice(2)}é`, cut: false });
    expect(await lastOf("😀".repeat(200))).toMatchObject({ body: "😀".repeat(128), cut: true });
    expect(await lastOf("\u0000".repeat(600))).toMatchObject({ body: "\u0000".repeat(512), cut: true });
  });

  test("a list agrees with a model of what was said, read, hidden and cleared", async () => {
    const random = new Random(testSeed("list"));
    const people = ["ann", "bob", "joe"] as const;
    await newGroup("g1", ...people);
    const places = ["@g1", ...people] as const;
    const said: { readonly id: bigint; readonly by: string; readonly to: string }[] = [];
    const start = new Map<string, bigint>();
    const gone = new Set<string>();
    const isIn = ({ by, to }: { by: string; to: string }, account: string, place: string): boolean =>
      place === "@g1" ? to === "@g1" : (by === account && to === place) || (by === place && to === account);
    for (let step = 0; step < 120; step++) {
      const account = random.pick(people);
      const place = random.pick(places);
      const here = said.filter((each) => isIn(each, account, place));
      const chosen = here[random.below(Math.max(1, here.length))];
      const key = `${account} ${place}`;
      if (chosen === undefined || random.once(2)) said.push({ id: await send(account, place), by: account, to: place });
      else if (random.once(3)) {
        await hide(account, chosen.id);
        gone.add(`${account} ${chosen.id}`);
      } else {
        await (random.once(4) ? set(account, place, { clearUpTo: chosen.id }) : read(account, place, chosen.id));
        if (chosen.id > (start.get(key) ?? 0n)) start.set(key, chosen.id);
      }
    }
    for (const account of people) {
      const shown = new Map(
        (await list(account)).conversations.map((each) => [each.group === "" ? each.account : "@g1", each.unread]),
      );
      for (const place of places) {
        const unread = said.filter(
          (each) =>
            isIn(each, account, place) &&
            each.by !== account &&
            each.id > (start.get(`${account} ${place}`) ?? 0n) &&
            !gone.has(`${account} ${each.id}`),
        ).length;
        expect([account, place, shown.get(place) ?? 0]).toEqual([account, place, unread]);
      }
    }
  });
}
