// What every store promises of an export that is imported into an empty app and exported again: the same lines. Only
// these differ: cursors and ids, which an import gives anew (here they are numbered in the order of the messages);
// devices, which begin anew with those ids; files, whose contents are elsewhere; and the order of the lines that are
// not in the log, which is that of the accounts' and the groups' numbers. Pins of one conversation keep their order.

import { expect, test } from "bun:test";
import { systemAccount } from "../../src/auth/names.ts";
import type { ImportPage } from "../../src/store/data.ts";
import type { DataRecord } from "../../src/store/data-records.ts";
import { type ConversationAsks, named } from "./conversation-asks.ts";
import { ofTest } from "./samples.ts";

const done = { result: "stored" } as const;

/** The code of an invitation of a test. */
const codeOf = (name: string): string => `${name}of${ofTest.app.replaceAll(/[^0-9A-Za-z]/g, "")}`;

export function roundTripTests(asks: ConversationAsks): void {
  const { send, edit, recall, react, newGroup, quit, set, read } = asks;
  const data = () => asks.store.backEnd.data;

  const exported = async (query: { app?: string; account?: string; limit?: number } = {}, from = "") => {
    const records: DataRecord[] = [];
    for (let cursor = from; ;) {
      const page = await data().export({ app: ofTest.app, limit: 1_000, ...query, cursor });
      if (page.result !== "page") throw new Error(`expected a page, got ${page.result}`);
      records.push(...page.records);
      if (page.isEnd) return records;
      ({ cursor } = page);
    }
  };
  /** Each page twice, as by somebody who has not got the first answer. */
  const imported = async (records: readonly DataRecord[], to: string, size: number): Promise<void> => {
    for (let at = 0; at < records.length; at += size) {
      const some = records.slice(at, at + size);
      const page: ImportPage = {
        app: to,
        name: "copy",
        cursor: at === 0 ? "" : `${at}`,
        records: some,
        isLast: at + size >= records.length,
      };
      for (const isRepeated of [false, true])
        expect(await data().import(page)).toEqual({
          result: "stored",
          cursor: `${at + some.length}`,
          stored: at + some.length,
          isRepeated,
        });
    }
    expect(await asks.opened.place.check?.()).toEqual([]);
  };
  /** The lines without what differs; those of the log first. */
  const lines = (records: readonly DataRecord[]): unknown[] => {
    const ids = records.flatMap(({ message }) => message?.messageId ?? []);
    const numbered = (id: string | undefined) => (id === undefined ? undefined : ids.indexOf(id));
    const inLog: unknown[] = [];
    const others: unknown[] = [];
    const pinned = new Map<string, unknown[]>();
    const placeOf = (id: string): string => {
      const {
        group,
        account = "",
        sender = "",
      } = records.find(({ message }) => message?.messageId === id)?.message ?? {};
      return group ?? [account, sender].toSorted().join(" ");
    };
    for (const { cursor: _, message, member, account, conversation, file, pin, ...rest } of records) {
      if (message !== undefined)
        inLog.push({ ...message, messageId: "", replyTo: numbered(message.replyTo), media: [] });
      else if (member !== undefined) inLog.push(member);
      else if (account !== undefined) others.push({ ...account, devices: [] });
      else if (conversation !== undefined)
        others.push({
          ...conversation,
          clearedTo: numbered(conversation.clearedTo),
          readTo: numbered(conversation.readTo),
        });
      else if (pin !== undefined)
        pinned.getOrInsertComputed(placeOf(pin.messageId), () => []).push([pin.account, numbered(pin.messageId)]);
      else if (file === undefined) others.push(rest);
    }
    others.push(...pinned);
    const textOf = (value: unknown): string => JSON.stringify(value);
    return [...inLog, ...others.toSorted((one, other) => (textOf(one) < textOf(other) ? -1 : 1))];
  };

  /** Something of everything that an app may have. */
  const fill = async (): Promise<void> => {
    const { people, groups, media } = asks.store;
    const ofApp = { app: ofTest.app };
    const change = (group: string, actor: string, rest: object) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a change of its kind
      groups.change({ ...ofApp, group, actor, ...rest } as Parameters<typeof groups.change>[0]);
    await people.setConsent({ ...ofApp, account: systemAccount, write: "nobody", add: "nobody" });
    await people.setProfile({ ...ofApp, account: "ann", name: "Ann 😀", avatar: "https://a", extra: "x" });
    await newGroup("g1", "ann", "bob", "joe");
    await newGroup("g2", "bob", "ann");
    await newGroup("g3", "joe", "ann");
    await change("g1", "ann", {
      kind: "update",
      announcement: "a",
      introduction: "i",
      isForAdmins: true,
      hasApproval: true,
    });
    await change("g1", "ann", { kind: "role", account: "bob", role: "admin" });
    await change("g1", "bob", { kind: "alias", alias: "Bob ⛺" });
    await change("g2", "bob", { kind: "mute", account: "ann", until: 4_000_000_000n });
    const first = await send("ann", "cid", { body: "one\u0000 \u2028", extra: "e" });
    const second = await send("cid", "ann", { body: "two", replyTo: first });
    await edit("cid", second, { body: "edited", extra: "" });
    await react("ann", second);
    await react("ann", second, "♥");
    await react("cid", second);
    await recall("ann", await send("ann", "ann", { body: "note" }));
    await send(systemAccount, "bob", { body: "of the system" });
    const inGroup = await send("ann", "@g1", { body: "three", mentions: ["*"] });
    const answer = await send("bob", "@g1", { body: "four", replyTo: inGroup, mentions: ["ann", "joe"] });
    await quit("joe", "g1");
    const later = await send("ann", "@g1", { body: "after joe" });
    await send("joe", "@g3", { body: "five" });
    await change("g3", "joe", { kind: "dismiss" });
    const [used, unused] = ["named", "unnamed"].map((name) => {
      return { id: `${name} of ${ofTest.app}`, name: `${name}.png`, type: "image/png", size: 1_234 };
    });
    if (used === undefined || unused === undefined) throw new Error("there are two");
    for (const file of [used, unused]) await media.promise({ ...ofApp, account: "ann", ...file });
    await media.complete(ofTest.app, "ann", [used.id]);
    const last = await send("ann", "bob", { body: "look", media: [used] });
    await asks.store.acknowledge(ofTest.app, "bob", "phone", last);
    await people.setConsent({ ...ofApp, account: "bob", write: "conversations", add: "nobody" });
    for (const blocked of ["joe", "eve", "dan"])
      await people.block({ ...ofApp, account: "ann", blocked, isOff: false });
    await people.block({ ...ofApp, account: "ann", blocked: "dan", isOff: true });
    // Not in the order of their ids.
    for (const [actor, to, messageId] of [
      ["ann", "@g1", later],
      ["bob", "@g1", inGroup],
      ["cid", "ann", second],
      ["ann", "cid", first],
    ] as const)
      expect(await groups.pin({ ...ofApp, actor, ...named(to), messageId, isOff: false })).toMatchObject(done);
    for (const [actor, code, uses] of [
      ["ann", codeOf("once"), 1],
      ["bob", codeOf("any"), 0],
    ] as const)
      expect(await groups.invite({ ...ofApp, group: "g1", actor, code, validSeconds: 3_600, uses })).toMatchObject(
        done,
      );
    for (const actor of ["eve", "dan"])
      expect(await groups.request({ ...ofApp, group: "g1", actor, text: `${actor}\u0000 ⛺` })).toMatchObject(done);
    // What accounts see of their conversations.
    await set("ann", "cid", { isPinned: true });
    await set("ann", "@g1", { isMuted: true, clearUpTo: answer });
    await set("cid", "ann", { clearUpTo: second, isHidden: true });
    await set("ann", "@g2", { isHidden: true });
    await set("bob", "ann", { isHidden: true });
    await send("bob", "bob", { body: "note" });
    await set("bob", "bob", { isHidden: true });
    await send("bob", "bob", { body: "shown again" });
    await set("joe", "@g1", { isPinned: true, isMuted: true });
    for (const [account, to, id] of [
      ["cid", "ann", second],
      ["ann", "@g1", later],
      ["joe", "@g1", answer],
      ["bob", "ann", last],
    ] as const)
      expect(await read(account, to, id)).toBe("moved");
  };

  test("an export that is imported into an empty app gives the same lines again", async () => {
    await fill();
    const records = await exported();
    const views = records.flatMap(({ conversation }) => conversation ?? []);
    expect(views.filter(({ hidden }) => hidden === true).map(({ account, group }) => [account, group])).toEqual(
      expect.arrayContaining([
        ["ann", "g2"],
        ["bob", undefined],
      ]),
    );
    expect(records.flatMap(({ file }) => file ?? [])).toMatchObject([{ account: "ann", name: "unnamed.png" }]);
    for (const size of [1, 7, 1_000]) {
      const copy = `${ofTest.app} copied by ${size}`;
      await imported(records, copy, size);
      const again = await exported({ app: copy });
      expect(lines(again)).toEqual(lines(records));
      for (const account of ["ann", "bob", "cid", "joe"]) {
        const listed = async (of: string) =>
          (await asks.list(account, { app: of, includeHidden: true })).conversations.map((each) => [
            each.account + each.group,
            each.pinned,
            each.muted,
            each.hidden,
            each.unread,
            each.lastMessage?.body,
          ]);
        expect(await listed(copy)).toEqual(await listed(ofTest.app));
      }
    }
  });

  test("an account's export has its own views, and goes on after any record, whatever the pages", async () => {
    await fill();
    const behindLog = ["conversation", "pin", "invitation", "joinRequest"];
    // Who has left a group sees no pins of it.
    for (const [account, count] of [
      [undefined, 4],
      ["ann", 3],
      ["bob", 3],
      ["joe", 1],
    ] as const) {
      const query = account === undefined ? {} : { account };
      const whole = await exported(query);
      const views = whole.flatMap(({ conversation }) => conversation ?? []);
      if (account !== undefined) expect(new Set(views.map((view) => view.account))).toEqual(new Set([account]));
      const kinds = whole.flatMap((record) => Object.keys(record).filter((key) => behindLog.includes(key)));
      expect([...new Set(kinds)]).toEqual(behindLog.slice(0, count));
      for (const limit of [1, 2, 5]) expect(await exported({ ...query, limit })).toEqual(whole);
      for (const [at, { cursor = "" }] of whole.entries())
        expect(await exported(query, cursor)).toEqual(whole.slice(at + 1));
    }
  });

  test("an export that goes on behind its end gives what came since, and all views again", async () => {
    const first = await send("ann", "bob", { body: "one" });
    await read("bob", "ann", first);
    const before = await exported();
    const { cursor = "" } = before.at(-1) ?? {};
    expect(await exported({}, cursor)).toEqual([]);
    const second = await send("ann", "bob", { body: "two" });
    await read("bob", "ann", second);
    const after = await exported({}, cursor);
    expect(after.map(({ message, conversation }) => message?.body ?? conversation?.readTo)).toEqual([
      "two",
      `${second}`,
    ]);
    await imported([...before, ...after], `${ofTest.app} imported`, 2);
    const [view] = (await exported({ app: `${ofTest.app} imported` })).flatMap(
      ({ conversation }) => conversation ?? [],
    );
    const copies = (await exported({ app: `${ofTest.app} imported` })).flatMap(
      ({ message }) => message?.messageId ?? [],
    );
    expect(view?.readTo).toBe(`${copies[1]}`);
  });

  test("an export goes on behind its end with what is new in the log, whatever came behind its last line", async () => {
    const endOf = async (): Promise<string> => {
      for (let cursor = ""; ;) {
        const page = await data().export({ app: ofTest.app, limit: 1_000, cursor });
        if (page.result !== "page") throw new Error(`expected a page, got ${page.result}`);
        ({ cursor } = page);
        if (page.isEnd) return cursor;
      }
    };
    await send("ann", "bob", { body: "zero" });
    await set("ann", "bob", { isMuted: true });
    const end = await endOf();
    expect(await exported({}, end)).toEqual([]);
    // As a former release gave it, which had nothing behind the views.
    const { cursor: last = "" } = (await exported()).at(-1) ?? {};
    const id = await send("ann", "eve", { body: "one" });
    expect(
      await asks.store.groups.pin({ app: ofTest.app, actor: "ann", ...named("eve"), messageId: id, isOff: false }),
    ).toMatchObject(done);
    const kinds = (records: readonly DataRecord[]) => records.flatMap((record) => Object.keys(record).slice(1));
    expect(kinds(await exported({}, last))).toEqual(["message", "conversation", "pin"]);
    // Behind that of the last record.
    await set("eve", "ann", { isMuted: true });
    expect(kinds(await exported({}, end))).toEqual(["message", "conversation", "conversation", "pin"]);
  });

  test("an import passes over a read message that the account could not mark as read", async () => {
    const to = `${ofTest.app} imported`;
    const message = (messageId: string, change: object): DataRecord => ({
      message: { messageId, sender: "ann", sendTime: "5", body: messageId, ...change },
    });
    const view = (account: string, change: object): DataRecord => ({ conversation: { account, ...change } });
    const records: DataRecord[] = [
      { group: { id: "g1", owner: "ann" } },
      { member: { group: "g1", account: "ann" } },
      message("10", { account: "bob" }),
      message("11", { group: "g1" }),
      { member: { group: "g1", account: "bob" } },
      message("12", { group: "g1" }),
      view("bob", { peer: "ann", readTo: "12" }),
      view("ann", { group: "g1", readTo: "10" }),
      view("bob", { group: "g1", readTo: "11" }),
      view("eve", { group: "g1", readTo: "12" }),
    ];
    expect(await data().import({ app: to, name: "copy", cursor: "", records, isLast: false })).toMatchObject({
      stored: 10,
    });
    expect((await exported({ app: to })).flatMap(({ conversation }) => conversation ?? [])).toEqual([]);
    const right = [view("bob", { peer: "ann", readTo: "10" }), view("bob", { group: "g1", readTo: "12" })];
    const page = { app: to, name: "copy", cursor: "10", records: right, isLast: true };
    expect(await data().import(page)).toMatchObject({ stored: 12 });
    expect((await exported({ app: to })).flatMap(({ conversation }) => conversation ?? [])).toHaveLength(2);
  });

  test("an import passes over a view's messages that it has not brought, and bounds what an account pins", async () => {
    const to = `${ofTest.app} imported`;
    const view = (at: number): DataRecord => ({ conversation: { account: "ann", peer: `p${at}`, pinned: true } });
    const page = (cursor: string, ...records: DataRecord[]): Promise<unknown> =>
      data().import({ app: to, name: "copy", cursor, records, isLast: false });
    const unknown: DataRecord = {
      conversation: { account: "ann", peer: "bob", muted: true, clearedTo: "7", readTo: "7" },
    };
    expect(await page("", unknown)).toMatchObject({ result: "stored" });
    const views = (await exported({ app: to })).flatMap(({ conversation }) => conversation ?? []);
    expect(views).toMatchObject([{ account: "ann", peer: "bob", muted: true }]);
    expect([views[0]?.clearedTo, views[0]?.readTo]).toEqual([undefined, undefined]);
    const many = Array.from({ length: 101 }, (_, at) => view(at));
    expect(await page("1", ...many)).toEqual({
      result: "invalid",
      position: 100,
      reason: expect.stringContaining("has pinned 100 others"),
    });
    expect(
      await page("1", ...many.slice(1), { conversation: { account: "ann", peer: "p1", pinned: true } }),
    ).toMatchObject({
      result: "stored",
      stored: 102,
    });
    expect(await asks.opened.place.check?.()).toEqual([]);
  });
}
