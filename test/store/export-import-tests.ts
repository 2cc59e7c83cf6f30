// What every store promises of exports and imports.

import { expect, test } from "bun:test";
import type { ExportQuery, ImportOutcome, ImportPage } from "../../src/store/data.ts";
import type { DataRecord, MessageRecord } from "../../src/store/data-records.ts";
import { Random, testSeed } from "../support/random.ts";
import type { ConversationAsks } from "./conversation-asks.ts";
import { ofTest } from "./samples.ts";

type Query = Omit<Partial<ExportQuery>, "cursor">;

export function exportImportTests(asks: ConversationAsks): void {
  const { send, edit, recall, react, newGroup, quit, join } = asks;
  const data = () => asks.store.backEnd.data;

  /** All records, in pages of `limit`. */
  const exported = async (query: Query = {}, from = ""): Promise<DataRecord[]> => {
    const records: DataRecord[] = [];
    for (let cursor = from; ;) {
      const page = await data().export({ app: ofTest.app, limit: 1_000, ...query, cursor });
      if (page.result !== "page") throw new Error(`expected a page, got ${page.result}`);
      records.push(...page.records);
      if (page.isEnd) return records;
      ({ cursor } = page);
    }
  };
  const messagesOf = (records: readonly DataRecord[]): MessageRecord[] =>
    records.flatMap(({ message }) => (message === undefined ? [] : [message]));
  const bodies = async (query: Query): Promise<(string | undefined)[]> =>
    messagesOf(await exported(query)).map(({ body }) => body);
  const importTo = (app: string, change: Partial<ImportPage>): Promise<ImportOutcome> =>
    data().import({ app, name: "first", cursor: "", records: [], isLast: false, ...change });
  const copied = async (records: readonly DataRecord[], app: string, size: number): Promise<void> => {
    for (let at = 0; at < records.length; at += size) {
      const cursor = at === 0 ? "" : `${at}`;
      const outcome = await importTo(app, { cursor, records: records.slice(at, at + size) });
      expect(outcome).toMatchObject({ result: "stored", isRepeated: false });
    }
  };
  /** Without what an import gives anew. */
  const shape = (records: readonly DataRecord[]): unknown[] => {
    const ids = messagesOf(records).map(({ messageId }) => messageId);
    return records.map(({ message, ...record }) => {
      if (message === undefined) return { ...record, cursor: "" };
      return { message: { ...message, messageId: "", replyTo: ids.indexOf(message.replyTo) } };
    });
  };
  const sample = async (): Promise<void> => {
    await asks.store.people.setProfile({ app: ofTest.app, account: "ann", name: "Ann", avatar: "a", extra: "x" });
    const first = await send("ann", "bob", { body: "one", extra: "e" });
    await newGroup("g1", "ann", "bob");
    const asked = await send("ann", "@g1", { body: "two\u0000 😀", mentions: ["bob"] });
    await send("bob", "@g1", { body: "three", replyTo: asked });
    await edit("ann", first, { body: "edited", extra: "" });
    await react("bob", first);
    await recall("ann", await send("ann", "ann", { body: "four" }));
    await quit("bob", "g1");
    await send("ann", "@g1", { body: "after bob" });
    await join("joe", "g1");
    await send("joe", "bob", { body: "five", app: ofTest.app });
    await send("joe", "bob", { body: "of another app", app: ofTest.otherApp });
  };

  test("an export of an app has all of it in the order of ids, and nothing of other apps", async () => {
    await sample();
    const records = await exported();
    expect(records.map((record) => Object.keys(record).find((key) => key !== "cursor"))).toEqual([
      "profile",
      "group",
      "message",
      "member",
      "member",
      "message",
      "message",
      "message",
      "member",
      "message",
      "member",
      "message",
    ]);
    const messages = messagesOf(records);
    expect(messages.map(({ body }) => body)).toEqual(["edited", "two\u0000 😀", "three", "", "after bob", "five"]);
    expect(messages[0]).toMatchObject({ sender: "ann", account: "bob", edited: true, recalled: false, type: 1 });
    expect(messages[0]?.reactions).toEqual([{ account: "bob", reaction: "👍" }]);
    expect(messages[1]).toMatchObject({ group: "g1", mentions: ["bob"], replyTo: "0" });
    expect(messages[2]?.replyTo).toBe(`${messages[1]?.messageId}`);
    expect(messages[3]).toMatchObject({ account: "ann", recalled: true });
    const members = records.flatMap(({ member }) => (member === undefined ? [] : [member]));
    expect(members.map(({ account, role, leaveTime = 0 }) => [account, role, leaveTime > 0])).toEqual([
      ["ann", "owner", false],
      ["bob", "member", false],
      ["bob", "member", true],
      ["joe", "member", false],
    ]);
  });

  test("an export of an account has what it may see; of a conversation or a group, what is in it", async () => {
    await sample();
    expect(await bodies({ account: "bob" })).toEqual(["edited", "two\u0000 😀", "three", "five"]);
    expect(await bodies({ account: "joe" })).toEqual(["five"]);
    expect(await bodies({ account: "bob", peer: "ann" })).toEqual(["edited"]);
    expect(await bodies({ account: "ann", peer: "bob" })).toEqual(["edited"]);
    expect(await bodies({ account: "ann", peer: "ann" })).toEqual([""]);
    expect(await bodies({ group: "g1" })).toEqual(["two\u0000 😀", "three", "after bob"]);
    const ofBob = await exported({ account: "bob" });
    expect(ofBob.flatMap(({ member }) => (member === undefined ? [] : [member.account]))).toEqual(["bob", "bob"]);
    expect(ofBob.filter(({ profile }) => profile !== undefined)).toEqual([]);
  });

  test("an export of an account has of a group that it has left, or that was dismissed, the id alone", async () => {
    const { groups } = asks.store;
    for (const id of ["g1", "g2", "g3"]) await newGroup(id, "ann", "bob");
    const texts = { name: "n", avatar: "https://a", introduction: "i", announcement: "said to members" };
    await send("ann", "@g1", { body: "while bob was there" });
    await quit("bob", "g1");
    for (const group of ["g1", "g2", "g3"])
      expect(await groups.change({ app: ofTest.app, group, actor: "ann", kind: "update", ...texts })).toMatchObject({
        result: "stored",
      });
    expect(await groups.change({ app: ofTest.app, group: "g3", actor: "ann", kind: "dismiss" })).toMatchObject({
      result: "stored",
    });
    const groupsOf = async (query: object) =>
      (await exported(query)).flatMap(({ group }) => (group === undefined ? [] : [group]));
    const bare = (id: string) => ({ id, owner: "" });
    const whole = (id: string) => expect.objectContaining({ id, owner: "ann", ...texts });
    expect(await groupsOf({ account: "bob" })).toEqual([bare("g1"), whole("g2"), bare("g3")]);
    expect(await groupsOf({ account: "ann" })).toEqual([whole("g1"), whole("g2"), bare("g3")]);
    for (const query of [{}, { group: "g1" }]) expect((await groupsOf(query))[0]).toEqual(whole("g1"));
    expect(await bodies({ account: "bob" })).toEqual(["while bob was there"]);
  });

  test("an export has what accounts have set, and an import takes it back, but for the devices", async () => {
    const { people } = asks.store;
    const ofApp = { app: ofTest.app };
    await send("ann", "bob", { body: "one" });
    await people.setConsent({ ...ofApp, account: "bob", write: "conversations", add: "nobody" });
    for (const blocked of ["joe", "eve"]) await people.block({ ...ofApp, account: "bob", blocked, isOff: false });
    await people.block({ ...ofApp, account: "bob", blocked: "eve", isOff: true });
    const [{ messageId = "0" } = {}] = messagesOf(await exported());
    for (const device of ["phone", "desk"])
      expect(await asks.store.acknowledge(ofTest.app, "bob", device, BigInt(messageId))).toBe("done");
    const ofBob = {
      account: "bob",
      write: "conversations",
      add: "nobody",
      blocked: ["joe"],
      devices: ["desk", "phone"],
    } as const;
    const accountsOf = async (query: Query) => (await exported(query)).flatMap(({ account }) => account ?? []);
    expect(await accountsOf({})).toEqual([ofBob]);
    expect(await accountsOf({ account: "bob" })).toEqual([ofBob]);
    const nothing = { write: "everybody", add: "everybody", blocked: [], devices: [] } as const;
    expect(await accountsOf({ account: "ann" })).toEqual([{ account: "ann", ...nothing }]);
    expect(await accountsOf({ account: "bob", peer: "ann" })).toEqual([]);
    for (const size of [1, 10]) {
      const app = `${ofTest.app} copied by ${size}`;
      await copied(await exported(), app, size);
      expect(await accountsOf({ app })).toEqual([{ ...ofBob, devices: [] }]);
      expect(await bodies({ app })).toEqual(["one"]);
      expect(await asks.sent("joe", "bob", { app })).toEqual({ result: "unwilling" });
      expect(await asks.sent("ann", "bob", { app })).toMatchObject({ result: "stored" });
    }
  });

  test("an export names the files of a message, which an import passes over", async () => {
    const { media } = asks.store;
    const file = { id: `export-${ofTest.app}`, name: "a photo.png", type: "image/png", size: 1_234 };
    await media.promise({ app: ofTest.app, account: "ann", ...file });
    await media.complete(ofTest.app, "ann", [file.id]);
    await send("ann", "bob", { body: "look", media: [file] });
    expect(messagesOf(await exported()).map((record) => record.media)).toEqual([[file]]);
    const app = `${ofTest.app} without files`;
    await copied(await exported(), app, 10);
    expect(messagesOf(await exported({ app })).map((record) => record.media)).toEqual([[]]);
  });

  test("an export is resumed after any record, whatever the pages", async () => {
    await sample();
    for (const query of [{}, { account: "bob" }, { account: "ann", peer: "bob" }, { group: "g1" }]) {
      const whole = await exported(query);
      for (const limit of [1, 2, 3, 7]) expect(await exported({ ...query, limit })).toEqual(whole);
      for (const [at, { cursor = "" }] of whole.entries())
        expect(await exported(query, cursor)).toEqual(whole.slice(at + 1));
    }
  });

  test("an export of what does not exist, and from a cursor that no export gave, is refused", async () => {
    await send("ann", "bob");
    const result = async (query: Partial<ExportQuery>): Promise<string> =>
      (await data().export({ app: ofTest.app, cursor: "", limit: 10, ...query })).result;
    for (const query of [{ account: "nobody" }, { account: "ann", peer: "nobody" }, { group: "g9" }])
      expect(await result(query)).toBe("notFound");
    for (const cursor of [
      "x",
      "m",
      "m-1",
      "m1.",
      "p1 ",
      "c1",
      "c1.1",
      "w1.-1",
      `c1.-${2n ** 63n}.1`,
      `m${2n ** 63n}`,
      "m99999999999999999999",
    ])
      expect(await result({ cursor })).toBe("badCursor");
    expect(await exported({ app: "an app without anything" })).toEqual([]);
  });

  test("an import gives what was exported, with the times, and new ids in the same order", async () => {
    await sample();
    const records = await exported();
    for (const size of [1, 5, 1_000]) {
      const app = `${ofTest.app} copied by ${size}`;
      await copied(records, app, size);
      const copy = await exported({ app });
      expect(shape(copy)).toEqual(shape(records));
      const ids = messagesOf(copy).map(({ messageId = "" }) => BigInt(messageId));
      expect(ids).toEqual(ids.toSorted((one, other) => (one < other ? -1 : 1)));
      const last = messagesOf(records).at(-1)?.messageId ?? "";
      expect(ids[0]).toBeGreaterThan(BigInt(last));
    }
    const app = `${ofTest.app} copied by 5`;
    const seen = (await asks.opened.indexOf("bob", { app, after: 1n, includeSent: true })).length;
    expect(seen).toBe((await asks.opened.indexOf("bob", { after: 1n, includeSent: true })).length);
    expect(await asks.names("bob", { app })).toEqual(await asks.names("bob"));
  });

  test("a dismissed group is dismissed after an import, and its former members read what they could", async () => {
    await newGroup("g1", "ann", "bob", "joe");
    await send("ann", "@g1", { body: "one" });
    await quit("joe", "g1");
    await send("bob", "@g1", { body: "two" });
    await asks.store.groups.change({ app: ofTest.app, group: "g1", actor: "ann", kind: "dismiss" });
    const records = await exported();
    for (const size of [1, 3, 1_000]) {
      const app = `${ofTest.app} copied by ${size}`;
      for (let at = 0; at < records.length; at += size) {
        const page = { cursor: at === 0 ? "" : `${at}`, records: records.slice(at, at + size) };
        expect(await importTo(app, page)).toMatchObject({ result: "stored", isRepeated: false });
        await asks.opened.place.tidyGroups?.();
        expect(await asks.opened.place.check?.()).toEqual([]);
      }
      await importTo(app, { cursor: `${records.length}`, isLast: true });
      for (const isTidied of [false, true]) {
        if (isTidied) await asks.opened.place.tidyGroups?.();
        const [group] = (await exported({ app })).flatMap((record) => record.group ?? []);
        expect(group).toMatchObject({ id: "g1", owner: "ann", dismissed: true });
        expect(await asks.sent("ann", "@g1", { app })).toMatchObject({ result: "notFound" });
        expect(await bodies({ app, account: "bob" })).toEqual(["one", "two"]);
        expect(await bodies({ app, account: "joe" })).toEqual(["one"]);
        expect(await asks.opened.place.check?.()).toEqual([]);
      }
    }
  });

  test("a page that is repeated stores nothing; an import goes on where it is, and only there", async () => {
    const app = `${ofTest.app} imported`;
    const pageOf = (...texts: string[]): DataRecord[] =>
      texts.map((body) => ({ message: { sender: "ann", account: "bob", sendTime: "1700000000000000000", body } }));
    const first = { records: pageOf("one", "two") };
    expect(await importTo(app, first)).toEqual({ result: "stored", cursor: "2", stored: 2, isRepeated: false });
    expect(await importTo(app, first)).toEqual({ result: "stored", cursor: "2", stored: 2, isRepeated: true });
    expect(await importTo(app, {})).toEqual({ result: "stored", cursor: "2", stored: 2, isRepeated: false });
    for (const cursor of ["", "1", "3", "x"])
      expect(await importTo(app, { cursor, records: pageOf("three") })).toEqual({ result: "elsewhere", cursor: "2" });
    const second = { cursor: "2", records: pageOf("three"), isLast: true };
    expect(await importTo(app, second)).toEqual({ result: "stored", cursor: "3", stored: 3, isRepeated: false });
    expect(await importTo(app, second)).toEqual({ result: "stored", cursor: "3", stored: 3, isRepeated: true });
    const complete = { result: "live", isComplete: true } as const;
    expect(await importTo(app, { cursor: "3", records: pageOf("four") })).toEqual(complete);
    expect(await importTo(app, { name: "second", records: pageOf("four") })).toEqual(complete);
    expect(await bodies({ app })).toEqual(["one", "two", "three"]);
  });

  test("a page with a record that cannot be stored stores nothing", async () => {
    const app = `${ofTest.app} imported`;
    const message = { sender: "ann", account: "bob", sendTime: "1700000000000000000", body: "x" };
    const future = `${BigInt(Date.now() + 1_000 * 86_400_000) * 1_000_000n}`;
    const invalid: readonly [DataRecord, RegExp][] = [
      [{}, /none of/],
      [{ conversation: { account: "ann", group: "g9", pinned: true } }, /g9 has no record/],
      [{ message: { ...message, sendTime: future } }, /in the future/],
      [{ message: { ...message, messageId: "4" } }, /not above 5/],
      [{ message: { sender: "ann", group: "g9", sendTime: "1" } }, /g9 has no record/],
      [{ member: { group: "g9", account: "ann" } }, /g9 has no record/],
      [{ group: { id: "g2", owner: "ann", createdAt: Number(future.slice(0, -9)) } }, /in the future/],
    ];
    const good: DataRecord[] = [
      { group: { id: "g1", owner: "ann" } },
      { message: { ...message, messageId: "5" } },
      { member: { group: "g1", account: "ann", joinTime: 1 } },
    ];
    for (const [record, reason] of invalid) {
      const outcome = await importTo(app, { records: [...good, record] });
      expect(outcome).toEqual({ result: "invalid", position: 3, reason: expect.stringMatching(reason) });
    }
    expect(await exported({ app })).toEqual([]);
    expect(await importTo(app, { records: good })).toMatchObject({ result: "stored", stored: 3 });
    expect(await importTo(app, { cursor: "3", records: [{ message: { ...message, messageId: "5" } }] })).toMatchObject({
      result: "invalid",
    });
  });

  test("an app that somebody has used takes no import, before one and between its pages", async () => {
    await send("ann", "bob");
    const records = [{ message: { sender: "ann", account: "bob", sendTime: "1", body: "x" } }];
    const used = { result: "live", isComplete: false } as const;
    expect(await importTo(ofTest.app, { records })).toEqual(used);
    expect(await importTo(ofTest.app, {})).toEqual(used);
    const app = `${ofTest.app} imported`;
    expect(await importTo(app, { records })).toMatchObject({ stored: 1 });
    await send("ann", "bob", { app: ofTest.otherApp });
    expect(await importTo(app, { cursor: "1", records })).toMatchObject({ stored: 2 });
    await send("ann", "bob", { app });
    for (let times = 0; times < 2; times++) expect(await importTo(app, { cursor: "2", records })).toEqual(used);
  });

  test("accounts that a page names are made before it; it is stored, refused and repeated like others", async () => {
    const app = `${ofTest.app} imported`;
    const message = (from: number): DataRecord => ({
      message: {
        sender: "ann",
        account: "bob",
        sendTime: "5",
        body: `${from}`,
        mentions: Array.from({ length: 50 }, (_, at) => `m${from + at}`),
        reactions: Array.from({ length: 50 }, (_, at) => ({ account: `r${from + at}`, reaction: "👍" })),
      },
    });
    const records = Array.from({ length: 60 }, (_, at) => message(50 * at));
    const future = { message: { sender: "ann", account: "bob", sendTime: `${2n ** 63n - 1n}` } };
    const refused = await importTo(app, { records: [...records, future] });
    expect(refused).toMatchObject({ result: "invalid", position: records.length });
    expect(await importTo(app, {})).toEqual({ result: "stored", cursor: "", stored: 0, isRepeated: false });
    const stored = { result: "stored", cursor: "60", stored: 60 } as const;
    expect(await importTo(app, { records })).toEqual({ ...stored, isRepeated: false });
    expect(await importTo(app, { records })).toEqual({ ...stored, isRepeated: true });
    expect(await importTo(app, { cursor: "7", records })).toEqual({ result: "elsewhere", cursor: "60" });
    expect(messagesOf(await exported({ app })).map(({ mentions, reactions }) => [mentions, reactions?.length])).toEqual(
      records.map((record) => [record.message?.mentions, 50]),
    );
    expect(await asks.opened.place.check?.()).toEqual([]);
    await send("ann", "bob");
    expect(await importTo(ofTest.app, { records })).toEqual({ result: "live", isComplete: false });
    expect(await asks.sent("ann", "r1", { toKnown: true })).toMatchObject({ result: "unknown" });
  });

  test("many reactions of many accounts are one step of a page, and each account has each of them once", async () => {
    const app = `${ofTest.app} imported`;
    const reactions = Array.from({ length: 3_000 }, (_, at) => ({ account: `a${at}`, reaction: "👍" }));
    const twice = [...reactions, { account: "a0", reaction: "👍" }, { account: "a0", reaction: "♥" }];
    const record = { message: { sender: "ann", account: "bob", sendTime: "5", body: "b", reactions: twice } };
    expect(await importTo(app, { records: [record] })).toMatchObject({ result: "stored" });
    const [found] = messagesOf(await exported({ app }));
    const byName = (given: NonNullable<MessageRecord["reactions"]>): string[] =>
      given.map(({ account, reaction }) => `${account} ${reaction}`).toSorted();
    expect(byName(found?.reactions ?? [])).toEqual(byName([...reactions, { account: "a0", reaction: "♥" }]));
    expect(await asks.opened.place.check?.()).toEqual([]);
  });

  test("replies find their messages in any page, and in none that was not imported", async () => {
    const app = `${ofTest.app} imported`;
    const random = new Random(testSeed("replies of an import"));
    const count = 300;
    const parents: (number | undefined)[] = [];
    const records = Array.from({ length: count }, (_, at): DataRecord => {
      const parent = at > 0 && random.once(2) ? random.below(at) : undefined;
      parents.push(parent);
      const replyTo = parent === undefined ? (random.once(10) ? "7" : "0") : `${10 + 3 * parent}`;
      return {
        message: { messageId: `${10 + 3 * at}`, sender: "ann", account: "bob", sendTime: "5", body: "b", replyTo },
      };
    });
    await copied(records, app, 37);
    const found = messagesOf(await exported({ app }));
    const ids = found.map(({ messageId }) => messageId);
    expect(found.map(({ replyTo }) => replyTo)).toEqual(
      parents.map((parent) => (parent === undefined ? "0" : `${ids[parent]}`)),
    );
  });
}
