// What a store keeps for webhooks, as tests for every engine: an engine's own test file gives a factory.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { Batch, EndpointSettings, HookQuery, HookRecord } from "../../src/store/hooks.ts";
import { endpointsMax } from "../../src/base/limits/fixed.ts";
import type { Store } from "../../src/store/store.ts";
import { deletedAccount } from "../support/deleted-account.ts";
import type { StorePlace } from "./opened-store.ts";
import { draft, ofTest, stored, talk } from "./samples.ts";

const settings = (change: Partial<EndpointSettings> = {}): EndpointSettings => ({
  app: ofTest.app,
  name: "crm",
  url: "https://crm.example/hook",
  secret: "whsec_c2VjcmV0",
  events: ["message.stored", "before.send"],
  isFailOpen: true,
  ...change,
});
const nobody = { holder: "", beat: 0n };
const dataOf = ({ data }: HookRecord): Record<string, unknown> => JSON.parse(data);

export function hookSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${name}, webhooks`, () => {
    let place: StorePlace;
    let store: Store;
    let others: Store[];
    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
      others = [];
    });
    afterEach(async () => {
      for (const each of [store, ...others]) await each.close();
      await place.remove();
    });

    const hooks = () => store.backEnd.hooks;
    const only = async () => {
      const [endpoint] = await hooks().endpoints();
      if (endpoint === undefined) throw new Error("there is an endpoint");
      return endpoint;
    };
    const batchOf = (endpoint: bigint, change: Partial<Batch> = {}): Batch => ({
      webhookId: "msg_1",
      endpoint,
      lane: "log",
      state: "open",
      refs: ["1", "2/bob"],
      conversation: ",1",
      upTo: 7n,
      attempts: 3,
      dueMs: 1_700_000_000_000,
      reason: "it answered 500: \0 é",
      ...change,
    });
    const query = (after: bigint, change: Partial<HookQuery> = {}): HookQuery => ({
      after,
      limit: 100,
      apps: [ofTest.app],
      hasMessages: true,
      hasEntries: true,
      ...change,
    });

    test("an endpoint is told what is stored after it was set, whatever else is changed of it", async () => {
      const before = stored((await store.append([talk()]))[0]).messageId;
      expect(await hooks().set(settings())).toEqual({ result: "created" });
      const made = await only();
      expect(made).toEqual({
        ...settings(),
        events: ["message.stored", "before.send"],
        id: made.id,
        version: made.id,
        positions: { log: made.id, undelivered: made.id },
        lost: 0,
      });
      expect(made.id).toBeGreaterThan(before);
      expect(await hooks().set(settings({ url: "http://other/", isFailOpen: false }))).toEqual({ result: "changed" });
      const changed = await only();
      expect([changed.id, changed.positions.log, changed.url]).toEqual([made.id, made.id, "http://other/"]);
      expect(changed.version).toBeGreaterThan(made.version);
      const other = await place.open();
      others.push(other);
      expect(await other.backEnd.hooks.endpoints()).toEqual([changed]);
      expect(await place.check?.()).toEqual([]);
    });

    test("a look tells when an endpoint was set, changed or removed", async () => {
      const versions = [(await hooks().look()).version];
      const isUsed = async (): Promise<boolean> => {
        const look = await hooks().look();
        expect(versions).not.toContain(look.version);
        versions.push(look.version);
        return look.isUsed;
      };
      expect((await hooks().look()).isUsed).toBe(false);
      await hooks().set(settings());
      expect(await isUsed()).toBe(true);
      await hooks().set(settings({ events: [] }));
      expect(await isUsed()).toBe(true);
      await hooks().set(settings({ name: "second" }));
      expect(await isUsed()).toBe(true);
      expect(await hooks().remove(ofTest.app, "crm")).toBe(true);
      expect(await isUsed()).toBe(true);
      expect(await hooks().remove(ofTest.app, "crm")).toBe(false);
      expect((await hooks().endpoints()).map((endpoint) => endpoint.name)).toEqual(["second"]);
    });

    test(`a store has at most ${endpointsMax} endpoints`, async () => {
      for (let at = 0; at < endpointsMax; at++) await hooks().set(settings({ name: `n${at}` }));
      expect(await hooks().set(settings())).toEqual({ result: "full" });
      expect(await hooks().set(settings({ name: "n3", url: "http://c/" }))).toEqual({ result: "changed" });
    });

    test("one process has the lease, and only it can save", async () => {
      await hooks().set(settings());
      const { id } = await only();
      const first = await hooks().lease("one", nobody);
      expect(first).toEqual({ holder: "one", beat: 1n });
      expect(await hooks().lease("two", nobody)).toEqual(first);
      expect((await hooks().look()).lease).toEqual(first);
      const moved = { change: "move", endpoint: id, lane: "log", position: id + 5n } as const;
      expect(await hooks().save("two", [moved])).toBe(false);
      expect((await only()).positions.log).toBe(id);
      expect(await hooks().save("one", [moved])).toBe(true);
      expect((await only()).positions).toEqual({ log: id + 5n, undelivered: id });
      const second = await hooks().lease("two", first);
      expect(second.holder).toBe("two");
      expect(await hooks().save("one", [{ ...moved, position: id + 9n }])).toBe(false);
      expect((await only()).positions.log).toBe(id + 5n);
    });

    test("batches are put, replaced and dropped; a position never goes back", async () => {
      await hooks().set(settings());
      const { id } = await only();
      await hooks().lease("one", nobody);
      const [open, aside] = [batchOf(id), batchOf(id, { webhookId: "msg_2", state: "aside", refs: ["9"] })];
      const put = (batch: Batch) => ({ change: "put", batch }) as const;
      await hooks().save("one", [put(open), put(aside), { change: "lose", endpoint: id, events: 3 }]);
      expect(await hooks().waiting(id)).toEqual([open, aside]);
      const next = { ...open, attempts: 4, reason: "" };
      await hooks().save("one", [
        put(next),
        { change: "drop", endpoint: id, webhookId: "msg_2" },
        { change: "move", endpoint: id, lane: "undelivered", position: id + 4n },
        { change: "move", endpoint: id, lane: "undelivered", position: id + 2n },
      ]);
      expect(await hooks().waiting(id)).toEqual([next]);
      const { positions, lost } = await only();
      expect([positions.undelivered, lost]).toEqual([id + 4n, 3]);
      await hooks().remove(ofTest.app, "crm");
      await hooks().save("one", [put(next)]);
      expect(await hooks().waiting(id)).toEqual([]);
      expect(await place.check?.()).toEqual([]);
    });

    test("dead batches are listed and replayed, one or all", async () => {
      await hooks().set(settings());
      const { id, version } = await only();
      await hooks().lease("one", nobody);
      const dead = ["a", "b", "c"].map((webhookId) => batchOf(id, { webhookId, state: "dead" }));
      await hooks().save(
        "one",
        dead.map((batch) => ({ change: "put", batch }) as const),
      );
      expect(await hooks().waiting(id)).toEqual([]);
      const letters = await hooks().dead(ofTest.app, "crm", 2);
      expect(letters).toEqual([
        { webhookId: "a", events: 2, attempts: 3, reason: "it answered 500: \0 é" },
        { webhookId: "b", events: 2, attempts: 3, reason: "it answered 500: \0 é" },
      ]);
      expect(await hooks().replay(ofTest.app, "crm", "b")).toBe(1);
      expect(await hooks().waiting(id)).toEqual([
        batchOf(id, { webhookId: "b", state: "aside", conversation: "", attempts: 0, dueMs: 0 }),
      ]);
      expect((await only()).version).toBeGreaterThan(version);
      expect(await hooks().replay(ofTest.app, "crm")).toBe(2);
      expect(await hooks().replay(ofTest.app, "crm")).toBe(0);
      expect(await hooks().replay(ofTest.app, "other")).toBe(0);
    });

    test("no batch names an account whose data were deleted, and who delivers goes on", async () => {
      await store.createGroup(draft({ members: ["bob", "cid", "ann/bob"] }));
      const spoken = [talk({ dest: "bob" }), talk({ sender: "cid", toGroup: true, dest: "g1" })];
      const [toBob, toAll] = (await store.append(spoken)).map((outcome) => stored(outcome).messageId);
      await hooks().set(settings());
      const { id } = await only();
      const lease = await hooks().lease("one", nobody);
      const put = (webhookId: string, change: Partial<Batch>) =>
        ({ change: "put", batch: batchOf(id, { webhookId, reason: "", ...change }) }) as const;
      const kept = [`${toAll}/ann`, `${toAll}/ann/bob`];
      const all = [`${toBob}/bob`, `${toAll}/bob`, ...kept];
      const undelivered = { lane: "undelivered", refs: all } as const;
      const waiting = [
        put("direct", {
          state: "aside",
          refs: ["1"],
          conversation: "ann,bob",
          reason: "it answered 400: bob is unknown",
        }),
        put("others", { state: "aside", refs: ["2"], conversation: "ann,cid" }),
        put("undelivered", { ...undelivered, state: "aside", conversation: "" }),
        put("only", { lane: "undelivered", refs: all.slice(0, 2), state: "open", conversation: "" }),
      ];
      const dead = Array.from({ length: 300 }, (_, at) => put(`dead${at}`, { ...undelivered, state: "dead" }));
      await hooks().save("one", [...waiting, ...dead, put("dead direct", { state: "dead", conversation: "bob,cid" })]);
      await deletedAccount(store.backEnd.data, ofTest.app, "bob");
      const [first] = await hooks().waiting(id);
      expect(first?.reason).toBe("it answered 400: … is unknown");
      // A process that delivers has them in memory, and saves them again.
      // Nor does it name somebody else who has the name since.
      await store.append([talk({ dest: "bob" })]);
      const [direct, ...rest] = waiting;
      const again = [{ ...direct!, batch: { ...direct!.batch, reason: "", conversation: "" } }, ...rest];
      expect(await hooks().save("one", [...again, put("new", { ...undelivered, refs: all.slice(0, 2) })])).toBe(true);
      expect((await hooks().look()).lease).toEqual(lease);
      await hooks().replay(ofTest.app, "crm");
      const left = await hooks().waiting(id);
      expect(
        left.slice(0, 3).map(({ webhookId, refs, conversation, reason }) => [webhookId, refs, conversation, reason]),
      ).toEqual([
        ["direct", ["1"], "", ""],
        ["others", ["2"], "ann,cid", ""],
        ["undelivered", kept, "", ""],
      ]);
      expect(left.length).toBe(3 + 301);
      expect(left.slice(3, -1).every(({ refs }) => refs.join(",") === kept.join(","))).toBe(true);
      expect(await place.check?.()).toEqual([]);
    });

    test("a batch that is saved again names no deleted account that has talked with one called g", async () => {
      await store.append([talk({ sender: "g", dest: "zoe" })]);
      await hooks().set(settings());
      const { id } = await only();
      const [record] = (await hooks().page(query(0n))).records;
      await hooks().lease("one", nobody);
      await deletedAccount(store.backEnd.data, ofTest.app, "zoe");
      const batch = batchOf(id, { state: "aside", refs: ["1"], conversation: record?.conversation ?? "" });
      await hooks().save("one", [{ change: "put", batch }]);
      expect((await hooks().waiting(id)).map(({ conversation }) => conversation)).toEqual([""]);
    });

    test("the log is read in order, messages and changes, of the apps that are asked for, page by page", async () => {
      const made = await store.createGroup(draft({ members: ["bob"] }));
      if (made.result !== "created") throw new Error("the group is created");
      const first = stored((await store.append([talk({ body: "one" })]))[0]).messageId;
      await store.append([talk({ app: ofTest.otherApp })]);
      const second = stored((await store.append([talk({ toGroup: true, dest: "g1", mentions: ["bob"] })]))[0]);
      const change = { app: ofTest.app, actor: "ann", messageId: first };
      await store.change({ ...change, kind: "edit", body: "two", extra: "x", clientId: "", windowMs: 60_000 });
      await store.change({ ...change, kind: "react", reaction: "like", isOff: false });
      await store.change({ ...change, kind: "recall", messageId: second.messageId, windowMs: 60_000 });

      const page = await hooks().page(query(made.version - 1n));
      expect(page.records.map(({ event }) => event)).toEqual([
        "group.changed",
        "message.stored",
        "message.stored",
        "message.edited",
        "message.recalled",
      ]);
      expect([page.isMore, page.upTo >= (page.records.at(-1)?.id ?? 0n)]).toEqual([false, true]);
      const [group, one, two, edited, recalled] = page.records.map(dataOf);
      expect(group).toMatchObject({ group: "g1", change: "created", by: "ann", accounts: ["ann", "bob"], count: 2 });
      // As it is now.
      expect(one).toMatchObject({
        messageId: `${first}`,
        from: "ann",
        to: "bob",
        body: "two",
        extra: "x",
        edited: true,
      });
      expect(two).toMatchObject({ from: "ann", group: "g1", body: "", recalled: true });
      expect(edited).toMatchObject({ messageId: `${first}`, by: "ann", body: "two" });
      expect(recalled).toMatchObject({ messageId: `${second.messageId}`, by: "ann", body: "", group: "g1" });
      expect(page.records[1]?.conversation).toBe(page.records[3]!.conversation);
      expect(await hooks().page(query(page.upTo))).toEqual({ records: [], upTo: page.upTo, isMore: false });

      const ids: bigint[] = [];
      for (let after = made.version - 1n, isMore = true; isMore;) {
        const next = await hooks().page(query(after, { limit: 1 }));
        ids.push(...next.records.map(({ id }) => id));
        expect(next.upTo).toBeGreaterThan(after);
        ({ upTo: after, isMore } = next);
      }
      expect(ids).toEqual(page.records.map(({ id }) => id));
      const messages = await hooks().page(query(made.version - 1n, { hasEntries: false }));
      expect(messages.records.map(({ event }) => event)).toEqual(["message.stored", "message.stored"]);
      expect(await hooks().records([second.messageId, 1n, first, page.records[3]!.id])).toEqual([
        page.records[2]!,
        page.records[1]!,
        page.records[3]!,
      ]);
    });

    test("receivers are those who may read a message, but for its sender, who muted it, and large groups", async () => {
      await store.createGroup(draft({ members: ["bob", "cid", "dot"] }));
      const direct = stored((await store.append([talk()]))[0]).messageId;
      const own = stored((await store.append([talk({ dest: "ann" })]))[0]).messageId;
      const toGroup = talk({ toGroup: true, dest: "g1", mentions: ["cid"] });
      const [group] = (await store.append([toGroup])).map(stored);
      await store.set({ app: ofTest.app, account: "dot", toGroup: true, dest: "g1", isMuted: true });
      await store.acknowledge(ofTest.app, "bob", "phone", direct);
      const found = await hooks().receivers([direct, own, group!.messageId], 1_000);
      const shown = found.map(({ messageId, account, isMentioned, hasAcknowledged }) => {
        return [messageId, account, isMentioned, hasAcknowledged];
      });
      expect(new Set(shown)).toEqual(
        new Set([
          [direct, "bob", false, true],
          [group!.messageId, "bob", false, false],
          [group!.messageId, "cid", true, false],
        ]),
      );
      expect((await hooks().receivers([group!.messageId], 3)).length).toBe(0);
    });
  });
}
