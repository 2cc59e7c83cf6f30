// What every store promises of the retention of an app: all reads and changes pass over what is behind its watermark.

import { fromBinary } from "@bufbuild/protobuf";
import { expect, test } from "bun:test";
import { idMax } from "../../src/store/snowflake.ts";
import { HistoryRespSchema } from "../../src/wire/gen/pkt_pb.ts";
import { changed, type ConversationAsks, named } from "./conversation-asks.ts";
import { ofTest } from "./samples.ts";

interface Ids {
  readonly direct: bigint;
  readonly group: bigint;
}

export function retentionTests(asks: ConversationAsks): void {
  const { send, react, newGroup, edit, recall, hide, page, list, messages } = asks;
  const data = () => asks.store.backEnd.data;
  const pin = (to: string, messageId: bigint, isOff = false) =>
    asks.store.groups.pin({ app: ofTest.app, actor: "ann", ...named(to), messageId, isOff });

  const both = async (body: string): Promise<Ids> => ({
    direct: await send("ann", "bob", { body, mentions: ["bob"] }),
    group: await send("ann", "@g1", { body, mentions: ["bob"] }),
  });
  /** Everything old is behind the watermark, but for an entry about a message that is. */
  const stage = async (): Promise<{ readonly old: Ids; readonly entry: bigint; readonly fresh: Ids }> => {
    await newGroup("g1", "ann", "bob");
    await send("@system", "ann");
    const old = await both("old");
    changed(await react("bob", old.direct));
    await pin("@g1", old.group);
    await data().retentions.set(ofTest.app, 30);
    const { entryId } = changed(await react("bob", old.group, "+")).entry;
    await asks.opened.place.moveWatermark?.(ofTest.app, entryId - 1n);
    return { old, entry: entryId, fresh: await both("new") };
  };
  const idsIn = (body: Uint8Array): bigint[] =>
    fromBinary(HistoryRespSchema, body).messages.map(({ messageId }) => messageId);

  test("everybody's reads pass over what is behind the watermark", async () => {
    const { old, entry, fresh } = await stage();
    const all = [old.direct, old.group, fresh.direct, fresh.group];
    const kept = [fresh.direct, fresh.group];
    for (const after of [1n, old.direct, old.group])
      expect(await asks.opened.idsOf("bob", { after, includeSent: true })).toEqual(kept);
    const { entries } = await asks.log("bob", { includeSent: true });
    expect(entries.map(({ messageId }) => messageId)).not.toContain(entry);
    expect(entries.filter(({ kind }) => kind === 0).map(({ messageId }) => messageId)).toEqual(kept);
    expect(await asks.opened.readable("bob", all)).toEqual(kept);
    for (const account of ["ann", "bob", "@system"]) {
      const shown = (await messages(account, all)).map(({ messageId }) => messageId);
      expect([account, shown]).toEqual([account, kept]);
    }
    for (const [to, id, gone] of [
      ["ann", fresh.direct, old.direct],
      ["@g1", fresh.group, old.group],
    ] as const) {
      expect(await page("bob", to)).toEqual([[id], false, false]);
      expect(await page("bob", to, { from: { at: "after", id: 1n } })).toEqual([[id], false, false]);
      expect(await page("bob", to, { from: { at: "around", id: gone } })).toEqual([[id], false, false]);
    }
    const { conversations } = await list("bob");
    expect(conversations.map(({ lastMessage }) => lastMessage?.messageId)).toEqual(kept.toReversed());
    for (const { unread, unreadMentions } of conversations) expect([unread, unreadMentions]).toEqual([1, 1]);
    const pinned = await asks.store.groups.pinned({ app: ofTest.app, account: "bob", ...named("@g1") });
    expect(typeof pinned === "string" ? pinned : idsIn(pinned)).toEqual([]);
    const readers = (messageId: bigint) =>
      asks.store.readers({ app: ofTest.app, account: "ann", messageId, after: "", limit: 10 });
    expect(await readers(old.group)).toEqual({ result: "notFound" });
    expect(await readers(fresh.group)).toMatchObject({ result: "found" });
    for (const account of [undefined, "bob"]) {
      expect(await asks.store.media.ofMessage(ofTest.app, account, old.direct)).toBeUndefined();
      expect(await asks.store.media.ofMessage(ofTest.app, account, fresh.direct)).toEqual([]);
    }
    for (const scope of [{}, { account: "bob" }, { account: "ann", peer: "bob" }, { group: "g1" }]) {
      const exported = await data().export({ app: ofTest.app, ...scope, cursor: `m0g${idMax}`, limit: 100 });
      if (exported.result !== "page") throw new Error(exported.result);
      const ids = exported.records.flatMap(({ message }) => BigInt(message?.messageId ?? "0") || []);
      expect([scope, ids.every((id) => kept.includes(id)), ids.length > 0]).toEqual([scope, true, true]);
    }
    expect((await asks.store.backEnd.hooks.records(all)).map(({ id }) => id)).toEqual(kept);
    const query = { limit: 100, apps: [ofTest.app], hasMessages: true, hasEntries: false };
    const told = await asks.store.backEnd.hooks.page({ ...query, after: old.direct - 1n });
    expect(told.records.map(({ id }) => id)).toEqual(kept);
  });

  test("endpoints are told of no change of a message that is behind the watermark", async () => {
    await newGroup("g1", "ann", "bob");
    const [old, direct, fresh] = [await send("ann", "@g1"), await send("ann", "bob"), await send("ann", "@g1")];
    const changes = [
      await pin("@g1", old),
      await recall("ann", old),
      await edit("ann", direct),
      await recall("ann", fresh),
      await edit("ann", await send("ann", "bob")),
    ].flatMap((outcome) => {
      if (outcome.result !== "stored") throw new Error(outcome.result);
      return "entry" in outcome ? outcome.entry.entryId : outcome.entries.map(({ entry }) => entry.entryId);
    });
    await data().retentions.set(ofTest.app, 30);
    await asks.opened.place.moveWatermark?.(ofTest.app, fresh - 1n);
    const kept = changes.slice(-2);
    expect((await asks.store.backEnd.hooks.records(changes)).map(({ id }) => id)).toEqual(kept);
    const query = { limit: 100, apps: [ofTest.app], hasMessages: false, hasEntries: true };
    const told = await asks.store.backEnd.hooks.page({ ...query, after: fresh });
    expect(told.records.map(({ id }) => id)).toEqual(kept);
  });

  test("a conversation that has only what is behind the watermark is as good as none", async () => {
    await send("ann", "bob");
    const last = await send("bob", "ann");
    await data().retentions.set(ofTest.app, 1);
    await asks.opened.place.moveWatermark?.(ofTest.app, last);
    expect((await list("bob")).conversations).toEqual([]);
    const query = { app: ofTest.app, account: "bob", ...named("ann"), limit: 5, thread: 0n } as const;
    expect(await asks.store.history({ ...query, from: { at: "newest" } })).toBe("notFound");
    expect(await asks.read("bob", "ann", last)).toBe("notFound");
  });

  test("what is behind the watermark is not changed, answered, read, pinned, hidden or named", async () => {
    const { old, fresh } = await stage();
    expect(await edit("ann", old.direct)).toEqual({ result: "notFound" });
    expect(await recall("ann", old.direct)).toEqual({ result: "notFound" });
    expect(await react("bob", old.direct)).toEqual({ result: "notFound" });
    expect((await pin("bob", old.direct)).result).toBe("notFound");
    expect((await pin("@g1", old.group, true)).result).toBe("notFound");
    expect((await hide("bob", old.direct)).result).toBe("unchanged");
    expect(await asks.read("bob", "@g1", old.group)).toBe("notFound");
    expect(await asks.opened.say2({ replyTo: old.direct })).toBe("replyElsewhere");
    expect(await asks.sent("ann", "bob", {})).toMatchObject({ result: "stored", previousId: fresh.direct });
    const lonely = await send("joe", "ann");
    await asks.opened.place.moveWatermark?.(ofTest.app, lonely);
    expect(await asks.sent("joe", "ann", {})).toMatchObject({ result: "stored", previousId: 0n });
  });

  test("other apps keep everything", async () => {
    const { old } = await stage();
    const other = { app: ofTest.otherApp, sender: "ann", dest: "bob" };
    const before = (await asks.opened.say(other)).messageId;
    await asks.opened.place.moveWatermark?.(ofTest.app, before);
    expect(await asks.opened.readable("bob", [old.direct, before], ofTest.otherApp)).toEqual([before]);
    expect(await asks.opened.idsOf("bob", { app: ofTest.otherApp, after: 1n })).toContain(before);
  });

  test("a retention is read as it was set", async () => {
    const { retentions } = data();
    expect(await retentions.of(ofTest.app)).toEqual({ days: 0, watermarkId: 0n });
    expect(await retentions.set(ofTest.app, 7)).toEqual({ days: 7, watermarkId: 0n });
    await asks.opened.place.moveWatermark?.(ofTest.app, 5n);
    expect(await retentions.set(ofTest.app, 0)).toEqual({ days: 0, watermarkId: 5n });
    expect(await retentions.of(ofTest.app)).toEqual({ days: 0, watermarkId: 5n });
    expect(await retentions.of(ofTest.otherApp)).toEqual({ days: 0, watermarkId: 0n });
  });

  test("an app that has a retention and nothing else takes an import, and keeps its retention", async () => {
    await data().retentions.set(ofTest.app, 9);
    const profile = { account: "ann", name: "Ann", avatar: "", extra: "" };
    const imported = { app: ofTest.app, name: "i", cursor: "", records: [{ profile }], isLast: true };
    expect(await data().import(imported)).toMatchObject({ result: "stored" });
    expect(await data().retentions.of(ofTest.app)).toEqual({ days: 9, watermarkId: 0n });
  });
}
