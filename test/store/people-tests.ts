// What every store promises of blocks, settings, profiles and presence (src/store/people.ts).

import { expect, test } from "bun:test";
import { watchGroupMax } from "../../src/base/limits/fixed.ts";
import { bound } from "../support/bounds.ts";
import { ConversationAsks } from "./conversation-asks.ts";
import { type GroupAsks, versionIn } from "./group-asks.ts";
import { draft, ofTest, stored, talk } from "./samples.ts";

export function peopleTests(asks: GroupAsks): void {
  const { made, by, change, pin, block, opened } = asks;
  const conversations = new ConversationAsks(opened);
  const { send, sent, edit, recall, react, read, list } = conversations;
  const tried = async (sender: string, to: string): Promise<string> => (await sent(sender, to, {})).result;
  const mayTalk = async (account: string, dest: string) =>
    (await asks.people.mayTalk({ app: ofTest.app, account, toGroup: false, dest })).right;
  const setConsent = (account: string, rules: Omit<Parameters<typeof asks.people.setConsent>[0], "app" | "account">) =>
    asks.people.setConsent({ app: ofTest.app, account, ...rules });

  test("who is blocked reaches the one that blocks in no way; the other direction stays open", async () => {
    const [mine, theirs] = [await send("ann", "bob"), await send("bob", "ann")];
    const version = versionIn(await block("bob", "ann"));
    expect(version).toBeGreaterThan(theirs);
    expect(await block("bob", "ann")).toEqual({ result: "unchanged", version });
    expect(await tried("ann", "bob")).toBe("unwilling");
    expect(await mayTalk("ann", "bob")).toBe("unwilling");
    expect((await edit("ann", mine)).result).toBe("forbidden");
    expect((await react("ann", theirs)).result).toBe("forbidden");
    expect((await pin("ann", "bob", theirs)).result).toBe("unwilling");
    expect((await recall("ann", mine)).result).toBe("stored");
    expect(await tried("bob", "ann")).toBe("stored");
    expect(await mayTalk("bob", "ann")).toBe("allowed");
    expect(await tried("bob", "bob")).toBe("stored");
    expect(await tried("eve", "bob")).toBe("stored");
    const off = versionIn(await block("bob", "ann", true));
    expect(await block("bob", "ann", true)).toEqual({ result: "unchanged", version: off });
    expect(await tried("ann", "bob")).toBe("stored");
    expect((await react("ann", theirs)).result).toBe("stored");
  });

  test("a talk that is not stored begins no conversation for those behind it", async () => {
    await send("ann", "eve");
    await setConsent("bob", { write: "conversations" });
    await sent("bob", "zed", { clientId: "k" });
    const answer = talk({ app: ofTest.app, sender: "ann", dest: "bob" });
    for (const [harm, refusal] of [
      [{ mentions: ["stranger"] }, "mentionOfStranger"],
      [{ replyTo: 5n }, "replyElsewhere"],
      [{ clientId: "k" }, "conflict"],
    ] as const) {
      const refused = talk({ app: ofTest.app, sender: "bob", dest: "ann", ...harm });
      const outcomes = await opened.store.append([refused, answer]);
      expect(outcomes.map(({ result }) => result)).toEqual([refusal, "unwilling"]);
    }
  });

  test("a repeat of a stored talk is answered before blocks are asked", async () => {
    const first = stored(await sent("ann", "bob", { clientId: "k" }));
    await block("bob", "ann");
    expect(await sent("ann", "bob", { clientId: "k" })).toMatchObject({ messageId: first.messageId, repeated: true });
  });

  test("a block makes an account that nobody has used, unless only known ones are asked for", async () => {
    const blocks = { app: ofTest.app, account: "ann", blocked: "new", isOff: false };
    expect(await asks.people.block({ ...blocks, toKnown: true })).toEqual({ result: "notFound" });
    expect(await asks.people.block({ ...blocks, isOff: true })).toEqual({ result: "unchanged", version: 0n });
    expect(await asks.people.block(blocks)).toMatchObject({ result: "stored", madeAccount: true });
    expect((await block("ann", "bob")).madeAccount).toBe(true);
    await block("ann", "eve");
    await block("ann", "bob", true);
    const page = (after: string, limit: number) => asks.people.blocked(ofTest.app, "ann", after, limit);
    expect(await page("", 1)).toEqual({ accounts: ["eve"], hasMore: true });
    expect(await page("eve", 1)).toEqual({ accounts: ["new"], hasMore: false });
    expect(await asks.people.blocked(ofTest.otherApp, "ann", "", 9)).toEqual({ accounts: [], hasMore: false });
  });

  test("a setting says who may write: everybody, those one has talked with, or nobody", async () => {
    expect(await asks.people.consent(ofTest.app, "bob")).toEqual({ write: "everybody", add: "everybody", version: 0n });
    await send("bob", "ann");
    const version = versionIn(await setConsent("bob", { write: "conversations" }));
    expect(await setConsent("bob", { write: "conversations", add: "everybody" })).toEqual({
      result: "unchanged",
      version,
    });
    expect(await asks.people.consent(ofTest.app, "bob")).toEqual({ write: "conversations", add: "everybody", version });
    expect(await tried("eve", "bob")).toBe("unwilling");
    expect(await mayTalk("eve", "bob")).toBe("unwilling");
    // Whoever began it.
    expect(await tried("ann", "bob")).toBe("stored");
    expect(await tried("ann", "bob")).toBe("stored");
    expect(await mayTalk("ann", "bob")).toBe("allowed");
    expect(await tried("bob", "eve")).toBe("stored");
    expect(await tried("eve", "bob")).toBe("stored");
    const id = await send("ann", "bob");
    await setConsent("bob", { write: "nobody" });
    for (const account of ["ann", "eve"]) expect(await tried(account, "bob")).toBe("unwilling");
    expect((await edit("ann", id)).result).toBe("forbidden");
    expect(await tried("bob", "bob")).toBe("stored");
    await setConsent("bob", { write: "everybody" });
    expect(await tried("joe", "bob")).toBe("stored");
  });

  test("who tries to change a message of others has not talked with its author", async () => {
    await setConsent("bob", { write: "conversations" });
    await send("joe", "eve");
    const messageId = await send("bob", "eve");
    const own = { app: ofTest.app, actor: "joe", messageId };
    const windowMs = 1_000_000;
    const tries = [
      { kind: "react", ...own, reaction: "a", isOff: false },
      { kind: "edit", ...own, body: "x", extra: "", clientId: "", windowMs },
      { kind: "recall", ...own, windowMs },
    ] as const;
    for (const attempt of tries) {
      expect((await opened.store.change(attempt)).result).toBe("notFound");
      expect((await pin("joe", "bob", messageId)).result).toBe("notFound");
      expect(await tried("joe", "bob")).toBe("unwilling");
    }
  });

  test("talks that need to know who has talked are stored beside others, each with its outcome", async () => {
    await setConsent("bob", { write: "conversations" });
    await setConsent("eve", { write: "conversations" });
    await send("bob", "ann");
    const talks = [
      ["ann", "joe"],
      ["ann", "bob"],
      ["ann", "eve"],
      ["ann", "bob"],
      ["joe", "ann"],
    ] as const;
    const outcomes = await opened.store.append(
      talks.map(([sender, dest]) => ({
        ...{ app: ofTest.app, toGroup: false, type: 1, body: "", extra: "", clientId: "" },
        sender,
        dest,
      })),
    );
    expect(outcomes.map(({ result }) => result)).toEqual(["stored", "stored", "unwilling", "stored", "stored"]);
  });

  test("a setting, or a block, says who may add an account to groups", async () => {
    await send("eve", "ann");
    await setConsent("bob", { add: "nobody" });
    await setConsent("eve", { add: "conversations" });
    await setConsent("joe", { add: "conversations" });
    await block("kim", "ann");
    const made1 = await opened.store.createGroup(draft({ members: ["bob", "eve", "joe", "kim", "lea"] }));
    expect(made1).toMatchObject({ result: "created", leftOut: ["bob", "joe", "kim"], isAnyFull: false });
    expect((await opened.store.membership(ofTest.app, "g1"))?.accounts).toEqual(["ann", "eve", "lea"]);
    const join = (account: string, actor = "ann") =>
      opened.store.join({ app: ofTest.app, group: "g1", actor, account });
    for (const account of ["bob", "joe", "kim"]) expect(await join(account)).toEqual({ result: "unwilling" });
    const added = await asks.groups.add({ ...by("ann"), accounts: ["bob", "joe", "kim", "max"] });
    expect(added).toMatchObject({ unwilling: ["bob", "joe", "kim"], outcomes: [{ result: "stored" }] });
    await send("joe", "ann");
    expect((await join("joe")).result).toBe("changed");
    expect((await join("kim", "kim")).result).toBe("changed");
    expect(await change("ann", { kind: "transfer", account: "kim" })).toEqual({ result: "unwilling" });
    await opened.store.createGroup(draft({ id: "g2" }));
    const again = await asks.groups.add({ ...by("ann", "g2"), accounts: ["joe", "eve", "bob"] });
    expect(again).toMatchObject({ unwilling: ["bob"], outcomes: [{ entries: [{ entry: { detail: { count: 2 } } }] }] });
  });

  test("a block holds for what is committed behind it in the same transaction", async () => {
    await made();
    for (const account of ["bob", "eve"]) await send(account, "joe");
    const [blocked, added] = await Promise.all([
      block("bob", "ann"),
      asks.groups.add({ ...by("ann"), accounts: ["bob"] }),
    ]);
    const before = added.outcomes.flatMap((outcome) => (outcome.result === "stored" ? [outcome.version] : []));
    for (const version of before) expect(version).toBeLessThan(versionIn(blocked));
    if (before.length === 0) expect(added.unwilling).toEqual(["bob"]);
    const [set, more] = await Promise.all([
      setConsent("eve", { add: "nobody" }),
      asks.groups.add({ ...by("ann"), accounts: ["eve"] }),
    ]);
    const then = more.outcomes.flatMap((outcome) => (outcome.result === "stored" ? [outcome.version] : []));
    for (const version of then) expect(version).toBeLessThan(versionIn(set));
  });

  test("who blocks shows no read cursor, and tells none", async () => {
    const id = await send("ann", "bob");
    await made("bob");
    const inGroup = await send("ann", "@g1");
    expect(await read("bob", "ann", id)).toBe("moved");
    expect(await read("bob", "@g1", inGroup)).toBe("moved");
    const readers = () =>
      opened.store.readers({ app: ofTest.app, account: "ann", messageId: inGroup, after: "", limit: 9 });
    expect(await readers()).toMatchObject({ count: 1, accounts: ["bob"] });
    await block("bob", "ann");
    expect(await readers()).toMatchObject({ count: 0, accounts: [] });
    const shown = (await list("ann")).conversations.find(({ account }) => account === "bob");
    expect(shown?.peerReadId).toBe(0n);
    const next = await send("bob", "ann");
    const mark = { app: ofTest.app, account: "bob", toGroup: false, dest: "ann", messageId: next };
    expect(await opened.store.markRead(mark)).toEqual({ result: "moved", readId: next, isPrivate: true });
    await block("bob", "ann", true);
    expect(await opened.store.markRead(mark)).toEqual({ result: "unchanged", readId: next });
    expect(await readers()).toMatchObject({ count: 1 });
  });

  test("profiles are for everybody, and are told again when they change", async () => {
    const set = (rest: { name?: string; avatar?: string; extra?: string }) =>
      asks.people.setProfile({ app: ofTest.app, account: "bob", ...rest });
    const first = versionIn(await set({ name: "Bob", extra: "x" }));
    expect(await set({ name: "Bob" })).toEqual({ result: "unchanged", version: first });
    const profiles = (accounts: string[], versions: bigint[]) => asks.people.profiles(ofTest.app, accounts, versions);
    const bob = { account: "bob", name: "Bob", avatar: "", extra: "x", version: first };
    expect(await profiles(["ann", "bob"], [])).toEqual([bob]);
    expect(await profiles(["ann", "bob"], [0n, first])).toEqual([]);
    expect(await profiles(["nobody"], [5n])).toEqual([
      { account: "nobody", name: "", avatar: "", extra: "", version: 0n },
    ]);
    const second = versionIn(await set({ avatar: "a" }));
    expect(await profiles(["bob"], [first])).toEqual([{ ...bob, avatar: "a", version: second }]);
    expect(await asks.people.profiles(ofTest.otherApp, ["bob"], [])).toEqual([]);
  });

  test("blocks, settings and the profile are an account's own state, page by page with everything else", async () => {
    await send("ann", "bob");
    const versions = [
      versionIn(await block("ann", "bob")),
      versionIn(await setConsent("ann", { add: "nobody" })),
      versionIn(await conversations.set("ann", "bob", { isPinned: true })),
      versionIn(await asks.people.setProfile({ app: ofTest.app, account: "ann", name: "Ann" })),
      versionIn(await block("ann", "eve")),
    ] as const;
    const state = (since: bigint, limit: number) => opened.store.accountState(ofTest.app, "ann", since, limit);
    expect(await state(0n, 9)).toMatchObject({
      version: versions[4],
      blocks: [
        { account: "bob", isOff: false, version: versions[0] },
        { account: "eve", version: versions[4] },
      ],
      consent: { write: "everybody", add: "nobody", version: versions[1] },
      profile: { account: "ann", name: "Ann", version: versions[3] },
      settings: [{ dest: "bob", isPinned: true }],
      hasMore: false,
    });
    const seen: string[] = [];
    for (let since = 0n; ;) {
      const page = await state(since, 2);
      seen.push(
        ...(page.blocks ?? []).map(({ account }) => account),
        ...(page.consent === undefined ? [] : ["consent"]),
        ...page.settings.map(({ dest }) => `set ${dest}`),
        ...(page.profile === undefined ? [] : ["profile"]),
      );
      since = page.version;
      if (!page.hasMore) break;
      expect(versions).toContain(since);
    }
    expect(seen).toEqual(["bob", "consent", "set bob", "profile", "eve"]);
    const off = versionIn(await block("ann", "bob", true));
    expect((await state(versions[4], 9)).blocks).toEqual([{ account: "bob", isOff: true, version: off }]);
  });

  test("one watches whom one talks with or shares a small group with, unless they block one", async () => {
    await send("ann", "bob");
    await made("eve", "joe");
    await block("joe", "ann");
    const large = Array.from({ length: watchGroupMax }, (_, i) => `m${i}`);
    await opened.store.createGroup(draft({ id: "large", members: large }));
    const watchable = async (account: string, accounts: readonly string[]) =>
      (await asks.people.watchable(ofTest.app, account, accounts)).allowed;
    expect(await watchable("ann", ["ann", "bob", "eve", "joe", "m0", "nobody"])).toEqual(["ann", "bob", "eve"]);
    expect(await watchable("joe", ["ann", "eve"])).toEqual(["ann", "eve"]);
    await opened.store.quit({ app: ofTest.app, group: "large", actor: "m1", account: "m1" });
    expect(await watchable("ann", ["m0", "m1"])).toEqual(["m0"]);
    await opened.store.quit({ app: ofTest.app, group: "g1", actor: "eve", account: "eve" });
    expect(await watchable("ann", ["eve", "bob"])).toEqual(["bob"]);
  });

  test("nodes learn of blocks by the version of the last one", async () => {
    const before = await asks.people.guardVersion();
    const first = versionIn(await block("ann", "bob"));
    expect(await asks.people.guardVersion()).toBe(first);
    const second = versionIn(await block("eve", "bob"));
    const found = await asks.people.blocksAfter(before, 9);
    expect(found).toEqual([
      { version: first, app: ofTest.app, account: "ann", blocked: "bob" },
      { version: second, app: ofTest.app, account: "eve", blocked: "bob" },
    ]);
    expect(await asks.people.blocksAfter(before, 1)).toHaveLength(1);
    const off = versionIn(await block("ann", "bob", true));
    const set = versionIn(await setConsent("ann", { write: "nobody" }));
    expect(set).toBeGreaterThan(off);
    expect(await asks.people.guardVersion()).toBe(set);
    expect((await asks.people.blocksAfter(before, 9)).map(({ version }) => version)).toEqual([second]);
  });

  test("when accounts were online last only moves forward", async () => {
    await send("ann", "bob");
    const mark = (account: string, minute: number) => ({ app: ofTest.app, account, minute });
    await asks.people.markSeen([mark("ann", 30_000_000), mark("bob", 30_000_001), mark("nobody", 5)]);
    await asks.people.markSeen([mark("ann", 29_999_999), mark("bob", 30_000_002)]);
    const seen = (app: string) => asks.people.lastSeen(app, ["ann", "nobody", "bob", "eve"]);
    expect(await seen(ofTest.app)).toEqual([30_000_000, 0, 30_000_002, 0]);
    expect(await seen(ofTest.otherApp)).toEqual([0, 0, 0, 0]);
    expect((await list("ann")).conversations).toHaveLength(1);
  });

  test("another process sees blocks and settings at once", async () => {
    await send("ann", "bob");
    const other = await opened.place.open();
    const write = async (): Promise<string | undefined> =>
      (
        await other.append([
          { app: ofTest.app, sender: "ann", toGroup: false, dest: "bob", type: 1, body: "", extra: "", clientId: "" },
        ])
      )[0]?.result;
    expect(await write()).toBe("stored");
    await block("bob", "ann");
    expect(await write()).toBe("unwilling");
    await block("bob", "ann", true);
    await setConsent("bob", { write: "conversations" });
    expect(await write()).toBe("stored");
    await setConsent("bob", { write: "nobody" });
    expect(await write()).toBe("unwilling");
    await other.close();
  });

  const blocking = async (count: number): Promise<void> => {
    const store = await opened.place.open({ blocksPerAccount: 2 });
    const of = { app: ofTest.app, account: "ann" };
    const results: (string | undefined)[] = [];
    for (let i = 0; i < count; i++)
      results.push((await store.people?.block({ ...of, blocked: `m${i}`, isOff: false }))?.result);
    expect(results).toEqual(Array.from({ length: count }, (_, i) => (i < 2 ? "stored" : "full")));
    // The end of a block makes room when it is needed.
    await store.people?.block({ ...of, blocked: "m0", isOff: true });
    expect((await store.people?.block({ ...of, blocked: "other", isOff: false }))?.result).toBe("stored");
    expect((await store.people?.blocked(ofTest.app, "ann", "", 9))?.accounts).toEqual(["m1", "other"]);
    await store.close();
  };
  bound("blocksPerAccount", { at: () => blocking(2), above: () => blocking(3) });

  test("a block in one app is none in another", async () => {
    await send("ann", "bob");
    await block("bob", "ann");
    expect((await sent("ann", "bob", { app: ofTest.otherApp })).result).toBe("stored");
  });
}
