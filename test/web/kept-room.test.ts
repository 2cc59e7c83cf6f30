// What the page keeps of a conversation that stays open while very much is said.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { Community } from "../../src/sdk/community/community.ts";
import { keyOf } from "../../src/sdk/messenger/partner.ts";
import { Room } from "../../src/web/state/room.ts";
import { until } from "../../scripts/harness/until.ts";
import { device } from "../sdk/messenger/support.ts";
import { testLimits } from "../support/limits.ts";
import { Messenger as Server } from "../support/messenger.ts";

/** More than four times what is kept, which is 16 pages of 200 at most. */
const messages = 14_000;
const keptMax = 16 * 200;
/** Sent before their answers are waited for. */
const inFlight = 500;
const msMax = 60_000;

let server: Server;
beforeAll(async () => {
  server = await Server.start({ limits: testLimits({ requestsPerSecond: 100_000 }) });
});
afterAll(() => server.stop());

test(
  "a room keeps what is near the reader, and has the rest again where the reader goes",
  async () => {
    const [{ client }, { client: bob }] = [await device(server, "ann", "one"), await device(server, "bob", "one")];
    const partner = { account: "bob" };
    const community = Community.of(client);
    const key = keyOf(partner);
    const stateOf = () => client.conversations.get(partner);
    const room = new Room({ client, community, me: "ann", stateOf }, partner, key);
    await room.load();
    const ids: bigint[] = [];
    /** The reader is at this message, as the list of messages says when it is drawn. */
    let at = 0n;
    const look = (): void => {
      if (room.isLoadingMore.peek()) return;
      room.near(at || (room.last(({ state }) => state === "stored")?.id ?? 0n));
    };
    const end = room.parts.subscribe(look);
    const talk = async (count: number): Promise<void> => {
      for (let done = 0; done < count; done += inFlight) {
        const talks = Array.from({ length: inFlight }, () => bob.talkToUser("ann", { body: "x" }));
        ids.push(...(await Promise.all(talks)).map(({ id }) => id));
      }
      ids.sort((one, other) => Number(one - other));
    };
    const shown = (): readonly bigint[] => room.parts.value.flat().map(({ id }) => id);
    const last = () => ids.at(-1) ?? 0n;
    const isPart = (): void => {
      const from = ids.indexOf(shown()[0] ?? 0n);
      expect(shown()).toEqual(ids.slice(from, from + shown().length));
      expect(shown().length).toBeLessThanOrEqual(keptMax);
    };

    // At the end.
    await talk(messages / 2);
    await until(() => shown().includes(last()), "the last one is shown", msMax);
    isPart();
    expect([room.hasBefore.value, room.hasAfter.value]).toEqual([true, false]);

    // Far above it, at a message that was forgotten.
    const wanted = ids[100] ?? 0n;
    expect(shown()).not.toContain(wanted);
    expect((await room.reach(wanted))?.id).toBe(wanted);
    at = wanted;
    look();
    await until(() => room.hasAfter.value, "the end was forgotten", msMax);
    await talk(messages / 2);
    await until(() => stateOf()?.activityId === last(), "all has come", msMax);
    isPart();
    expect(shown()).toContain(wanted);
    expect(shown()).not.toContain(last());

    // A newer one, and the end at once.
    const newer = ids[3_000] ?? 0n;
    expect((await room.reach(newer))?.id).toBe(newer);
    at = newer;
    look();
    await until(() => shown().length <= keptMax, "the others were forgotten", msMax);
    isPart();
    await room.toEnd();
    expect([shown().at(-1), room.hasAfter.value]).toEqual([last(), false]);
    at = 0n;
    await talk(inFlight);
    await until(() => shown().includes(last()), "it follows the conversation", msMax);
    isPart();
    expect(room.fault.value).toBe("");
    end();
    room.close();
  },
  2 * msMax,
);
