// Presence, signals, blocks, settings and profiles of the community against the real server, with its store on SQLite.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { RequestRefused } from "../../../src/sdk/client-errors.ts";
import { Status } from "../../../src/wire/gen/pkt_pb.ts";
import { Messenger as Server } from "../../support/messenger.ts";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { fresh, same } from "../messenger/support.ts";
import { afterwards, endAll } from "../support.ts";
import { type Person, person, told } from "./support.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());
afterEach(endAll);

const refusal = (request: Promise<unknown>): Promise<unknown> =>
  request.then(
    () => "not refused",
    (error: unknown) => (error instanceof RequestRefused ? error.status : error),
  );

for (const transport of ["ws", "tcp"] as const) {
  describe(`over ${transport}`, () => {
    /** Two who have talked. */
    async function two(): Promise<[Person, Person]> {
      const ann = await person(server, fresh("ann"), "phone", { transport });
      const bob = await person(server, fresh("bob"), "phone", { transport });
      await ann.client.talkToUser(bob.account, { body: "hello" });
      return [ann, bob];
    }

    test("views share watches, and see devices come and go", async () => {
      const [ann, bob] = await two();
      const stranger = fresh("stranger");
      const changes = told(ann, "presenceChanged");
      const watches = [
        ann.community.presence.watch([bob.account, stranger]),
        ann.community.presence.watch([bob.account]),
      ];
      let calls = 0;
      watches[1]?.onChange(() => void calls++);
      for (const watch of watches) await watch.ready();
      const seen = (): unknown =>
        watches.map(({ states }) => [...states].map(([name, { devices }]) => [name, devices]));
      expect(seen()).toEqual([
        [
          [bob.account, 1],
          [stranger, 0],
        ],
        [[bob.account, 1]],
      ]);
      await same(() => changes.flatMap(({ accounts }) => [...accounts]), [bob.account, stranger], "the event");
      const tablet = await person(server, bob.account, "tablet", { transport });
      await same(() => ann.community.presence.of(bob.account)?.devices, 2, "two devices");
      watches[0]?.close();
      expect(ann.community.presence.of(stranger)).toBeUndefined();
      await tablet.client.close();
      await bob.client.close();
      await same(() => ann.community.presence.of(bob.account)?.isOnline, false, "gone");
      expect(Date.now() - (watches[1]?.states.get(bob.account)?.lastSeen?.getTime() ?? 0)).toBeLessThan(180_000);
      expect(calls).toBeGreaterThanOrEqual(2);
      watches[1]?.close();
      expect(ann.community.presence.of(bob.account)).toBeUndefined();
    });

    test("a block ends what the blocked one sees, and both devices agree on blocks and settings", async () => {
      const [ann, bob] = await two();
      const tablet = await person(server, ann.account, "tablet", { transport });
      for (const { community } of [ann, bob, tablet]) await community.ready();
      const watch = bob.community.presence.watch([ann.account]);
      await watch.ready();
      expect(watch.states.get(ann.account)?.devices).toBe(2);
      const changes = told(tablet, "accountChanged");
      await ann.community.block(bob.account);
      expect([...ann.community.blocked]).toEqual([bob.account]);
      await same(() => [...tablet.community.blocked], [bob.account], "the tablet");
      await same(() => watch.states.get(ann.account)?.isOnline, false, "as if it had left");
      expect(await refusal(bob.client.talkToUser(ann.account, { body: "x" }))).toBe(Status.Forbidden);
      expect(await refusal(bob.community.signal(ann, "wave"))).toBe(Status.Forbidden);
      await tablet.community.setSettings({ add: "nobody" });
      await ann.community.setSettings({ write: "conversations" });
      const settings = { write: "conversations", add: "nobody" } as const;
      for (const { community } of [ann, tablet]) await same(() => community.settings, settings, "settings");
      await ann.community.unblock(bob.account);
      await same(() => [...tablet.community.blocked], [], "the tablet");
      expect(new Set(changes.flatMap(({ parts }) => [...parts]))).toEqual(new Set(["blocks", "settings"]));
      const { id } = await bob.client.newGroup({ name: "tea" });
      const refused = { entryId: 0n, leftOut: [], unwilling: [ann.account] };
      expect(await bob.community.group(id).add([ann.account])).toEqual(refused);
      // What was set while a device was away.
      await tablet.client.close();
      await ann.community.block(bob.account);
      const again = await person(server, ann.account, "tablet", { transport });
      await again.community.ready();
      expect([[...again.community.blocked], again.community.settings]).toEqual([[bob.account], settings]);
    });

    test("typing is told once each two seconds until a message comes; other signals are passed on", async () => {
      const [ann, bob] = await two();
      const tablet = await person(server, ann.account, "tablet", { transport });
      const [typing, signals, own] = [told(bob, "typing"), told(bob, "signal"), told(tablet, "signal")];
      const partner = { account: bob.account };
      for (let key = 0; key < 20; key++) ann.community.typing(partner);
      const event = { partner: { account: ann.account }, account: ann.account };
      await same(() => typing, [{ ...event, isTyping: true }], "begins");
      expect(bob.community.typists({ account: ann.account })).toEqual([ann.account]);
      await ann.client.talkToUser(bob.account, { body: "so" });
      await same(() => typing.at(-1), { ...event, isTyping: false }, "ends");
      expect(bob.community.typists({ account: ann.account })).toEqual([]);
      const body = "\u202e\u0007 not trusted";
      await ann.community.signal(partner, "call.ring", body);
      const signal = { sender: ann.account, kind: "call.ring", body };
      await same(() => signals, [{ partner: { account: ann.account }, ...signal }], "bob");
      await same(() => own, [{ partner, ...signal }], "the other device");
      for (const kind of ["", "\n", "x".repeat(33)])
        expect(await refusal(ann.community.signal(partner, kind))).toBe(Status.InvalidPacketBody);
      expect(typing).toHaveLength(2);
    });

    test("who goes on typing after a message is shown again, and not after the next one", async () => {
      const [ann, bob] = await two();
      const typing = told(bob, "typing");
      const shown = (): boolean[] => typing.map(({ isTyping }) => isTyping);
      const partner = { account: bob.account };
      const send = (): Promise<unknown> => ann.client.talkToUser(bob.account, { body: "so" });
      ann.community.typing(partner);
      await same(shown, [true], "begins");
      await send();
      // Two keys, and no more.
      for (let key = 0; key < 2; key++) ann.community.typing(partner);
      await same(shown, [true, false, true], "goes on");
      await send();
      ann.community.typing(partner);
      await send();
      await same(shown, [true, false, true, false], "ends");
      // What was to be told at the end of the pause is not told any more.
      await Bun.sleep(2_500);
      expect(shown()).toEqual([true, false, true, false]);
    });

    test("profiles come in batches, with what changed; names of others are shown as they are", async () => {
      const [ann, bob] = await two();
      const tablet = await person(server, bob.account, "tablet", { transport });
      await tablet.community.ready();
      const profile = { name: "Bob ‍ B", avatar: "https://x/y", extra: '{"\u202e": "\u0000"}' };
      await bob.community.setProfile(profile);
      await bob.community.setProfile({ name: "Bob" });
      const wanted = { ...profile, name: "Bob", account: bob.account };
      expect(bob.community.profile).toEqual(wanted);
      await same(() => tablet.community.profile, wanted, "the tablet");
      for (const name of ["\u202eboB", "a\u0007b", "x".repeat(65)])
        expect(await refusal(bob.community.setProfile({ name }))).toBe(Status.InvalidPacketBody);
      expect(ann.community.profiles.of(bob.account)).toBeUndefined();
      const changes = told(ann, "profilesChanged");
      await same(() => changes.map(({ accounts }) => [...accounts]), [[bob.account]], "it comes");
      const shown = ann.community.profiles.of(bob.account);
      expect(shown).toEqual(wanted);
      const many = Array.from({ length: 500 }, (_, at) => `${bob.account}-${at}`);
      const found = await ann.community.profiles.load([...many, bob.account, ""]);
      expect([found.size, found.get(many[499] ?? "")?.name]).toEqual([502, ""]);
      expect(found.get(bob.account) === shown).toBe(true);
    });
  });
}

test("presence is right again after a restart of the server", async () => {
  const storePath = join(temporaryFolder("roost-restart-"), "messages.db");
  let place = await Server.start({ storePath });
  const portOf = (running: Server): number => Number(running.tcp.split(":")[1]);
  const proxy = await TcpProxy.start(portOf(place));
  afterwards(async () => {
    await place.stop();
    await proxy.stop();
  });
  const url = `tcp://127.0.0.1:${proxy.port}`;
  const [ann, bob] = [fresh("ann"), fresh("bob")];
  const watcher = await person(place, ann, "phone", { url });
  const watched = await person(place, bob, "phone", { url });
  await watched.client.talkToUser(ann, { body: "x" });
  const watch = watcher.community.presence.watch([bob]);
  await watch.ready();
  expect(watch.states.get(bob)?.devices).toBe(1);
  await place.stop();
  place = await Server.start({ storePath });
  proxy.switchTo(portOf(place));
  await same(() => watcher.client.isOnline && watched.client.isOnline, true, "both are back", 20_000);
  await watch.ready();
  await same(() => watch.states.get(bob)?.devices, 1, "watched again", 10_000);
  await watched.client.close();
  await same(() => watch.states.get(bob)?.isOnline, false, "told again", 10_000);
}, 60_000);

test("where presence is turned off, a watch says so", async () => {
  const place = await Server.start({ presence: false });
  afterwards(() => place.stop());
  const { community, account } = await person(place, fresh("ann"));
  const watch = community.presence.watch(["bob", account]);
  expect(await refusal(watch.ready())).toBe(Status.Forbidden);
  expect(watch.states.size).toBe(0);
});
