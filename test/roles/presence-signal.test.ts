// chat.signal: whom it reaches, who may send it, and when it is dropped.

import { describe, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { StoreUnavailable } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import { SignalSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { older } from "../support/chat-link.ts";
import { bound } from "../support/bounds.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { presenceStage } from "./presence-stage.ts";

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `member${at}_`);

function stage(...args: Parameters<typeof presenceStage>) {
  const made = presenceStage(...args);
  for (const channelId of ["ann1", "ann2", "bob1", "bob2", "cy1"]) made.online(channelId);
  made.signIn("bob", "bob-old", older);
  return { ...made, signalled: () => made.reached(Command.Signal) };
}

describe("reach", () => {
  test("the partner's connections with the feature and the sender's others, and says who signals what", async () => {
    const { signal, signalled, pushes } = stage();
    const answer = await signal("ann1", { account: "bob", kind: "call.offer", body: "sdp" });
    expect([answer.status, answer.body.length]).toEqual([Status.Success, 0]);
    expect(signalled()).toEqual([["ann2", "bob1", "bob2"]]);
    const [push] = pushes();
    expect(fromBinary(SignalSchema, push?.body ?? new Uint8Array(0))).toMatchObject({
      account: "bob",
      group: "",
      kind: "call.offer",
      body: "sdp",
      sender: "ann",
    });
  });

  test("everybody in a group who is online, once", async () => {
    const { signal, signalled, pass } = stage({}, { members: ["ann", "bob", "dan"] });
    expect((await signal("ann1", { group: "g", kind: "mine" })).status).toBe(Status.Success);
    await pass(100);
    expect(signalled()).toEqual([["ann2", "bob1", "bob2"]]);
  });

  test("nobody who has left a group by another node, and who has joined by one", async () => {
    const members = ["ann", "bob"];
    const { signal, signalled, pass, people } = stage({}, { members });
    await signal("ann1", { group: "g", kind: "mine" });
    members.splice(1, 1, "cy");
    people.groupVersions.set("g", 11n);
    await signal("ann1", { group: "g", kind: "mine" });
    await pass(100);
    expect(signalled()).toEqual([
      ["ann2", "bob1", "bob2"],
      ["ann2", "cy1"],
    ]);
  });

  test("one's own other connections, in the conversation with oneself", async () => {
    const { signal, signalled } = stage();
    await signal("ann1", { account: "ann" });
    expect(signalled()).toEqual([["ann2"]]);
  });

  test("nobody, which is Success, if nobody is online", async () => {
    const { signal, signalled, pass } = stage({}, { members: ["ann"] });
    expect((await signal("cy1", { account: "nobody" })).status).toBe(Status.Success);
    expect((await signal("cy1", { group: "g" })).status).toBe(Status.Success);
    await pass(100);
    expect(signalled()).toEqual([["ann1", "ann2"]]);
  });
});

describe("refusals", () => {
  test("are those of a talk", async () => {
    const { signal, signalled, people } = stage();
    const wanted = [
      ["notFound", Status.NotFound, "no such group"],
      ["forbidden", Status.Forbidden, "not a member"],
      ["muted", Status.Forbidden, "muted"],
      ["forAdmins", Status.Forbidden, "admins"],
      ["unwilling", Status.Forbidden, "invite it to a group"],
    ] as const;
    for (const [right, status, sentence] of wanted) {
      people.rights.set("there", right);
      for (const name of [{ group: "there" }, { account: "there" }]) {
        const answer = await signal("ann1", name);
        expect([answer.status, sentenceOf(answer)]).toEqual([status, expect.stringContaining(sentence)]);
      }
    }
    people.failure = new StoreUnavailable("away");
    expect((await signal("ann1", { group: "g" })).status).toBe(Status.SystemException);
    expect(signalled()).toEqual([]);
  });

  test("of what is malformed or too large ask the store for nothing", async () => {
    const { signal, signalled, people } = stage();
    const wanted = [
      [{}, Status.InvalidPacketBody],
      [{ account: "bob", group: "g" }, Status.InvalidPacketBody],
      [{ account: "a,b" }, Status.InvalidPacketBody],
      [{ account: "bob", kind: "" }, Status.InvalidPacketBody],
      [{ account: "bob", kind: "x".repeat(33) }, Status.InvalidPacketBody],
      [{ account: "bob", kind: "é".repeat(17) }, Status.InvalidPacketBody],
      [{ account: "bob", kind: "a\nb" }, Status.InvalidPacketBody],
      [{ account: "bob", body: "x".repeat(1_025) }, Status.PayloadTooLarge],
      [{ account: "bob", body: "é".repeat(513) }, Status.PayloadTooLarge],
      [{ account: "bob", body: "x".repeat(100_000) }, Status.PayloadTooLarge],
    ] as const;
    for (const [init, status] of wanted) expect([init, (await signal("ann1", init)).status]).toEqual([init, status]);
    expect([signalled(), people.asked.mayTalk]).toEqual([[], 0]);
    const most = { account: "bob", kind: "x".repeat(32), body: "x".repeat(1_024) };
    expect((await signal("ann1", most)).status).toBe(Status.Success);
  });
});

describe("typing", () => {
  test("is passed on once in two seconds for an account and conversation; other kinds always", async () => {
    const { signal, signalled, pass } = stage();
    for (let key = 0; key < 5; key++) expect((await signal("ann1", { account: "bob" })).status).toBe(Status.Success);
    await signal("ann2", { account: "bob" });
    expect(signalled()).toHaveLength(1);
    await signal("ann1", { account: "cy" });
    await signal("bob1", { account: "ann" });
    expect(signalled()).toHaveLength(3);
    for (let candidate = 0; candidate < 3; candidate++) await signal("ann1", { account: "bob", kind: "call.ice" });
    expect(signalled()).toHaveLength(6);
    await pass(1_900);
    await signal("ann1", { account: "bob" });
    expect(signalled()).toHaveLength(6);
    await pass(200);
    await signal("ann1", { account: "bob" });
    expect(signalled()).toHaveLength(7);
  });

  test("who may not talk is told so, however often", async () => {
    const { signal, people } = stage();
    people.rights.set("bob", "unwilling");
    for (let key = 0; key < 3; key++) expect((await signal("ann1", { account: "bob" })).status).toBe(Status.Forbidden);
  });

  test("in a group of ten thousand is Success and reaches nobody, and costs the sender nothing", async () => {
    const members = ["ann", ...names(10_000)];
    const { signal, signalled, online, pass, limits } = stage({}, { members });
    for (const name of members.slice(1)) online(name);
    for (let key = 0; key < 50; key++) expect((await signal("ann1", { group: "g" })).status).toBe(Status.Success);
    await pass(500);
    expect(signalled()).toEqual([]);
    expect(limits.use("fanOutAtOnce")).toBe(0);
    // What is no typing reaches all, and is paid for.
    expect((await signal("ann1", { group: "g", kind: "call.ring" })).status).toBe(Status.Success);
    for (let turn = 0; turn < 300; turn++) await Bun.sleep(0);
    expect(new Set(signalled().flat()).size).toBe(10_001);
    expect(limits.use("fanOutAtOnce")).toBeGreaterThanOrEqual(10_000);
    await signal("ann1", { group: "g", kind: "call.ring" });
    await signal("ann1", { group: "g", kind: "call.ring" });
    expect((await signal("ann1", { group: "g", kind: "call.ring" })).status).toBe(Status.RateLimited);
  }, 30_000);
});

test("signals are dropped where much waits for a gateway, and nobody is told to look for them", async () => {
  const { signal, signalled, pushes, connection, pass } = stage();
  connection.unsentBytes = 2 ** 21;
  expect((await signal("ann1", { account: "bob", kind: "call.offer" })).status).toBe(Status.Success);
  expect((await signal("ann1", { group: "g", kind: "call.offer" })).status).toBe(Status.Success);
  await pass(500);
  connection.unsentBytes = 0;
  await pass(5_000);
  expect([signalled(), pushes()]).toEqual([[], []]);
});

bound("signalMembers", {
  at: async () => {
    const members = ["ann", ...names(19)];
    const { signal, signalled, online, pass } = stage({ signalMembers: 20 }, { members });
    for (const name of members.slice(1)) online(name);
    await signal("ann1", { group: "g" });
    await pass(100);
    expect(signalled().flat()).toHaveLength(20);
  },
  above: async () => {
    const members = ["ann", ...names(20)];
    const { signal, signalled, online, pass, limits } = stage({ signalMembers: 20 }, { members });
    for (const name of members.slice(1)) online(name);
    expect((await signal("ann1", { group: "g" })).status).toBe(Status.Success);
    await pass(100);
    expect(signalled()).toEqual([]);
    expect(limits.reached.get("signalMembers")).toBe(1);
  },
});

bound("signalsAtOnce", {
  at: async () => {
    const { signal } = stage({ signalsAtOnce: 5 });
    for (let sent = 0; sent < 5; sent++) expect((await signal("ann1", { account: "bob" })).status).toBe(Status.Success);
  },
  above: async () => {
    const { signal, limits, people } = stage({ signalsAtOnce: 5 });
    for (let sent = 0; sent < 5; sent++) await signal("ann1", { account: "bob" });
    const answer = await signal("ann2", { account: "cy" });
    expect([answer.status, sentenceOf(answer)]).toEqual([Status.RateLimited, expect.stringContaining("5 at once")]);
    expect([people.asked.mayTalk, limits.use("signalsAtOnce")]).toEqual([5, 5]);
    expect((await signal("bob1", { account: "cy" })).status).toBe(Status.Success);
  },
});

bound("signalsPerSecond", {
  at: async () => {
    const { signal, time } = stage({ signalsAtOnce: 5, signalsPerSecond: 2 });
    for (let sent = 0; sent < 5; sent++) await signal("ann1", { account: "bob" });
    time.advance(1_000);
    for (let sent = 0; sent < 2; sent++) expect((await signal("ann1", { account: "bob" })).status).toBe(Status.Success);
  },
  above: async () => {
    const { signal, time, limits } = stage({ signalsAtOnce: 5, signalsPerSecond: 2 });
    for (let sent = 0; sent < 5; sent++) await signal("ann1", { account: "bob" });
    time.advance(1_000);
    for (let sent = 0; sent < 2; sent++) await signal("ann1", { account: "bob" });
    expect((await signal("ann1", { account: "bob" })).status).toBe(Status.RateLimited);
    expect(limits.reached.get("signalsPerSecond")).toBe(1);
  },
});
