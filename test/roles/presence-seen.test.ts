// When accounts were seen last: what a node notes, and when it writes that.

import { expect, test } from "bun:test";
import { Seen } from "../../src/roles/chat/presence/seen.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { FakePeople } from "../support/fake-people.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { presenceStage, shown } from "./presence-stage.ts";

function fixture() {
  const people = new FakePeople();
  const time = new ManualTimers();
  const bugs: unknown[] = [];
  const seen = new Seen(people, { bug: (bug) => void bugs.push(bug) }, time);
  const minute = (): number => Math.floor(time.wallMs() / 60_000);
  return { people, time, seen, bugs, minute };
}

test("what is noted is written once a minute together, and known before", async () => {
  const { people, time, seen, minute } = fixture();
  seen.left("app", "ann");
  seen.left("app", "bob");
  seen.left("app", "ann");
  const now = minute();
  expect([seen.minute("app", "ann"), seen.minute("other", "ann")]).toEqual([now, 0]);
  await time.pass(59_000, 10_000);
  expect(people.marks).toEqual([]);
  await time.pass(2_000);
  expect(people.marks).toEqual([
    { app: "app", account: "bob", minute: now },
    { app: "app", account: "ann", minute: now },
  ]);
  await time.pass(600_000, 60_000);
  expect([people.asked.markSeen, seen.minute("app", "ann"), time.pending]).toEqual([1, 0, 0]);
});

test("what a store that is away did not take is written later, unless it is known better by then", async () => {
  const { people, time, seen, bugs, minute } = fixture();
  seen.left("app", "ann");
  seen.left("app", "bob");
  const first = minute();
  people.failure = new StoreUnavailable("away");
  await time.pass(61_000);
  expect(seen.minute("app", "bob")).toBe(first);
  seen.left("app", "ann");
  const second = minute();
  people.failure = undefined;
  await time.pass(61_000);
  expect(people.minutes).toEqual(
    new Map([
      ["ann", second],
      ["bob", first],
    ]),
  );
  expect(bugs).toEqual([]);
});

test("no more than ten thousand marks are held: the oldest are lost while the store takes none", async () => {
  const { people, time, seen } = fixture();
  people.failure = new StoreUnavailable("away");
  for (let at = 0; at < 25_000; at++) {
    seen.left("app", `a${at}`);
    if (at % 1_000 === 0) await Bun.sleep(0);
  }
  people.failure = undefined;
  await seen.write();
  await time.pass(61_000);
  expect(people.marks).toHaveLength(10_000);
  expect(people.minutes.has("a24999")).toBe(true);
  expect(people.minutes.has("a14999")).toBe(false);
});

test("many at once are written without waiting for the minute's end, and none is lost", async () => {
  const { people, seen } = fixture();
  for (let at = 0; at < 30_000; at++) {
    seen.left("app", `a${at}`);
    if (at % 1_000 === 0) await Bun.sleep(0);
  }
  await seen.write();
  expect(people.minutes.size).toBe(30_000);
  expect(people.asked.markSeen).toBeLessThanOrEqual(10);
});

test("a chat service notes who leaves, shows it at once, and writes it when it leaves itself", async () => {
  const { online, offline, watch, people, time, service } = presenceStage();
  for (const channelId of ["ann1", "bob1", "bob2"]) online(channelId);
  offline("bob1");
  expect(shown((await watch("ann1", "bob")).body)).toEqual(["bob 1 0"]);
  offline("bob2");
  const minute = Math.floor(time.wallMs() / 60_000);
  expect(shown((await watch("ann1", "bob")).body)).toEqual([`bob 0 ${minute * 60}`]);
  expect(people.marks).toEqual([]);
  await time.during(service.drain(5_000));
  expect(people.marks).toEqual([{ app: "app", account: "bob", minute }]);
});
