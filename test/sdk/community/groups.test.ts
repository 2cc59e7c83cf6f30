// Groups of the community against the real server, with its store on SQLite.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import type { GroupChange } from "../../../src/sdk/community/community.ts";
import { RequestRefused } from "../../../src/sdk/client-errors.ts";
import { Status } from "../../../src/wire/gen/pkt_pb.ts";
import { Messenger as Server } from "../../support/messenger.ts";
import { fresh, same } from "../messenger/support.ts";
import { endAll } from "../support.ts";
import { allOf, type Person, person, told } from "./support.ts";

let server: Server;
beforeAll(async () => {
  server = await Server.start();
});
afterAll(() => server.stop());
afterEach(endAll);

const hour = 3_600_000;
/** Changes of several devices may cross. */
const inOrder = (changes: readonly GroupChange[]): readonly GroupChange[] =>
  changes.toSorted((one, other) => Number(one.entryId - other.entryId));
const said = (changes: readonly GroupChange[]): string[] =>
  inOrder(changes).map(({ kind, actor, accounts, fields, role }) => {
    const name = (account: string): string => account.replace(/-\d+$/, "");
    const rest = [...accounts.map(name), ...fields, ...(kind === "role" ? [role] : [])].join(" ");
    return `${name(actor)} ${kind} ${rest}`.trim();
  });
const refusal = (request: Promise<unknown>): Promise<unknown> =>
  request.then(
    () => "not refused",
    (error: unknown) => (error instanceof RequestRefused ? error.status : error),
  );
/** The three of a test, and a group of the first one's. */
async function three(transport: "ws" | "tcp"): Promise<[Person, Person, Person, string]> {
  const [ann, bob, cyd] = await Promise.all(
    ["ann", "bob", "cyd"].map((name) => person(server, fresh(name), "phone", { transport })),
  );
  if (ann === undefined || bob === undefined || cyd === undefined) throw new Error("three people");
  for (const { community } of [ann, bob, cyd]) await community.groups.ready();
  const { id } = await ann.client.newGroup({ name: "tea", members: [bob.account] });
  await same(() => bob.community.groups.get(id)?.name, "tea", "bob's list");
  await same(() => ann.community.groups.get(id)?.role, "owner", "ann's list");
  return [ann, bob, cyd, id];
}

for (const transport of ["ws", "tcp"] as const) {
  describe(`over ${transport}`, () => {
    test("a group's whole life shows in lists, details and events of everybody in it", async () => {
      const [ann, bob, cyd, id] = await three(transport);
      const [ofBob, ofAnn, ofCyd] = [told(bob, "groupChanged"), told(ann, "groupChanged"), told(cyd, "groupChanged")];
      const group = ann.community.group(id);
      const entryId: bigint = expect.any(BigInt);
      expect(await group.add([cyd.account])).toEqual({ entryId, leftOut: [], unwilling: [] });
      await same(() => cyd.community.groups.get(id)?.memberCount, 3, "cyd is in");
      await same(() => bob.community.groups.get(id)?.memberCount, 3, "bob counts");
      const texts = { name: "coffee", introduction: "in", announcement: "an", avatar: "https://x/y" };
      await group.update({ ...texts, isMuted: true, isClosed: true });
      expect(ann.community.groups.get(id)).toMatchObject({ name: "coffee", isMuted: true });
      expect(await group.detail()).toMatchObject({ ...texts, isMuted: true, isClosed: true, owner: ann.account });
      await same(() => bob.community.groups.get(id)?.name, "coffee", "bob learns the name");
      await same(() => bob.community.groups.get(id)?.isMuted, true, "bob learns the settings");
      await group.update({ isMuted: false });
      await same(() => bob.community.groups.get(id)?.isMuted, false, "bob learns the settings");
      await group.setRole(bob.account, "admin");
      await same(() => bob.community.groups.get(id)?.role, "admin", "bob is an admin");
      const until = new Date(Math.ceil((Date.now() + hour) / 1_000) * 1_000);
      await bob.community.group(id).mute(cyd.account, until);
      await same(() => cyd.community.groups.get(id)?.mutedUntil, until, "cyd is muted");
      await expect(cyd.client.talkToGroup(id, { body: "hm" })).rejects.toThrow(/mute/);
      await bob.community.group(id).mute(cyd.account, undefined);
      await same(() => cyd.community.groups.get(id)?.mutedUntil, undefined, "cyd may talk");
      await cyd.community.group(id).setAlias("C");
      expect(cyd.community.groups.get(id)?.alias).toBe("C");
      const members = await allOf(group.members({ limit: 1 }), (page) => page.members);
      expect(new Set(members.map(({ account, alias, role }) => `${account} ${alias} ${role}`))).toEqual(
        new Set([`${ann.account}  owner`, `${bob.account}  admin`, `${cyd.account} C member`]),
      );
      expect(await allOf(group.members({ adminsOnly: true }), (page) => page.members)).toHaveLength(2);
      await group.transfer(bob.account);
      expect(group.state).toMatchObject({ owner: bob.account, role: "admin" });
      await same(() => bob.community.groups.get(id)?.role, "owner", "bob owns it");
      await bob.community.group(id).remove([cyd.account]);
      await same(() => cyd.community.groups.get(id), undefined, "cyd is out");
      await bob.community.group(id).dismiss();
      expect(bob.community.groups.items).toEqual([]);
      await same(() => ann.community.groups.items, [], "ann's is gone");
      const all = [
        "ann joined cyd",
        "ann updated name avatar introduction announcement",
        "ann settings isClosed isMuted",
        "ann settings isMuted",
        "ann role bob admin",
        "bob muted cyd",
        "bob muted cyd",
        "cyd alias cyd",
        "ann transferred bob",
        "bob removed cyd",
      ];
      for (const [changes, who] of [
        [ofAnn, "ann"],
        [ofBob, "bob"],
      ] as const)
        await same(() => said(changes), [...all, "bob dismissed"], `what ${who} was told`);
      await same(() => said(ofCyd), all, "what cyd was told");
      expect(ofCyd.find(({ kind, until: time }) => kind === "muted" && time !== undefined)?.until).toEqual(until);
      await bob.community.group(id).dismiss();
      expect(await refusal(ann.community.group(id).dismiss())).toBe(Status.NotFound);
    });

    test("a change resolves with the id of its entry, which is told, and with 0 if it was so already", async () => {
      const [ann, bob, , id] = await three(transport);
      const entries = [told(ann, "groupChanged"), told(ann, "messagePinned")];
      const group = ann.community.group(id);
      const message = await ann.client.talkToGroup(id, { body: "x" });
      const until = new Date(Date.now() + hour);
      const ids: bigint[] = [];
      for (const request of [
        () => group.update({ name: "cocoa", isMuted: true }),
        () => group.setRole(bob.account, "admin"),
        () => group.mute(bob.account, until),
        () => group.setAlias("A"),
        () => ann.community.pinMessage({ group: id }, message.id),
        () => group.remove([bob.account]),
        async () => (await group.add([bob.account])).entryId,
      ]) {
        ids.push(await request());
        expect(await request()).toBe(0n);
      }
      ids.push(await group.dismiss());
      const known = (): Set<bigint> => new Set(entries.flat().map(({ entryId }) => entryId));
      await same(() => ids.filter((entryId) => !known().has(entryId)), [], "the entries");
    });

    test("invitations and requests", async () => {
      const [ann, bob, cyd, id] = await three(transport);
      const group = ann.community.group(id);
      await group.update({ isClosed: true });
      expect(await refusal(cyd.community.group(id).join())).toBe(Status.Forbidden);
      const invitation = await group.invite({ expiresInMs: hour, usesMax: 2 });
      expect(invitation).toMatchObject({ usesLeft: 2, account: ann.account });
      expect(Math.abs(invitation.expiresAt.getTime() - Date.now() - hour)).toBeLessThan(60_000);
      expect(await group.invitations()).toEqual([invitation]);
      for (let times = 0; times < 2; times++) expect(await cyd.community.join(invitation.code)).toBe(id);
      await same(() => cyd.community.groups.get(id)?.name, "tea", "cyd is in");
      await cyd.community.group(id).leave();
      expect(cyd.community.groups.items).toEqual([]);
      expect(await cyd.community.join(invitation.code)).toBe(id);
      expect(await group.invitations()).toEqual([]);
      await cyd.community.group(id).leave();
      expect(await refusal(cyd.community.join(invitation.code))).toBe(Status.NotFound);
      const other = await group.invite();
      expect(other.usesLeft).toBeUndefined();
      for (let times = 0; times < 2; times++) await group.revoke(other.code);
      expect(await refusal(cyd.community.join(other.code))).toBe(Status.NotFound);

      await group.update({ isClosed: false, hasApproval: true });
      await group.setRole(bob.account, "admin");
      await same(() => bob.community.groups.get(id)?.role, "admin", "bob is an admin");
      const [asked, answered] = [told(bob, "joinRequested"), told(cyd, "joinAnswered")];
      expect((await bob.community.group(id).detail()).requestCount).toBe(0);
      await cyd.community.group(id).request("it is me");
      await same(() => asked.map(({ request }) => [request.account, request.text]), [[cyd.account, "it is me"]], "bob");
      expect((await bob.community.group(id).detail()).requestCount).toBe(1);
      await cyd.community.group(id).withdraw();
      await same(() => asked.map(({ isWithdrawn }) => isWithdrawn), [false, true], "withdrawn");
      await cyd.community.group(id).request();
      expect(await allOf(group.requests(), ({ requests }) => requests)).toMatchObject([{ account: cyd.account }]);
      await bob.community.group(id).answer(cyd.account, false);
      expect(await refusal(bob.community.group(id).answer(cyd.account, false))).toBe(Status.NotFound);
      await cyd.community.group(id).request();
      for (let times = 0; times < 2; times++) await bob.community.group(id).answer(cyd.account, true);
      await same(
        () => answered,
        [false, true].map((isAccepted) => ({ group: id, isAccepted })),
        "answers",
      );
      await same(() => cyd.community.groups.get(id)?.memberCount, 3, "cyd is in");
    });

    test("messages are pinned in groups and in direct conversations", async () => {
      const [ann, bob, , id] = await three(transport);
      for (const [partner, ofBob] of [
        [{ group: id }, { group: id }],
        [{ account: bob.account }, { account: ann.account }],
      ] as const) {
        const pins = told(bob, "messagePinned");
        const [first, second] = [
          await ann.client.conversation(partner).send({ body: "one" }),
          await ann.client.conversation(partner).send({ body: "two" }),
        ];
        await same(() => ann.client.pending(), [], "sent");
        expect([first.body, second.body]).toEqual(["one", "two"]);
        const [page] = await Array.fromAsync(ann.client.conversation(partner).history({ limit: 2 }));
        const ids = page?.messages.map((message) => message.id) ?? [];
        for (const messageId of ids) await ann.community.pinMessage(partner, messageId);
        const pinned = async (): Promise<string[]> =>
          (await bob.community.pinnedMessages(ofBob)).map(({ body }) => body);
        expect(await pinned()).toEqual(["two", "one"]);
        await ann.community.pinMessage(partner, ids[0] ?? 0n, false);
        expect(await pinned()).toEqual(["two"]);
        const shape = ids.map((messageId) => ({ partner: ofBob, messageId, actor: ann.account, isPinned: true }));
        await same(() => pins.length, 3, "bob is told");
        expect(pins).toMatchObject([...shape, { ...shape[0], isPinned: false }]);
      }
    });
  });
}

test("an invitation that has ended, or that nobody may use, is not made without an end", async () => {
  const { client, community } = await person(server, fresh("ann"));
  const group = community.group((await client.newGroup({ name: "tea", members: [] })).id);
  for (const options of [{ usesMax: 0 }, { expiresInMs: 0 }, { expiresInMs: -1 }, { usesMax: NaN }])
    expect(await group.invite(options).catch((error: unknown) => error)).toBeInstanceOf(RangeError);
  expect(await group.invitations()).toEqual([]);
});

test("who is added, and the group read at once, is counted once", async () => {
  const ann = await person(server, fresh("ann"));
  const events = told(ann, "groupChanged");
  for (let round = 0; round < 20; round++) {
    const { id } = await ann.client.newGroup({ name: "tea", members: ["bob"] });
    const group = ann.community.group(id);
    await group.add(["cyd", "dan"]);
    expect((await group.detail()).memberCount).toBe(4);
    await same(() => events.some((event) => event.group === id && event.kind === "joined"), true, "the entry");
    expect((await group.detail()).memberCount).toBe(4);
    await group.remove(["dan"]);
    expect((await group.detail()).memberCount).toBeOneOf([3, 4]);
    await same(() => events.some((event) => event.group === id && event.kind === "removed"), true, "the entry");
    expect((await group.detail()).memberCount).toBe(3);
  }
});

test("what happened while a device was away is told at its return, and its lists are right", async () => {
  const [ann, bob, cyd, id] = await three("tcp");
  const other = await ann.client.newGroup({ name: "gone", members: [bob.account] });
  await same(() => bob.community.groups.items.length, 2, "both");
  await bob.client.close();
  await ann.community.group(id).update({ name: "later" });
  await ann.community.group(id).add([cyd.account]);
  await ann.community.group(other.id).dismiss();
  const changes: GroupChange[] = [];
  const again = await person(server, bob.account, "phone", {}, (community) => {
    community.on("groupChanged", (change) => void changes.push(change));
  });
  await again.community.groups.ready();
  expect(again.community.groups.items.map(({ name, memberCount }) => [name, memberCount])).toEqual([["later", 3]]);
  await same(() => said(changes).slice(-3), ["ann updated name", "ann joined cyd", "ann dismissed"], "told");
});
