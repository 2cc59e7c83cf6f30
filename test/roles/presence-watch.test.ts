// presence.watch, presence.unwatch and presence.changed, as connections ask for them and are told.

import { describe, expect, test } from "bun:test";
import { Command } from "../../src/wire/commands.ts";
import { PresenceReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { looksPerWatch } from "../../src/base/limits/fixed.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { app, newer, older } from "../support/chat-link.ts";
import { bound } from "../support/bounds.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { presenceStage, shown } from "./presence-stage.ts";

const names = (count: number, prefix = "n"): string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`);
const minuteSeconds = (wallMs: number): number => Math.floor(wallMs / 60_000) * 60;

describe("answers", () => {
  test("tell who is online, on how many devices, and when the others were seen", async () => {
    const { online, watch, people } = presenceStage();
    for (const channelId of ["ann1", "bob1", "bob2"]) online(channelId);
    people.minutes.set("cy", 7);
    const answer = await watch("ann1", "cy", "bob", "ann", "dan", "bob");
    expect(answer.status).toBe(Status.Success);
    expect(shown(answer.body)).toEqual(["cy 0 420", "bob 2 0", "ann 1 0", "dan 0 0"]);
  });

  test("show a stranger, and who blocks the asker, as one who was never online, and tell nothing of them", async () => {
    const { online, offline, watch, people, pass, told, limits } = presenceStage();
    for (const channelId of ["ann1", "bob1", "cy1"]) online(channelId);
    people.strangers.add("bob");
    people.minutes.set("bob", 7).set("cy", 7);
    await people.block({ app, account: "cy", blocked: "ann" });
    expect(shown((await watch("ann1", "bob", "cy", "nobody")).body)).toEqual(["bob 0 0", "cy 0 0", "nobody 0 0"]);
    offline("bob1");
    online("cy2");
    await pass(3_000);
    expect(told("ann1")).toEqual([]);
    expect(limits.use("watchesPerConnection")).toBe(3);
  });

  test("a request that does not name 1 to 200 accounts is refused, and asks the store for nothing", async () => {
    const { online, watch, unwatch, people, by, requestBytes } = presenceStage();
    online("ann1");
    const refusals = await Promise.all([
      watch("ann1"),
      watch("ann1", "a name,with a comma"),
      watch("ann1", ""),
      watch("ann1", ...names(201)),
      watch("ann1", ...names(1_001)),
      unwatch("ann1", ...names(201)),
      watch("ann1", ...names(200, "x".repeat(400))),
      requestBytes(by("ann1"), Command.PresenceWatch, Buffer.from([0xff, 0xff])),
    ]);
    expect(refusals.map(({ status }) => status)).toEqual([
      Status.InvalidPacketBody,
      Status.InvalidPacketBody,
      Status.InvalidPacketBody,
      Status.PayloadTooLarge,
      Status.PayloadTooLarge,
      Status.PayloadTooLarge,
      Status.PayloadTooLarge,
      Status.InvalidPacketBody,
    ]);
    expect(people.asked.watchable).toBe(0);
  });

  test("200 of the longest names are answered", async () => {
    const { online, watch } = presenceStage();
    online("ann1");
    const longest = Array.from({ length: 200 }, (_, at) => "\u{1f600}".repeat(57) + String(at).padStart(3, "0"));
    const answer = await watch("ann1", ...longest);
    expect(shown(answer.body)).toHaveLength(200);
  });

  test("connections without the feature are refused, and so are all where presence is off", async () => {
    const stage = presenceStage();
    stage.signIn("ann", "ann1", older);
    expect((await stage.watch("ann1", "bob")).status).toBe(Status.InvalidCommand);
    const off = presenceStage({}, { presence: false });
    off.online("ann1");
    off.online("bob1");
    for (const answer of [await off.watch("ann1", "bob"), await off.unwatch("ann1")])
      expect([answer.status, sentenceOf(answer)]).toEqual([Status.Forbidden, expect.stringContaining("turned off")]);
    off.offline("bob1");
    await off.pass(70_000);
    expect([off.people.asked.guardVersion, off.people.asked.markSeen, off.people.asked.watchable]).toEqual([0, 0, 0]);
    // Signals are no presence.
    expect((await off.signal("ann1", { account: "bob" })).status).toBe(Status.Success);
  });

  test("a store that is away refuses the request, and reserves nothing", async () => {
    const { online, watch, people, limits } = presenceStage();
    online("ann1");
    people.failure = new StoreUnavailable("the disk is full");
    expect((await watch("ann1", "bob")).status).toBe(Status.SystemException);
    expect(limits.use("presenceWatches")).toBe(0);
    people.failure = undefined;
    expect((await watch("ann1", "bob")).status).toBe(Status.Success);
  });
});

describe("changes", () => {
  test("are told at most once a second for each account, as they are by then", async () => {
    const { online, offline, watch, told, pass, time } = presenceStage();
    for (const channelId of ["ann1", "bob1"]) online(channelId);
    await watch("ann1", "bob", "cy");
    online("bob2");
    online("bob3");
    online("cy1");
    expect(told("ann1")).toEqual([]);
    await pass();
    expect(told("ann1")).toEqual([["bob 3 0", "cy 1 0"]]);
    const left = minuteSeconds(time.wallMs());
    offline("cy1");
    for (let turn = 0; turn < 50; turn++) {
      online("bob9");
      offline("bob9");
      await pass(100);
    }
    const later = told("ann1").slice(1);
    expect(later[0]).toEqual([`cy 0 ${left}`]);
    expect(later.length).toBeLessThanOrEqual(5);
  });

  test("that cancel each other within the second are not told", async () => {
    const { online, offline, watch, told, pass } = presenceStage();
    for (const channelId of ["ann1", "bob1"]) online(channelId);
    await watch("ann1", "bob");
    offline("bob1");
    online("bob1");
    await pass(3_000);
    expect(told("ann1")).toEqual([]);
  });

  test("cost no timer while nothing changes, and the look at blocks ends with the last watch", async () => {
    const { online, offline, watch, people, pass } = presenceStage();
    for (const channelId of ["ann1", "bob1"]) online(channelId);
    await watch("ann1", "bob");
    await pass(2_000);
    const { guardVersion } = people.asked;
    expect(guardVersion).toBeGreaterThan(1);
    expect(guardVersion).toBeLessThanOrEqual(5);
    offline("ann1");
    await pass(3_000);
    const asked = people.asked.guardVersion;
    await pass(10_000);
    expect(people.asked.guardVersion).toBe(asked);
    expect(people.asked.blocksAfter).toBe(0);
  });

  test("are told until the watch ends, by request or with the connection", async () => {
    const { online, offline, watch, unwatch, told, pass, limits } = presenceStage();
    for (const channelId of ["ann1", "ann2", "bob1", "cy1"]) online(channelId);
    await watch("ann1", "bob", "cy");
    await watch("ann2", "bob");
    expect((await unwatch("ann1", "bob", "nobody")).status).toBe(Status.Success);
    offline("ann2");
    online("bob2");
    online("cy2");
    await pass(2_100);
    expect([told("ann1"), told("ann2")]).toEqual([[["cy 2 0"]], []]);
    expect(limits.use("presenceWatches")).toBe(1);
    await unwatch("ann1");
    offline("cy2");
    await pass(2_100);
    expect(told("ann1")).toHaveLength(1);
  });

  test("another connection of the device, or a gateway that is lost, ends the watches of the former one", async () => {
    const { online, watch, sessions, told, pass, lose, limits, people } = presenceStage();
    online("ann1");
    await watch("ann1", "bob");
    // The same device signs in again.
    await sessions.put(app, "ann", { device: "ann1", channelId: "ann5", gateway: "gate", incarnation: "1" });
    await pass();
    expect(limits.use("presenceWatches")).toBe(0);
    online("cy1");
    await watch("cy1", "bob");
    expect(limits.use("presenceWatches")).toBe(1);
    lose();
    expect(limits.use("presenceWatches")).toBe(0);
    online("bob1");
    await pass(2_000);
    expect(told("cy1")).toEqual([]);
    const { guardVersion } = people.asked;
    await pass(2_000);
    expect(people.asked.guardVersion).toBe(guardVersion);
  });

  test("of an app stay in it", async () => {
    const { online, watch, sessions, told, pass } = presenceStage();
    online("ann1");
    await watch("ann1", "bob");
    await sessions.put("other", "bob", { device: "", channelId: "x", gateway: "gate", incarnation: "1" });
    await pass();
    expect(told("ann1")).toEqual([]);
  });

  test("a large number is told in pushes of 200 states, all of them", async () => {
    const { online, offline, watch, told, pass } = presenceStage({ watchesPerConnection: 2_000 });
    online("ann1");
    const all = names(1_100, "friend");
    for (const name of all) online(`${name}_`);
    for (let at = 0; at < all.length; at += 200)
      await watch("ann1", ...all.slice(at, at + 200).map((name) => `${name}_`));
    for (const name of all) offline(`${name}_`);
    await pass(2_500);
    expect(told("ann1").map(({ length }) => length)).toEqual([200, 200, 200, 200, 200, 100]);
    expect(new Set(told("ann1").flat()).size).toBe(1_100);
  });
});

describe("blocks", () => {
  test("end a watch within a second, which looks as if the account had left", async () => {
    const { online, watch, people, told, pass, time } = presenceStage();
    for (const channelId of ["ann1", "bob1", "cy1"]) online(channelId);
    await watch("ann1", "bob");
    await watch("cy1", "bob");
    await people.block({ app, account: "bob", blocked: "ann" });
    const left = minuteSeconds(time.wallMs());
    await pass(1_600);
    expect(told("ann1")).toEqual([[`bob 0 ${left}`]]);
    online("bob2");
    await pass();
    expect(told("ann1")).toHaveLength(1);
    expect(told("cy1")).toEqual([["bob 2 0"]]);
    expect(shown((await watch("ann1", "bob")).body)).toEqual(["bob 0 0"]);
  });

  test("that commit while the store is asked are in force, whatever it answers", async () => {
    const { online, watch, people, told, pass } = presenceStage();
    for (const channelId of ["ann1", "bob1"]) online(channelId);
    const held = Promise.withResolvers<void>();
    people.held = held.promise;
    const asking = watch("ann1", "bob");
    await pass(100);
    await people.block({ app, account: "bob", blocked: "ann" });
    await pass(1_000);
    held.resolve();
    expect(shown((await asking).body)).toEqual(["bob 0 0"]);
    online("bob2");
    await pass(2_000);
    expect(told("ann1")).toEqual([]);
  });

  test("are not missed while the store is away, nor are more of them than one read gives", async () => {
    const { online, watch, people, told, pass } = presenceStage();
    for (const channelId of ["ann1", "bob1"]) online(channelId);
    await watch("ann1", "bob");
    people.failure = new StoreUnavailable("away");
    for (let at = 0; at < 1_200; at++) await people.block({ app, account: `x${at}`, blocked: "ann" });
    await people.block({ app, account: "bob", blocked: "ann" });
    await pass(2_000);
    expect(told("ann1")).toEqual([]);
    people.failure = undefined;
    await pass(2_000);
    expect(told("ann1")).toHaveLength(1);
    const { blocksAfter } = people.asked;
    people.version++;
    await pass(2_000);
    expect(people.asked.blocksAfter).toBe(blocksAfter + 1);
  });
});

test("a store that is replaced ends all watches, and their connections are told to look", async () => {
  const { online, watch, people, replaceStore, reached, told, pass, limits } = presenceStage();
  for (const channelId of ["ann1", "bob1", "cy1"]) online(channelId);
  await watch("ann1", "bob");
  await watch("cy1", "bob");
  people.version = 0n;
  replaceStore();
  await pass(100);
  expect(reached(Command.Sync)).toEqual([["ann1", "cy1"]]);
  expect(limits.use("presenceWatches")).toBe(0);
  await watch("ann1", "bob");
  await people.block({ app, account: "bob", blocked: "ann" });
  await pass(2_000);
  expect(told("ann1")).toHaveLength(1);
});

test("where much waits on a gateway's link nothing is told, and later what is true then", async () => {
  const { online, offline, watch, told, pass, connection } = presenceStage();
  for (const channelId of ["ann1", "bob1"]) online(channelId);
  await watch("ann1", "bob");
  connection.unsentBytes = 2 ** 21;
  offline("bob1");
  await pass(5_000);
  expect(told("ann1")).toEqual([]);
  online("bob1");
  online("bob2");
  await pass(2_000);
  connection.unsentBytes = 0;
  await pass(1_100);
  expect(told("ann1")).toEqual([["bob 2 0"]]);
});

bound("watchesPerConnection", {
  at: async () => {
    const { online, watch } = presenceStage({ watchesPerConnection: 300 });
    online("ann1");
    await watch("ann1", ...names(200));
    // Watching again takes no place.
    expect((await watch("ann1", ...names(100, "m"), ...names(100))).status).toBe(Status.Success);
  },
  above: async () => {
    const { online, watch, unwatch, limits } = presenceStage({ watchesPerConnection: 300 });
    online("ann1");
    online("ann2");
    await watch("ann1", ...names(200));
    const answer = await watch("ann1", ...names(101, "m"));
    expect([answer.status, sentenceOf(answer)]).toEqual([Status.Forbidden, expect.stringContaining("at most 300")]);
    expect(limits.reached.get("watchesPerConnection")).toBe(1);
    expect(limits.use("watchesPerConnection")).toBe(200);
    await unwatch("ann1", "n0");
    expect((await watch("ann1", ...names(101, "m"))).status).toBe(Status.Success);
    // It is a connection's.
    expect((await watch("ann2", ...names(200))).status).toBe(Status.Success);
  },
});

test("by default a connection watches 1,000 accounts, and not one more", async () => {
  const { online, watch } = presenceStage();
  online("ann1");
  for (let page = 0; page < 5; page++)
    expect((await watch("ann1", ...names(200, `p${page}-`))).status).toBe(Status.Success);
  expect((await watch("ann1", "one more")).status).toBe(Status.Forbidden);
});

bound("presenceWatches", {
  at: async () => {
    const { online, watch } = presenceStage({ presenceWatches: 300 });
    online("ann1");
    online("bob1");
    await watch("ann1", ...names(200));
    expect((await watch("bob1", ...names(100))).status).toBe(Status.Success);
  },
  above: async () => {
    const { online, watch, limits } = presenceStage({ presenceWatches: 300 });
    online("ann1");
    online("bob1");
    await watch("ann1", ...names(200));
    expect((await watch("bob1", ...names(101))).status).toBe(Status.ServiceUnavailable);
    expect(limits.reached.get("presenceWatches")).toBe(1);
    expect(limits.use("presenceWatches")).toBe(200);
  },
});

test("a connection that has signed out while it asked watches nothing", async () => {
  const { online, offline, watch, people, pass, limits } = presenceStage();
  online("ann1");
  const held = Promise.withResolvers<void>();
  people.held = held.promise;
  const asking = watch("ann1", "bob");
  await pass(100);
  offline("ann1");
  held.resolve();
  expect((await asking).status).toBe(Status.SessionNotFound);
  expect(limits.use("presenceWatches")).toBe(0);
});

test("a store that is replaced while it is asked is asked again by the client", async () => {
  const { online, watch, people, pass, replaceStore, limits } = presenceStage();
  online("ann1");
  const held = Promise.withResolvers<void>();
  people.held = held.promise;
  const asking = watch("ann1", "bob");
  await pass(100);
  replaceStore();
  held.resolve();
  expect((await asking).status).toBe(Status.ServiceUnavailable);
  expect(limits.use("presenceWatches")).toBe(0);
  expect((await watch("ann1", "bob")).status).toBe(Status.Success);
});

test("a channel id that another account has signs in nobody", async () => {
  const { online, request } = presenceStage();
  online("ann1");
  const init = { accounts: ["bob"] };
  const answer = await request(["bob", "ann1"], Command.PresenceWatch, PresenceReqSchema, init);
  expect(answer.status).toBe(Status.SessionNotFound);
  expect(newer).toContain("conversations");
});

bound("watchedAtOnce", {
  at: async () => {
    const { online, watch } = presenceStage({ watchedAtOnce: 300 });
    online("ann1");
    await watch("ann1", ...names(200));
    expect((await watch("ann1", ...names(100))).status).toBe(Status.Success);
  },
  above: async () => {
    const { online, watch, people, limits } = presenceStage({ watchedAtOnce: 300 });
    for (const channelId of ["ann1", "ann2", "bob1"]) online(channelId);
    await watch("ann1", ...names(200));
    // Duplicates cost nothing; another device of the account is no way around it.
    const answer = await watch("ann2", ...names(101), ...names(99));
    expect([answer.status, sentenceOf(answer)]).toEqual([Status.RateLimited, expect.stringContaining("300 at once")]);
    expect([people.asked.watchable, limits.use("watchedAtOnce")]).toEqual([1, 200]);
    expect((await watch("bob1", ...names(200))).status).toBe(Status.Success);
  },
});

test("groups that the store has looked at are charged, too, and end a request that costs too much", async () => {
  const { online, watch, people, limits, time } = presenceStage({ watchedAtOnce: 210, watchedPerSecond: 10 });
  online("ann1");
  people.decidedMax = 10;
  people.looks = looksPerWatch / 10;
  // Ten names in each part, which cost one more.
  expect((await watch("ann1", ...names(30))).status).toBe(Status.Success);
  expect([people.asked.watchable, limits.use("watchedAtOnce")]).toEqual([3, 33]);
  people.looks = 100 * looksPerWatch;
  const answer = await watch("ann1", ...names(40));
  expect([answer.status, people.asked.watchable]).toEqual([Status.RateLimited, 4]);
  expect(limits.reached.get("watchedPerSecond")).toBe(1);
  expect(limits.use("watchesPerConnection")).toBe(30);
  // What it owes comes back.
  expect((await watch("ann1", "bob")).status).toBe(Status.RateLimited);
  people.looks = 0;
  time.advance(120_000);
  expect((await watch("ann1", "bob")).status).toBe(Status.Success);
});

bound("watchedPerSecond", {
  at: async () => {
    const { online, watch, time } = presenceStage({ watchedAtOnce: 200, watchedPerSecond: 10 });
    online("ann1");
    await watch("ann1", ...names(200));
    time.advance(1_000);
    expect((await watch("ann1", ...names(10))).status).toBe(Status.Success);
  },
  above: async () => {
    const { online, watch, time, limits } = presenceStage({ watchedAtOnce: 200, watchedPerSecond: 10 });
    online("ann1");
    await watch("ann1", ...names(200));
    time.advance(1_000);
    expect((await watch("ann1", ...names(11))).status).toBe(Status.RateLimited);
    expect(limits.reached.get("watchedPerSecond")).toBe(1);
  },
});
