// The guarantees of src/store/store.ts as tests, for every engine: an engine's own test file gives a factory.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { LimitValues } from "../../src/base/limits/table.ts";
import { messageLimits } from "../../src/base/limits/message-limits.ts";
import { StoreUnavailable, type IndexEntry, type Store, type Talk } from "../../src/store/store.ts";
import { contentsOf } from "../support/contents.ts";
import { type Stored, talk, stored, draft } from "./samples.ts";

/** One empty store that can be opened several times, as several processes would. */
export interface StorePlace {
  /** `limits`: in place of the initial ones. */
  open(limits?: Partial<LimitValues>): Promise<Store>;
  /** Removes it after all openings were closed. */
  remove(): Promise<void>;
}

export function storeSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(name, () => {
    let place: StorePlace;
    let store: Store;
    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    const say = async (change: Partial<Talk> = {}): Promise<Stored> => stored((await store.append([talk(change)]))[0]);
    const say2 = async (change: Partial<Talk> = {}): Promise<string> => {
      const [outcome] = await store.append([talk(change)]);
      return outcome?.result ?? "nothing";
    };
    const indexOf = (
      account: string,
      change: {
        after?: bigint;
        includeSent?: boolean;
        limit?: number;
        device?: string;
        app?: string;
      } = {},
    ): Promise<readonly IndexEntry[]> =>
      store.index({
        app: "app",
        account,
        device: "",
        after: 0n,
        includeSent: false,
        limit: 2000,
        ...change,
      });
    const idsOf = async (account: string, change = {}): Promise<bigint[]> =>
      (await indexOf(account, change)).map((entry) => entry.messageId);
    const change = (account: string, actor = account, group = "g1") => ({
      app: "app",
      group,
      actor,
      account,
    });
    const readable = async (account: string, ids: readonly bigint[], app = "app"): Promise<bigint[]> =>
      (await contentsOf(store, app, account, ids)).map((content) => content.messageId);

    test("a stored message is in the receiver's index and content, with its fields", async () => {
      const message = await say({ type: -7, body: "ü\u0000😀", extra: "x" });
      const [entry] = await indexOf("bob");
      expect(entry).toEqual({
        messageId: message.messageId,
        direction: 0,
        sendTime: message.sendTime,
        otherAccount: "ann",
        group: "",
      });
      const contents = await contentsOf(store, "app", "bob", [message.messageId]);
      expect(contents).toEqual([{ messageId: message.messageId, type: -7, body: "ü\u0000😀", extra: "x" }]);
      expect(message).toMatchObject({
        previousId: 0n,
        groupVersion: 0n,
        repeated: false,
        writtenHere: true,
      });
    });

    test("ids rise strictly over concurrent calls; previousId names the one before in the receiver's log", async () => {
      const calls = Array.from({ length: 40 }, (_, i) =>
        store.append([talk({ body: `a${i}` }), talk({ body: `b${i}` })]),
      );
      const outcomes = (await Promise.all(calls)).flat().map(stored);
      let last = 0n;
      for (const outcome of outcomes) {
        expect(outcome.messageId).toBeGreaterThan(last);
        expect(outcome.previousId).toBe(last);
        last = outcome.messageId;
      }
      expect(await idsOf("bob")).toEqual(outcomes.map((outcome) => outcome.messageId));
    });

    test("messages survive closing and opening", async () => {
      const { messageId } = await say();
      await store.close();
      store = await place.open();
      expect(await idsOf("bob")).toEqual([messageId]);
      const next = await say();
      expect(next.messageId).toBeGreaterThan(messageId);
      expect(next.previousId).toBe(messageId);
    });

    test("an index after a cursor holds only what is above it, the smallest ids first, up to the limit", async () => {
      const ids = (await store.append(Array.from({ length: 60 }, () => talk()))).map((o) => stored(o).messageId);
      expect(await idsOf("bob", { after: ids[9], limit: 20 })).toEqual(ids.slice(10, 30));
      expect(await idsOf("bob", { after: ids[59] })).toEqual([]);
    });

    test("sent messages are in the index only when asked for, with the receiver as the other side", async () => {
      const { messageId } = await say();
      expect(await indexOf("ann")).toEqual([]);
      expect(await indexOf("ann", { includeSent: true })).toMatchObject([
        { messageId, direction: 1, otherAccount: "bob", group: "" },
      ]);
    });

    test("a message to oneself is shown once, as received", async () => {
      const { messageId } = await say({ dest: "ann" });
      for (const includeSent of [false, true]) {
        expect(await indexOf("ann", { includeSent })).toMatchObject([{ messageId, direction: 0, otherAccount: "ann" }]);
      }
    });

    test("the same clientId stores once, within a batch, over calls and after reopening", async () => {
      const keyed = talk({ clientId: "k" });
      const [first, second] = await store.append([keyed, keyed]);
      const original = stored(first);
      expect(original.repeated).toBe(false);
      expect(stored(second)).toEqual({ ...original, repeated: true, madeAccount: false });
      await say({ body: "between" });
      expect(await say({ clientId: "k" })).toEqual({ ...original, repeated: true, madeAccount: false });
      await store.close();
      store = await place.open();
      expect(await say({ clientId: "k" })).toEqual({
        ...original,
        repeated: true,
        madeAccount: false,
        writtenHere: false,
      });
      expect(await idsOf("bob")).toHaveLength(2);
    });

    test("a clientId belongs to its sender and app; '' means no clientId", async () => {
      const ids = [
        await say({ clientId: "k" }),
        await say({ clientId: "k", sender: "eve" }),
        await say({ clientId: "k", app: "other" }),
        await say(),
        await say(),
      ].map((outcome) => outcome.messageId);
      expect(new Set(ids).size).toBe(5);
    });

    test("a clientId with another destination, body, type or extra is a conflict", async () => {
      await say({ clientId: "k" });
      for (const other of [{ dest: "eve" }, { body: "x" }, { type: 2 }, { extra: "x" }]) {
        expect(await say2({ clientId: "k", ...other })).toBe("conflict");
      }
    });

    test("a refused talk leaves its clientId free for the next one; a stored one does not", async () => {
      await store.createGroup(draft());
      const toGroup = talk({ sender: "eve", toGroup: true, dest: "g1", clientId: "k" });
      const toBob = talk({ sender: "eve", clientId: "k" });
      const outcomes = await store.append([toGroup, toBob, toGroup, toBob]);
      expect(outcomes.map((outcome) => outcome.result)).toEqual(["forbidden", "stored", "conflict", "stored"]);
      expect(stored(outcomes[3])).toEqual({ ...stored(outcomes[1]), repeated: true, madeAccount: false });
    });

    test("every character comes back as it was sent, and spoils nobody else's talk", async () => {
      const odd = [
        "\0",
        "\x01",
        "\x01\x02",
        "\x01\x01",
        "\x02\0\x01",
        "\\",
        "'",
        '"',
        "{a,b}",
        "NULL",
        "%$1",
        "\u{10ffff}",
      ];
      const talks = odd.map((text) => talk({ body: text, extra: text, clientId: text }));
      const outcomes = (await store.append([...talks, talk(), ...talks])).map(stored);
      expect(outcomes.map((outcome) => outcome.repeated)).toEqual(
        [...odd, ""].map(() => false).concat(odd.map(() => true)),
      );
      const ids = outcomes.slice(0, odd.length).map((outcome) => outcome.messageId);
      const contents = await contentsOf(store, "app", "bob", ids);
      expect(contents.map(({ body, extra }) => [body, extra])).toEqual(odd.map((text) => [text, text]));
      for (const [index, text] of odd.entries()) {
        const id = `g${index}`;
        await store.createGroup(draft({ id, name: text, avatar: text, introduction: text }));
        expect(await store.groupDetail("app", id, "ann")).toMatchObject({
          detail: { name: text, avatar: text, introduction: text },
        });
      }
    });

    test("the largest texts and the ends of int32 are stored", async () => {
      const body = "ü".repeat(messageLimits.messageBodyBytes.initial / 2);
      const extra = "x".repeat(messageLimits.messageExtraBytes.initial);
      for (const type of [-(2 ** 31), 2 ** 31 - 1]) {
        const { messageId } = await say({ type, body, extra });
        expect(await contentsOf(store, "app", "bob", [messageId])).toEqual([{ messageId, type, body, extra }]);
      }
    });

    test("a cursor above the last id counts as 0: it is from before a backup was restored", async () => {
      await store.createGroup(draft({ members: ["bob"] }));
      const outcomes = await store.append([talk(), talk({ toGroup: true, dest: "g1" }), talk()]);
      const [a = 0n, b = 0n, c = 0n] = outcomes.map((outcome) => stored(outcome).messageId);
      await store.quit({ app: "app", group: "g1", actor: "bob", account: "bob" });
      // Beyond any clock that steps while the suite runs.
      const future = c + (1n << 60n);
      expect(await idsOf("bob", { after: future })).toEqual([a, b, c]);
      expect(await idsOf("bob", { device: "phone", after: future })).toEqual([a, b, c]);
      await store.acknowledge("app", "bob", "phone", a);
      expect(await idsOf("bob", { device: "phone", after: future })).toEqual([b, c]);
      expect(await idsOf("bob", { after: c })).toEqual([]);
    });

    test("a cursor of 0 starts above its device's last acknowledged id; acknowledgements never go back", async () => {
      const ids = (await store.append([talk(), talk(), talk()])).map((o) => stored(o).messageId);
      const [a = 0n, b = 0n, c = 0n] = ids;
      expect(await store.acknowledge("app", "bob", "phone", b)).toBe("done");
      expect(await store.acknowledge("app", "bob", "phone", a)).toBe("done");
      expect(await idsOf("bob", { device: "phone" })).toEqual([c]);
      expect(await idsOf("bob", { device: "desk" })).toEqual(ids);
      expect(await idsOf("bob", { device: "phone", after: a })).toEqual([b, c]);
      expect(await idsOf("bob", { device: "phone" })).toEqual([c]);
    });

    test("an acknowledgement of an id that is not committed yet is refused and changes nothing", async () => {
      const { messageId } = await say();
      expect(await store.acknowledge("app", "bob", "", messageId + 1n)).toBe("future");
      expect(await store.acknowledge("app", "bob", "", 2n ** 62n)).toBe("future");
      expect(await idsOf("bob")).toEqual([messageId]);
    });

    test("contents come in the order asked, without what is not the asker's or does not exist", async () => {
      const [a = 0n, b = 0n] = (await store.append([talk(), talk()])).map((o) => stored(o).messageId);
      const foreign = (await say({ sender: "eve", dest: "joe" })).messageId;
      expect(await readable("bob", [b, foreign, 12345n, -1n, a])).toEqual([b, a]);
      expect(await readable("ann", [a])).toEqual([a]);
      expect(await readable("eve", [a, b])).toEqual([]);
      expect(await readable("bob", [a], "other")).toEqual([]);
    });

    test("a group message is in every other member's index; the sender's own only when asked for", async () => {
      const created = await store.createGroup(draft({ members: ["bob", "eve"] }));
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
      for (const id of groups) await store.createGroup(draft({ id, members: ["bob"] }));
      const talks = Array.from({ length: 600 }, (_, i) => {
        const turn = (i * 7) % 41;
        return turn < 30
          ? talk({ toGroup: true, dest: `g${turn}` })
          : talk({ sender: turn < 35 ? "bob" : "ann", dest: turn < 35 ? "ann" : "bob" });
      });
      const all = (await store.append(talks)).map((o) => stored(o).messageId);
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
      await store.createGroup(draft());
      const ids: bigint[] = [];
      const note = async (): Promise<void> => void ids.push((await say({ toGroup: true, dest: "g1" })).messageId);
      await note();
      expect((await store.join(change("bob"))).result).toBe("changed");
      await note();
      expect((await store.quit(change("bob"))).result).toBe("changed");
      await note();
      expect((await store.join(change("bob"))).result).toBe("changed");
      await note();
      const mine = [ids[1] ?? 0n, ids[3] ?? 0n];
      expect(await idsOf("bob")).toEqual(mine);
      expect(await readable("bob", ids)).toEqual(mine);
    });

    test("only members talk; an unknown group is not found", async () => {
      await store.createGroup(draft());
      expect(await say2({ toGroup: true, dest: "g1", sender: "eve" })).toBe("forbidden");
      expect(await say2({ toGroup: true, dest: "no" })).toBe("notFound");
      expect(await say2({ toGroup: true, dest: "g1", app: "other" })).toBe("notFound");
    });

    test("what is asked without waiting for the answer before is decided in the order of asking", async () => {
      await store.createGroup(draft());
      const speak = () => say2({ toGroup: true, dest: "g1", sender: "bob" });
      const answers = await Promise.all([
        speak(),
        store.join(change("bob")),
        speak(),
        store.acknowledge("app", "bob", "", 0n),
        store.quit(change("bob")),
        store.join(change("bob", "ann")),
        store.quit(change("bob")),
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
      await store.createGroup(draft({ members: ["bob"] }));
      const first = await say({ toGroup: true, dest: "g1", sender: "bob", clientId: "k" });
      await store.quit(change("bob"));
      expect(await say({ toGroup: true, dest: "g1", sender: "bob", clientId: "k" })).toMatchObject({
        messageId: first.messageId,
        repeated: true,
      });
      expect(await say2({ toGroup: true, dest: "g1", sender: "bob" })).toBe("forbidden");
    });

    test("joining changes the version once; joining twice changes nothing", async () => {
      const created = await store.createGroup(draft());
      const before = created.result === "created" ? created.version : 0n;
      const joined = await store.join(change("bob"));
      expect(joined).toMatchObject({ result: "changed", versionBefore: before });
      expect(await store.join(change("bob"))).toEqual({ result: "unchanged" });
      const version = joined.result === "changed" ? joined.version : 0n;
      expect(await store.membership("app", "g1")).toEqual({ version, accounts: ["ann", "bob"] });
      const message = await say({ toGroup: true, dest: "g1" });
      expect(message.groupVersion).toBe(version);
      expect(message.messageId).toBeGreaterThan(version);
    });

    test("the owner adds and removes others, also in a closed group; nobody else does", async () => {
      await store.createGroup(draft({ closed: true, members: ["eve"] }));
      expect(await store.join(change("bob"))).toEqual({ result: "forbidden" });
      expect(await store.join(change("bob", "eve"))).toEqual({ result: "forbidden" });
      expect((await store.join(change("bob", "ann"))).result).toBe("changed");
      expect(await store.quit(change("bob", "eve"))).toEqual({ result: "forbidden" });
      expect(await store.quit(change("joe"))).toEqual({ result: "forbidden" });
      expect((await store.quit(change("bob", "ann"))).result).toBe("changed");
      expect(await store.join(change("x", "x", "no"))).toEqual({ result: "notFound" });
      expect(await store.quit(change("x", "x", "no"))).toEqual({ result: "notFound" });
      expect((await store.membership("app", "g1"))?.accounts).toEqual(["ann", "eve"]);
    });

    test("when the owner leaves, the longest member owns the group; when the last leaves, it is closed", async () => {
      await store.createGroup(draft({ members: ["bob", "eve"] }));
      const { messageId } = await say({ toGroup: true, dest: "g1" });
      await store.quit(change("bob"));
      await store.join(change("bob"));
      await store.quit(change("ann"));
      expect(await store.groupDetail("app", "g1", "eve")).toMatchObject({
        result: "found",
        detail: { owner: "eve" },
      });
      await store.quit(change("eve"));
      expect((await store.quit(change("bob"))).result).toBe("changed");
      expect(await store.membership("app", "g1")).toBeUndefined();
      expect(await store.groupDetail("app", "g1", "bob")).toEqual({ result: "notFound" });
      expect(await store.join(change("bob"))).toEqual({ result: "notFound" });
      expect(await say2({ toGroup: true, dest: "g1", sender: "bob" })).toBe("notFound");
      expect(await readable("eve", [messageId])).toEqual([messageId]);
    });

    test("a former member may leave again, also a closed group; one that never was a member may not", async () => {
      await store.createGroup(draft({ members: ["bob", "eve"] }));
      expect((await store.quit(change("bob"))).result).toBe("changed");
      const before = await store.membership("app", "g1");
      expect(await store.quit(change("bob"))).toEqual({ result: "unchanged" });
      expect(await store.quit(change("joe"))).toEqual({ result: "forbidden" });
      // It is nobody's but their own.
      expect(await store.quit(change("bob", "eve"))).toEqual({ result: "forbidden" });
      expect(await store.quit(change("bob", "bob", "no"))).toEqual({ result: "notFound" });
      expect(await store.quit({ ...change("bob"), app: "other" })).toEqual({ result: "notFound" });
      expect(await store.membership("app", "g1")).toEqual(before);
      await store.join(change("bob"));
      for (const account of ["bob", "eve", "ann"]) expect((await store.quit(change(account))).result).toBe("changed");
      for (const account of ["bob", "ann"]) expect(await store.quit(change(account))).toEqual({ result: "unchanged" });
      expect(await store.quit(change("joe"))).toEqual({ result: "notFound" });
      expect(await store.quit(change("bob", "ann"))).toEqual({ result: "notFound" });
    });

    test("detail is for members: all fields, members in the order of joining", async () => {
      await store.createGroup(draft({ members: ["zoe", "bob"] }));
      await store.join(change("abe"));
      const answer = await store.groupDetail("app", "g1", "bob");
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
      expect(await store.groupDetail("app", "g1", "joe")).toEqual({ result: "forbidden" });
      expect(await store.groupDetail("app", "no", "bob")).toEqual({ result: "notFound" });
    });

    test("a group of ten thousand is created in one request", async () => {
      const members = Array.from({ length: 10_000 }, (_, i) => `m${i}`);
      expect((await store.createGroup(draft({ members }))).result).toBe("created");
      expect((await store.membership("app", "g1"))?.accounts).toEqual(["ann", ...members]);
    });

    test("twelve groups of ten thousand that are asked for at once are all created, and talks go on", async () => {
      const members = Array.from({ length: 10_000 }, (_, i) => `m${i}`);
      const created = Promise.all(
        Array.from({ length: 12 }, (_, i) => store.createGroup(draft({ id: `g${i}`, members }))),
      );
      await say();
      expect((await created).map(({ result }) => result)).toEqual(Array.from({ length: 12 }, () => "created"));
      expect((await store.membership("app", "g11"))?.accounts).toHaveLength(10_001);
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
          await store.acknowledge(app, dest, ":", messageId - 1n);
        }
      }
      for (const [key, messageId] of sent) {
        const [app, account]: string[] = JSON.parse(key);
        expect(await idsOf(account ?? "", { app, device: ":" })).toEqual([messageId]);
      }
    });

    test("two openings write at once, and a reader that pages sees every id once and in order", async () => {
      const second = await place.open();
      const expected = new Set<bigint>();
      const write = async (to: Store, sender: string): Promise<void> => {
        for (let round = 0; round < 60; round++) {
          const outcomes = await to.append(Array.from({ length: 1 + (round % 5) }, () => talk({ sender })));
          for (const outcome of outcomes) expected.add(stored(outcome).messageId);
        }
      };
      let isDone = false;
      const writers = Promise.all([write(store, "ann"), write(second, "eve")]).then(() => (isDone = true));
      const seen: bigint[] = [];
      for (let after = 1n, wasDone = false; ; wasDone = isDone) {
        const page = await idsOf("bob", { after, limit: 17 });
        seen.push(...page);
        after = page.at(-1) ?? after;
        if (page.length === 0 && wasDone) break;
      }
      await writers;
      await second.close();
      expect(seen).toEqual([...expected].toSorted((a, b) => (a < b ? -1 : 1)));
    });

    test("a closed store refuses with StoreUnavailable what comes later, and commits what was queued", async () => {
      const late = store.append([talk()]);
      await store.close();
      const { messageId } = stored((await late)[0]);
      expect(store.isHealthy).toBe(false);
      await store.append([talk()]).then(
        () => expect.unreachable(),
        (error: unknown) => expect(error).toBeInstanceOf(StoreUnavailable),
      );
      store = await place.open();
      expect(await idsOf("bob")).toEqual([messageId]);
    });
  });
}
