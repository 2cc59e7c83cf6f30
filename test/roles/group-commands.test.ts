// The commands of groups as the role decides them: who may send them at all, what is refused before the store is asked,
// what it is asked, and how its refusals are answered.
import { describe, expect, test } from "bun:test";
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { entryKind } from "../../src/store/conversations.ts";
import type { Refused } from "../../src/store/groups.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  EntryRespSchema,
  GroupAddReqSchema,
  GroupAddRespSchema,
  GroupAliasReqSchema,
  GroupAnswerReqSchema,
  GroupDismissReqSchema,
  GroupInvitationsRespSchema,
  GroupInviteReqSchema,
  GroupJoinReqSchema,
  GroupJoinRespSchema,
  GroupListReqSchema,
  GroupListRespSchema,
  GroupMuteReqSchema,
  GroupPinnedReqSchema,
  GroupPinReqSchema,
  GroupRemoveReqSchema,
  GroupRequestReqSchema,
  GroupRequestsReqSchema,
  GroupRequestsRespSchema,
  GroupRole,
  GroupRoleReqSchema,
  GroupTransferReqSchema,
  GroupUpdateReqSchema,
  HistoryRespSchema,
  InvitationSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { app } from "../support/chat-link.ts";
import { sentenceOf } from "../support/wire-client.ts";
import { alice, ask, type Asked, old } from "./conversation-stage.ts";
import { goodOfGroups, goodOfPeople, groupStage, moved, outcomeOf } from "./group-stage.ts";

const good = [...goodOfGroups, ...goodOfPeople];

test("a connection without the feature is refused every command, and the store is not asked", async () => {
  const { request, asked } = groupStage();
  for (const { command, schema, init } of good) {
    const answer = await request(old, command, schema, init);
    expect([command, answer.status]).toEqual([command, Status.InvalidCommand]);
  }
  expect(asked).toEqual([]);
});

test("while the store is away every command is answered with SystemException, and costs no deliveries", async () => {
  const { request, groups, people, limits } = groupStage();
  const away = (): Promise<never> => Promise.reject(new StoreUnavailable("away"));
  for (const part of [groups, people]) for (const name of Object.keys(part)) Object.assign(part, { [name]: away });
  for (const { command, schema, init } of good)
    expect([command, (await request(alice, command, schema, init)).status]).toEqual([command, Status.SystemException]);
  expect(limits.use("fanOutAtOnce")).toBeLessThanOrEqual(1);
});

test("each command asks the store for the sender's own app and account", async () => {
  const { request, asked, answers } = groupStage();
  answers.change = { result: "unchanged" };
  for (const { command, schema, init } of goodOfGroups)
    expect([command, (await request(alice, command, schema, init)).status]).toEqual([command, Status.Success]);
  const by = { app, actor: "alice" };
  const group = { ...by, group: "g" };
  const page = { app, group: "g", asker: "alice", after: "", limit: 0, isAdminsOnly: false };
  expect(asked).toEqual([
    { app, account: "alice", after: "", limit: 50 },
    { ...group, kind: "update", name: "new", isForAdmins: false },
    { add: { ...group, accounts: ["dora"] } },
    { remove: { ...group, accounts: ["bob"] } },
    { ...group, kind: "role", account: "bob", role: "admin" },
    { ...group, kind: "transfer", account: "bob" },
    { ...group, kind: "mute", account: "bob", until: 9n },
    page,
    { ...group, kind: "dismiss" },
    { ...group, kind: "alias", alias: "al" },
    { ...by, toGroup: true, dest: "g", messageId: 5n, isOff: false },
    { ...by, toGroup: false, dest: "bob", messageId: 5n, isOff: true },
    { app, account: "alice", toGroup: true, dest: "g" },
    { ...group, digits: 22, validSeconds: 7 * 86_400, uses: 0 },
    { ...group, code: "c" },
    group,
    { ...group, text: "please" },
    { ...group, after: "bob", limit: 50 },
    { answer: { ...group, account: "dora", isAccepted: true } },
  ]);
});

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at}`);

describe("is refused before the store is asked:", () => {
  const invalid = Status.InvalidPacketBody;
  const large = Status.PayloadTooLarge;
  const update = (init: MessageInitShape<typeof GroupUpdateReqSchema>): Asked =>
    ask(Command.GroupUpdate, GroupUpdateReqSchema, { group: "g", ...init });
  const add = (accounts: string[], group = "g"): Asked => ask(Command.GroupAdd, GroupAddReqSchema, { group, accounts });
  const remove = (accounts: string[], group = "g"): Asked =>
    ask(Command.GroupRemove, GroupRemoveReqSchema, { group, accounts });
  const alias = (text: string): Asked => ask(Command.GroupAlias, GroupAliasReqSchema, { group: "g", alias: text });
  const mute = (until: bigint, account = "bob"): Asked =>
    ask(Command.GroupMute, GroupMuteReqSchema, { group: "g", account, until });
  const role = (to: number, account = "bob"): Asked =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a number that the protocol does not have
    ask(Command.GroupRole, GroupRoleReqSchema, { group: "g", account, role: to as GroupRole });
  const invite = (init: MessageInitShape<typeof GroupInviteReqSchema>): Asked =>
    ask(Command.GroupInvite, GroupInviteReqSchema, { group: "g", ...init });
  const pin = (init: MessageInitShape<typeof GroupPinReqSchema>): Asked =>
    ask(Command.GroupPin, GroupPinReqSchema, init);
  const requests = (init: MessageInitShape<typeof GroupRequestsReqSchema>): Asked =>
    ask(Command.GroupRequests, GroupRequestsReqSchema, { group: "g", ...init });
  const cases: Record<string, readonly [Asked, Status]> = {
    "a list of 201 groups": [ask(Command.GroupList, GroupListReqSchema, { limit: 201 }), invalid],
    "an update of no group": [ask(Command.GroupUpdate, GroupUpdateReqSchema, { name: "n" }), invalid],
    "an update of nothing": [update({}), invalid],
    "an empty name": [update({ name: "" }), invalid],
    "a name with a control character": [update({ name: "a\u0007b" }), invalid],
    "a name with a line feed": [update({ name: "a\nb" }), invalid],
    "a name with a direction mark": [update({ name: "a\u202eb" }), invalid],
    "a name with an invisible space": [update({ name: "a\u200bb" }), invalid],
    "a name that is too long": [update({ name: "n".repeat(4 * 1024 + 1) }), large],
    "an avatar that is too long": [update({ avatar: "n".repeat(4 * 1024 + 1) }), large],
    "an introduction that is too long": [update({ introduction: "漢".repeat(1_366) }), large],
    "an announcement that is too long": [update({ announcement: "n".repeat(4 * 1024 + 1) }), large],
    "a name of megabytes": [update({ name: "n".repeat(2 * 1024 * 1024) }), large],
    "adding to no group": [add(["bob"], ""), invalid],
    "adding nobody": [add([]), invalid],
    "adding oneself": [add(["alice"]), invalid],
    "adding what is no name": [add(["bob", "a,b"]), invalid],
    "adding 1,001": [add(names(1_001)), large],
    "adding very many": [add(names(100_000)), large],
    "removing from no group": [remove(["bob"], ""), invalid],
    "removing nobody": [remove([]), invalid],
    "removing what is no name": [remove([" "]), invalid],
    "removing oneself": [remove(["bob", "alice"]), Status.Forbidden],
    "removing 1,001": [remove(names(1_001)), large],
    "making somebody the owner by a role": [role(GroupRole.GroupRoleOwner), invalid],
    "a role that does not exist": [role(7), invalid],
    "a role of what is no name": [role(GroupRole.GroupRoleAdmin, ""), invalid],
    "a transfer to what is no name": [ask(Command.GroupTransfer, GroupTransferReqSchema, { group: "g" }), invalid],
    "a transfer of no group": [ask(Command.GroupTransfer, GroupTransferReqSchema, { account: "bob" }), invalid],
    "a mute until before 1970": [mute(-1n), invalid],
    "a mute until the year 10000": [mute(253_402_300_800n), invalid],
    "a mute in milliseconds": [mute(1_800_000_000_000n), invalid],
    "a mute of what is no name": [mute(0n, "a\u0000"), invalid],
    "dismissing no group": [ask(Command.GroupDismiss, GroupDismissReqSchema, {}), invalid],
    "an alias of 65 characters": [alias("漢".repeat(65)), invalid],
    "an alias of a megabyte": [alias("a".repeat(1024 * 1024)), large],
    "an alias with a direction mark": [alias("\u2066a"), invalid],
    "a pin of no conversation": [pin({ messageId: 5n }), invalid],
    "a pin of two conversations": [pin({ account: "bob", group: "g", messageId: 5n }), invalid],
    "a pin of message 0": [pin({ group: "g" }), invalid],
    "pins of no conversation": [ask(Command.GroupPinned, GroupPinnedReqSchema, {}), invalid],
    "an invitation that is valid for more than a year": [invite({ expiresIn: 366n * 86_400n + 1n }), invalid],
    "an invitation that was valid": [invite({ expiresIn: -1n }), invalid],
    "an invitation for 100,001": [invite({ uses: 100_001 }), invalid],
    "asking to join no group": [ask(Command.GroupRequest, GroupRequestReqSchema, {}), invalid],
    "asking with 513 bytes": [
      ask(Command.GroupRequest, GroupRequestReqSchema, { group: "g", text: "漢".repeat(171) }),
      large,
    ],
    "201 requests": [requests({ limit: 201 }), invalid],
    "requests after what is no name": [requests({ after: "a,b" }), invalid],
    "answering what is no name": [ask(Command.GroupAnswer, GroupAnswerReqSchema, { group: "g" }), invalid],
  };
  for (const [title, [{ command, schema, init }, status]] of Object.entries(cases)) {
    test(title, async () => {
      const { request, asked } = groupStage();
      const answer = await request(alice, command, schema, init);
      expect([answer.status, sentenceOf(answer)]).toEqual([status, expect.stringMatching(/\w/)]);
      expect(asked).toEqual([]);
    });
  }

  test("a body that is none", async () => {
    const { requestBytes, asked } = groupStage();
    for (const { command } of good) {
      const answer = await requestBytes(alice, command, Buffer.from("ff", "hex"));
      expect([command, answer.status]).toEqual([command, invalid]);
    }
    expect(asked).toEqual([]);
  });
});

test("what is just allowed is asked of the store", async () => {
  const { request, asked } = groupStage();
  const allowed: readonly Asked[] = [
    ask(Command.GroupUpdate, GroupUpdateReqSchema, { group: "g", name: "👩‍🚀 نام\u200cها" }),
    ask(Command.GroupUpdate, GroupUpdateReqSchema, { group: "g", introduction: "a\nb\u202e" }),
    ask(Command.GroupUpdate, GroupUpdateReqSchema, { group: "g", announcement: "", avatar: "", introduction: "" }),
    ask(Command.GroupUpdate, GroupUpdateReqSchema, {
      group: "g",
      name: "n".repeat(4 * 1024),
      avatar: "漢".repeat(1_365),
      introduction: "n".repeat(4 * 1024),
      announcement: "n".repeat(4 * 1024),
    }),
    ask(Command.GroupAdd, GroupAddReqSchema, {
      group: "g",
      accounts: names(1_000).map((name) => name.padEnd(60, "漢")),
    }),
    ask(Command.GroupAlias, GroupAliasReqSchema, { group: "g", alias: "👍".repeat(64) }),
    ask(Command.GroupAlias, GroupAliasReqSchema, { group: "g" }),
    ask(Command.GroupMute, GroupMuteReqSchema, { group: "g", account: "bob", until: 253_402_300_799n }),
    ask(Command.GroupInvite, GroupInviteReqSchema, { group: "g", expiresIn: 366n * 86_400n, uses: 100_000 }),
    ask(Command.GroupRequest, GroupRequestReqSchema, { group: "g", text: "a\n" + "r".repeat(510) }),
    ask(Command.GroupRequest, GroupRequestReqSchema, { group: "g", withdraw: true }),
  ];
  for (const { command, schema, init } of allowed)
    expect([command, (await request(alice, command, schema, init)).status]).toEqual([command, Status.Success]);
  expect(asked).toHaveLength(allowed.length);
});

test("the store's refusals are answered with their statuses and sentences, and pushed to nobody", async () => {
  const { request, answers, pushes, limits } = groupStage();
  const wanted: readonly (readonly [Refused, Status, string])[] = [
    [{ result: "notFound" }, Status.NotFound, "no such group"],
    [{ result: "forbidden" }, Status.Forbidden, "only the owner of a group changes roles"],
    [{ result: "noMember" }, Status.NotFound, "no member"],
    [{ result: "full", bound: "groupAdminsMax" }, Status.Forbidden, "at most 100 admins"],
    [{ result: "full", bound: "groupMembers" }, Status.Forbidden, "at most 100000 members"],
    [{ result: "full", bound: "of a later release" }, Status.Forbidden, "as many of these"],
  ];
  for (const [outcome, status, sentence] of wanted) {
    answers.change = outcome;
    const answer = await request(alice, Command.GroupRole, GroupRoleReqSchema, { group: "g", account: "bob" });
    expect([answer.status, sentenceOf(answer)]).toEqual([status, expect.stringContaining(sentence)]);
  }
  answers.change = { result: "unwilling" };
  const transfer = await request(alice, Command.GroupTransfer, GroupTransferReqSchema, { group: "g", account: "bob" });
  expect([transfer.status, sentenceOf(transfer)]).toEqual([Status.Forbidden, expect.stringContaining("invitation")]);
  answers.asked = { result: "noApproval" };
  const open = await request(alice, Command.GroupRequest, GroupRequestReqSchema, { group: "g" });
  expect([open.status, sentenceOf(open)]).toEqual([Status.Forbidden, expect.stringContaining("chat.group.join")]);
  answers.found = { result: "forbidden" };
  answers.isMember = false;
  for (const { command, schema, init } of goodOfGroups.filter(({ command: name }) => /invitations|requests/.test(name)))
    expect([command, (await request(alice, command, schema, init)).status]).toEqual([command, Status.Forbidden]);
  const pinned = await request(alice, Command.GroupPinned, GroupPinnedReqSchema, { group: "g" });
  expect(pinned.status).toBe(Status.NotFound);
  expect(pushes()).toEqual([]);
  expect(limits.reached.get("groupMembers")).toBe(1);
  // What was charged for deliveries is given back.
  expect(limits.use("fanOutAtOnce")).toBeLessThanOrEqual(1);
});

test("what reads find is answered as messages of the protocol", async () => {
  const { request } = groupStage();
  const found = async ({ command, schema, init }: Asked): Promise<Uint8Array> =>
    (await request(alice, command, schema, init)).body;
  const of = (command: string): Asked => {
    const asked = goodOfGroups.find((each) => each.command === command);
    if (asked === undefined) throw new Error(command);
    return asked;
  };
  expect(fromBinary(GroupListRespSchema, await found(of(Command.GroupList)))).toMatchObject({
    groups: [
      {
        id: "g",
        name: "a group",
        avatar: "a",
        owner: "alice",
        memberCount: 3,
        role: GroupRole.GroupRoleOwner,
        muted: true,
        alias: "al",
      },
    ],
    hasMore: true,
  });
  expect(fromBinary(InvitationSchema, await found(of(Command.GroupInvite)))).toMatchObject({
    code: expect.stringMatching(/^[0-9A-Za-z]{22}$/),
    expiresAt: 99n,
    usesLeft: 0,
    account: "alice",
  });
  expect(fromBinary(GroupInvitationsRespSchema, await found(of(Command.GroupInvitations)))).toMatchObject({
    invitations: [{ code: "c", expiresAt: 99n, usesLeft: 3, account: "alice" }],
  });
  expect(fromBinary(GroupRequestsRespSchema, await found(of(Command.GroupRequests)))).toMatchObject({
    requests: [{ account: "dora", text: "please", time: 7n }],
    hasMore: true,
  });
  expect(fromBinary(HistoryRespSchema, await found(of(Command.GroupPinned))).hasBefore).toBe(true);
});

test("who cannot be added is named in the answer; a slice that is refused says what was done before", async () => {
  const { request, answers, limits } = groupStage();
  const accounts = ["dora", "eve", "fay"];
  const add = () => request(alice, Command.GroupAdd, GroupAddReqSchema, { group: "g", accounts });
  answers.add = { ...answers.add, leftOut: ["eve"], unwilling: ["fay"] };
  expect(fromBinary(GroupAddRespSchema, (await add()).body)).toMatchObject({
    entryId: 3_000n,
    leftOut: ["eve"],
    unwilling: ["fay"],
  });
  expect(limits.reached.get("groupsPutPerAccount")).toBe(1);
  answers.add = { outcomes: [], leftOut: [], unwilling: accounts };
  expect(fromBinary(GroupAddRespSchema, (await add()).body)).toMatchObject({ entryId: 0n, unwilling: accounts });
  const full = { result: "full", bound: "groupMembers" } as const;
  answers.add = { outcomes: [full], leftOut: [], unwilling: [] };
  const refused = await add();
  expect([refused.status, sentenceOf(refused)]).toEqual([Status.Forbidden, "a group has at most 100000 members"]);
  answers.add = { outcomes: [moved(entryKind.groupJoined, ["dora"]), full], leftOut: [], unwilling: [] };
  const half = await add();
  expect([half.status, sentenceOf(half)]).toEqual([
    Status.Forbidden,
    "1 accounts were added, the others not: a group has at most 100000 members",
  ]);
  answers.remove = [moved(entryKind.groupRemoved, ["bob"]), { result: "forbidden" }];
  const removed = await request(alice, Command.GroupRemove, GroupRemoveReqSchema, { group: "g", accounts });
  expect([removed.status, sentenceOf(removed)]).toEqual([
    Status.Forbidden,
    expect.stringMatching(/^1 accounts were removed, the others not: only the owner/),
  ]);
});

test("a change is answered with its last entry, and with 0 where it was so already", async () => {
  const { request, answers } = groupStage();
  const [texts, settings] = [entryKind.groupUpdated, entryKind.groupSettings].map((kind, at) =>
    outcomeOf(kind, { fields: [at] }, { entryId: 3_000n + BigInt(at), time: 20n + BigInt(at) }),
  );
  if (texts === undefined || settings === undefined) throw new Error("two");
  answers.change = { ...texts, entries: [...texts.entries, ...settings.entries] };
  const update = async () =>
    fromBinary(
      EntryRespSchema,
      (await request(alice, Command.GroupUpdate, GroupUpdateReqSchema, { group: "g", name: "n", muted: true })).body,
    );
  expect(await update()).toMatchObject({ entryId: 3_001n, time: 21n });
  answers.change = { result: "unchanged" };
  expect(await update()).toMatchObject({ entryId: 0n, time: 0n });
});

describe("a join with an invitation", () => {
  const join = (code: string) => ask(Command.GroupJoin, GroupJoinReqSchema, { code });

  test("joins the caller, and is answered with the group", async () => {
    const { request, answers, asked } = groupStage();
    const { command, schema, init } = join("the code");
    const answer = await request(alice, command, schema, init);
    expect(fromBinary(GroupJoinRespSchema, answer.body).group).toBe("g");
    answers.joined = { result: "unchanged", group: "g" };
    expect(fromBinary(GroupJoinRespSchema, (await request(alice, command, schema, init)).body).group).toBe("g");
    expect(asked).toEqual([
      { app, account: "alice", code: "the code" },
      { app, account: "alice", code: "the code" },
    ]);
  });

  test("is refused with one sentence, whatever is wrong with the code", async () => {
    const { request, answers } = groupStage();
    answers.joined = { result: "notFound" };
    const { command, schema, init } = join("another");
    const answer = await request(alice, command, schema, init);
    expect([answer.status, sentenceOf(answer)]).toEqual([
      Status.NotFound,
      "there is no such invitation, or it is not valid any more",
    ]);
  });

  test("does not exist for connections without the feature: they name a group and an account", async () => {
    const { request, asked } = groupStage();
    const { command, schema, init } = join("the code");
    expect((await request(old, command, schema, init)).status).toBe(Status.InvalidPacketBody);
    expect(asked).toEqual([]);
  });
});
