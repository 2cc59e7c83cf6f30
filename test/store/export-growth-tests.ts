// What every store promises of exports of an app that grows meanwhile: whatever a record names has come before it, so
// that an import takes the file, and what is new comes when the export is gone on with.

import { expect, test } from "bun:test";
import { systemAccount } from "../../src/auth/names.ts";
import type { ExportScope } from "../../src/store/data.ts";
import type { DataRecord } from "../../src/store/data-records.ts";
import { sliceMembersMax } from "../../src/store/jobs.ts";
import { type ConversationAsks, named } from "./conversation-asks.ts";
import { draft, ofTest } from "./samples.ts";

const stored = { result: "stored" } as const;

interface Export {
  readonly records: readonly DataRecord[];
  /** Of the end. */
  readonly cursor: string;
  readonly pages: number;
}

export function exportGrowthTests(asks: ConversationAsks): void {
  const { send, newGroup, quit, join } = asks;
  const data = () => asks.store.backEnd.data;
  const groups = () => asks.store.groups;

  /** `between` is called behind each page. */
  const exported = async (
    query: Partial<ExportScope> & { readonly cursor?: string; readonly limit?: number } = {},
    between: (page: number) => Promise<void> = () => Promise.resolve(),
  ): Promise<Export> => {
    const records: DataRecord[] = [];
    let { cursor = "" } = query;
    for (let pages = 1; ; pages++) {
      const page = await data().export({ app: ofTest.app, limit: 2, ...query, cursor });
      if (page.result !== "page") throw new Error(`expected a page, got ${page.result}`);
      records.push(...page.records);
      ({ cursor } = page);
      if (page.isEnd) return { records, cursor, pages };
      await between(pages);
    }
  };
  /** Imports the files of one export, one after the other, and returns what is there then. */
  const copied = async (app: string, ...files: readonly (readonly DataRecord[])[]): Promise<readonly DataRecord[]> => {
    let count = 0;
    for (const records of files) {
      if (records.length === 0) continue;
      const page = { app, name: "copy", cursor: count === 0 ? "" : `${count}`, records, isLast: false };
      count += records.length;
      expect(await data().import(page)).toMatchObject({ ...stored, stored: count });
    }
    return (await exported({ app, limit: 1_000 })).records;
  };
  /** What records tell of a group, beside messages, which have no names. */
  const toldOf = (records: readonly DataRecord[], id: string): string[] =>
    records.flatMap(({ group, member, message, conversation, invitation, joinRequest }) => [
      ...(group?.id === id ? ["group"] : []),
      ...(member?.group === id ? [`member ${member.account}`] : []),
      ...(message?.group === id ? [`message ${message.body}`] : []),
      ...(conversation?.group === id ? [`view of ${conversation.account}`] : []),
      ...(invitation?.group === id ? ["invitation"] : []),
      ...(joinRequest?.group === id ? [`request of ${joinRequest.account}`] : []),
    ]);
  const wholeGroup = [
    "group",
    "member ann",
    "member bob",
    "message hello",
    "view of ann",
    "invitation",
    "request of joe",
  ];

  /** A group with everything that may name one. */
  const grow = async (id: string): Promise<void> => {
    const ofGroup = { app: ofTest.app, group: id, actor: "ann" };
    await newGroup(id, "ann", "bob");
    const messageId = await send("ann", `@${id}`);
    for (const change of [
      () => groups().pin({ app: ofTest.app, actor: "ann", ...named(`@${id}`), messageId, isOff: false }),
      () => asks.set("ann", `@${id}`, { isMuted: true }),
      () => groups().invite({ ...ofGroup, code: `${id} of ${ofTest.app}`, validSeconds: 3_600, uses: 0 }),
      () => groups().change({ ...ofGroup, kind: "update", hasApproval: true }),
      () => groups().request({ ...ofGroup, actor: "joe", text: "" }),
    ])
      expect(await change()).toMatchObject(stored);
  };

  test("a group that is created behind any page of an export is in its file, or in the next one, whole", async () => {
    const { app } = ofTest;
    for (let at = 1, pages = 1; at <= pages; at++) {
      ofTest.app = `${app} ${at}`;
      await asks.store.people.setProfile({ app: ofTest.app, account: "ann", name: "Ann", avatar: "", extra: "" });
      await grow("first");
      await send("ann", "bob");
      const first = await exported({}, (page) => (page === at ? grow("late") : Promise.resolve()));
      ({ pages } = first);
      if (at === pages) await grow("late");
      await copied(`${ofTest.app} alone`, first.records);
      const second = await exported({ cursor: first.cursor });
      const copy = await copied(`${ofTest.app} copy`, first.records, second.records);
      expect([at, toldOf(copy, "first"), toldOf(copy, "late")]).toEqual([at, wholeGroup, wholeGroup]);
      expect(copy.filter(({ pin }) => pin !== undefined)).toHaveLength(2);
      for (const id of ["first", "late"])
        expect(toldOf([...first.records, ...second.records], id).filter((what) => what === "group")).toEqual(["group"]);
    }
    expect(await asks.opened.place.check?.()).toEqual([]);
  });

  test("an export that is gone on with has what accounts have set since", async () => {
    const { people } = asks.store;
    const nameAs = (name: string) =>
      people.setProfile({ app: ofTest.app, account: "ann", name, avatar: "", extra: "" });
    await nameAs("Ann");
    await grow("first");
    await send("ann", "bob");
    const first = await exported();
    expect((await exported({ cursor: first.cursor })).records).toEqual([]);
    await nameAs("Anna");
    await people.setConsent({ app: ofTest.app, account: "bob", write: "nobody" });
    await people.block({ app: ofTest.app, account: "bob", blocked: "eve", isOff: false });
    const second = await exported({ cursor: first.cursor });
    expect(second.records.flatMap(({ profile, account, message }) => profile ?? account ?? message ?? [])).toEqual([
      { account: "ann", name: "Anna", avatar: "", extra: "" },
      { account: "bob", write: "nobody", add: "everybody", blocked: ["eve"], devices: [] },
    ]);
    for (const [at, { cursor = "" }] of second.records.entries())
      expect((await exported({ cursor })).records).toEqual(second.records.slice(at + 1));
    const copy = await copied(`${ofTest.app} copy`, first.records, second.records);
    expect(copy.flatMap(({ profile, account }) => profile?.name ?? account?.blocked ?? [])).toEqual(["Anna", "eve"]);
    expect(toldOf(copy, "first")).toEqual(wholeGroup);
  });

  test("an account's export has the groups that it joins, and asks to join, behind any page", async () => {
    const { app } = ofTest;
    for (let at = 1, pages = 1; at <= pages; at++) {
      ofTest.app = `${app} ${at}`;
      await newGroup("old", "ann");
      await newGroup("first", "ann", "bob");
      await newGroup("left", "ann", "bob");
      await send("bob", "@first");
      const change = async (): Promise<void> => {
        await join("bob", "old");
        await send("ann", "@old");
        await quit("bob", "left");
        expect(await asks.set("bob", "@old", { isMuted: true })).toMatchObject(stored);
        await newGroup("asked", "ann");
        const ofAsked = { app: ofTest.app, group: "asked" };
        expect(await groups().change({ ...ofAsked, actor: "ann", kind: "update", hasApproval: true })).toMatchObject(
          stored,
        );
        expect(await groups().request({ ...ofAsked, actor: "bob", text: "" })).toMatchObject(stored);
      };
      // A page of one record has no room for a group and what names it.
      const query = { account: "bob", limit: 1 };
      const first = await exported(query, (page) => (page === at ? change() : Promise.resolve()));
      ({ pages } = first);
      if (at === pages) await change();
      await copied(`${ofTest.app} alone`, first.records);
      const second = await exported({ ...query, cursor: first.cursor });
      const copy = await copied(`${ofTest.app} copy`, first.records, second.records);
      expect([at, toldOf(copy, "old")]).toEqual([at, ["group", "member bob", "message hello", "view of bob"]]);
      expect(toldOf(copy, "left")).toEqual(["group", "member bob", "member bob"]);
      // Nobody is in the copy of this group.
      expect(toldOf(copy, "asked")).toEqual(["group"]);
      const asked = toldOf([...first.records, ...second.records], "asked");
      expect([at, asked.slice(-2)]).toEqual([at, ["group", "request of bob"]]);
    }
    expect(await asks.opened.place.check?.()).toEqual([]);
  });

  test("an export of the system has nothing of groups in which it never was, and an import takes it", async () => {
    await newGroup("first", "ann", "bob");
    await send(systemAccount, "@first", { body: "to all" });
    await send(systemAccount, "bob", { body: "to bob" });
    const { records } = await exported({ account: systemAccount });
    expect(records.flatMap(({ message }) => message?.body ?? [])).toEqual(["to bob"]);
    const copy = await copied(`${ofTest.app} copy`, records);
    expect(copy.flatMap(({ message }) => message?.body ?? [])).toEqual(["to bob"]);
  });

  test("an export ends before a group that is being created, and goes on with all of it", async () => {
    const members = Array.from({ length: sliceMembersMax + 1 }, (_, at) => `m${at}`);
    // The second slice of members never comes.
    const cut = Object.assign([...members], {
      slice: (from: number, to: number) => {
        if (from > 0) throw new Error("cut off");
        return members.slice(from, to);
      },
    });
    const query = { limit: 1_000 };
    await grow("first");
    const creating = draft({ id: "large", owner: "ann", members: cut });
    expect(await asks.store.createGroup(creating).catch((error: Error) => error.message)).toBe("cut off");
    await grow("late");
    const ofAnn = await exported({ ...query, account: "ann" });
    const ofMember = await exported({ ...query, account: "m0" });
    const first = await exported(query);
    expect([toldOf(first.records, "large"), toldOf(first.records, "late")]).toEqual([[], []]);
    expect(toldOf(first.records, "first")).toEqual(wholeGroup);
    expect((await exported({ ...query, cursor: first.cursor })).records).toEqual([]);
    expect(await asks.store.createGroup({ ...creating, members })).toMatchObject({ result: "created" });
    await send("m0", "@large");
    const everybody = ["ann", ...members].map((account) => `member ${account}`);
    const second = await exported({ ...query, cursor: first.cursor });
    const copy = await copied(`${ofTest.app} copy`, first.records, second.records);
    expect(toldOf(copy, "large")).toEqual(["group", ...everybody, "message hello"]);
    expect([toldOf(copy, "first"), toldOf(copy, "late")]).toEqual([wholeGroup, wholeGroup]);
    for (const [account, { records, cursor }] of [
      ["ann", ofAnn],
      ["m0", ofMember],
    ] as const) {
      const more = await exported({ ...query, account, cursor });
      const alone = await copied(`${ofTest.app} copy of ${account}`, records, more.records);
      expect(toldOf(alone, "large")).toEqual(["group", `member ${account}`, "message hello"]);
    }
    expect(await asks.opened.place.check?.()).toEqual([]);
  });

  test("a cursor of the former release goes on, and gives the groups again", async () => {
    for (const id of ["g1", "g2"]) await grow(id);
    await send("ann", "bob");
    const withoutGroups = (records: readonly DataRecord[]): unknown[] =>
      records.flatMap((record) => (record.group === undefined ? [{ ...record, cursor: "" }] : []));
    // Imports move the end of the log.
    const imports: (() => Promise<unknown>)[] = [];
    for (const query of [{}, { account: "bob" }, { group: "g2" }]) {
      const { records } = await exported(query);
      for (const [at, { cursor = "" }] of records.entries()) {
        const former = cursor.startsWith("g") ? cursor.replace(/m.*/, "") : cursor.replace(/g.*/, "");
        const rest = await exported({ ...query, cursor: former });
        expect([former, withoutGroups(rest.records)]).toEqual([former, withoutGroups(records.slice(at + 1))]);
        const app = `${ofTest.app} ${JSON.stringify(query)} ${at}`;
        imports.push(() => copied(app, records.slice(0, at + 1), rest.records));
      }
    }
    for (const run of imports) await run();
  });
}
