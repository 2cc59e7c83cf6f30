// What every store promises of the log as clients with the feature `conversations` read it.

import { expect, test } from "bun:test";
import { missedEntriesMax } from "../../src/base/limits/fixed.ts";
import { type Entry, entryKind } from "../../src/store/conversations.ts";
import type { LogEntry, LogPage } from "../../src/store/store.ts";
import { changed, type ConversationAsks } from "./conversation-asks.ts";
import { ofTest, stored, talk } from "./samples.ts";

/** The entries of a page without the changes of groups, which have tests of their own (group-changes-tests.ts). */
const aboutMessages = ({ entries }: LogPage): LogEntry[] => entries.filter(({ kind }) => kind < entryKind.groupCreated);
const idsIn = (page: LogPage): bigint[] => aboutMessages(page).map(({ messageId }) => messageId);

export function logTests(asks: ConversationAsks): void {
  const { send, edit, recall, react, log, newGroup, quit, join } = asks;

  test("messages and the other entries are one log, in the order of ids", async () => {
    const one = await send("ann", "bob");
    const edited = changed(await edit("ann", one)).entry;
    const two = await send("ann", "bob", { replyTo: one, mentions: ["bob"] });
    const reacted = changed(await react("ann", two, "a")).entry;
    const off = changed(await react("ann", two, "a", true)).entry;
    const recalled = changed(await recall("ann", one)).entry;
    const plain = { direction: 0, otherAccount: "ann", group: "", mentions: [], replyTo: 0n } as const;
    const message = { ...plain, kind: entryKind.message, refersTo: 0n, reaction: "", isOff: false };
    const change = ({ entryId, kind, refersTo, time, reaction, isOff }: Entry): LogEntry => ({
      ...plain,
      messageId: entryId,
      kind,
      refersTo,
      sendTime: time,
      reaction,
      isOff,
    });
    const page = await log("bob");
    expect(page).toMatchObject({ lastId: recalled.entryId, isReset: false });
    const times = page.entries.map(({ sendTime }) => sendTime);
    expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(page.entries).toEqual([
      { ...message, messageId: one, sendTime: times[0] ?? 0n },
      change(edited),
      { ...message, messageId: two, replyTo: one, sendTime: times[2] ?? 0n, mentions: ["bob"] },
      change(reacted),
      change(off),
      change(recalled),
    ]);
    expect((await log("bob", { includeEvents: false })).entries.map(({ messageId }) => messageId)).toEqual([one, two]);
    expect(await asks.opened.idsOf("bob")).toEqual([one, two]);
    expect((await log("bob", { app: ofTest.otherApp })).entries).toEqual([]);
    expect((await log("joe")).entries).toEqual([]);
  });

  test("one's own entries are there for another device that asks for what was sent", async () => {
    await newGroup("g1", "ann", "bob");
    const direct = await send("ann", "bob");
    const inGroup = await send("ann", "@g1");
    const mine = changed(await edit("ann", direct)).entry.entryId;
    const ofGroup = changed(await edit("ann", inGroup)).entry.entryId;
    const theirs = changed(await react("bob", direct)).entry.entryId;
    const toSelf = await send("ann", "ann");
    const own = changed(await edit("ann", toSelf)).entry.entryId;
    const idsOf = async (account: string, includeSent: boolean): Promise<bigint[]> =>
      idsIn(await log(account, { includeSent }));
    expect(await idsOf("ann", false)).toEqual([theirs, toSelf, own]);
    expect(await idsOf("ann", true)).toEqual([direct, inGroup, mine, ofGroup, theirs, toSelf, own]);
    expect(await idsOf("bob", false)).toEqual([direct, inGroup, mine, ofGroup]);
    const all = aboutMessages(await log("ann", { includeSent: true }));
    expect(all[2]).toMatchObject({ direction: 1, otherAccount: "bob" });
    expect(all[3]).toMatchObject({ direction: 1, otherAccount: "ann", group: "g1" });
  });

  test("of a group a member sees the entries of its windows", async () => {
    await newGroup("g1", "ann", "bob");
    const id = await send("ann", "@g1");
    const first = changed(await react("ann", id, "a")).entry.entryId;
    await quit("bob", "g1");
    changed(await react("ann", id, "b"));
    await join("bob", "g1");
    const third = changed(await react("ann", id, "c")).entry.entryId;
    expect(idsIn(await log("bob"))).toEqual([id, first, third]);
  });

  test("pages go on from a cursor and never skip", async () => {
    await newGroup("g1", "ann", "bob");
    const expected: bigint[] = [];
    for (let i = 0; i < 30; i++) {
      const id = await send("ann", i % 2 === 0 ? "bob" : "@g1");
      expected.push(id, changed(await edit("ann", id)).entry.entryId);
    }
    const seen: bigint[] = [];
    for (let after = 1n; ;) {
      const page = await log("bob", { after, limit: 7 });
      seen.push(...idsIn(page));
      const last = page.entries.at(-1);
      if (last === undefined) break;
      after = last.messageId;
    }
    expect(seen).toEqual(expected);
  });

  test("without a cursor it begins above the ack of the device, else at the last id", async () => {
    const [one, two] = [await send("ann", "bob"), await send("ann", "bob")] as const;
    expect(await log("bob", { after: 0n })).toEqual({ entries: [], lastId: two, isReset: false });
    expect(await asks.store.acknowledge(ofTest.app, "bob", "phone", one)).toBe("done");
    expect((await log("bob", { after: 0n, device: "phone" })).entries).toMatchObject([{ messageId: two }]);
    expect((await log("bob", { after: 0n, device: "other" })).entries).toEqual([]);
    expect(await log("nobody", { after: 0n })).toEqual({ entries: [], lastId: two, isReset: false });
    expect(await log("bob", { after: two })).toEqual({ entries: [], lastId: two, isReset: false });
  });

  test("a cursor above the last id resets: it is from before a backup was restored", async () => {
    const id = await send("ann", "bob");
    for (const account of ["bob", "nobody"]) {
      expect(await log(account, { after: id + 1n })).toEqual({ entries: [], lastId: id, isReset: true });
    }
  });

  test("who has changed too much itself lists anew, too, also without asking for its own entries", async () => {
    await newGroup("g1", "ann");
    const id = await send("ann", "@g1");
    const toggle = async (count: number): Promise<void> => {
      for (let left = count; left > 0; left -= 500)
        await Promise.all(Array.from({ length: Math.min(500, left) }, (_, at) => react("ann", id, "x", at % 2 === 1)));
    };
    await toggle(missedEntriesMax - 2);
    await join("bob", "g1");
    const { messageId } = (await log("ann", { after: id })).entries[0] ?? {};
    expect(await log("ann", { after: id })).toMatchObject({ entries: [{ otherAccount: "bob" }], isReset: false });
    expect(await log("ann", { after: messageId ?? 0n })).toMatchObject({ entries: [], isReset: false });
    await toggle(4);
    expect(await log("ann", { after: id })).toMatchObject({ entries: [], isReset: true });
  }, 60_000);

  test("who has missed too much lists anew", async () => {
    const fill = async (count: number): Promise<bigint[]> => {
      const ids: bigint[] = [];
      for (let left = count; left > 0; left -= 500) {
        const outcomes = await asks.store.append(Array.from({ length: Math.min(500, left) }, () => talk()));
        ids.push(...outcomes.map((outcome) => stored(outcome).messageId));
      }
      return ids;
    };
    const ids = await fill(missedEntriesMax);
    const full = await log("bob");
    expect([full.isReset, full.entries.length]).toEqual([false, 2_000]);
    const last = changed(await edit("ann", ids.at(-1) ?? 0n)).entry.entryId;
    expect(await log("bob")).toEqual({ entries: [], lastId: last, isReset: true });
    expect((await log("bob", { includeEvents: false })).isReset).toBe(false);
    expect((await log("bob", { after: ids[0] ?? 0n })).isReset).toBe(false);
  }, 60_000);
}
