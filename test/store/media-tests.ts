// What every store promises of files that messages name (src/store/media.ts).

import { expect, test } from "bun:test";
import type { MediaItem, MediaUse } from "../../src/store/media.ts";
import { bound } from "../support/bounds.ts";
import { ConversationAsks } from "./conversation-asks.ts";
import type { OpenedStore } from "./opened-store.ts";
import { draft, ofTest, stored } from "./samples.ts";

let made = 0;
const itemOf = (name: string): MediaItem => {
  const id = `m${String(++made).padStart(21, "0")}`;
  return { id, name, type: "image/png", size: 5 };
};
const shown = (items: readonly MediaItem[]) => items.map((item) => ({ ...item, size: BigInt(item.size) }));

export function mediaTests(opened: OpenedStore): void {
  const asks = new ConversationAsks(opened);
  const { send, sent, recall } = asks;
  const media = () => opened.store.media;
  const promised = async (account = "ann", name = "photo.png"): Promise<MediaItem> => {
    const item = itemOf(name);
    expect(await media().promise({ app: ofTest.app, account, ...item })).toBe("stored");
    return item;
  };
  const uploaded = async (account = "ann", name = "photo.png"): Promise<MediaItem> => {
    const item = await promised(account, name);
    await media().complete(ofTest.app, account, [item.id]);
    return item;
  };
  const result = async (sender: string, to: string, items: readonly MediaItem[], clientId = ""): Promise<string> =>
    (await sent(sender, to, { media: items, clientId })).result;
  /** Of the test's files, those that are gone; other tests share the store. */
  const gone = async (...items: readonly MediaItem[]): Promise<MediaItem[]> => {
    const ids = new Set<string>();
    for (let after = 0n; ;) {
      const page = await media().gone(after, 2);
      for (const { id } of page) ids.add(id);
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.number;
    }
    return items.filter(({ id }) => ids.has(id));
  };

  test("a message names its sender's complete files, in their order, and who reads it is shown them", async () => {
    const [one, two] = [await uploaded("ann", "a ☃.png"), await uploaded("ann", "b\u0000.png")];
    const id = await send("ann", "bob", { media: [two, one] });
    expect(await media().ofMessage(ofTest.app, "bob", id)).toEqual([two, one]);
    expect(await media().ofMessage(ofTest.app, "ann", id)).toEqual([two, one]);
    expect(await media().ofMessage(ofTest.app, undefined, id)).toEqual([two, one]);
    const page = await asks.history("bob", "ann");
    expect(page.messages[0]).toMatchObject({ messageId: id, media: shown([two, one]) });
    const query = { app: ofTest.app, account: "bob", device: "", includeSent: true, includeEvents: true, limit: 9 };
    const [entry] = (await opened.store.entries({ ...query, after: id - 1n })).entries;
    expect(entry).toMatchObject({ messageId: id, media: [two, one] });
    const listed = await asks.list("bob");
    expect(listed.conversations[0]?.lastMessage).toMatchObject({ messageId: id, media: shown([two, one]) });
    // A message without files has none.
    const plain = await send("ann", "bob");
    expect(await media().ofMessage(ofTest.app, "bob", plain)).toEqual([]);
    expect((await asks.history("bob", "ann")).messages.at(-1)).toMatchObject({ messageId: plain, media: [] });
  });

  test("who may not read a message is shown no files of it", async () => {
    const item = await uploaded();
    const id = await send("ann", "bob", { media: [item] });
    for (const [app, account] of [
      [ofTest.app, "eve"],
      [ofTest.app, "nobody"],
      [ofTest.otherApp, "bob"],
      [ofTest.otherApp, undefined],
    ] as const)
      expect(await media().ofMessage(app, account, id)).toBeUndefined();
    for (const none of [0n, -1n, id + 1n, 2n ** 63n - 1n])
      expect(await media().ofMessage(ofTest.app, "bob", none)).toBeUndefined();
    await opened.store.createGroup(draft({ id: "media", owner: "ann", members: ["bob"] }));
    const later = await send("ann", "@media", { media: [item] });
    expect(await media().ofMessage(ofTest.app, "bob", later)).toEqual([item]);
    expect(await media().ofMessage(ofTest.app, "eve", later)).toBeUndefined();
    await opened.store.hide({ app: ofTest.app, account: "bob", messageIds: [later] });
    expect(await media().ofMessage(ofTest.app, "bob", later)).toBeUndefined();
  });

  test("a talk with a file that is incomplete, another's or unknown is refused, and stores nothing", async () => {
    const [mine, waiting] = [await uploaded(), await promised()];
    expect(await result("ann", "bob", [mine, waiting])).toBe("mediaUnusable");
    expect(await result("eve", "bob", [mine])).toBe("mediaUnusable");
    expect(await result("ann", "bob", [mine, itemOf("none")])).toBe("mediaUnusable");
    const other = stored(await asks.sent("ann", "zed", { app: ofTest.otherApp }));
    expect(other.messageId).toBeGreaterThan(0n);
    const elsewhere = await sent("ann", "zed", { app: ofTest.otherApp, media: [mine] });
    expect(elsewhere.result).toBe("mediaUnusable");
    expect((await asks.history("ann", "zed").catch(() => undefined))?.messages ?? []).toEqual([]);
    expect(await media().own(ofTest.app, "ann", [waiting.id, mine.id])).toEqual([
      { ...waiting, isComplete: false },
      { ...mine, isComplete: true },
    ]);
    expect(await media().own(ofTest.app, "eve", [mine.id])).toEqual([]);
    expect(await media().own(ofTest.otherApp, "ann", [mine.id])).toEqual([]);
    // Nobody completes another's.
    await media().complete(ofTest.app, "eve", [waiting.id]);
    expect(await result("ann", "bob", [waiting])).toBe("mediaUnusable");
  });

  test("a file goes with the last message that names it", async () => {
    const [item, other] = [await uploaded(), await uploaded()];
    const first = await send("ann", "bob", { media: [item, other] });
    const second = await send("ann", "eve", { media: [item] });
    expect((await recall("ann", first)).result).toBe("stored");
    expect(await gone(item, other)).toEqual([other]);
    expect(await media().ofMessage(ofTest.app, "bob", first)).toEqual([]);
    expect(await media().ofMessage(ofTest.app, "eve", second)).toEqual([item]);
    expect((await asks.history("bob", "ann")).messages.at(-1)).toMatchObject({ recalled: true, media: [] });
    expect(await result("ann", "bob", [other])).toBe("mediaUnusable");
    expect(await media().own(ofTest.app, "ann", [other.id])).toEqual([]);
    expect((await recall("ann", second)).result).toBe("stored");
    expect(await gone(item, other)).toEqual([item, other]);
    await media().forget([item.id]);
    expect(await gone(item, other)).toEqual([other]);
  });

  test("forgets no file that is not gone", async () => {
    const item = await uploaded();
    await media().forget([item.id, "unknown"]);
    const id = await send("ann", "bob", { media: [item] });
    await media().forget([item.id]);
    expect(await media().ofMessage(ofTest.app, "bob", id)).toEqual([item]);
  });

  test("a repeated talk is answered before its files are asked, and names none again", async () => {
    const item = await uploaded();
    const first = stored(await sent("ann", "bob", { media: [item], clientId: "k" }));
    expect(await sent("ann", "bob", { media: [item], clientId: "k" })).toMatchObject({
      messageId: first.messageId,
      repeated: true,
    });
    expect((await sent("ann", "bob", { body: "other", clientId: "k" })).result).toBe("conflict");
    await recall("ann", first.messageId);
    expect(await gone(item)).toEqual([item]);
    expect(await sent("ann", "bob", { media: [item], clientId: "k" })).toMatchObject({
      messageId: first.messageId,
      repeated: true,
    });
  });

  test("two talks of one batch name one file, and a refused one beside them takes it from nobody", async () => {
    const item = await uploaded();
    const talks = [
      { sender: "ann", dest: "bob", media: [item] },
      { sender: "eve", dest: "bob", media: [item] },
      { sender: "ann", dest: "eve", media: [item] },
    ].map((change) => asks.sent(change.sender, change.dest, { media: change.media }));
    const outcomes = await Promise.all(talks);
    expect(outcomes.map((each) => each.result)).toEqual(["stored", "mediaUnusable", "stored"]);
    for (const each of outcomes) if (each.result === "stored") await recall("ann", each.messageId);
    expect(await gone(item)).toEqual([item]);
  });

  test("an edit keeps the files of a message", async () => {
    const item = await uploaded();
    const id = await send("ann", "bob", { media: [item] });
    expect((await asks.edit("ann", id)).result).toBe("stored");
    expect(await media().ofMessage(ofTest.app, "bob", id)).toEqual([item]);
  });

  bound("mediaUnnamed", {
    at: async () => {
      await using store = await reopened(opened, { mediaUnnamed: 2 });
      const items = [itemOf("1"), itemOf("2"), itemOf("3")] as const;
      const promise = (item: MediaItem) => store.media.promise({ app: ofTest.app, account: "ann", ...item });
      expect([await promise(items[0]), await promise(items[1])]).toEqual(["stored", "stored"]);
      await store.media.complete(ofTest.app, "ann", [items[0].id]);
      await send("ann", "bob", { media: [items[0]] });
      expect(await promise(items[2])).toBe("stored");
    },
    above: async () => {
      await using store = await reopened(opened, { mediaUnnamed: 2 });
      const promise = (account: string) => store.media.promise({ app: ofTest.app, account, ...itemOf("x") });
      expect([await promise("ann"), await promise("ann")]).toEqual(["stored", "stored"]);
      expect(await promise("ann")).toBe("full");
      expect(await promise("bob")).toBe("stored");
    },
  });

  bound("mediaUnnamedBytes", {
    at: async () => {
      await using store = await reopened(opened, { mediaUnnamedBytes: 10 });
      const items = [itemOf("1"), itemOf("2"), itemOf("3")] as const;
      const promise = (item: MediaItem) => store.media.promise({ app: ofTest.app, account: "ann", ...item });
      expect([await promise(items[0]), await promise(items[1])]).toEqual(["stored", "stored"]);
      await store.media.complete(ofTest.app, "ann", [items[0].id]);
      await send("ann", "bob", { media: [items[0]] });
      expect(await promise(items[2])).toBe("stored");
    },
    above: async () => {
      await using store = await reopened(opened, { mediaUnnamedBytes: 9 });
      const promise = (account: string, size: number) =>
        store.media.promise({ app: ofTest.app, account, ...itemOf("x"), size });
      expect([await promise("ann", 5), await promise("ann", 5)]).toEqual(["stored", "fullOfBytes"]);
      expect([await promise("ann", 4), await promise("bob", 9)]).toEqual(["stored", "stored"]);
    },
  });

  const promisedWithin = async (bytesMax: number): Promise<string[]> => {
    const promise = (quota: MediaUse, account = "ann") =>
      media().promise({ app: ofTest.app, account, ...itemOf("x"), quota: { bytesMax, ...quota } });
    const atFirst = await media().useOf(ofTest.app, "ann");
    const results = [await promise(atFirst), await promise(atFirst, "bob")];
    const later = await media().useOf(ofTest.app, "ann");
    // As by nodes that have asked at different times.
    return [...results, await promise(later), ...(await Promise.all([promise(atFirst), promise(later)]))];
  };

  bound("mediaAccountBytes", {
    at: async () => expect(await promisedWithin(20)).toEqual(["stored", "stored", "stored", "stored", "stored"]),
    above: async () => expect(await promisedWithin(19)).toEqual(["stored", "stored", "stored", "stored", "fullOfAll"]),
  });

  test("a file counts, too, that is promised after the newest file of the store was removed", async () => {
    const newest = await uploaded();
    await recall("ann", await send("ann", "bob", { media: [newest] }));
    const quota = { bytesMax: 9, ...(await media().useOf(ofTest.app, "ann")) };
    await media().forget([newest.id]);
    const promise = () => media().promise({ app: ofTest.app, account: "ann", ...itemOf("x"), quota });
    expect([await promise(), await promise()]).toEqual(["stored", "fullOfAll"]);
  });

  test("the bytes of an account are those of its files that are not gone", async () => {
    const bytesOf = async (account: string, app: string = ofTest.app) => (await media().useOf(app, account)).bytes;
    expect([await bytesOf("ann"), await bytesOf("nobody")]).toEqual([0, 0]);
    const [one, two] = [await uploaded(), await promised()];
    const [first, second] = [await send("ann", "bob", { media: [one] }), await send("ann", "eve", { media: [one] })];
    expect([await bytesOf("ann"), await bytesOf("bob"), await bytesOf("ann", ofTest.otherApp)]).toEqual([10, 0, 0]);
    await recall("ann", first);
    expect(await bytesOf("ann")).toBe(10);
    await recall("ann", second);
    expect(await bytesOf("ann")).toBe(5);
    expect(await media().own(ofTest.app, "ann", [two.id])).toHaveLength(1);
  });
}

/** A second opening of the store with other limits. */
async function reopened(opened: OpenedStore, limits: Parameters<typeof opened.place.open>[0]) {
  const store = await opened.place.open(limits);
  return { media: store.media, [Symbol.asyncDispose]: () => store.close() };
}
