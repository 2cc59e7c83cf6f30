// What src/store/store.ts promises of the bounds of groups and of creating large ones, as tests for every engine.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { StoreUnavailable, type MembershipChange, type MembershipOutcome, type Store } from "../../src/store/store.ts";
import { bound } from "../support/bounds.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";
import { draft, stored, talk } from "./samples.ts";
import type { StorePlace } from "./opened-store.ts";
import { contentsOf } from "../support/contents.ts";
import { GroupModel } from "./group-model.ts";

export interface GroupPlace extends StorePlace {
  /** The file, or the URL. */
  readonly address: string;
  /** Rows of a table. `counts` is that of the groups that each account is in. */
  rows(table: "account" | "member" | "counts"): Promise<number>;
  /** Gives up the groups that are not complete, as a process does that has seen no progress between two looks. */
  giveUp(): Promise<void>;
}

const names = (count: number, prefix = "m"): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

export function groupSuite(name: string, makePlace: () => Promise<GroupPlace>): void {
  describe(`groups in a ${name}`, () => {
    let place: GroupPlace;
    const opened: Store[] = [];
    beforeEach(async () => {
      place = await makePlace();
    });
    afterEach(async () => {
      for (const store of opened.splice(0)) await store.close();
      await place.remove();
    });

    const open = async (limits?: Parameters<StorePlace["open"]>[0]): Promise<Store> => {
      const store = await place.open(limits);
      opened.push(store);
      return store;
    };
    const change = (account: string, group: string, actor = account): MembershipChange => ({
      app: "app",
      group,
      actor,
      account,
    });
    const create = async (
      store: Store,
      id: string,
      owner: string,
      members: string[] = [],
    ): Promise<string[] | "full"> => {
      const made = await store.createGroup(draft({ id, owner, members }));
      if (made.result === "full") return "full";
      // Everybody lets the owner.
      expect(made.isAnyFull).toBe(made.leftOut.length > 0);
      return [...made.leftOut];
    };
    const joined = async (store: Store, of: MembershipChange): Promise<string> => {
      const outcome: MembershipOutcome = await store.join(of);
      return outcome.result === "full" ? outcome.limit : outcome.result;
    };

    /** bob creates one group, and joins another one. */
    const twoOwn = async (store: Store): Promise<void> => {
      expect(await create(store, "b1", "bob")).toEqual([]);
      expect(await create(store, "a1", "ann")).toEqual([]);
      expect(await create(store, "a2", "ann")).toEqual([]);
      expect(await joined(store, change("bob", "a1"))).toBe("changed");
    };
    bound("groupsPerAccount", {
      at: async () => {
        const store = await open({ groupsPerAccount: 3 });
        await twoOwn(store);
        expect(await joined(store, change("bob", "a2"))).toBe("changed");
      },
      above: async () => {
        const store = await open({ groupsPerAccount: 2 });
        await twoOwn(store);
        expect(await joined(store, change("bob", "a2"))).toBe("groupsPerAccount");
        const accounts = await place.rows("account");
        expect(await create(store, "b2", "bob", ["nobody"])).toBe("full");
        expect(await store.membership("app", "b2")).toBeUndefined();
        expect(await place.rows("account")).toBe(accounts);
      },
    });

    /** bob is put in two groups: by the creation of one, and by the owner of another. */
    const putInTwo = async (store: Store): Promise<void> => {
      expect(await create(store, "e1", "eve", ["bob"])).toEqual([]);
      for (const id of ["e2", "e3"]) expect(await create(store, id, "eve")).toEqual([]);
      expect(await joined(store, change("bob", "e2", "eve"))).toBe("changed");
    };
    bound("groupsPutPerAccount", {
      at: async () => {
        const store = await open({ groupsPutPerAccount: 4 });
        await putInTwo(store);
        expect(await joined(store, change("bob", "e3", "eve"))).toBe("changed");
        expect(await create(store, "e4", "eve", ["bob"])).toEqual([]);
        expect((await store.membership("app", "e4"))?.accounts).toEqual(["eve", "bob"]);
      },
      above: async () => {
        const store = await open({ groupsPutPerAccount: 2 });
        await putInTwo(store);
        expect(await joined(store, change("bob", "e3", "eve"))).toBe("groupsPutPerAccount");
        expect(await create(store, "e4", "eve", ["joe", "bob"])).toEqual(["bob"]);
        expect((await store.membership("app", "e4"))?.accounts).toEqual(["eve", "joe"]);
      },
    });

    bound("groupMembers", {
      at: async () => {
        const store = await open({ groupMembers: 3 });
        await create(store, "g", "ann", ["bob"]);
        expect(await joined(store, change("eve", "g"))).toBe("changed");
      },
      above: async () => {
        const store = await open({ groupMembers: 3 });
        await create(store, "g", "ann", ["bob", "eve"]);
        expect(await joined(store, change("joe", "g"))).toBe("groupMembers");
        expect(await joined(store, change("joe", "g", "ann"))).toBe("groupMembers");
        expect(await joined(store, change("bob", "g"))).toBe("unchanged");
      },
    });

    test("an account that others have put into the maximum of groups creates and joins as before", async () => {
      const store = await open({ groupsPerAccount: 5, groupsPutPerAccount: 20 });
      await Promise.all(names(20, "evil").map((id) => store.createGroup(draft({ id, owner: id, members: ["bob"] }))));
      expect(await create(store, "full", "eve", ["bob"])).toEqual(["bob"]);
      expect(await create(store, "b", "bob", ["ann"])).toEqual([]);
      await create(store, "a", "ann");
      expect(await joined(store, change("bob", "a"))).toBe("changed");
      expect(await joined(store, change("bob", "full"))).toBe("changed");
    });

    test("leaving and being removed make room again, each for what it was", async () => {
      const store = await open({ groupsPerAccount: 1, groupsPutPerAccount: 1 });
      for (const id of ["a1", "a2"]) await create(store, id, `owner of ${id}`);
      expect(await joined(store, change("bob", "a1"))).toBe("changed");
      expect(await joined(store, change("bob", "a2", "owner of a2"))).toBe("changed");
      for (const id of ["a3", "a4"]) await create(store, id, `owner of ${id}`);
      expect(await joined(store, change("bob", "a3"))).toBe("groupsPerAccount");
      expect((await store.quit(change("bob", "a1"))).result).toBe("changed");
      expect(await joined(store, change("bob", "a4", "owner of a4"))).toBe("groupsPutPerAccount");
      expect(await joined(store, change("bob", "a3"))).toBe("changed");
      expect((await store.quit(change("bob", "a2", "owner of a2"))).result).toBe("changed");
      expect(await joined(store, change("bob", "a4", "owner of a4"))).toBe("changed");
    });

    test("two openings with other bounds hold their own, over the same counts", async () => {
      const [narrow, wide] = [await open({ groupsPerAccount: 2 }), await open({ groupsPerAccount: 4 })];
      for (const id of ["b1", "b2"]) expect(await create(narrow, id, "bob")).toEqual([]);
      expect(await create(narrow, "b3", "bob")).toBe("full");
      expect(await create(wide, "b3", "bob")).toEqual([]);
      expect(await create(wide, "b4", "bob")).toEqual([]);
      expect(await create(wide, "b5", "bob")).toBe("full");
    });

    test("accounts left out of a group of hundreds are named at any place; all others are in, in order", async () => {
      const store = await open({ groupsPutPerAccount: 1 });
      const members = names(600);
      const full = [0, 1, 63, 64, 127, 128, 191, 192, 255, 383, 384, 599].map((i) => `m${i}`);
      expect(await create(store, "g1", "eve", full)).toEqual([]);
      expect(await create(store, "g2", "ann", members)).toEqual(full);
      const others = members.filter((member) => !full.includes(member));
      expect((await store.membership("app", "g2"))?.accounts).toEqual(["ann", ...others]);
      expect(await create(store, "g3", "ann", full)).toEqual(full);
      expect((await store.membership("app", "g3"))?.accounts).toEqual(["ann"]);
    });

    test("a talk that is refused makes no account for its receiver, alone or among others", async () => {
      const store = await open();
      const resultsOf = async (...changes: Parameters<typeof talk>[0][]): Promise<string[]> =>
        (await store.append(changes.map(talk))).map(({ result }) => result);
      expect(await resultsOf({ dest: "bob", clientId: "k" })).toEqual(["stored"]);
      const accounts = await place.rows("account");
      const refused = [
        [{ dest: "x1", mentions: ["eve"] }, "mentionOfStranger"],
        [{ dest: "x2", mentions: ["x2", "eve"] }, "mentionOfStranger"],
        [{ dest: "x3", mentions: ["*"] }, "mentionOfAll"],
        [{ dest: "x4", replyTo: 5n }, "replyElsewhere"],
        [{ dest: "x5", clientId: "k" }, "conflict"],
        [{ dest: "x6", clientId: "k", mentions: ["eve"] }, "conflict"],
        [{ dest: "x7", toKnown: true, clientId: "k" }, "unknown"],
        [{ dest: "none", toGroup: true, mentions: ["eve"], clientId: "m" }, "notFound"],
      ] as const;
      for (const [given, result] of refused) expect(await resultsOf(given)).toEqual([result]);
      const all = refused.map(([given]) => given);
      expect(await resultsOf(...all)).toEqual(refused.map(([, result]) => result));
      expect(await place.rows("account")).toBe(accounts);
      // Of one clientId the first talk that may be stored is: it makes its receiver, and the others make none.
      const mixed = await resultsOf(
        { dest: "y1", clientId: "n", mentions: ["eve"] },
        { dest: "y2", clientId: "n", toKnown: true },
        { dest: "y3", clientId: "n", mentions: ["y3", "ann"] },
        { dest: "y4", clientId: "n" },
        { dest: "y5", clientId: "n", mentions: ["y5"] },
        ...all,
        { dest: "y6" },
        { dest: "y6" },
        { dest: "ann", sender: "y7" },
      );
      expect(mixed.slice(0, 5)).toEqual(["mentionOfStranger", "unknown", "stored", "conflict", "conflict"]);
      expect(mixed.slice(5)).toEqual([...refused.map(([, result]) => result), "stored", "stored", "stored"]);
      expect(await place.rows("account")).toBe(accounts + 3);
      expect(await resultsOf({ dest: "y4", clientId: "n" }, { dest: "y4", clientId: "o" })).toEqual([
        "conflict",
        "stored",
      ]);
    });

    test("a talk says whether its receiver had to be made, and is not stored if that may not be", async () => {
      const store = await open();
      const to = async (dest: string, toKnown: boolean, clientId = ""): Promise<boolean | string> => {
        const [outcome] = await store.append([talk({ dest, toKnown, clientId })]);
        return outcome?.result === "stored" ? outcome.madeAccount : (outcome?.result ?? "nothing");
      };
      expect(await to("bob", true)).toBe("unknown");
      expect(await to("bob", false, "key")).toBe(true);
      expect(await to("bob", false, "key")).toBe(false);
      expect(await to("bob", true)).toBe(false);
      expect(await to("bob", false)).toBe(false);
      expect(await to("ann", true)).toBe(false);
      const accounts = await place.rows("account");
      const outcomes = await store.append([
        talk({ dest: "x1", toKnown: true, body: "1" }),
        talk({ dest: "bob", toKnown: true, body: "2" }),
        talk({ dest: "x2", body: "3" }),
        talk({ dest: "x3", toKnown: true, clientId: "k" }),
        talk({ toGroup: true, dest: "none", toKnown: true }),
        talk({ dest: "bob", body: "4" }),
      ]);
      expect(outcomes.map((outcome) => (outcome.result === "stored" ? outcome.madeAccount : outcome.result))).toEqual([
        "unknown",
        false,
        true,
        "unknown",
        "notFound",
        false,
      ]);
      expect(await place.rows("account")).toBe(accounts + 1);
      const index = await store.index({
        app: "app",
        account: "bob",
        device: "",
        after: 1n,
        includeSent: false,
        limit: 9,
      });
      expect(index).toHaveLength(5);
    });

    test("a request that is refused, or removes who was never there, makes no account", async () => {
      const store = await open();
      await store.createGroup(draft({ closed: true }));
      const accounts = await place.rows("account");
      expect(await joined(store, change("new1", "g1"))).toBe("closed");
      expect(await joined(store, change("new2", "g1", "new3"))).toBe("forbidden");
      expect((await store.quit(change("new4", "g1", "ann"))).result).toBe("unchanged");
      expect((await store.quit(change("new5", "g1", "new6"))).result).toBe("forbidden");
      expect((await store.quit(change("new7", "g1"))).result).toBe("forbidden");
      expect((await store.join(change("new8", "no"))).result).toBe("notFound");
      expect(await place.rows("account")).toBe(accounts);
    });

    test("talks are committed between members of a large group, which nobody sees until it is complete", async () => {
      const store = await open();
      const members = names(5_000);
      let isCreated = false;
      const creating = store.createGroup(draft({ members })).then((made) => {
        isCreated = true;
        return made;
      });
      const seen = new Set<number | undefined>();
      const early: bigint[] = [];
      for (;;) {
        seen.add((await store.membership("app", "g1"))?.accounts.length);
        if (isCreated) break;
        const [outcome] = await store.append([talk({ toGroup: true, dest: "g1" })]);
        if (outcome?.result === "stored") break;
        expect(outcome).toEqual({ result: "notFound" });
        expect((await store.join(change("joe", "g1"))).result).not.toBe("forbidden");
        early.push(stored((await store.append([talk()]))[0]).messageId);
      }
      const made = await creating;
      if (made.result !== "created") throw new Error(made.result);
      expect(early.filter((id) => id < made.version).length).toBeGreaterThan(3);
      for (const count of seen) expect(count === undefined || count >= 5_001).toBe(true);
      const { accounts = [] } = (await store.membership("app", "g1")) ?? {};
      expect(accounts.filter((account) => account !== "joe")).toEqual(["ann", ...members]);
      const { messageId } = stored((await store.append([talk({ toGroup: true, dest: "g1" })]))[0]);
      for (const account of ["m0", "m4999"]) {
        const read = await contentsOf(store, "app", account, [messageId]);
        expect(read.map((content) => content.messageId)).toEqual([messageId]);
      }
    }, 60_000);

    test("a large group that was not completed is never seen, and is undone as if it had never begun", async () => {
      const store = await open({ groupsPutPerAccount: 1, groupsPerAccount: 1 });
      const creating = store.createGroup(draft({ members: names(1_500) })).then(
        () => undefined,
        (error: unknown) => error,
      );
      await until(async () => (await place.rows("member")) > 100, "the first members are in");
      await store.close();
      expect(await creating).toBeInstanceOf(StoreUnavailable);
      const left = await place.rows("member");
      expect(left).toBeLessThan(1_501);
      await place.giveUp();
      const again = await open({ groupsPutPerAccount: 1, groupsPerAccount: 1 });
      expect(await again.membership("app", "g1")).toBeUndefined();
      expect(await again.groupDetail("app", "g1", "ann")).toEqual({ result: "notFound" });
      const asked = { app: "app", account: "m0", limit: 10 };
      expect(await again.conversations({ ...asked, before: 0n, includeHidden: true })).toHaveLength(0);
      const inGroup = { ...asked, toGroup: true, dest: "g1" };
      expect(await again.history({ ...inGroup, from: { at: "newest" }, thread: 0n })).toBe("notFound");
      expect(await again.set({ ...inGroup, isMuted: true })).toEqual({ result: "notFound" });
      await until(
        async () => {
          await place.giveUp();
          return (await place.rows("member")) === 0;
        },
        "its members are taken back",
        60_000,
      );
      expect(await create(again, "g2", "ann", ["m0", "m99"])).toEqual([]);
      expect(await again.membership("app", "g1")).toBeUndefined();
    }, 90_000);

    test("kill -9 while groups are created: each is there with all its members, or not at all", async () => {
      const random = new Random(testSeed("killed creations"));
      const store = await open();
      const child = Bun.spawn([process.execPath, join(import.meta.dir, "group-child.ts"), place.address, "1000"], {
        stdout: "pipe",
        stderr: "inherit",
      });
      const enough = 2 + random.below(4);
      let text = "";
      let isKilled = false;
      for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        if (isKilled || text.split("\n").length <= enough) continue;
        // In the middle of the next one.
        const before = await place.rows("member");
        await until(async () => (await place.rows("member")) > before, "members of the next one are in");
        child.kill("SIGKILL");
        isKilled = true;
      }
      await child.exited;
      const told = text.split("\n").slice(0, -1);
      const members = names(1_000);
      let seen = 0;
      for (let i = 0; i < told.length + 3; i++) {
        const found = await store.membership("app", `g${i}`);
        if (found === undefined) continue;
        seen++;
        expect(found.accounts).toEqual([`owner${i}`, ...members]);
      }
      expect(seen).toBeGreaterThanOrEqual(told.length);
      expect(seen).toBeLessThanOrEqual(told.length + 2);
      stored((await store.append([talk()]))[0]);
      await store.close();
      await place.giveUp();
      const again = await open();
      await until(async () => (await place.rows("member")) === seen * 1_001, "the rest is taken back");
      stored((await again.append([talk()]))[0]);
    }, 60_000);

    test("counts follow a model through thousands of random changes", async () => {
      const random = new Random(testSeed("group counts"));
      const limits = { groupsPerAccount: 4, groupsPutPerAccount: 3, groupMembers: 6 };
      const stores = [await open(limits), await open(limits)] as const;
      const model = new GroupModel(limits);
      const people = names(9, "p");
      const groups: string[] = [];
      for (let step = 0; step < 1_500; step++) {
        const store = stores[random.below(2)] ?? stores[0];
        const [actor = "", account = ""] = [people[random.below(9)], people[random.below(9)]];
        const group = groups[random.below(groups.length)] ?? "none";
        const kind = random.below(8);
        if (kind === 0) {
          const id = `g${step}`;
          groups.push(id);
          const members = people.filter((person) => person !== actor && random.below(3) === 0).slice(0, 5);
          expect(`${step} ${String(await create(store, id, actor, members))}`).toBe(
            `${step} ${String(model.create(id, actor, members))}`,
          );
        } else if (kind < 5) {
          const of = change(account, group, random.below(2) === 0 ? account : actor);
          expect(`${step} ${await joined(store, of)}`).toBe(`${step} ${model.join(of)}`);
        } else {
          const of = change(account, group, random.below(2) === 0 ? account : (model.ownerOf(group) ?? actor));
          expect(`${step} ${(await store.quit(of)).result}`).toBe(`${step} ${model.quit(of)}`);
        }
      }
      const counted = new Set(model.groups.values().flatMap(({ members }) => members.keys()));
      expect(await place.rows("counts")).toBeGreaterThanOrEqual(counted.size);
    }, 60_000);
  });
}
