// What every store promises of groups that one can run (src/store/groups.ts).

import { expect, test } from "bun:test";
import { groupAdminsMax, pinnedMessagesMax, quietMembersMax } from "../../src/base/limits/fixed.ts";
import { entryKind } from "../../src/store/conversations.ts";
import { ampleMs, ConversationAsks } from "./conversation-asks.ts";
import { entryOf, type GroupAsks, storedOf } from "./group-asks.ts";
import { draft, ofTest } from "./samples.ts";

const muteEnd = (): bigint => BigInt(Math.floor((Date.now() + ampleMs) / 1_000));

export function groupChangesTests(asks: GroupAsks): void {
  const { made, by, change, result, admin, pin, pinned, members, names, opened } = asks;
  const { send, log, recall } = new ConversationAsks(opened);
  const of = (account: string, group = "g1") => ({ app: ofTest.app, group, actor: account, account });

  test("creating, joining and leaving are entries: their ids are the versions, and they name who it was", async () => {
    const created = await made("bob", "eve");
    const joined = await opened.store.join(of("joe"));
    const left = await opened.store.quit(of("joe"));
    const removed = await opened.store.quit({ ...of("bob"), actor: "ann" });
    if (joined.result !== "changed" || left.result !== "changed" || removed.result !== "changed")
      throw new Error("expected changes");
    const { entries } = await log("eve");
    expect(
      entries.map(({ messageId, kind, otherAccount, group, detail }) => [messageId, kind, otherAccount, group, detail]),
    ).toEqual([
      [created, entryKind.groupCreated, "ann", "g1", { accounts: ["ann", "bob", "eve"], count: 3 }],
      [joined.version, entryKind.groupJoined, "joe", "g1", { accounts: ["joe"], count: 1 }],
      [left.version, entryKind.groupLeft, "joe", "g1", { accounts: ["joe"], count: 1 }],
      [removed.version, entryKind.groupRemoved, "ann", "g1", { accounts: ["bob"], count: 1 }],
    ]);
    expect(joined.entry).toEqual({ previousEntryId: created, isQuiet: false, time: entries[1]?.sendTime ?? 0n });
    expect(left.entry?.previousEntryId).toBe(joined.version);
    // Windows are closed for entries: one sees what added and what removed it.
    const ids = async (account: string): Promise<bigint[]> =>
      (await log(account, { includeSent: true })).entries.map(({ messageId }) => messageId);
    expect(await ids("joe")).toEqual([joined.version, left.version]);
    expect(await ids("bob")).toEqual([created, joined.version, left.version, removed.version]);
    expect((await log("eve", { includeEvents: false })).entries).toEqual([]);
  });

  test("groups are found by the beginnings of their ids, the newest first, with what has become of them", async () => {
    const { store } = opened;
    const make = (id: string, app: string = ofTest.app) =>
      store.createGroup({ ...draft({ members: ["bob"] }), id, app });
    for (const id of ["ab12", "ab1", "ab", "ab1f", "ab2", "ac"]) await make(id);
    await make("ab1a", "another");
    const found = async (limit: number) => store.groups.beginningWith(ofTest.app, "ab1", limit);
    expect((await found(9)).map(({ id, hasEnded, isUnfinished }) => [id, hasEnded, isUnfinished])).toEqual([
      ["ab1f", false, false],
      ["ab12", false, false],
    ]);
    await store.groups.change({ ...by("ann", "ab1f"), kind: "dismiss" });
    const [newest, ...others] = await found(1);
    expect([newest?.id, newest?.hasEnded, others.length]).toEqual(["ab1f", true, 0]);
    for (const account of ["ann", "bob"]) await store.quit(of(account, "ab12"));
    expect((await found(9)).map(({ hasEnded }) => hasEnded)).toEqual([true, true]);
    expect(Math.abs((newest?.createdMs ?? 0) - Date.now())).toBeLessThan(ampleMs);
  });

  test("a group made in slices has one entry, which names the first of its members", async () => {
    const created = await made(...Array.from({ length: 450 }, (_, i) => `m${i}`));
    const { entries } = await log("m449");
    expect(entries).toMatchObject([{ messageId: created, kind: entryKind.groupCreated, detail: { count: 451 } }]);
    expect(entries[0]?.detail?.accounts).toHaveLength(100);
    expect(entries[0]?.detail?.accounts.slice(0, 2)).toEqual(["ann", "m0"]);
  });

  test("an update stores what differs: texts and settings are an entry each, in one commit", async () => {
    const version = await made("bob");
    const both = storedOf(await change("ann", { kind: "update", name: "new", announcement: "hi", isClosed: true }));
    expect(both.entries.map(({ entry: { kind, detail } }) => [kind, detail])).toEqual([
      [entryKind.groupUpdated, { accounts: [], count: 0, fields: [0, 3] }],
      [entryKind.groupSettings, { accounts: [], count: 0, fields: [4] }],
    ]);
    const [first, second] = both.entries;
    expect(first?.previousEntryId).toBe(version);
    expect(second?.previousEntryId).toBe(first?.entry.entryId ?? 0n);
    expect([both.versionBefore, both.version]).toEqual([version, version]);
    expect(await change("ann", { kind: "update", name: "new", isClosed: true })).toEqual({ result: "unchanged" });
    const rest = storedOf(await change("ann", { kind: "update", isClosed: true, hasApproval: true, avatar: "a" }));
    expect(rest.entries.map(({ entry }) => entry.detail.fields)).toEqual([[1], [5]]);
    expect(await members("bob", { limit: 0 })).toMatchObject({
      items: [],
      group: { name: "new", avatar: "a", introduction: "i", announcement: "hi", isClosed: true, hasApproval: true },
    });
    expect(await result("bob", { kind: "update", name: "x" })).toBe("forbidden");
    expect(await result("joe", { kind: "update", name: "x" })).toBe("forbidden");
    const entries = (await log("bob")).entries.slice(1);
    expect(entries.map(({ messageId, detail }) => [messageId, detail])).toEqual(
      [...both.entries, ...rest.entries].map(({ entry }) => [entry.entryId, entry.detail]),
    );
  });

  test("admins run the group, and do not touch each other or the owner", async () => {
    await made("bob", "eve", "joe");
    expect(entryOf(await admin("bob")).entry.detail).toEqual({ accounts: ["bob"], count: 1, role: "admin" });
    expect(await admin("bob")).toEqual({ result: "unchanged" });
    await admin("eve");
    expect(await result("bob", { kind: "role", account: "joe", role: "admin" })).toBe("forbidden");
    expect(await result("ann", { kind: "role", account: "nobody", role: "admin" })).toBe("noMember");
    expect(await result("bob", { kind: "mute", account: "eve", until: muteEnd() })).toBe("forbidden");
    expect(await result("bob", { kind: "mute", account: "ann", until: muteEnd() })).toBe("forbidden");
    const remove = async (actor: string, ...accounts: readonly string[]) =>
      (await asks.groups.remove({ ...by(actor), accounts })).map(({ result: each }) => each);
    expect(await remove("bob", "joe", "eve")).toEqual(["forbidden"]);
    expect(await remove("bob", "ann")).toEqual(["forbidden"]);
    expect(await remove("bob", "joe", "nobody")).toEqual(["stored"]);
    expect(await remove("bob", "joe")).toEqual([]);
    expect(await remove("ann", "eve")).toEqual(["stored"]);
    expect(await result("ann", { kind: "role", account: "bob", role: "member" })).toBe("stored");
    expect(await remove("bob", "eve")).toEqual(["forbidden"]);
  });

  test("a role is not kept when one leaves, and of admins there are at most so many", async () => {
    const many = Array.from({ length: groupAdminsMax + 1 }, (_, i) => `m${i}`);
    await made(...many);
    for (const name of many.slice(1)) storedOf(await admin(name));
    expect(await admin("m0")).toEqual({ result: "full", bound: "groupAdminsMax" });
    await opened.store.quit(of("m1"));
    expect((await admin("m0")).result).toBe("stored");
    await opened.store.join(of("m1"));
    expect(await result("m1", { kind: "update", name: "x" })).toBe("forbidden");
    expect(await members("ann", { limit: 3, isAdminsOnly: true })).toMatchObject({
      hasMore: true,
      items: [{ role: "owner" }, { role: "admin" }, { role: "admin" }],
    });
  });

  test("who gives a group away becomes an admin, and none beyond the most that a group may have", async () => {
    const many = Array.from({ length: groupAdminsMax + 1 }, (_, i) => `m${i}`);
    await made(...many);
    for (const name of many.slice(1)) storedOf(await admin(name));
    const give = (account: string) => change("ann", { kind: "transfer", account });
    expect(await give("m0")).toEqual({ result: "full", bound: "groupAdminsMax" });
    expect((await give("m1")).result).toBe("stored");
    const admins = await members("ann", { limit: 200, isAdminsOnly: true });
    expect(admins).toMatchObject({ hasMore: false, group: { owner: "m1", role: "admin" } });
    expect(admins.result === "found" && admins.items.length).toBe(groupAdminsMax + 1);
  });

  test("a mute ends by itself, and stays with who leaves and comes back", async () => {
    await made("bob");
    const until = muteEnd();
    expect(entryOf(await change("ann", { kind: "mute", account: "bob", until })).entry.detail).toEqual({
      accounts: ["bob"],
      count: 1,
      until,
    });
    expect(await result("ann", { kind: "mute", account: "bob", until })).toBe("unchanged");
    const talk = { toGroup: true, dest: "g1", sender: "bob" };
    expect(await opened.say2(talk)).toBe("muted");
    expect(await asks.people.mayTalk({ app: ofTest.app, account: "bob", toGroup: true, dest: "g1" })).toEqual({
      right: "muted",
      groupVersion: expect.any(BigInt),
    });
    const message = await send("ann", "@g1");
    const react = {
      kind: "react",
      app: ofTest.app,
      actor: "bob",
      messageId: message,
      reaction: "a",
      isOff: false,
    } as const;
    expect((await opened.store.change(react)).result).toBe("forbidden");
    await opened.store.quit(of("bob"));
    await opened.store.join(of("bob"));
    expect(await opened.say2(talk)).toBe("muted");
    expect(await members("bob")).toMatchObject({ group: { mutedUntil: until } });
    expect(await result("ann", { kind: "mute", account: "bob", until: 5n })).toBe("stored");
    expect(await result("ann", { kind: "mute", account: "bob", until: 0n })).toBe("unchanged");
    expect(await opened.say2(talk)).toBe("stored");
    expect((await opened.store.change(react)).result).toBe("stored");
  });

  test("in a group for admins nobody else talks; who is muted may recall", async () => {
    await made("bob", "eve");
    const id = await send("bob", "@g1");
    await admin("eve");
    await change("ann", { kind: "update", isForAdmins: true });
    const talk = { toGroup: true, dest: "g1" };
    expect(await opened.say2({ ...talk, sender: "bob" })).toBe("forAdmins");
    expect(await opened.say2({ ...talk, sender: "eve", mentions: ["*"] })).toBe("stored");
    expect(await opened.say2({ ...talk, sender: "ann" })).toBe("stored");
    expect((await recall("bob", id)).result).toBe("stored");
    const other = await send("ann", "@g1");
    expect((await recall("bob", other)).result).toBe("forbidden");
    expect((await recall("eve", other, { windowMs: 0 })).result).toBe("stored");
  });

  test("the owner transfers the group and becomes an admin; repeated, it is as it was", async () => {
    await made("bob", "eve");
    const transfer = { kind: "transfer", account: "bob" } as const;
    expect(await result("eve", transfer)).toBe("forbidden");
    expect(await result("ann", { kind: "transfer", account: "joe" })).toBe("noMember");
    expect(await result("ann", { kind: "transfer", account: "ann" })).toBe("unchanged");
    expect(entryOf(await change("ann", transfer)).entry).toMatchObject({
      kind: entryKind.groupTransferred,
      detail: { accounts: ["bob"], count: 1, role: "owner" },
    });
    expect(await result("ann", transfer)).toBe("unchanged");
    expect(await members("eve")).toMatchObject({
      items: [
        { account: "ann", role: "admin" },
        { account: "bob", role: "owner" },
        { account: "eve", role: "member" },
      ],
      group: { owner: "bob", role: "member" },
    });
    // An owner who leaves is followed by the longest member, whatever the roles.
    await opened.store.quit(of("bob"));
    expect(await members("eve")).toMatchObject({
      group: { owner: "ann" },
      items: [{ role: "owner" }, { role: "member" }],
    });
  });

  test("whoever becomes the owner is muted no longer", async () => {
    await made("bob", "eve");
    const until = muteEnd();
    for (const account of ["bob", "eve"]) await change("ann", { kind: "mute", account, until });
    await change("ann", { kind: "transfer", account: "eve" });
    const says = (sender: string): Promise<string> => opened.say2({ toGroup: true, dest: "g1", sender });
    expect(await says("eve")).toBe("stored");
    expect(await says("bob")).toBe("muted");
    await opened.store.quit(of("ann"));
    // The one of longest standing inherits.
    await opened.store.quit(of("eve"));
    expect(await says("bob")).toBe("stored");
    expect(await members("bob")).toMatchObject({
      group: { role: "owner", mutedUntil: 0n },
      items: [{ mutedUntil: 0n }],
    });
  });

  test("an alias is one's own", async () => {
    await made("bob");
    expect(entryOf(await change("bob", { kind: "alias", alias: "Bobby" })).entry).toMatchObject({
      kind: entryKind.groupAlias,
      actor: "bob",
      detail: { accounts: ["bob"], count: 1 },
    });
    expect(await result("bob", { kind: "alias", alias: "Bobby" })).toBe("unchanged");
    expect(await result("joe", { kind: "alias", alias: "x" })).toBe("forbidden");
    expect(await members("ann")).toMatchObject({ items: [{ alias: "" }, { alias: "Bobby" }] });
    expect(await members("bob")).toMatchObject({ group: { alias: "Bobby" } });
  });

  test("members are added in slices, an entry each; who is a member stays one", async () => {
    await made("bob");
    const accounts = Array.from({ length: 200 }, (_, i) => `m${i}`);
    const added = await asks.groups.add({ ...by("ann"), accounts: ["bob", ...accounts] });
    expect(added).toMatchObject({ leftOut: [], unwilling: [], outcomes: [{ result: "stored" }, { result: "stored" }] });
    const [first, second] = added.outcomes.map(storedOf);
    expect(first?.entries[0]?.entry.detail.count).toBe(191);
    expect(second).toMatchObject({ versionBefore: first?.version, entries: [{ entry: { detail: { count: 9 } } }] });
    expect((await opened.store.membership(ofTest.app, "g1"))?.accounts).toHaveLength(202);
    expect(await asks.groups.add({ ...by("ann"), accounts })).toEqual({ outcomes: [], leftOut: [], unwilling: [] });
    expect(await asks.groups.add({ ...by("bob"), accounts: ["joe"] })).toMatchObject({
      outcomes: [{ result: "forbidden" }],
    });
    const removed = await asks.groups.remove({ ...by("ann"), accounts });
    expect(removed.map((outcome) => entryOf(outcome).entry.detail.count)).toEqual([192, 8]);
    expect((await opened.store.membership(ofTest.app, "g1"))?.accounts).toEqual(["ann", "bob"]);
  });

  test("in a large group, who joins and leaves is told quietly: nothing names that entry", async () => {
    await made(...Array.from({ length: quietMembersMax - 1 }, (_, i) => `m${i}`));
    const loud = entryOf(await change("ann", { kind: "update", name: "x" })).entry.entryId;
    const joined = await opened.store.join(of("bob"));
    expect(joined).toMatchObject({ entry: { previousEntryId: loud, isQuiet: true } });
    const renamed = entryOf(await change("ann", { kind: "update", name: "y" }));
    expect([renamed.previousEntryId, renamed.isQuiet]).toEqual([loud, false]);
    expect((await opened.say({ toGroup: true, dest: "g1" })).previousEntryId).toBe(renamed.entry.entryId);
    // As many as are told loudly are in the group afterwards.
    expect(await opened.store.quit(of("bob"))).toMatchObject({ entry: { isQuiet: false } });
    expect(await opened.store.quit(of("m0"))).toMatchObject({ entry: { isQuiet: false } });
    expect(await opened.store.join(of("bob"))).toMatchObject({ entry: { isQuiet: false } });
    expect((await log("m1")).entries.map(({ kind }) => kind)).toEqual([
      entryKind.groupCreated,
      entryKind.groupUpdated,
      entryKind.groupJoined,
      entryKind.groupUpdated,
      entryKind.message,
      entryKind.groupLeft,
      entryKind.groupLeft,
      entryKind.groupJoined,
    ]);
    const added = await asks.groups.add({ ...by("ann"), accounts: ["eve", "joe"] });
    expect(added.outcomes.map((outcome) => entryOf(outcome).isQuiet)).toEqual([true]);
  });

  test("a dismissed group has ended for everybody, and what was said stays readable", async () => {
    const version = await made("bob", "eve");
    const id = await send("bob", "@g1");
    expect(await result("bob", { kind: "dismiss" })).toBe("forbidden");
    const ended = storedOf(await change("ann", { kind: "dismiss" }));
    expect(ended).toMatchObject({ versionBefore: version, entries: [{ entry: { kind: entryKind.groupDismissed } }] });
    expect(ended.entries[0]?.entry.entryId).toBe(ended.version);
    expect(await result("ann", { kind: "dismiss" })).toBe("unchanged");
    expect(await result("bob", { kind: "dismiss" })).toBe("notFound");
    expect(await opened.say2({ toGroup: true, dest: "g1", sender: "bob" })).toBe("notFound");
    expect(await opened.store.join(of("joe"))).toEqual({ result: "notFound" });
    expect(await opened.store.quit(of("bob"))).toEqual({ result: "unchanged" });
    expect(await opened.store.membership(ofTest.app, "g1")).toBeUndefined();
    expect(await names("bob")).toBe("notFound");
    expect((await asks.groups.groups(ofTest.app, "bob", "", 10)).items).toEqual([]);
    expect(await asks.groups.add({ ...by("ann"), accounts: ["joe"] })).toMatchObject({
      outcomes: [{ result: "notFound" }],
    });
    expect((await recall("ann", id)).result).toBe("forbidden");
    const log0 = await log("eve");
    expect((await recall("bob", id)).result).toBe("stored");
    const after = await log("eve");
    // Nobody is a member any more who would see that entry.
    expect(after.entries).toEqual(log0.entries);
    expect(after.entries.at(-1)?.messageId).toBe(ended.version);
    expect(await opened.readable("eve", [id])).toEqual([id]);
  });

  test("pages of groups and members go on after a name, also of one that has left", async () => {
    const accounts = Array.from({ length: 7 }, (_, i) => `m${i}`);
    await made(...accounts);
    expect(await names("m3", { limit: 3 })).toEqual(["ann", "m0", "m1"]);
    await opened.store.quit(of("m1"));
    expect(await names("m3", { limit: 3, after: "m1" })).toEqual(["m2", "m3", "m4"]);
    expect(await members("m3", { limit: 2, after: "m4" })).toMatchObject({ hasMore: false, items: [{}, {}] });
    // The group alone is whole.
    expect(await members("m3", { limit: 0 })).toMatchObject({ hasMore: false, items: [] });
    expect(await names("m1")).toBe("forbidden");
    expect(await names("m3", { group: "no" })).toBe("notFound");
    expect(await names("m3", { app: ofTest.otherApp })).toBe("notFound");
    for (const id of ["g2", "g3"]) await opened.store.createGroup(draft({ id, members: ["m3"] }));
    const groups = async (after: string, limit: number) => {
      const page = await asks.groups.groups(ofTest.app, "m3", after, limit);
      return [page.items.map(({ id }) => id), page.hasMore];
    };
    expect(await groups("", 2)).toEqual([["g1", "g2"], true]);
    expect(await groups("g2", 2)).toEqual([["g3"], false]);
    expect((await asks.groups.groups(ofTest.otherApp, "m3", "", 2)).items).toEqual([]);
  });

  test("pins are for the admins; a recall unpins", async () => {
    await made("bob");
    const [one, two] = [await send("bob", "@g1"), await send("ann", "@g1")];
    expect((await pin("bob", "@g1", one)).result).toBe("forbidden");
    expect(entryOf(await pin("ann", "@g1", one)).entry).toMatchObject({
      kind: entryKind.pinned,
      refersTo: one,
      isOff: false,
    });
    expect((await pin("ann", "@g1", one)).result).toBe("unchanged");
    await pin("ann", "@g1", two);
    expect(await pinned("bob", "@g1")).toEqual([two, one]);
    expect(await pinned("joe", "@g1")).toBe("notFound");
    await opened.store.join(of("eve"));
    expect(await pinned("eve", "@g1")).toEqual([]);
    await recall("ann", two);
    expect(await pinned("bob", "@g1")).toEqual([one]);
    expect((await pin("ann", "@g1", two)).result).toBe("notFound");
    expect(entryOf(await pin("ann", "@g1", one, true)).entry).toMatchObject({ refersTo: one, isOff: true });
    expect((await pin("ann", "@g1", one, true)).result).toBe("unchanged");
    const direct = await send("ann", "bob");
    expect((await pin("joe", "bob", direct)).result).toBe("notFound");
    expect((await pin("ann", "@g1", direct)).result).toBe("notFound");
    expect(entryOf(await pin("bob", "ann", direct)).entry).toMatchObject({ account: "ann", group: "" });
    expect(await pinned("ann", "bob")).toEqual([direct]);
    expect((await pin("ann", "bob", direct)).result).toBe("unchanged");
    // A conversation without pins is there; one without messages is not, whether the account is used or not.
    await send("joe", "bob");
    expect(await pinned("joe", "bob")).toEqual([]);
    for (const partner of ["eve", "nobody"]) expect(await pinned("ann", partner)).toBe("notFound");
  });

  test("a conversation has so many pins", async () => {
    for (let i = 0; i < pinnedMessagesMax; i++) storedOf(await pin("ann", "bob", await send("ann", "bob")));
    const last = await send("ann", "bob");
    expect(await pin("bob", "ann", last)).toEqual({ result: "full", bound: "pinnedMessagesMax" });
  });
}
