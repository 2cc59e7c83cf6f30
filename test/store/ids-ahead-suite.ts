// A store whose last id is ahead of its clock, for every engine.

import { expect, test } from "bun:test";
import { smallestIdAt, timeOfId } from "../../src/store/snowflake.ts";
import type { Talk } from "../../src/store/store.ts";
import { until } from "../../scripts/harness/until.ts";
import { draft, stored, talk, type Stored } from "./samples.ts";
import type { StorePlace } from "./opened-store.ts";
import { contentsOf } from "../support/contents.ts";

export interface AheadPlace extends StorePlace {
  /** Makes this the store's last id, as a writer does whose clock is ahead. */
  setLastId(id: bigint): Promise<void>;
}

export function idsAheadSuite(name: string, makePlace: () => Promise<AheadPlace>): void {
  test(`${name}: after ids of a year ahead all goes on above them, with true times, and a restart starts`, async () => {
    const place = await makePlace();
    let store = await place.open();
    const say = async (change: Partial<Talk> = {}): Promise<Stored> => stored((await store.append([talk(change)]))[0]);
    const idsOf = async (account: string): Promise<bigint[]> => {
      const query = { app: "app", account, device: "", after: 0n, includeSent: false, limit: 2000 };
      return (await store.index(query)).map((entry) => entry.messageId);
    };

    const before = await say({ clientId: "once" });
    await place.setLastId(smallestIdAt(Date.now() + 500 * 86_400_000));
    const ids = [before.messageId];
    for (let round = 0; round < 2; round++) {
      const { messageId, sendTime, repeated } = await say();
      expect(messageId).toBeGreaterThan(ids.at(-1) ?? 0n);
      expect(timeOfId(messageId)).toBeGreaterThan(Date.now() + 499 * 86_400_000);
      expect(Number(sendTime / 1_000_000n)).toBeWithin(Date.now() - 60_000, Date.now() + 60_000);
      expect(repeated).toBe(false);
      ids.push(messageId);
      await store.close();
      store = await place.open();
    }
    expect(await say({ clientId: "once" })).toMatchObject({ messageId: before.messageId, repeated: true });
    const group = await store.createGroup(draft({ members: ["bob"] }));
    if (group.result !== "created") throw new Error("the group is created");
    expect(group.version).toBeGreaterThan(ids.at(-1) ?? 0n);
    ids.push((await say({ toGroup: true, dest: "g1" })).messageId);
    expect(await idsOf("bob")).toEqual(ids);
    expect((await contentsOf(store, "app", "bob", ids)).map(({ messageId }) => messageId)).toEqual(ids);
    expect(await store.acknowledge("app", "bob", "", ids[2] ?? 0n)).toBe("done");
    expect(await idsOf("bob")).toEqual(ids.slice(3));
    expect(store.isHealthy).toBe(true);
    await until(() => store.clock.idsAheadMs > 499 * 86_400_000, "the store tells how far ids are ahead");
    expect(store.clock.purgeWaitMs).toBe(0);
    await store.close();
    await place.remove();
  });
}
