// What every store promises of direct messages, their index and their contents.

import { expect, test } from "bun:test";
import { messageLimits } from "../../src/base/limits/message-limits.ts";
import { contentsOf } from "../support/contents.ts";
import { draft, ofTest, stored, talk } from "./samples.ts";
import type { OpenedStore } from "./opened-store.ts";

/** The tests of messages between two accounts. */
export function messageTests(opened: OpenedStore): void {
  const { say, say2, indexOf, idsOf, readable } = opened;

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
    const contents = await contentsOf(opened.store, ofTest.app, "bob", [message.messageId]);
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
      opened.store.append([talk({ body: `a${i}` }), talk({ body: `b${i}` })]),
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

  test("in one batch each inbox has its own previousId, also beside a talk that was stored before", async () => {
    const [bob, cid] = (await opened.store.append([talk({ clientId: "1" }), talk({ dest: "cid" })])).map(stored);
    const last = new Map([
      ["bob", bob?.messageId],
      ["cid", cid?.messageId],
    ]);
    for (const isRepeated of [false, true]) {
      const fresh = ["cid", "bob", "dan", "cid", "dan", "bob", "bob"].map((dest) => talk({ dest }));
      const repeated = isRepeated ? [talk({ clientId: "1" })] : [];
      const outcomes = (await opened.store.append([...repeated, ...fresh])).map(stored);
      for (const [index, { messageId, previousId }] of outcomes.slice(repeated.length).entries()) {
        const dest = fresh[index]?.dest ?? "";
        expect(previousId).toBe(last.get(dest) ?? 0n);
        last.set(dest, messageId);
      }
      if (isRepeated) expect(outcomes[0]).toMatchObject({ messageId: bob?.messageId, previousId: 0n, repeated: true });
    }
  });

  test("messages survive closing and opening", async () => {
    const { messageId } = await say();
    await opened.store.close();
    opened.store = await opened.place.open();
    expect(await idsOf("bob")).toEqual([messageId]);
    const next = await say();
    expect(next.messageId).toBeGreaterThan(messageId);
    expect(next.previousId).toBe(messageId);
  });

  test("an index after a cursor holds only what is above it, the smallest ids first, up to the limit", async () => {
    const ids = (await opened.store.append(Array.from({ length: 60 }, () => talk()))).map((o) => stored(o).messageId);
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
    const [first, second] = await opened.store.append([keyed, keyed]);
    const original = stored(first);
    expect(original.repeated).toBe(false);
    expect(stored(second)).toEqual({ ...original, repeated: true, madeAccount: false });
    await say({ body: "between" });
    expect(await say({ clientId: "k" })).toEqual({ ...original, repeated: true, madeAccount: false });
    await opened.store.close();
    opened.store = await opened.place.open();
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
      await say({ clientId: "k", app: ofTest.otherApp }),
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
    await opened.store.createGroup(draft());
    const toGroup = talk({ sender: "eve", toGroup: true, dest: "g1", clientId: "k" });
    const toBob = talk({ sender: "eve", clientId: "k" });
    const outcomes = await opened.store.append([toGroup, toBob, toGroup, toBob]);
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
    const outcomes = (await opened.store.append([...talks, talk(), ...talks])).map(stored);
    expect(outcomes.map((outcome) => outcome.repeated)).toEqual(
      [...odd, ""].map(() => false).concat(odd.map(() => true)),
    );
    const ids = outcomes.slice(0, odd.length).map((outcome) => outcome.messageId);
    const contents = await contentsOf(opened.store, ofTest.app, "bob", ids);
    expect(contents.map(({ body, extra }) => [body, extra])).toEqual(odd.map((text) => [text, text]));
    for (const [index, text] of odd.entries()) {
      const id = `g${index}`;
      await opened.store.createGroup(draft({ id, name: text, avatar: text, introduction: text }));
      expect(await opened.store.groupDetail(ofTest.app, id, "ann")).toMatchObject({
        detail: { name: text, avatar: text, introduction: text },
      });
    }
  });

  test("the largest texts and the ends of int32 are stored", async () => {
    const body = "ü".repeat(messageLimits.messageBodyBytes.initial / 2);
    const extra = "x".repeat(messageLimits.messageExtraBytes.initial);
    for (const type of [-(2 ** 31), 2 ** 31 - 1]) {
      const { messageId } = await say({ type, body, extra });
      expect(await contentsOf(opened.store, ofTest.app, "bob", [messageId])).toEqual([
        { messageId, type, body, extra },
      ]);
    }
  });

  test("a cursor above the last id counts as 0: it is from before a backup was restored", async () => {
    await opened.store.createGroup(draft({ members: ["bob"] }));
    const outcomes = await opened.store.append([talk(), talk({ toGroup: true, dest: "g1" }), talk()]);
    const [a = 0n, b = 0n, c = 0n] = outcomes.map((outcome) => stored(outcome).messageId);
    await opened.store.quit({ app: ofTest.app, group: "g1", actor: "bob", account: "bob" });
    // Beyond any clock that steps while the suite runs.
    const future = c + (1n << 60n);
    expect(await idsOf("bob", { after: future })).toEqual([a, b, c]);
    expect(await idsOf("bob", { device: "phone", after: future })).toEqual([a, b, c]);
    await opened.store.acknowledge(ofTest.app, "bob", "phone", a);
    expect(await idsOf("bob", { device: "phone", after: future })).toEqual([b, c]);
    expect(await idsOf("bob", { after: c })).toEqual([]);
  });

  test("a cursor of 0 starts above its device's last acknowledged id; acknowledgements never go back", async () => {
    const ids = (await opened.store.append([talk(), talk(), talk()])).map((o) => stored(o).messageId);
    const [a = 0n, b = 0n, c = 0n] = ids;
    expect(await opened.store.acknowledge(ofTest.app, "bob", "phone", b)).toBe("done");
    expect(await opened.store.acknowledge(ofTest.app, "bob", "phone", a)).toBe("done");
    expect(await idsOf("bob", { device: "phone" })).toEqual([c]);
    expect(await idsOf("bob", { device: "desk" })).toEqual(ids);
    expect(await idsOf("bob", { device: "phone", after: a })).toEqual([b, c]);
    expect(await idsOf("bob", { device: "phone" })).toEqual([c]);
  });

  test("an acknowledgement of an id that is not committed yet is refused and changes nothing", async () => {
    const { messageId } = await say();
    expect(await opened.store.acknowledge(ofTest.app, "bob", "", messageId + 1n)).toBe("future");
    expect(await opened.store.acknowledge(ofTest.app, "bob", "", 2n ** 62n)).toBe("future");
    expect(await idsOf("bob")).toEqual([messageId]);
  });

  test("contents come in the order asked, without what is not the asker's or does not exist", async () => {
    const [a = 0n, b = 0n] = (await opened.store.append([talk(), talk()])).map((o) => stored(o).messageId);
    const foreign = (await say({ sender: "eve", dest: "joe" })).messageId;
    expect(await readable("bob", [b, foreign, 12345n, -1n, a])).toEqual([b, a]);
    expect(await readable("ann", [a])).toEqual([a]);
    expect(await readable("eve", [a, b])).toEqual([]);
    expect(await readable("bob", [a], ofTest.otherApp)).toEqual([]);
  });
}
