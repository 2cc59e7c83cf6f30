// The traffic of a demonstration, without a server: its rate, its bounds, and its end.

import { expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import type { Actor } from "../../../src/cli/demo/actor.ts";
import { Place } from "../../../src/cli/demo/place.ts";
import { Traffic } from "../../../src/cli/demo/traffic.ts";
import { Disconnected } from "../../../src/sdk/client-errors.ts";
import { closeAbnormal } from "../../../src/wire/close-reason.ts";
import { ManualTimers } from "../../support/manual-timers.ts";
import { Random, testSeed } from "../../support/random.ts";

type Client = NonNullable<Actor["client"]>;

interface Server {
  /** What each request comes to. */
  answer: () => Promise<void>;
  /** Requests of each kind. */
  readonly asked: Map<string, number>;
}

/** Somebody whose requests the server counts. */
function actorOf(account: string, server: Server): Actor {
  let isHere = true;
  let talks = 0n;
  const ask = (what: string): Promise<void> => {
    server.asked.set(what, (server.asked.get(what) ?? 0) + 1);
    return server.answer();
  };
  const talk = async (): Promise<{ id: bigint; sendTime: bigint }> => {
    await ask("talk");
    return { id: ++talks, sendTime: 0n };
  };
  const client: Client = {
    talkToUser: talk,
    talkToGroup: talk,
    react: () => ask("react"),
    edit: () => ask("edit"),
    recall: () => ask("recall"),
    conversation: () => ({ markRead: () => ask("read") }),
  };
  return {
    account,
    get client() {
      return isHere ? client : undefined;
    },
    community: { typing: () => void ask("typing"), pinMessage: async () => (await ask("pin"), 1n) },
    come: async () => {
      await ask("come");
      isHere = true;
    },
    leave: async () => {
      isHere = false;
      await ask("leave");
    },
  };
}

interface Stage {
  readonly traffic: Traffic;
  readonly time: ManualTimers;
  readonly server: Server;
  /** How far the clock is ahead of the timers. */
  readonly pause: { ms: number };
}

function stage(rate: number): Stage {
  const server: Server = { answer: () => Promise.resolve(), asked: new Map() };
  const actors = ["ann", "ben", "cid", "dan", "eve", "fay"].map((account) => actorOf(account, server));
  const place = new Place({ language: "english", actors, partnerOf: () => ({ group: "g" }), isGroup: true });
  const time = new ManualTimers();
  const random = seededRandom(testSeed("traffic"));
  const pause = { ms: 0 };
  const clock = { monotonicMs: () => time.monotonicMs() + pause.ms };
  const traffic = new Traffic({ actors, places: [place], isNew: true, rate, random, timers: time, clock });
  return { traffic, time, server, pause };
}

/** What is said first at each of three places by a server that takes its time, with this seed. */
async function firstWords(seed: number, delays: () => number): Promise<ReadonlyMap<string, readonly string[]>> {
  const said = new Map<string, string[]>();
  let talks = 0n;
  const places = ["a", "b", "c"].map((group) => {
    const actors = ["ann", "ben", "cid"].map((account): Actor => {
      const actor = actorOf(`${account}-${group}`, { answer: () => Promise.resolve(), asked: new Map() });
      const { client } = actor;
      if (client === undefined) throw new Error("nobody has left yet");
      const talkToGroup: Client["talkToGroup"] = async (_, draft) => {
        const text = typeof draft === "string" ? draft : `${draft.body} ${draft.mentions?.join(",")}`;
        said.getOrInsertComputed(group, () => []).push(`${account}: ${text}`);
        for (let turns = delays(); turns > 0; turns--) await Promise.resolve();
        return { id: ++talks, sendTime: 0n };
      };
      return { ...actor, client: { ...client, talkToGroup } };
    });
    return new Place({ language: "english", actors, partnerOf: () => ({ group }), isGroup: true });
  });
  const time = new ManualTimers();
  const parts = { actors: places.flatMap(({ actors }) => actors), places, isNew: true, rate: 1 };
  await new Traffic({ ...parts, random: seededRandom(seed), timers: time, clock: time }).fill(20);
  return said;
}

test("what is said first is the same for a seed, in whatever order the server answers", async () => {
  const seed = testSeed("the order of answers");
  const order = new Random(seed);
  const first = await firstWords(seed, () => 0);
  expect([...first.values()].map(({ length }) => length)).toEqual([20, 20, 20]);
  for (let round = 0; round < 5; round++) expect(await firstWords(seed, () => order.below(30))).toEqual(first);
  expect(await firstWords(seed + 1, () => 0)).not.toEqual(first);
});

test("messages come at the rate, and people do something with them", async () => {
  const { traffic, time, server } = stage(50);
  traffic.start();
  await time.pass(100_000, 10);
  await traffic.stop();
  const { messages, failures, leftOut, ...others } = traffic.counts;
  // 5,000 are expected, with a standard deviation of 71.
  expect(Math.abs(messages - 5_000)).toBeLessThan(500);
  expect([failures, leftOut, server.asked.get("talk")]).toEqual([0, 0, messages]);
  for (const [kind, count] of Object.entries(others)) expect([kind, count > 0]).toEqual([kind, true]);
  // Nobody types at such a rate; some go away, and come back.
  expect(server.asked.has("typing")).toBe(false);
  expect(server.asked.get("leave")).toBeGreaterThan(0);
  expect(server.asked.get("come")).toBeGreaterThan(0);
});

test("at a low rate people type before they send", async () => {
  const { traffic, time, server } = stage(2);
  traffic.start();
  await time.pass(60_000, 100);
  await traffic.stop();
  expect(server.asked.get("typing")).toBeGreaterThanOrEqual(server.asked.get("talk") ?? Infinity);
});

test("a server that does not answer is asked at most 2,000 times, and the rest is counted", async () => {
  const { traffic, time, server } = stage(1_000);
  server.answer = () => new Promise(() => undefined);
  traffic.start();
  await time.pass(5_000, 10);
  expect(server.asked.get("talk")).toBe(2_000);
  expect(traffic.counts.leftOut).toBeGreaterThan(2_000);
  // It ends nevertheless.
  await time.during(traffic.stop());
  expect(traffic.counts.messages).toBe(0);
});

test("what a pause of the process has missed is left out", async () => {
  const { traffic, time, server, pause } = stage(1_000);
  traffic.start();
  // The clock goes on, and no timer runs.
  pause.ms = 60_000;
  await time.pass(10, 10);
  expect(server.asked.get("talk")).toBeLessThanOrEqual(400);
  expect(traffic.counts.leftOut).toBeGreaterThan(59_000);
  await traffic.stop();
});

test("a server that is away is a failure that is counted, and traffic goes on when it is back", async () => {
  const { traffic, time, server } = stage(50);
  server.answer = () => Promise.reject(new Disconnected(closeAbnormal));
  traffic.start();
  await time.pass(2_000, 10);
  expect([traffic.counts.messages, traffic.counts.failures > 0]).toEqual([0, true]);
  server.answer = () => Promise.resolve();
  await time.pass(2_000, 10);
  expect(traffic.counts.messages).toBeGreaterThan(0);
  await traffic.stop();
});

test("a bug is not taken for a server that is away", async () => {
  const { traffic, server } = stage(50);
  server.answer = () => Promise.reject(new TypeError("a bug"));
  await expect(traffic.fill(1)).rejects.toThrow("a bug");
  expect(traffic.counts.failures).toBe(0);
});

test("nothing is asked after a stop, by those who type or are away either", async () => {
  const { traffic, time, server } = stage(20);
  traffic.start();
  await time.pass(20_000, 100);
  await traffic.stop();
  const asked = new Map(server.asked);
  await time.pass(120_000, 1_000);
  expect(server.asked).toEqual(asked);
  expect(time.pending).toBe(0);
});
