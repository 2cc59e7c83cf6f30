// A community and a server that does what the test says: one without the commands, with events of later releases, with
// other limits.

import { afterEach, expect, setSystemTime, test } from "bun:test";
import { fromJson, type MessageInitShape } from "@bufbuild/protobuf";
import type { CommunityEvents } from "../../../src/sdk/community/community.ts";
import { Command } from "../../../src/wire/commands.ts";
import {
  type EntryDetailSchema,
  EntryKind,
  EventPushSchema,
  GroupGetRespSchema,
  GroupListRespSchema,
  MessagePushSchema,
  ProfileReqSchema,
  ProfileRespSchema,
  SignalSchema,
  Status,
} from "../../../src/wire/gen/pkt_pb.ts";
import { same } from "../messenger/support.ts";
import { endAll } from "../support.ts";
import { names, start, statusOf, watches } from "./scripted-community.ts";

afterEach(endAll);
afterEach(() => void setSystemTime());

const commands = [
  ...[Command.GroupList, Command.GroupDetail, Command.GroupMembers, Command.PresenceWatch, Command.PresenceUnwatch],
  ...[Command.AccountProfile, Command.AccountBlock, Command.Signal],
];

const entry = { actor: "bob", group: "g", previousEntryId: 0n };

for (const name of ["NotImplemented", "InvalidCommand"] as const) {
  const status = Status[name];
  test(`a server without the commands (${name}) is asked once, and the rest works`, async () => {
    const { peer, community } = await start();
    const asked: string[] = [];
    for (const command of commands) {
      peer.on(command, (request) => {
        asked.push(command);
        request.refuse(status, "no such command");
      });
    }
    await community.ready();
    expect([community.blocked.size, community.settings]).toEqual([0, { write: "everybody", add: "everybody" }]);
    for (const request of [
      () => community.groups.ready(),
      () => community.group("g").detail(),
      () => community.presence.watch(["bob"]).ready(),
      () => community.profiles.load(["bob"]),
      () => community.block("bob"),
    ])
      expect(await statusOf(request())).toBe(status);
    for (let times = 0; times < 3; times++) {
      expect(community.profiles.of("bob")).toBeUndefined();
      community.typing({ account: "bob" });
      await Bun.sleep(20);
    }
    const wanted = [Command.GroupList, Command.GroupDetail, Command.PresenceWatch, Command.AccountProfile];
    expect(asked).toEqual([...wanted, Command.AccountBlock, Command.Signal]);
  });
}

test("unknown kinds, fields and commands are ignored, and handlers that never end hold nothing up", async () => {
  const { peer, community } = await start();
  const seen: CommunityEvents["groupChanged"][] = [];
  community.on("groupChanged", (change) => {
    seen.push(change);
    return new Promise<void>(() => undefined);
  });
  const kinds: readonly number[] = [99, 15, 28, EntryKind.EntryGroupUpdated, EntryKind.EntryGroupRole];
  for (const [at, number] of kinds.entries()) {
    const detail = { fields: [0, 50], role: 9, accounts: ["alice"], count: 1 };
    const push = { actor: "bob", group: "g", entryId: `${20 + at}`, kind: number, detail };
    peer.latest.push(Command.Event, "", EventPushSchema, fromJson(EventPushSchema, push));
  }
  for (const command of ["later.command", Command.PresenceChanged, Command.GroupRequest, Command.GroupAnswer])
    peer.latest.push(command, "", MessagePushSchema, { body: "x" });
  await same(
    () => seen.map(({ kind, fields, role }) => [kind, fields, role]).slice(0, 2),
    [
      ["updated", ["name"], "member"],
      ["role", ["name"], "member"],
    ],
    "those that are known",
  );
});

test("a group is read again for what an entry does not say, and not for joins and leaves", async () => {
  const { peer, community } = await start();
  let details = 0;
  const group = { id: "g", name: "tea", owner: "bob", memberCount: 5 };
  peer.on(Command.GroupList, (request) => request.respond(GroupListRespSchema, { groups: [group] }));
  peer.on(Command.GroupDetail, (request) => {
    details++;
    request.respond(GroupGetRespSchema, { ...group, name: `tea ${details}`, memberCount: 6 });
  });
  await community.groups.ready();
  let id = 20n;
  const push = (kind: EntryKind, detail: MessageInitShape<typeof EntryDetailSchema>): void => {
    peer.latest.push(Command.Event, "", EventPushSchema, {
      ...entry,
      entryId: id,
      previousEntryId: id - 1n,
      kind,
      detail,
    });
    id++;
  };
  push(EntryKind.EntryGroupJoined, { accounts: ["x", "y"], count: 2 });
  push(EntryKind.EntryGroupLeft, { accounts: ["x"], count: 1 });
  push(EntryKind.EntryGroupRemoved, { accounts: ["y"], count: 1 });
  push(EntryKind.EntryGroupRole, { accounts: ["z"], count: 1, role: 1 });
  // Nobody has asked for the introduction.
  push(EntryKind.EntryGroupUpdated, { fields: [2] });
  push(EntryKind.EntryGroupTransferred, { accounts: ["cyd"], count: 1 });
  await same(() => community.groups.get("g")?.owner, "cyd", "the entries have come");
  expect([details, community.groups.get("g")?.memberCount]).toEqual([0, 5]);
  push(EntryKind.EntryGroupSettings, { fields: [6] });
  await same(() => details, 1, "the settings");
  push(EntryKind.EntryGroupLeft, { accounts: ["bob"], count: 1 });
  await same(() => details, 2, "who inherits");
  await same(() => community.groups.get("g")?.name, "tea 2", "as it is");
  // Two that cross: the later one counts.
  const later = { ...entry, entryId: id + 1n, kind: EntryKind.EntryGroupRole, previousEntryId: id };
  const detail = { accounts: ["alice"], count: 1 };
  peer.latest.push(Command.Event, "", EventPushSchema, { ...later, detail: { ...detail, role: 1 } });
  push(EntryKind.EntryGroupRole, detail);
  await same(() => details, 3, "who is right");
  id++;
  push(EntryKind.EntryGroupDismissed, {});
  await same(() => community.groups.items, [], "gone");
});

test("a group that an entry removes while it is read stays away, though the answer has it", async () => {
  const { peer, community } = await start();
  const group = { id: "g", name: "tea", owner: "bob", memberCount: 5 };
  const waiting: (() => void)[] = [];
  let isMember = true;
  let isHeld = false;
  peer.on(Command.GroupList, (request) => {
    const answer = (): void => request.respond(GroupListRespSchema, { groups: [group] });
    return isHeld ? void waiting.push(answer) : answer();
  });
  peer.on(Command.GroupDetail, (request) => {
    if (!isMember) return request.refuse(Status.Forbidden, "no member");
    const answer = (): void => request.respond(GroupGetRespSchema, group);
    return isHeld ? void waiting.push(answer) : answer();
  });
  await community.groups.ready();
  let id = 20n;
  const push = (kind: EntryKind, detail: MessageInitShape<typeof EntryDetailSchema>): void => {
    peer.latest.push(Command.Event, "", EventPushSchema, {
      ...entry,
      ...{ entryId: id, previousEntryId: id - 1n, kind, detail },
    });
    id++;
  };
  const removed = { accounts: ["alice"], count: 1 };
  for (const reading of ["asked for", "read again"]) {
    isHeld = true;
    const asked = reading === "asked for" ? community.group("g").detail() : undefined;
    if (asked === undefined) push(EntryKind.EntryGroupUpdated, { fields: [0] });
    await same(() => waiting.length, 1, reading);
    [isHeld, isMember] = [false, false];
    push(EntryKind.EntryGroupRemoved, removed);
    await same(() => community.groups.items, [], "removed");
    await Bun.sleep(20);
    for (const answer of waiting.splice(0)) answer();
    await asked;
    await Bun.sleep(50);
    expect([reading, community.groups.items]).toEqual([reading, []]);
    isMember = true;
    push(EntryKind.EntryGroupJoined, removed);
    await same(() => community.groups.items.length, 1, "joined again");
  }
});

test("1,000 accounts are watched and not 1,001, in requests of 200, again after each hint and sign-in", async () => {
  const { peer, client, community } = await start();
  const { asked, held } = watches(peer);
  const watch = community.presence.watch(names(1_000));
  expect(() => community.presence.watch(["one more"])).toThrow(RangeError);
  expect(() => community.presence.watch(["a1", "a1"])).not.toThrow();
  await watch.ready();
  expect([asked, watch.states.size]).toEqual([[200, 200, 200, 200, 200], 1_000]);
  peer.latest.push(Command.Sync, "", MessagePushSchema, {});
  await same(() => asked.length, 10, "again after a hint");
  held.clear();
  peer.latest.end();
  await same(() => [client.isOnline, held.size], [true, 1_000], "again after the sign-in");
  watch.close();
  await same(() => [...held], ["a1"], "what the other watch has");
  expect(asked.slice(-5)).toEqual([-200, -200, -200, -200, -199]);
});

test("what a server with a lower limit refuses is asked for again when a watch ends", async () => {
  const { peer, community } = await start();
  const { held } = watches(peer, (there) => there.size >= 200);
  const first = community.presence.watch(names(200));
  await first.ready();
  const second = community.presence.watch(names(50, "b"));
  expect(await statusOf(second.ready())).toBe(Status.Forbidden);
  first.close();
  await second.ready();
  expect([held.size, second.states.size]).toEqual([50, 50]);
});

test("500 profiles are three requests, and ten minutes later only those that are shown are asked for", async () => {
  const { peer, community } = await start();
  const asked: (readonly [number, bigint])[] = [];
  peer.on(Command.AccountProfile, (request) => {
    const { accounts, versions } = request.body(ProfileReqSchema);
    asked.push([accounts.length, versions[0] ?? 0n]);
    const profiles = accounts.map((account) => ({ account, name: `${account}!`, version: 7n }));
    request.respond(ProfileRespSchema, { profiles: versions[0] === 7n ? [] : profiles });
  });
  const [first, second] = await Promise.all([community.profiles.load(names(500)), community.profiles.load(names(500))]);
  expect([asked, first.get("a499")?.name, second.size]).toEqual([
    [
      [200, 0n],
      [200, 0n],
      [100, 0n],
    ],
    "a499!",
    500,
  ]);
  const shown = community.profiles.of("a1");
  setSystemTime(Date.now() + 601_000);
  expect(community.profiles.of("a1") === shown).toBe(true);
  await same(() => asked.length, 4, "one is shown again");
  expect(asked[3]).toEqual([1, 7n]);
  await Bun.sleep(20);
  expect(community.profiles.of("a1") === shown).toBe(true);
  expect(asked.length).toBe(4);
});

test("who types no more is forgotten", async () => {
  const { peer, community } = await start();
  const seen: [string, boolean][] = [];
  community.on("typing", ({ account, isTyping }) => void seen.push([account, isTyping]));
  for (const sender of ["bob", "bob", "alice", "cyd"])
    peer.latest.push(Command.Signal, "", SignalSchema, { sender, group: "g", kind: "typing" });
  await same(() => community.typists({ group: "g" }), ["bob", "cyd"], "two, and not this account");
  await same(() => community.typists({ group: "g" }), [], "they stop");
  expect(seen).toEqual([
    ["bob", true],
    ["cyd", true],
    ["bob", false],
    ["cyd", false],
  ]);
});
