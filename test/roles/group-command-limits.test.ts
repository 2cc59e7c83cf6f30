// The limits of invitations, requests to join, blocks, settings and profiles: those of the store as the role tells
// them, and the rates, which the role counts itself.

import { expect, test } from "bun:test";
import type { LimitName } from "../../src/base/limits/table.ts";
import { AccountRates } from "../../src/roles/chat/account-rates.ts";
import { Refusal } from "../../src/service/refusal.ts";
import { Command } from "../../src/wire/commands.ts";
import { BlockReqSchema, GroupJoinReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { alice } from "./conversation-stage.ts";
import { goodOfGroups, goodOfPeople, groupStage } from "./group-stage.ts";

/** A command that the store answers, with what it answers once a limit of 7 is reached. */
function ofStore(name: LimitName, command: string, sentence: string) {
  const asked = [...goodOfGroups, ...goodOfPeople].find((each) => each.command === command);
  if (asked === undefined) throw new Error(command);
  const { schema, init } = asked;
  return {
    at: async () => {
      const { request, limits } = groupStage({ [name]: 7 });
      expect((await request(alice, command, schema, init)).status).toBe(Status.Success);
      expect(limits.reached.get(name)).toBeUndefined();
    },
    above: async () => {
      const { request, answers, limits } = groupStage({ [name]: 7 });
      answers.invited = answers.asked = { result: "full", bound: name };
      answers.setting = { result: "full" };
      const answer = await request(alice, command, schema, init);
      expect([answer.status, sentenceOf(answer)]).toEqual([Status.Forbidden, sentence]);
      expect(limits.reached.get(name)).toBe(1);
    },
  };
}

bound(
  "invitationsPerGroup",
  ofStore("invitationsPerGroup", Command.GroupInvite, "a group has at most 7 invitations: revoke one"),
);
bound(
  "joinRequestsPerGroup",
  ofStore("joinRequestsPerGroup", Command.GroupRequest, "at most 7 accounts can ask to join a group at the same time"),
);
bound(
  "joinRequestsPerAccount",
  ofStore(
    "joinRequestsPerAccount",
    Command.GroupRequest,
    "you can ask to join at most 7 groups at the same time: withdraw one",
  ),
);
bound("blocksPerAccount", ofStore("blocksPerAccount", Command.AccountBlock, "an account blocks at most 7 others"));

/** How many of some requests pass; the others are RateLimited. */
async function passing(stage: ReturnType<typeof groupStage>, tries: number): Promise<number> {
  let passed = 0;
  for (let times = 0; times < tries; times++) {
    const { status } = await stage.request(alice, Command.AccountBlock, BlockReqSchema, { account: "bob" });
    if (status !== Status.RateLimited) passed++;
  }
  return passed;
}

bound("peopleChangesAtOnce", {
  at: async () => {
    expect(await passing(groupStage({ peopleChangesAtOnce: 7, peopleChangesPerSecond: 1 }), 7)).toBe(7);
  },
  above: async () => {
    const stage = groupStage({ peopleChangesAtOnce: 7, peopleChangesPerSecond: 1 });
    // A second that passes meanwhile allows one more.
    expect(await passing(stage, 20)).toBeLessThan(15);
    expect(stage.limits.reached.get("peopleChangesPerSecond")).toBeGreaterThan(5);
  },
});

/** How many of some charges pass, under a clock of the test. */
function ratesOf(given: Parameters<typeof testLimits>[0]) {
  const time = { ms: 0 };
  const limits = testLimits(given);
  const rates = new AccountRates(limits, { monotonicMs: () => time.ms });
  const ann = { app: "app", payer: "ann" };
  const count = (tries: number, charge: () => void): number =>
    Array.from({ length: tries }, () => {
      try {
        charge();
        return 1;
      } catch (error) {
        if (!(error instanceof Refusal) || error.status !== Status.RateLimited) throw error;
        return 0;
      }
    }).reduce<number>((sum, passed) => sum + passed, 0);
  return {
    time,
    limits,
    rates,
    changes: (tries: number) => count(tries, () => rates.changePeople(ann)),
    guesses: (tries: number) => count(tries, () => rates.tryInvitation(ann)),
    ann,
  };
}

bound("peopleChangesPerSecond", {
  at: () => {
    const { changes, time, limits } = ratesOf({ peopleChangesAtOnce: 7, peopleChangesPerSecond: 3 });
    expect(changes(7)).toBe(7);
    expect(limits.use("peopleChangesAtOnce")).toBe(7);
    time.ms += 1_000;
    expect(changes(3)).toBe(3);
  },
  above: () => {
    const { changes, time, limits } = ratesOf({ peopleChangesAtOnce: 7, peopleChangesPerSecond: 3 });
    changes(7);
    time.ms += 1_000;
    expect(changes(4)).toBe(3);
    expect(limits.reached.get("peopleChangesPerSecond")).toBe(1);
  },
});

bound("invitationTriesPerMinute", {
  at: () => {
    const { guesses, time } = ratesOf({ invitationTriesAtOnce: 7, invitationTriesPerMinute: 3 });
    expect(guesses(7)).toBe(7);
    time.ms += 60_000;
    expect(guesses(3)).toBe(3);
  },
  above: () => {
    const { guesses, time, limits } = ratesOf({ invitationTriesAtOnce: 7, invitationTriesPerMinute: 3 });
    guesses(7);
    time.ms += 60_000;
    expect(guesses(4)).toBe(3);
    expect(limits.reached.get("invitationTriesPerMinute")).toBe(1);
  },
});

bound("invitationTriesAtOnce", {
  at: () => {
    const { guesses, rates, ann, limits } = ratesOf({ invitationTriesAtOnce: 7, invitationTriesPerMinute: 1 });
    expect(guesses(7)).toBe(7);
    expect(limits.use("invitationTriesAtOnce")).toBe(7);
    // Another account's guesses are its own.
    rates.tryInvitation({ ...ann, payer: "bob" });
    rates.tryInvitation({ ...ann, app: "other" });
  },
  above: () => {
    const { guesses, rates, ann } = ratesOf({ invitationTriesAtOnce: 7, invitationTriesPerMinute: 1 });
    expect(guesses(9)).toBe(7);
    rates.hadInvitation(ann);
    expect(guesses(9)).toBe(1);
  },
});

test("wrong invitations are refused after 20; those that are right, or not looked up, are none", async () => {
  const { request, answers, groups } = groupStage();
  const join = async () => (await request(alice, Command.GroupJoin, GroupJoinReqSchema, { code: "a code" })).status;
  for (let times = 0; times < 25; times++) expect(await join()).toBe(Status.Success);
  const joinInvited = groups.joinInvited.bind(groups);
  groups.joinInvited = () => Promise.reject(new Error("a bug"));
  for (let times = 0; times < 25; times++) expect(await join()).toBe(Status.SystemException);
  groups.joinInvited = joinInvited;
  answers.joined = { result: "notFound" };
  const statuses: Status[] = [];
  for (let times = 0; times < 25; times++) statuses.push(await join());
  expect(statuses.filter((status) => status === Status.NotFound)).toHaveLength(20);
  expect(statuses.filter((status) => status === Status.RateLimited)).toHaveLength(5);
});

test("each change of a group is one of the rate, and adding charges the members, too", async () => {
  const stage = groupStage({ groupChangesAtOnce: 3, groupChangesPerSecond: 1, membersAddedAtOnce: 1 });
  const writing = goodOfGroups.filter(({ command }) => !/list|pinned|requests|invitations/.test(command));
  let refused = 0;
  for (const { command, schema, init } of writing) {
    const answer = await stage.request(alice, command, schema, init);
    if (answer.status !== Status.RateLimited) continue;
    refused++;
    expect(sentenceOf(answer)).toMatch(
      /^you (change groups|add members to groups) too fast: at most 1 a second|50 a s/,
    );
  }
  expect(refused).toBeGreaterThanOrEqual(writing.length - 5);
});
