// What every store promises of groups and of messages to them.

import { expect, test } from "bun:test";
import { memberChangesMax } from "../../src/base/limits/fixed.ts";
import { draft, ofTest, stored, talk } from "./samples.ts";
import type { OpenedStore } from "./opened-store.ts";

/** The tests of groups. */
export function groupTests(opened: OpenedStore): void {
  const { say, say2, indexOf, idsOf, change, readable } = opened;

  test("a group message is in every other member's index; the sender's own only when asked for", async () => {
    const created = await opened.store.createGroup(draft({ members: ["bob", "eve"] }));
    const version = created.result === "created" ? created.version : 0n;
    const first = await say({ toGroup: true, dest: "g1" });
    const second = await say({ toGroup: true, dest: "g1", sender: "bob" });
    expect(first).toMatchObject({ previousId: 0n, groupVersion: version });
    expect(second.previousId).toBe(first.messageId);
    const both = [first.messageId, second.messageId];
    expect(await idsOf("eve")).toEqual(both);
    expect(await idsOf("bob")).toEqual(both.slice(0, 1));
    expect(await indexOf("bob", { includeSent: true })).toMatchObject([
      { direction: 0, otherAccount: "ann", group: "g1" },
      { direction: 1, otherAccount: "bob", group: "g1" },
    ]);
  });

  test("direct messages and many groups come in one order, page by page, each once", async () => {
    const groups = Array.from({ length: 30 }, (_, i) => `g${i}`);
    for (const id of groups) await opened.store.createGroup(draft({ id, members: ["bob"] }));
    const talks = Array.from({ length: 600 }, (_, i) => {
      const turn = (i * 7) % 41;
      return turn < 30
        ? talk({ toGroup: true, dest: `g${turn}` })
        : talk({ sender: turn < 35 ? "bob" : "ann", dest: turn < 35 ? "ann" : "bob" });
    });
    const all = (await opened.store.append(talks)).map((o) => stored(o).messageId);
    const seen: bigint[] = [];
    for (let after = 1n; ;) {
      const page = await idsOf("bob", { after, includeSent: true, limit: 37 });
      if (page.length === 0) break;
      seen.push(...page);
      after = page.at(-1) ?? after;
    }
    expect(seen).toEqual(all);
  });

  test("a member sees what was sent inside its windows, also after leaving and coming back", async () => {
    await opened.store.createGroup(draft());
    const ids: bigint[] = [];
    const note = async (): Promise<void> => void ids.push((await say({ toGroup: true, dest: "g1" })).messageId);
    await note();
    expect((await opened.store.join(change("bob"))).result).toBe("changed");
    await note();
    expect((await opened.store.quit(change("bob"))).result).toBe("changed");
    await note();
    expect((await opened.store.join(change("bob"))).result).toBe("changed");
    await note();
    const mine = [ids[1] ?? 0n, ids[3] ?? 0n];
    expect(await idsOf("bob")).toEqual(mine);
    expect(await readable("bob", ids)).toEqual(mine);
  });

  test("only members talk; an unknown group is not found", async () => {
    await opened.store.createGroup(draft());
    expect(await say2({ toGroup: true, dest: "g1", sender: "eve" })).toBe("forbidden");
    expect(await say2({ toGroup: true, dest: "no" })).toBe("notFound");
    expect(await say2({ toGroup: true, dest: "g1", app: ofTest.otherApp })).toBe("notFound");
  });

  test("what is asked without waiting for the answer before is decided in the order of asking", async () => {
    await opened.store.createGroup(draft());
    const speak = () => say2({ toGroup: true, dest: "g1", sender: "bob" });
    const answers = await Promise.all([
      speak(),
      opened.store.join(change("bob")),
      speak(),
      opened.store.acknowledge(ofTest.app, "bob", "", 0n),
      opened.store.quit(change("bob")),
      opened.store.join(change("bob", "ann")),
      opened.store.quit(change("bob")),
      speak(),
    ]);
    expect(answers.map((answer) => (typeof answer === "string" ? answer : answer.result))).toEqual(
      "forbidden changed stored done changed changed changed forbidden".split(" "),
    );
    const versions = answers.flatMap((answer) =>
      typeof answer !== "string" && answer.result === "changed" ? [[answer.versionBefore, answer.version]] : [],
    );
    for (const [index, [before]] of versions.entries()) {
      if (index > 0) expect(before).toBe(versions[index - 1]?.[1]);
    }
  });

  test("a repeat after leaving the group is still answered as stored", async () => {
    await opened.store.createGroup(draft({ members: ["bob"] }));
    const first = await say({ toGroup: true, dest: "g1", sender: "bob", clientId: "k" });
    await opened.store.quit(change("bob"));
    expect(await say({ toGroup: true, dest: "g1", sender: "bob", clientId: "k" })).toMatchObject({
      messageId: first.messageId,
      repeated: true,
    });
    expect(await say2({ toGroup: true, dest: "g1", sender: "bob" })).toBe("forbidden");
  });

  test("joining changes the version once; joining twice changes nothing", async () => {
    const created = await opened.store.createGroup(draft());
    const before = created.result === "created" ? created.version : 0n;
    const joined = await opened.store.join(change("bob"));
    expect(joined).toMatchObject({ result: "changed", versionBefore: before });
    expect(await opened.store.join(change("bob"))).toEqual({ result: "unchanged" });
    const version = joined.result === "changed" ? joined.version : 0n;
    const now = { version, accounts: ["ann", "bob"] };
    expect(await opened.store.membership(ofTest.app, "g1")).toEqual({ ...now, changes: [], since: version });
    expect(await opened.store.membership(ofTest.app, "g1", version)).toEqual({ ...now, changes: [], since: version });
    const changes = [{ account: "bob", isMember: true, version }];
    expect(await opened.store.membership(ofTest.app, "g1", before)).toEqual({ ...now, changes, since: before });
    const message = await say({ toGroup: true, dest: "g1" });
    expect(message.groupVersion).toBe(version);
    expect(message.messageId).toBeGreaterThan(version);
  });

  test("a membership tells who joined and left since an id, in that order, in this group", async () => {
    await opened.store.createGroup(draft({ members: ["eve"] }));
    await opened.store.createGroup(draft({ id: "g2", members: ["eve"] }));
    const version = async (id: string): Promise<bigint> =>
      (await opened.store.membership(ofTest.app, id))?.version ?? 0n;
    const start = await version("g1");
    const made: { account: string; isMember: boolean; version: bigint }[] = [];
    for (const [account, isMember] of [
      ["bob", true],
      ["eve", false],
      ["bob", false],
      ["eve", true],
      ["bob", true],
    ] as const) {
      for (const id of ["g1", "g2"])
        expect((await opened.store[isMember ? "join" : "quit"](change(account, account, id))).result).toBe("changed");
      made.push({ account, isMember, version: await version("g1") });
    }
    const accounts = ["ann", "eve", "bob"];
    for (const count of [5, 4, 3, 2, 1, 0]) {
      const since = made[made.length - count - 1]?.version ?? start;
      expect(await opened.store.membership(ofTest.app, "g1", since)).toEqual({
        version: made.at(-1)?.version ?? 0n,
        accounts,
        changes: count === 0 ? [] : made.slice(-count),
        since,
      });
    }
  });

  test("of more changes than a membership can tell, it tells the newest, and since when", async () => {
    await opened.store.createGroup(draft());
    const start = (await opened.store.membership(ofTest.app, "g1"))?.version ?? 0n;
    const toggles = Array.from({ length: memberChangesMax + 8 }, (_, at) => at);
    for (const at of toggles) await opened.store[at % 2 === 0 ? "join" : "quit"](change("bob"));
    const found = await opened.store.membership(ofTest.app, "g1", start);
    expect(found?.changes).toHaveLength(memberChangesMax);
    expect(found?.since).toBeGreaterThan(start);
    expect(found?.changes[0]).toMatchObject({ account: "bob", isMember: true });
    expect(found?.changes.every(({ version }) => version > (found?.since ?? 0n))).toBe(true);
    expect(found?.changes.at(-1)?.version).toBe(found?.version);
  });

  test("the owner adds and removes others, also in a closed group; nobody else does", async () => {
    await opened.store.createGroup(draft({ closed: true, members: ["eve"] }));
    expect(await opened.store.join(change("bob"))).toEqual({ result: "closed" });
    expect(await opened.store.join(change("bob", "eve"))).toEqual({ result: "forbidden" });
    expect((await opened.store.join(change("bob", "ann"))).result).toBe("changed");
    expect(await opened.store.quit(change("bob", "eve"))).toEqual({ result: "forbidden" });
    expect(await opened.store.quit(change("joe"))).toEqual({ result: "forbidden" });
    expect((await opened.store.quit(change("bob", "ann"))).result).toBe("changed");
    expect(await opened.store.join(change("x", "x", "no"))).toEqual({ result: "notFound" });
    expect(await opened.store.quit(change("x", "x", "no"))).toEqual({ result: "notFound" });
    expect((await opened.store.membership(ofTest.app, "g1"))?.accounts).toEqual(["ann", "eve"]);
  });

  test("when the owner leaves, the longest member owns the group; when the last leaves, it is closed", async () => {
    await opened.store.createGroup(draft({ members: ["bob", "eve"] }));
    const { messageId } = await say({ toGroup: true, dest: "g1" });
    await opened.store.quit(change("bob"));
    await opened.store.join(change("bob"));
    await opened.store.quit(change("ann"));
    expect(await opened.store.groupDetail(ofTest.app, "g1", "eve")).toMatchObject({
      result: "found",
      detail: { owner: "eve" },
    });
    await opened.store.quit(change("eve"));
    expect((await opened.store.quit(change("bob"))).result).toBe("changed");
    expect(await opened.store.membership(ofTest.app, "g1")).toBeUndefined();
    expect(await opened.store.groupDetail(ofTest.app, "g1", "bob")).toEqual({ result: "notFound" });
    expect(await opened.store.join(change("bob"))).toEqual({ result: "notFound" });
    expect(await say2({ toGroup: true, dest: "g1", sender: "bob" })).toBe("notFound");
    expect(await readable("eve", [messageId])).toEqual([messageId]);
  });

  test("a former member may leave again, also a closed group; one that never was a member may not", async () => {
    await opened.store.createGroup(draft({ members: ["bob", "eve"] }));
    expect((await opened.store.quit(change("bob"))).result).toBe("changed");
    const before = await opened.store.membership(ofTest.app, "g1");
    expect(await opened.store.quit(change("bob"))).toEqual({ result: "unchanged" });
    expect(await opened.store.quit(change("joe"))).toEqual({ result: "forbidden" });
    // It is nobody's but their own.
    expect(await opened.store.quit(change("bob", "eve"))).toEqual({ result: "forbidden" });
    expect(await opened.store.quit(change("bob", "bob", "no"))).toEqual({ result: "notFound" });
    expect(await opened.store.quit({ ...change("bob"), app: ofTest.otherApp })).toEqual({ result: "notFound" });
    expect(await opened.store.membership(ofTest.app, "g1")).toEqual(before);
    await opened.store.join(change("bob"));
    for (const account of ["bob", "eve", "ann"])
      expect((await opened.store.quit(change(account))).result).toBe("changed");
    for (const account of ["bob", "ann"])
      expect(await opened.store.quit(change(account))).toEqual({ result: "unchanged" });
    expect(await opened.store.quit(change("joe"))).toEqual({ result: "notFound" });
    expect(await opened.store.quit(change("bob", "ann"))).toEqual({ result: "notFound" });
  });

  test("detail is for members: all fields, members in the order of joining", async () => {
    await opened.store.createGroup(draft({ members: ["zoe", "bob"] }));
    await opened.store.join(change("abe"));
    const answer = await opened.store.groupDetail(ofTest.app, "g1", "bob");
    if (answer.result !== "found") throw new Error(answer.result);
    expect(answer.detail).toMatchObject({
      id: "g1",
      name: "n",
      avatar: "v",
      introduction: "i",
      owner: "ann",
      closed: false,
    });
    expect(answer.detail.members.map((member) => member.account)).toEqual(["ann", "zoe", "bob", "abe"]);
    expect(await opened.store.groupDetail(ofTest.app, "g1", "joe")).toEqual({ result: "forbidden" });
    expect(await opened.store.groupDetail(ofTest.app, "no", "bob")).toEqual({ result: "notFound" });
  });

  test("a group of ten thousand is created in one request", async () => {
    const members = Array.from({ length: 10_000 }, (_, i) => `m${i}`);
    expect((await opened.store.createGroup(draft({ members }))).result).toBe("created");
    expect((await opened.store.membership(ofTest.app, "g1"))?.accounts).toEqual(["ann", ...members]);
  });

  test("twelve groups of ten thousand that are asked for at once are all created, and talks go on", async () => {
    const members = Array.from({ length: 10_000 }, (_, i) => `m${i}`);
    const created = Promise.all(
      Array.from({ length: 12 }, (_, i) => opened.store.createGroup(draft({ id: `g${i}`, members }))),
    );
    await say();
    expect((await created).map(({ result }) => result)).toEqual(Array.from({ length: 12 }, () => "created"));
    expect((await opened.store.membership(ofTest.app, "g11"))?.accounts).toHaveLength(10_001);
  }, 120_000);

  test("names made of separator characters never meet each other", async () => {
    const parts = [":", "|", ",", "/", "_", "1:", "a:b", "a", "b", "a:b:", ""].map((part) => `n${part}`);
    const sent = new Map<string, bigint>();
    for (const app of parts) {
      for (const dest of parts) {
        const { messageId, previousId } = await say({
          app,
          dest,
          sender: "s",
          clientId: "k".concat(dest),
        });
        expect(previousId).toBe(0n);
        sent.set(JSON.stringify([app, dest]), messageId);
        await opened.store.acknowledge(app, dest, ":", messageId - 1n);
      }
    }
    for (const [key, messageId] of sent) {
      const [app, account]: string[] = JSON.parse(key);
      expect(await idsOf(account ?? "", { app, device: ":" })).toEqual([messageId]);
    }
  });
}
