// What the system of an app may, on a store: what an owner may in each of its groups, to write to everybody, to read
// all of its app, and nothing of another app.

import { beforeEach, describe, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { systemAccount } from "../../src/auth/names.ts";
import { HistoryRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { openForAll, type StorePlace } from "./opened-store.ts";
import { draft, ofTest, talk } from "./samples.ts";

export function systemSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${name}, the system`, () => {
    const opened = openForAll(makePlace);
    const system = systemAccount;
    const groupsOf = () => opened.store.groups;
    const named = (group = "g1") => ({ app: ofTest.app, group, actor: system });
    const sayTo = async (dest: string, change: Parameters<typeof talk>[0] = {}): Promise<string> => {
      const [outcome] = await opened.store.append([talk({ sender: system, dest, ...change })]);
      return outcome?.result ?? "nothing";
    };
    const read = async (messageIds: readonly bigint[], app = ofTest.app) => {
      const found = await opened.store.messages(app, system, messageIds);
      return fromBinary(HistoryRespSchema, found).messages;
    };

    beforeEach(async () => {
      for (const app of [ofTest.app, ofTest.otherApp])
        await opened.store.people.setConsent({ app, account: system, write: "nobody", add: "nobody" });
      await opened.store.createGroup(draft({ members: ["bob", "carol"] }));
    });

    test("talks in every group of its app, whoever else may not, and mentions everybody", async () => {
      const groups = groupsOf();
      await groups.change({ kind: "update", ...named(), actor: "ann", isForAdmins: true });
      expect(await sayTo("g1", { toGroup: true })).toBe("stored");
      expect(await sayTo("g1", { toGroup: true, mentions: ["*"] })).toBe("stored");
      expect(await sayTo("g1", { toGroup: true, app: ofTest.otherApp })).toBe("notFound");
      const right = await opened.store.people.mayTalk({ ...named(), account: system, toGroup: true, dest: "g1" });
      expect(right.right).toBe("allowed");
    });

    test("writes to those who let nobody write, and adds those who let nobody add them", async () => {
      const { people } = opened.store;
      await people.setConsent({ app: ofTest.app, account: "shy", write: "nobody", add: "nobody" });
      expect(await opened.say2({ dest: "shy" })).toBe("unwilling");
      expect(await sayTo("shy")).toBe("stored");
      const { outcomes, unwilling } = await groupsOf().add({ ...named(), accounts: ["shy"] });
      expect(outcomes.map(({ result }) => result)).toEqual(["stored"]);
      expect(unwilling).toEqual([]);
    });

    test("nobody writes to it", async () => {
      expect(await opened.say2({ dest: system })).toBe("unwilling");
    });

    test("changes, hands over and ends groups; the owner stays one until another is", async () => {
      const groups = groupsOf();
      const result = async (work: Promise<{ readonly result: string }>): Promise<string> => (await work).result;
      expect(await result(groups.change({ kind: "update", ...named(), name: "new" }))).toBe("stored");
      expect(await result(groups.change({ kind: "role", ...named(), account: "ann", role: "member" }))).toBe(
        "forbidden",
      );
      expect(await result(groups.change({ kind: "mute", ...named(), account: "ann", until: 4_000_000_000n }))).toBe(
        "stored",
      );
      const removed = await groups.remove({ ...named(), accounts: ["ann"] });
      expect(removed.map((each) => each.result)).toEqual(["forbidden"]);
      expect(await result(groups.change({ kind: "transfer", ...named(), account: "bob" }))).toBe("stored");
      expect(await result(groups.change({ kind: "transfer", ...named(), account: "bob" }))).toBe("unchanged");
      const seen = await groups.members({ ...named(), asker: system, after: "", limit: 10, isAdminsOnly: false });
      expect(seen.result === "found" && seen.items.map(({ account, role }) => [account, role])).toEqual([
        ["ann", "admin"],
        ["bob", "owner"],
        ["carol", "member"],
      ]);
      const out = await groups.remove({ ...named(), accounts: ["ann", "carol"] });
      expect(out.map((each) => each.result)).toEqual(["stored"]);
      expect(await result(groups.change({ kind: "dismiss", ...named() }))).toBe("stored");
      expect(await result(groups.change({ kind: "dismiss", ...named() }))).toBe("unchanged");
    });

    test("is a member of none", async () => {
      const { store } = opened;
      const join = await store.join({ ...named(), account: system });
      expect(join.result).toBe("forbidden");
      expect((await store.quit({ ...named(), account: system })).result).toBe("forbidden");
    });

    test("reads a group from its first message on, and any message of its app by its id", async () => {
      const { messageId: inGroup } = await opened.say({ toGroup: true, dest: "g1", body: "in the group" });
      const { messageId: between } = await opened.say({ body: "between two" });
      const { messageId: foreign } = await opened.say({ body: "of another app", app: ofTest.otherApp });
      const page = { app: ofTest.app, account: system, toGroup: true, dest: "g1", limit: 10, thread: 0n };
      const history = await opened.store.history({ ...page, from: { at: "newest" } });
      if (history === "notFound") throw new Error("the group has a history");
      expect(fromBinary(HistoryRespSchema, history).messages.map(({ body }) => body)).toEqual(["in the group"]);
      expect(
        (await read([inGroup, between, foreign])).map(({ body, sender, account, group }) => ({
          body,
          sender,
          account,
          group,
        })),
      ).toEqual([
        { body: "in the group", sender: "ann", account: "", group: "g1" },
        { body: "between two", sender: "ann", account: "bob", group: "" },
      ]);
      expect((await read([inGroup, between, foreign], ofTest.otherApp)).map(({ body }) => body)).toEqual([
        "of another app",
      ]);
      const other = await opened.store.history({ ...page, app: ofTest.otherApp, from: { at: "newest" } });
      expect(other).toBe("notFound");
    });

    test("recalls what others have sent to a group of its app, at any time, and of no other app", async () => {
      const { messageId } = await opened.say({ toGroup: true, dest: "g1" });
      const recall = { kind: "recall", actor: system, messageId, windowMs: 1 } as const;
      expect((await opened.store.change({ ...recall, app: ofTest.otherApp })).result).toBe("notFound");
      expect((await opened.store.change({ ...recall, app: ofTest.app })).result).toBe("stored");
      const { messageId: own } = await opened.say({ toGroup: true, dest: "g1" });
      const edit = { kind: "edit", app: ofTest.app, actor: system, body: "x", extra: "", clientId: "" } as const;
      expect((await opened.store.change({ ...edit, messageId: own, windowMs: 10_000 })).result).toBe("forbidden");
    });
  });
}
