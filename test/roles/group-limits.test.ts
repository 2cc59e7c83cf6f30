// What an account may cause in the store, over the wire and in the parts that count it.

import { afterEach, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import type { LimitValues } from "../../src/base/limits/table.ts";
import type { Limits } from "../../src/base/limits/limits.ts";
import { Refusal } from "../../src/service/refusal.ts";
import { AccountRates } from "../../src/roles/chat/account-rates.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  ErrorRespSchema,
  GroupCreateNotifySchema,
  GroupCreateReqSchema,
  GroupCreateRespSchema,
  GroupGetReqSchema,
  GroupGetRespSchema,
  GroupJoinReqSchema,
  GroupQuitReqSchema,
  MessageReqSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { bound } from "../support/bounds.ts";
import { createGroup, succeeded } from "../support/commands.ts";
import { testLimits } from "../support/limits.ts";
import { Messenger } from "../support/messenger.ts";
import type { WireClient } from "../support/wire-client.ts";

const messengers: Messenger[] = [];
afterEach(async () => {
  for (const messenger of messengers.splice(0)) await messenger.stop();
});

async function start(given: Partial<LimitValues>): Promise<{ messenger: Messenger; limits: Limits }> {
  const limits = testLimits(given);
  const messenger = await Messenger.start({ limits });
  messengers.push(messenger);
  return { messenger, limits };
}

const names = (count: number, prefix = "m"): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

const create = (client: WireClient, members: string[], name = "a group") =>
  client.request(Command.GroupCreate, "", GroupCreateReqSchema, { name, members });
const join = (client: WireClient, groupId: string, account: string) =>
  client.request(Command.GroupJoin, "", GroupJoinReqSchema, { groupId, account });
const quit = (client: WireClient, groupId: string, account: string) =>
  client.request(Command.GroupQuit, "", GroupQuitReqSchema, { groupId, account });
const say = (client: WireClient, dest: string) =>
  client.request(Command.UserTalk, dest, MessageReqSchema, { type: 1, body: "hello" });
const sentenceOf = (answer: { readonly body: Uint8Array }): string => fromBinary(ErrorRespSchema, answer.body).message;

async function membersOf(client: WireClient, groupId: string): Promise<string[]> {
  const answer = await client.request(Command.GroupDetail, "", GroupGetReqSchema, { groupId });
  return fromBinary(GroupGetRespSchema, succeeded(answer).body).members.map(({ account }) => account);
}

bound("groupCreateMembers", {
  at: async () => {
    const { messenger } = await start({ groupCreateMembers: 300 });
    const ann = await messenger.client("ann");
    expect((await membersOf(ann, await createGroup(ann, names(300)))).length).toBe(301);
  },
  above: async () => {
    const { messenger, limits } = await start({ groupCreateMembers: 300 });
    const answer = await create(await messenger.client("ann"), names(301));
    expect(answer.status).toBe(Status.PayloadTooLarge);
    expect(limits.reached.get("groupCreateMembers")).toBe(1);
  },
});

bound("groupTextBytes", {
  at: async () => {
    const { messenger } = await start({ groupTextBytes: 20 });
    const ann = await messenger.client("ann");
    expect((await create(ann, [], "ü".repeat(10))).status).toBe(Status.Success);
  },
  above: async () => {
    const { messenger, limits } = await start({ groupTextBytes: 20 });
    const ann = await messenger.client("ann");
    const texts = [
      { name: `${"ü".repeat(10)}x` },
      { name: "n", avatar: "x".repeat(21) },
      { name: "n", introduction: "x".repeat(21) },
    ];
    for (const text of texts) {
      const answer = await ann.request(Command.GroupCreate, "", GroupCreateReqSchema, text);
      expect(answer.status).toBe(Status.PayloadTooLarge);
    }
    expect(limits.reached.get("groupTextBytes")).toBe(3);
  },
});

/** Rates under a clock of the test, and how many of `tries` pass. */
function ratesOf(given: Partial<LimitValues>) {
  const time = { ms: 0 };
  const limits = testLimits(given);
  const rates = new AccountRates(limits, { monotonicMs: () => time.ms });
  const ann = { app: "app", payer: "ann" };
  const passes = (members: number): boolean => {
    try {
      rates.changeGroup(ann, members);
      return true;
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== Status.RateLimited) throw error;
      return false;
    }
  };
  const passing = (tries: number, members: number): number =>
    Array.from({ length: tries }, () => passes(members)).filter(Boolean).length;
  return { time, limits, rates, passes, passing };
}

bound("groupChangesAtOnce", {
  at: () => {
    const { passing, rates } = ratesOf({ groupChangesAtOnce: 7, groupChangesPerSecond: 1 });
    expect(passing(7, 0)).toBe(7);
    // Another account's are its own.
    rates.changeGroup({ app: "app", payer: "bob" }, 0);
    rates.changeGroup({ app: "other", payer: "ann" }, 0);
  },
  above: () => {
    const { passing, limits } = ratesOf({ groupChangesAtOnce: 7, groupChangesPerSecond: 1 });
    expect(passing(9, 0)).toBe(7);
    expect(limits.reached.get("groupChangesPerSecond")).toBe(2);
  },
});

bound("groupChangesPerSecond", {
  at: () => {
    const { passing, time } = ratesOf({ groupChangesAtOnce: 7, groupChangesPerSecond: 3 });
    passing(7, 0);
    time.ms += 1_000;
    expect(passing(3, 0)).toBe(3);
  },
  above: () => {
    const { passing, time } = ratesOf({ groupChangesAtOnce: 7, groupChangesPerSecond: 3 });
    passing(7, 0);
    time.ms += 1_000;
    expect(passing(4, 0)).toBe(3);
  },
});

bound("membersAddedAtOnce", {
  at: () => {
    const { passes, passing } = ratesOf({ membersAddedAtOnce: 100, membersAddedPerSecond: 1 });
    expect([passes(60), passes(40)]).toEqual([true, true]);
    // A refusal pays for no change, and leaving adds nobody.
    expect(passing(5, 0)).toBe(5);
  },
  above: () => {
    const { passes, passing, limits } = ratesOf({
      membersAddedAtOnce: 100,
      membersAddedPerSecond: 1,
      groupChangesAtOnce: 3,
      groupChangesPerSecond: 1,
    });
    expect([passes(101), passes(60), passes(41), passes(40), passes(1)]).toEqual([false, true, false, true, false]);
    expect(limits.reached.get("membersAddedPerSecond")).toBe(3);
    expect(limits.use("membersAddedAtOnce")).toBe(100);
    expect(passing(5, 0)).toBe(1);
  },
});

bound("membersAddedPerSecond", {
  at: () => {
    const { passes, time } = ratesOf({ membersAddedAtOnce: 100, membersAddedPerSecond: 30 });
    expect(passes(100)).toBe(true);
    time.ms += 1_000;
    expect(passes(30)).toBe(true);
  },
  above: () => {
    const { passes, time } = ratesOf({ membersAddedAtOnce: 100, membersAddedPerSecond: 30 });
    expect(passes(100)).toBe(true);
    time.ms += 1_000;
    expect(passes(31)).toBe(false);
  },
});

bound("accountsMadeAtOnce", {
  at: () => {
    const { rates } = ratesOf({ accountsMadeAtOnce: 5, accountsMadePerSecond: 1 });
    for (let made = 0; made < 4; made++) rates.madeAccount({ app: "app", payer: "ann" });
    expect(rates.mayNotMakeAccounts({ app: "app", payer: "ann" })).toBe(false);
  },
  above: async () => {
    const { rates } = ratesOf({ accountsMadeAtOnce: 5, accountsMadePerSecond: 1 });
    for (let made = 0; made < 5; made++) rates.madeAccount({ app: "app", payer: "ann" });
    expect([
      rates.mayNotMakeAccounts({ app: "app", payer: "ann" }),
      rates.mayNotMakeAccounts({ app: "app", payer: "bob" }),
    ]).toEqual([true, false]);
    // Over the wire: those that are known are written to as before.
    const { messenger, limits } = await start({ accountsMadeAtOnce: 5, accountsMadePerSecond: 1 });
    const ann = await messenger.client("ann");
    let last = "";
    for (let i = 0; ; i++) {
      const answer = await say(ann, `new${i}`);
      if (answer.status === Status.RateLimited) {
        expect(i).toBeGreaterThanOrEqual(5);
        expect(sentenceOf(answer)).toContain("accounts that nobody has used yet");
        break;
      }
      succeeded(answer);
      last = `new${i}`;
    }
    succeeded(await say(ann, last));
    succeeded(await say(ann, "ann"));
    succeeded(await say(await messenger.client("bob"), "somebody new"));
    succeeded(await say(ann, "somebody new"));
    expect(limits.reached.get("accountsMadePerSecond")).toBe(1);
  },
});

bound("accountsMadePerSecond", {
  at: () => {
    const { rates, time } = ratesOf({ accountsMadeAtOnce: 5, accountsMadePerSecond: 2 });
    for (let made = 0; made < 5; made++) rates.madeAccount({ app: "app", payer: "ann" });
    time.ms += 1_000;
    rates.madeAccount({ app: "app", payer: "ann" });
    expect(rates.mayNotMakeAccounts({ app: "app", payer: "ann" })).toBe(false);
  },
  above: () => {
    const { rates, time } = ratesOf({ accountsMadeAtOnce: 5, accountsMadePerSecond: 2 });
    for (let made = 0; made < 5; made++) rates.madeAccount({ app: "app", payer: "ann" });
    time.ms += 1_000;
    for (let made = 0; made < 2; made++) rates.madeAccount({ app: "app", payer: "ann" });
    expect(rates.mayNotMakeAccounts({ app: "app", payer: "ann" })).toBe(true);
  },
});

test("an account that creates, joins and leaves too fast gets an error, and nothing is changed", async () => {
  const { messenger } = await start({ groupChangesAtOnce: 3, groupChangesPerSecond: 1 });
  const [ann, bob] = await Promise.all([messenger.client("ann"), messenger.client("bob")]);
  const group = await createGroup(ann, []);
  const answers = await Promise.all(
    names(60).map((_, i) => (i % 2 === 0 ? join(bob, group, "bob") : quit(bob, group, "bob"))),
  );
  const refused = answers.filter(({ status }) => status === Status.RateLimited);
  expect(refused.length).toBeGreaterThan(20);
  expect(sentenceOf(refused[0] ?? { body: new Uint8Array() })).toBe(
    "you create, join and leave groups too fast: at most 1 a second, 3 at once; try again later",
  );
  const created = await Promise.all(names(20).map(() => create(ann, [])));
  expect(created.filter(({ status }) => status === Status.RateLimited).length).toBeGreaterThan(5);
});

test("accounts in as many groups as allowed are left out and named; the notification names the rest", async () => {
  const { messenger, limits } = await start({ groupsPutPerAccount: 2 });
  const [eve, ann, bob, joe] = await Promise.all(["eve", "ann", "bob", "joe"].map((name) => messenger.client(name)));
  if (eve === undefined || ann === undefined || bob === undefined || joe === undefined) throw new Error("four");
  for (let i = 0; i < 2; i++) await createGroup(eve, ["bob", "away"]);
  const answer = await create(ann, ["bob", "joe", "away", "bob"]);
  const { groupId, leftOut } = fromBinary(GroupCreateRespSchema, succeeded(answer).body);
  expect(leftOut).toEqual(["bob", "away"]);
  expect(await membersOf(ann, groupId)).toEqual(["ann", "joe"]);
  const [notice] = await joe.pushed(Command.GroupCreate, GroupCreateNotifySchema);
  expect(notice).toMatchObject({ groupId, members: ["ann", "joe"] });
  expect(limits.reached.get("groupsPutPerAccount")).toBe(1);
  const added = await join(ann, groupId, "bob");
  expect(added.status).toBe(Status.Forbidden);
  expect(sentenceOf(added)).toBe("others have added the account to 2 groups; it can still join by itself");
  succeeded(await join(bob, groupId, "bob"));
  expect(await createGroup(bob, ["joe"])).not.toBe("");
});

test("an account with the maximum of own groups gets an error, and creates nothing", async () => {
  const { messenger } = await start({ groupsPerAccount: 1, groupMembers: 3 });
  const ann = await messenger.client("ann");
  await createGroup(ann, ["bob"]);
  const answer = await create(ann, ["bob"]);
  expect(answer.status).toBe(Status.Forbidden);
  expect(sentenceOf(answer)).toBe("you have created or joined 1 groups; no more are allowed");
  const large = await create(await messenger.client("eve"), names(3));
  expect(large.status).toBe(Status.Forbidden);
  expect(sentenceOf(large)).toBe("a group has at most 3 members");
  expect((await create(await messenger.client("joe"), names(2))).status).toBe(Status.Success);
});
