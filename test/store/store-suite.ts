// The guarantees of src/store/store.ts as tests, for every engine: an engine's own test file gives a factory.

import { describe, expect, test } from "bun:test";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { stored, talk } from "./samples.ts";
import { openForAll, type StorePlace } from "./opened-store.ts";
import { messageTests } from "./message-tests.ts";
import { groupTests } from "./group-tests.ts";

export function storeSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(name, () => {
    const opened = openForAll(makePlace);
    const { idsOf } = opened;
    messageTests(opened);
    groupTests(opened);

    test("two openings write at once, and a reader that pages sees every id once and in order", async () => {
      const second = await opened.place.open();
      const expected = new Set<bigint>();
      const write = async (to: Store, sender: string): Promise<void> => {
        for (let round = 0; round < 60; round++) {
          const outcomes = await to.append(Array.from({ length: 1 + (round % 5) }, () => talk({ sender })));
          for (const outcome of outcomes) expected.add(stored(outcome).messageId);
        }
      };
      let isDone = false;
      const writers = Promise.all([write(opened.store, "ann"), write(second, "eve")]).then(() => (isDone = true));
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
      const late = opened.store.append([talk()]);
      await opened.store.close();
      const { messageId } = stored((await late)[0]);
      expect(opened.store.isHealthy).toBe(false);
      await opened.store.append([talk()]).then(
        () => expect.unreachable(),
        (error: unknown) => expect(error).toBeInstanceOf(StoreUnavailable),
      );
      opened.store = await opened.place.open();
      expect(await idsOf("bob")).toEqual([messageId]);
    });
  });
}
