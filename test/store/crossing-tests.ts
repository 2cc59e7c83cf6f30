// Changes that cross each other, of several processes: what wins, and that nothing is counted twice.

import { expect, test } from "bun:test";
import type { ChangeOutcome } from "../../src/store/conversations.ts";
import { Random, testSeed } from "../support/random.ts";
import { changed, type ConversationAsks, ampleMs, versionOf } from "./conversation-asks.ts";
import { ofTest, stored, talk } from "./samples.ts";

export function crossingTests(asks: ConversationAsks): void {
  const { send, message, newGroup, react, recall, set } = asks;

  test("an edit that crosses a recall: the recall wins, in whatever order they came", async () => {
    const other = await asks.opened.place.open();
    const edits: ChangeOutcome[] = [];
    for (let round = 0; round < 25; round++) {
      const id = await send("ann", "bob");
      const edited = (): Promise<ChangeOutcome> =>
        other.change({
          kind: "edit",
          app: ofTest.app,
          actor: "ann",
          messageId: id,
          body: "later",
          extra: "",
          clientId: "",
          windowMs: ampleMs,
        });
      const [first, second] = await Promise.all(
        round % 2 === 0 ? [recall("ann", id), edited()] : [edited(), recall("ann", id)],
      );
      edits.push(round % 2 === 0 ? second : first);
      expect(await message("bob", id)).toMatchObject({ body: "", recalled: true });
    }
    for (const { result } of edits) expect(["stored", "recalled"]).toContain(result);
    await other.close();
  });

  test("of equal changes that come at once one is stored", async () => {
    const other = await asks.opened.place.open();
    const id = await send("ann", "bob");
    const change = {
      kind: "react",
      app: ofTest.app,
      actor: "bob",
      messageId: id,
      reaction: "a",
      isOff: false,
    } as const;
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? asks.store : other).change(change)),
    );
    expect(outcomes.filter(({ result }) => result === "stored")).toHaveLength(1);
    expect((await message("ann", id))?.reactions).toMatchObject([{ count: 1, mine: false }]);
    const recalls = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        (i % 2 === 0 ? asks.store : other).change({
          kind: "recall",
          app: ofTest.app,
          actor: "ann",
          messageId: id,
          windowMs: ampleMs,
        }),
      ),
    );
    expect(recalls.filter(({ result }) => result === "stored")).toHaveLength(1);
    expect(recalls.filter(({ result }) => result === "unchanged")).toHaveLength(7);
    await other.close();
  });

  test("ids of messages, entries and versions of all processes are different, and rise", async () => {
    const other = await asks.opened.place.open();
    const id = await send("ann", "bob");
    const ids: bigint[] = [id];
    await Promise.all(
      [asks.store, other].map(async (store, process) => {
        let last = 0n;
        for (let round = 0; round < 15; round++) {
          const said = stored((await store.append([talk()]))[0]).messageId;
          const reaction = `${process} ${round % 8}`;
          const given = { app: ofTest.app, actor: "bob", messageId: id, reaction, isOff: round >= 8 };
          const { entryId } = changed(await store.change({ kind: "react", ...given })).entry;
          const version = versionOf(
            await store.set({
              app: ofTest.app,
              account: process === 0 ? "ann" : "bob",
              ...peer(process),
              isMuted: round % 2 === 0,
            }),
          );
          for (const next of [said, entryId, version]) {
            expect(next).toBeGreaterThan(last);
            last = next;
            ids.push(next);
          }
        }
      }),
    );
    expect(new Set(ids).size).toBe(ids.length);
    await other.close();
  });

  test("read cursors that two processes move stay at the furthest", async () => {
    const other = await asks.opened.place.open();
    const random = new Random(testSeed("read cursors"));
    const ids: bigint[] = [];
    for (let i = 0; i < 40; i++) ids.push(await send("ann", "bob"));
    const marks = Array.from({ length: 120 }, () => ids[random.below(ids.length)] ?? 0n);
    const outcomes = await Promise.all(
      marks.map((messageId, i) =>
        (i % 2 === 0 ? asks.store : other).markRead({
          app: ofTest.app,
          account: "bob",
          toGroup: false,
          dest: "ann",
          messageId,
        }),
      ),
    );
    for (const { result } of outcomes) expect(["moved", "unchanged"]).toContain(result);
    const furthest = marks.reduce((one, two) => (one > two ? one : two));
    expect(
      await asks.store.markRead({ app: ofTest.app, account: "bob", toGroup: false, dest: "ann", messageId: furthest }),
    ).toEqual({ result: "unchanged", readId: furthest });
    await other.close();
  });

  test("reactions of many at once are counted rightly", async () => {
    const people = Array.from({ length: 30 }, (_, i) => `p${i}`);
    await newGroup("g1", "ann", ...people);
    const id = await send("ann", "@g1");
    await Promise.all(people.map((account) => react(account, id, "a")));
    await Promise.all(people.slice(0, 10).map((account) => react(account, id, "a", true)));
    expect((await message("p20", id))?.reactions).toMatchObject([{ reaction: "a", count: 20, mine: true }]);
    expect((await set("p1", "@g1", { isMuted: true })).result).toBe("stored");
  });
}

function peer(process: number): { readonly toGroup: false; readonly dest: string } {
  return { toGroup: false, dest: process === 0 ? "bob" : "ann" };
}
