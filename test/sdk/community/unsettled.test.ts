// What is left half done: watches that are closed before the server has answered, or that it refuses for now, and what
// is remembered of a log that a restored backup begins anew.

import { afterEach, expect, test } from "bun:test";
import { Command } from "../../../src/wire/commands.ts";
import {
  EntryKind,
  EntryRespSchema,
  EventPushSchema,
  GroupListRespSchema,
  MessageIndexRespSchema,
  MessagePushSchema,
  Status,
} from "../../../src/wire/gen/pkt_pb.ts";
import { same } from "../messenger/support.ts";
import { endAll } from "../support.ts";
import { start, watches } from "./scripted-community.ts";

afterEach(endAll);

test("a watch that is closed is ready: while one waits for it, and later", async () => {
  const { peer, community } = await start();
  let asked = 0;
  peer.on(Command.PresenceWatch, () => void asked++);
  const watch = community.presence.watch(["bob"]);
  const ready = watch.ready();
  await same(() => asked, 1, "the request, which nobody answers");
  watch.close();
  await ready;
  await watch.ready();
  expect(watch.states.size).toBe(0);
  watch.close();
  await watch.ready();
});

for (const name of ["ServiceUnavailable", "RateLimited"] as const) {
  test(`a watch that is refused for now (${name}) is asked for again, and others end meanwhile`, async () => {
    const { peer, community } = await start();
    let refusals = 0;
    let isBusy = true;
    const refuses = (_: ReadonlySet<string>, accounts: readonly string[]): boolean => {
      const isRefused = isBusy && accounts.includes("b");
      if (isRefused) refusals++;
      return isRefused;
    };
    const { held } = watches(peer, refuses, Status[name]);
    const first = community.presence.watch(["a"]);
    await first.ready();
    const second = community.presence.watch(["b"]);
    let isReady = false;
    const ready = second.ready().then(() => {
      isReady = true;
    });
    await same(() => refusals > 1, true, "it is asked for again");
    first.close();
    await same(() => [...held], [], "the end of the other one");
    expect(isReady).toBe(false);
    isBusy = false;
    await ready;
    expect([...held]).toEqual(["b"]);
  });
}

test("after a backup was restored, entries are not taken for late ones because of their ids", async () => {
  const { peer, community } = await start();
  const group = { id: "g", name: "tea", owner: "alice", memberCount: 5, alias: "old" };
  let alias = "old";
  peer.on(Command.GroupList, (request) => request.respond(GroupListRespSchema, { groups: [{ ...group, alias }] }));
  peer.on(Command.GroupAlias, (request) => request.respond(EntryRespSchema, { entryId: 1_000n }));
  await community.groups.ready();
  await community.group("g").setAlias("mine");
  expect(community.groups.get("g")?.alias).toBe("mine");
  let isRestored = false;
  peer.on(Command.OfflineIndex, (request) => {
    const reset = !isRestored;
    // Only once: the index is read again at any time, also when the other device has set its name.
    if (reset) alias = "restored";
    isRestored = true;
    request.respond(MessageIndexRespSchema, { lastId: 12n, reset });
  });
  peer.latest.push(Command.Sync, "", MessagePushSchema, {});
  await same(() => community.groups.get("g")?.alias, "restored", "the list is read again");
  alias = "another device's";
  const push = { actor: "alice", group: "g", entryId: 20n, kind: EntryKind.EntryGroupAlias, previousEntryId: 12n };
  peer.latest.push(Command.Event, "", EventPushSchema, { ...push, detail: { accounts: ["alice"], count: 1 } });
  await same(() => community.groups.get("g")?.alias, alias, "the name that another device has set");
});
