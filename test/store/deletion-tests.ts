// What every store promises of the deletion of an account.

import { expect, test } from "bun:test";
import type { Operation } from "../../src/store/data.ts";
import type { DataRecord } from "../../src/store/data-records.ts";
import { idMax } from "../../src/store/snowflake.ts";
import { begunDeletion, deletedAccount, endedDeletion } from "../support/deleted-account.ts";
import type { ConversationAsks } from "./conversation-asks.ts";
import { ofTest } from "./samples.ts";

export function deletionTests(asks: ConversationAsks): void {
  const { send, react, newGroup, join, quit, read, message, messages } = asks;
  const data = () => asks.store.backEnd.data;
  const begin = (account: string): Promise<Operation> => begunDeletion(data(), ofTest.app, account);
  const ended = (operation: Operation): Promise<Operation> => endedDeletion(data(), operation);

  test("the name is nobody's from the first answer on, and another account may take it", async () => {
    const id = await send("eve", "bob", { body: "secret" });
    await newGroup("g1", "ann", "eve");
    const operation = await begin("eve");
    expect(operation).toMatchObject({ app: ofTest.app, kind: "delete-data", account: "eve", endedAt: 0 });
    expect(await data().deleteData(ofTest.app, "eve")).toBeUndefined();
    expect(await asks.opened.indexOf("eve", { after: 1n, includeSent: true })).toEqual([]);
    expect(await messages("eve", [id])).toEqual([]);
    expect(await asks.names("eve")).toEqual([]);
    const again = await send("eve", "bob", { body: "another eve" });
    expect(await message("bob", again)).toMatchObject({ sender: "eve", body: "another eve" });
    const done = await ended(operation);
    expect(done).toMatchObject({ id: operation.id, state: "done" });
    expect(done.endedAt).toBeGreaterThan(0);
    expect(done.done).toBeGreaterThan(0);
    expect(await message("bob", again)).toMatchObject({ sender: "eve", body: "another eve" });
    expect(await asks.names("eve")).toEqual(["bob"]);
    expect(await data().operation(ofTest.otherApp, operation.id)).toBeUndefined();
    expect(await data().operation(ofTest.app, operation.id + 1n)).toBeUndefined();
  });

  test("nothing that it sent or was sent directly has a text; what others said in groups stays", async () => {
    await newGroup("g1", "eve", "ann", "bob");
    const sent = await send("eve", "bob", { body: "to bob", extra: "x" });
    const received = await send("bob", "eve", { body: "to eve" });
    const own = await send("eve", "eve", { body: "note" });
    const inGroup = await send("eve", "@g1", { body: "to all", mentions: ["bob"] });
    const ofOther = await send("bob", "@g1", { body: "answer", mentions: ["eve", "ann"], replyTo: inGroup });
    await react("eve", ofOther);
    await react("ann", ofOther);
    const unread = (await asks.list("ann")).conversations.find(({ group }) => group === "g1")?.unread;
    await ended(await begin("eve"));
    for (const id of [sent, received, own]) expect(await message("bob", id)).toBeUndefined();
    expect(await message("ann", inGroup)).toMatchObject({ body: "", extra: "", recalled: true, mentions: [] });
    expect((await message("ann", inGroup))?.sender).not.toBe("eve");
    expect(await message("ann", ofOther)).toMatchObject({ body: "answer", mentions: ["ann"], replyTo: inGroup });
    expect((await message("ann", ofOther))?.reactions).toEqual([
      expect.objectContaining({ reaction: "👍", count: 1, mine: true }),
    ]);
    expect((await asks.list("ann")).conversations.find(({ group }) => group === "g1")?.unread).toBe(unread);
    expect(await asks.names("bob")).toEqual(["@g1"]);
    const contents = await asks.opened.indexOf("bob", { after: 1n, includeSent: true });
    expect(contents.map(({ otherAccount }) => otherAccount)).not.toContain("eve");
    const exported = await data().export({ app: ofTest.app, cursor: `m0g${idMax}`, limit: 100 });
    expect(JSON.stringify(exported.result === "page" ? exported.records : exported)).not.toContain("eve");
  });

  test("it leaves its groups; of one that it owned, another member inherits", async () => {
    await newGroup("g1", "eve", "ann", "bob");
    await newGroup("g2", "eve");
    await newGroup("g3", "ann", "eve");
    await quit("eve", "g3");
    await ended(await begin("eve"));
    const detail = await asks.store.groupDetail(ofTest.app, "g1", "ann");
    expect(detail).toMatchObject({ result: "found", detail: { owner: "ann" } });
    expect((await asks.store.membership(ofTest.app, "g1"))?.accounts).toEqual(["ann", "bob"]);
    expect(await asks.store.membership(ofTest.app, "g2")).toBeUndefined();
    await join("eve", "g1");
    expect((await asks.page("eve", "@g1"))[0]).toEqual([]);
    expect(await asks.opened.indexOf("eve", { after: 1n })).toEqual([]);
  });

  test("what is being imported is not deleted, and what is deleted comes with no import back", async () => {
    const app = `${ofTest.app} imported`;
    const record = { message: { sender: "eve", account: "bob", sendTime: "5", body: "secret" } };
    const page = { app, name: "copy", records: [record] };
    expect(await data().import({ ...page, cursor: "", isLast: false })).toMatchObject({ stored: 1 });
    expect(await data().deleteData(app, "eve")).toBe("importing");
    expect(await data().deleteData(app, "nobody")).toBeUndefined();
    expect(await data().import({ ...page, cursor: "1", isLast: true })).toMatchObject({ stored: 2 });
    expect(await data().deleteData(app, "eve")).toMatchObject({ state: "running" });
    // Nobody is left of this app.
    const empty = `${ofTest.app} empty`;
    await send("eve", "eve", { app: empty });
    expect(await data().deleteData(empty, "eve")).toMatchObject({ state: "running" });
    const live = { result: "live", isComplete: false } as const;
    expect(await data().import({ ...page, app: empty, cursor: "", isLast: false })).toEqual(live);
    // Somebody has used an app whose import never ended.
    const used = `${ofTest.app} used`;
    expect(await data().import({ ...page, app: used, cursor: "", isLast: false })).toMatchObject({ stored: 1 });
    await send("bob", "eve", { app: used });
    expect(await data().deleteData(used, "eve")).toMatchObject({ state: "running" });
    expect(await data().import({ ...page, app: used, cursor: "1", isLast: false })).toEqual(live);
  });

  test("what a deletion leaves is exported, and imported elsewhere", async () => {
    await newGroup("g1", "eve");
    await send("eve", "@g1", { body: "alone" });
    await newGroup("g2", "eve", "ann");
    await send("ann", "@g2", { body: "of ann" });
    await ended(await begin("eve"));
    const exported = async (app: string) => {
      const groups: unknown[] = [];
      const bodies: unknown[] = [];
      const records: DataRecord[] = [];
      for (let cursor = "", isEnd = false; !isEnd;) {
        const page = await data().export({ app, cursor, limit: 100 });
        if (page.result !== "page") throw new Error(`expected a page, got ${page.result}`);
        ({ cursor, isEnd } = page);
        records.push(...page.records);
      }
      for (const { group, message: one } of records) {
        if (group !== undefined) groups.push([group.id, group.owner, group.dismissed]);
        if (one !== undefined) bodies.push(one.body);
      }
      return { records, groups, bodies };
    };
    const first = await exported(ofTest.app);
    expect(first.groups).toEqual([
      ["g1", "", true],
      ["g2", "ann", false],
    ]);
    expect(first.bodies).toEqual(["of ann"]);
    const app = `${ofTest.app} imported`;
    const page = { app, name: "copy", cursor: "", records: first.records, isLast: false };
    expect(await data().import(page)).toMatchObject({ result: "stored", isRepeated: false });
    const copy = await exported(app);
    expect([copy.groups, copy.bodies]).toEqual([first.groups, first.bodies]);
  });

  test("what an import says that it sent to groups goes, too, whenever it was a member", async () => {
    const app = `${ofTest.app} strangers`;
    const before = await send("ann", "bob");
    const said = (change: object): DataRecord => ({
      message: { sender: "eve", sendTime: "5", body: "secret", group: "g1", ...change },
    });
    const records: DataRecord[] = [
      ...["g1", "g2", "g3"].map((id) => ({ group: { id, owner: "ann" } })),
      // Before it joined, after it left, and where it never was.
      said({}),
      { member: { group: "g1", account: "eve", joinTime: 3 } },
      said({}),
      { member: { group: "g1", account: "eve", joinTime: 3, leaveTime: 4 } },
      said({}),
      said({ group: "g2" }),
      said({ group: "g3", sender: "ann", body: "of ann" }),
      said({ group: "g3" }),
    ];
    expect(await data().import({ app, name: "n", cursor: "", records, isLast: true })).toMatchObject({
      stored: records.length,
    });
    await deletedAccount(data(), app, "eve");
    const found = await asks.store.backEnd.hooks.page({
      ...{ after: before, limit: 100, apps: ["", app], hasMessages: true, hasEntries: false },
    });
    const bodies = found.records.map((record) => {
      const { body }: { body: string } = JSON.parse(record.data);
      return body;
    });
    expect(bodies.filter((body) => body === "secret")).toEqual([]);
    expect(bodies).toContain("of ann");
  });

  test("an import's mentions of it go, too: between others, and in groups that it joined later", async () => {
    const app = `${ofTest.app} mentions`;
    const said = (change: object): DataRecord => ({
      message: { sender: "ann", sendTime: "5", body: "b", mentions: ["eve", "bob"], ...change },
    });
    const records: DataRecord[] = [
      { group: { id: "g1", owner: "ann" } },
      { member: { group: "g1", account: "ann", role: "owner" } },
      said({ account: "bob" }),
      said({ group: "g1" }),
      { member: { group: "g1", account: "eve" } },
      said({ group: "g1" }),
    ];
    expect(await data().import({ app, name: "n", cursor: "", records, isLast: true })).toMatchObject({ stored: 6 });
    // An account of the same name elsewhere is another one.
    const other = `${ofTest.app} others`;
    expect(await data().import({ app: other, name: "n", cursor: "", records, isLast: true })).toMatchObject({
      stored: 6,
    });
    const mentions = async (of: string): Promise<unknown[]> => {
      const page = await data().export({ app: of, cursor: `m0g${idMax}`, limit: 100 });
      if (page.result !== "page") throw new Error(`expected a page, got ${page.result}`);
      return page.records.flatMap(({ message: one }) => (one === undefined ? [] : [one.mentions]));
    };
    await deletedAccount(data(), app, "eve");
    expect(await mentions(app)).toEqual([["bob"], ["bob"], ["bob"]]);
    const both = ["eve", "bob"];
    expect(await mentions(other)).toEqual([both, both, both]);
  });

  test("its profile, settings, blocks and cursors are gone, and so are others' blocks of it", async () => {
    const { people } = asks.store;
    const ofEve = { app: ofTest.app, account: "eve" };
    await people.setProfile({ ...ofEve, name: "Eve", avatar: "", extra: "" });
    await people.setConsent({ ...ofEve, write: "nobody" });
    await people.block({ ...ofEve, blocked: "joe", isOff: false });
    await people.block({ app: ofTest.app, account: "ann", blocked: "eve", isOff: false });
    const id = await send("bob", "ann");
    const toEve = await send("eve", "bob");
    await read("bob", "eve", toEve);
    await asks.set("bob", "eve", { isPinned: true });
    await asks.hide("bob", toEve);
    await ended(await begin("eve"));
    expect(await people.profiles(ofTest.app, ["eve"], [])).toEqual(
      await people
        .profiles(ofTest.app, ["somebody new"], [])
        .then((found) => found.map((one) => ({ ...one, account: "eve" }))),
    );
    expect(await people.blocked(ofTest.app, "eve", "", 10)).toMatchObject({ accounts: [] });
    expect(await people.blocked(ofTest.app, "ann", "", 10)).toMatchObject({ accounts: [] });
    expect(await asks.opened.say2({ sender: "joe", dest: "eve" })).toBe("stored");
    expect(await asks.opened.say2({ sender: "eve", dest: "ann" })).toBe("stored");
    expect(await message("ann", id)).toBeDefined();
    expect(await asks.names("bob")).toEqual(["ann"]);
  });

  test("its kicks go, its revocation stays, and so do kicks of whoever has its name next", async () => {
    const { store } = asks;
    const ofEve = { app: ofTest.app, account: "eve", beforeMs: 5 };
    await send("eve", "bob");
    await store.revoke({ ...ofEve, kind: "kick", device: "the phone of eve" });
    await store.revoke({ ...ofEve, kind: "revoke", device: undefined });
    const operation = await begin("eve");
    await store.revoke({ ...ofEve, kind: "kick", device: "another phone" });
    await ended(operation);
    const kept = (await store.revocations(0n, 10_000)).filter(({ app }) => app === ofTest.app);
    expect(kept.map(({ kind, device }) => [kind, device])).toEqual([
      ["revoke", undefined],
      ["kick", "another phone"],
    ]);
  });

  test("deletions at the same time refuse neither each other nor what others write and read meanwhile", async () => {
    const names = Array.from({ length: 24 }, (_, at) => `gone${at}`);
    for (const name of names) await send(name, "bob", { body: "x" });
    const state = { isOver: false };
    const talks = ["t0", "t1", "t2", "t3"].map(async (name) => {
      let count = 0;
      for (; !state.isOver; count++) {
        const id = await send(name, "bob", { body: "y" });
        expect(await message(name, id)).toMatchObject({ sender: name, body: "y" });
      }
      return count;
    });
    try {
      for (let at = 0; at < names.length; at += 4) await Promise.all(names.slice(at, at + 4).map(begin));
    } finally {
      state.isOver = true;
    }
    for (const count of await Promise.all(talks)) expect(count).toBeGreaterThan(0);
    // Who has a deleted name now is another account.
    const id = await send("gone0", "bob", { body: "new" });
    expect(await message("bob", id)).toMatchObject({ sender: "gone0", body: "new" });
    await ended(await begin("gone0"));
  });

  test("nothing refers to what is not there afterwards", async () => {
    await newGroup("g1", "eve", "ann");
    for (let i = 0; i < 20; i++) await send("eve", i % 2 === 0 ? "@g1" : "ann", { body: `${i}`, mentions: ["ann"] });
    await ended(await begin("eve"));
    expect(await asks.opened.place.check?.()).toEqual([]);
  });
}
