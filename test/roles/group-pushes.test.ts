// What the store confirms of changes of groups: to which connections it is pushed, and what connections without the
// feature are notified of.
import { expect, test } from "bun:test";
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { entryKind } from "../../src/store/conversations.ts";
import type { GroupOutcome } from "../../src/store/groups.ts";
import { membershipOf, StoreUnavailable } from "../../src/store/store.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  EntryKind,
  EventPushSchema,
  GroupAddReqSchema,
  GroupAnswerNotifySchema,
  GroupAnswerReqSchema,
  GroupCreateReqSchema,
  GroupDismissReqSchema,
  GroupJoinNotifySchema,
  GroupJoinReqSchema,
  GroupPinReqSchema,
  GroupQuitNotifySchema,
  GroupQuitReqSchema,
  GroupRemoveReqSchema,
  GroupRequestNotifySchema,
  GroupRequestReqSchema,
  GroupRole,
  GroupRoleReqSchema,
  GroupUpdateReqSchema,
  MessageReqSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { alice, stored } from "./conversation-stage.ts";
import { groupStage, moved, outcomeOf } from "./group-stage.ts";

type Stage = ReturnType<typeof groupStage>;

const role = ({ request }: Stage) =>
  request(alice, Command.GroupRole, GroupRoleReqSchema, {
    group: "g",
    account: "bob",
    role: GroupRole.GroupRoleAdmin,
  });
const add = ({ request }: Stage, accounts: string[]) =>
  request(alice, Command.GroupAdd, GroupAddReqSchema, { group: "g", accounts });
const remove = ({ request }: Stage, accounts: string[]) =>
  request(alice, Command.GroupRemove, GroupRemoveReqSchema, { group: "g", accounts });
const events = ({ pushes }: Stage) =>
  pushes()
    .filter(({ command }) => command === Command.Event)
    .map(({ body }) => fromBinary(EventPushSchema, body));
const joinBy = ({ request }: Stage, init: MessageInitShape<typeof GroupJoinReqSchema>) =>
  request(alice, Command.GroupJoin, GroupJoinReqSchema, init);
/** The pushes from one on, of which one to many takes several packets: `<command> [<entry>] <channels>`, sorted. */
function reached({ pushes }: Stage, from = 0): string[] {
  const channelsOf = new Map<string, string[]>();
  for (const { command, body, channels } of pushes().slice(from)) {
    const key = command === Command.Event ? `${command} ${fromBinary(EventPushSchema, body).entryId}` : command;
    channelsOf.set(key, [...(channelsOf.get(key) ?? []), ...channels]);
  }
  return Array.from(channelsOf, ([key, channels]) => `${key} ${channels.toSorted().join(",")}`).toSorted();
}

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at}`);

test("a change is pushed to the members' connections with the feature, and charged by what it reaches", async () => {
  const stage = groupStage();
  expect((await role(stage)).status).toBe(Status.Success);
  expect(await stage.settled()).toEqual(["chat.event a2,b1,c1"]);
  expect(events(stage)).toMatchObject([
    {
      entryId: 3_000n,
      kind: EntryKind.EntryGroupRole,
      refersTo: 0n,
      actor: "alice",
      time: 11n,
      account: "",
      group: "g",
      previousEntryId: 2_500n,
      detail: { accounts: ["bob"], count: 1, role: GroupRole.GroupRoleAdmin },
    },
  ]);
  expect(stage.limits.use("fanOutAtOnce")).toBeLessThanOrEqual(3);
});

test("an update of texts and settings is pushed as two entries, in their order", async () => {
  const stage = groupStage();
  const [texts, settings] = [entryKind.groupUpdated, entryKind.groupSettings].map((kind, at) =>
    outcomeOf(kind, { fields: [at] }, { entryId: 3_000n + BigInt(at) }),
  );
  if (texts === undefined || settings === undefined) throw new Error("two");
  stage.answers.change = { ...texts, entries: [...texts.entries, ...settings.entries] };
  const init = { group: "g", name: "n", closed: true };
  await stage.request(alice, Command.GroupUpdate, GroupUpdateReqSchema, init);
  expect(await stage.settled()).toEqual(["chat.event a2,b1,c1", "chat.event a2,b1,c1"]);
  expect(events(stage).map(({ kind, entryId }) => [kind, entryId])).toEqual([
    [EntryKind.EntryGroupUpdated, 3_000n],
    [EntryKind.EntryGroupSettings, 3_001n],
  ]);
});

test("who is added is told, too, and connections without the feature are notified as of a join", async () => {
  const stage = groupStage();
  await add(stage, ["dora"]);
  expect(await stage.settled()).toEqual(["chat.event a2,b1,c1,d1", "chat.group.join a-old,a2,b-old,b1,c1,d-old,d1"]);
  expect(events(stage)).toMatchObject([{ kind: EntryKind.EntryGroupJoined, detail: { accounts: ["dora"], count: 1 } }]);
  const notice = stage.pushes().find(({ command }) => command === Command.GroupJoin);
  expect(fromBinary(GroupJoinNotifySchema, notice?.body ?? new Uint8Array(0))).toMatchObject({
    groupId: "g",
    account: "dora",
  });
});

test("who is removed is told, too, and gets nothing of what is said afterwards", async () => {
  const stage = groupStage();
  const { store, pushes } = stage;
  await role(stage);
  await stage.settled();
  const before = pushes().length;
  await remove(stage, ["bob"]);
  await stage.settled();
  expect(
    pushes()
      .slice(before)
      .map(({ command, channels }) => [command, channels.toSorted()]),
  ).toEqual([
    [Command.Event, ["a2", "b1", "c1"]],
    [Command.GroupQuit, ["a-old", "a2", "b-old", "b1", "c1"]],
  ]);
  const notice = pushes().at(-1);
  expect(fromBinary(GroupQuitNotifySchema, notice?.body ?? new Uint8Array(0))).toMatchObject({ account: "bob" });
  const said = pushes().length;
  stage.answers.membership = membershipOf(3_000n, ["alice", "carol"], [], 3_000n);
  store.append = (talks) => Promise.resolve(talks.map(() => ({ ...stored, messageId: 4_000n, groupVersion: 3_000n })));
  await stage.request(alice, Command.GroupTalk, MessageReqSchema, { type: 1, body: "without bob" }, "g");
  await stage.settled();
  const channels = pushes()
    .slice(said)
    .flatMap((push) => push.channels);
  expect(channels.toSorted()).toEqual(["a-old", "a2", "c1"]);
});

test("a quiet entry is pushed to the accounts concerned and the actor alone", async () => {
  const stage = groupStage();
  stage.answers.add = {
    outcomes: [moved(entryKind.groupJoined, ["dora"], { isQuiet: true })],
    leftOut: [],
    unwilling: [],
  };
  await add(stage, ["dora"]);
  expect((await stage.settled())[0]).toBe("chat.event a2,d1");
});

test("a request that concerns more than 20 accounts notifies each of these of itself alone", async () => {
  for (const count of [20, 21]) {
    const stage = groupStage();
    const accounts = ["dora", ...names(count - 1)];
    stage.answers.add = { outcomes: [moved(entryKind.groupJoined, accounts)], leftOut: [], unwilling: [] };
    await add(stage, accounts);
    const notices = (await stage.settled()).filter((push) => push.startsWith(Command.GroupJoin));
    expect(notices).toHaveLength(count === 20 ? 20 : 1);
    expect(notices[0]).toBe(`chat.group.join ${count === 20 ? "a-old,a2,b-old,b1,c1" : "d-old,d1"}`);
    if (count === 20) continue;
    stage.answers.remove = [{ ...moved(entryKind.groupRemoved, accounts), versionBefore: 3_000n, version: 3_001n }];
    await remove(stage, accounts);
    const ends = (await stage.settled()).filter((push) => push.startsWith(Command.GroupQuit));
    expect(ends).toEqual(["chat.group.quit d-old,d1"]);
  }
});

test("slices of which entries name only a part are told to all that they concern", async () => {
  // All of those named: they follow the order of the slices.
  const stage = groupStage();
  const accounts = [...names(191), "eve", "dora"];
  stage.signIn("eve", "e1", ["conversations"]);
  // This node knows who is in the group.
  await role(stage);
  await stage.settled();
  const before = stage.pushes().length;
  const slices = [
    moved(entryKind.groupJoined, accounts.slice(0, 192)),
    moved(entryKind.groupJoined, accounts.slice(192), { entryId: 3_001n, versionBefore: 3_000n, version: 3_001n }),
  ];
  stage.answers.add = { outcomes: slices, leftOut: [], unwilling: [] };
  await add(stage, accounts);
  await stage.settled();
  expect(reached(stage, before)).toEqual([
    "chat.event 3000 a2,b1,c1,e1",
    "chat.event 3001 a2,b1,c1,d1,e1",
    "chat.group.join d-old,d1,e1",
  ]);
});

test("where some were members already, the group's changes tell whom a slice concerned", async () => {
  for (const isKept of [true, false]) {
    const stage = groupStage();
    const accounts = names(150);
    const joined = accounts.slice(20);
    stage.signIn("m149", "m", ["conversations"]);
    stage.signIn("m3", "not", ["conversations"]);
    stage.answers.add = { outcomes: [moved(entryKind.groupJoined, joined)], leftOut: [], unwilling: [] };
    const changes = joined.map((account) => ({ account, isMember: true, version: 3_000n }));
    stage.answers.membership = membershipOf(3_000n, ["alice", "bob", ...joined], isKept ? changes : [], 2_999n);
    await add(stage, accounts);
    await stage.settled();
    if (isKept) expect(reached(stage)).toEqual(["chat.event 3000 a2,b1,m", "chat.group.join m"]);
    else {
      // Whom it concerned is not known any more: all that were asked for look.
      while (stage.pushes().every(({ command }) => command !== Command.Sync)) await Bun.sleep(10);
      await stage.settled();
      expect(reached(stage)).toContain("chat.sync m,not");
    }
  }
});

test("that members cannot be read after a commit changes no answer", async () => {
  const stage = groupStage();
  const accounts = names(150);
  stage.answers.add = { outcomes: [moved(entryKind.groupJoined, accounts.slice(1))], leftOut: [], unwilling: [] };
  stage.store.membership = () => Promise.reject(new StoreUnavailable("away"));
  expect((await add(stage, accounts)).status).toBe(Status.Success);
});

test("those who were online before a dismissal are told; without the feature, that the owner left", async () => {
  const stage = groupStage();
  stage.answers.change = outcomeOf(entryKind.groupDismissed, {}, { version: 3_000n });
  const { groups } = stage;
  const change = groups.change.bind(groups);
  groups.change = (given) => {
    stage.answers.membership = membershipOf(3_000n, [], [], 3_000n);
    return change(given);
  };
  await stage.request(alice, Command.GroupDismiss, GroupDismissReqSchema, { group: "g" });
  expect(await stage.settled()).toEqual(["chat.event a2,b1,c1", "chat.group.quit a-old,a2,b-old,b1,c1"]);
  const notice = stage.pushes().find(({ command }) => command === Command.GroupQuit);
  expect(fromBinary(GroupQuitNotifySchema, notice?.body ?? new Uint8Array(0))).toMatchObject({
    groupId: "g",
    account: "alice",
  });
});

test("a dismissal is told to who has joined by another node, and not to who has left by one", async () => {
  const stage = groupStage();
  await stage.request(alice, Command.GroupTalk, MessageReqSchema, { type: 1, body: "loads the members" }, "g");
  await stage.settled();
  stage.answers.membership = membershipOf(20n, ["alice", "bob", "dora"], [], 20n);
  stage.answers.change = outcomeOf(entryKind.groupDismissed, {}, { version: 3_000n });
  await stage.request(alice, Command.GroupDismiss, GroupDismissReqSchema, { group: "g" });
  const pushes = await stage.settled();
  expect(pushes.filter((push) => !push.startsWith("chat.group.talk"))).toEqual([
    "chat.event a2,b1,d1",
    "chat.group.quit a-old,a2,b-old,b1,d-old,d1",
  ]);
});

test("who does not own a group makes no node read its members", async () => {
  const stage = groupStage();
  stage.answers.isMember = false;
  stage.answers.change = { result: "forbidden" };
  let reads = 0;
  stage.store.membership = () => {
    reads++;
    return Promise.resolve(undefined);
  };
  const answer = await stage.request(alice, Command.GroupDismiss, GroupDismissReqSchema, { group: "g" });
  expect([answer.status, reads]).toEqual([Status.Forbidden, 0]);
});

test("a pin is pushed to everybody in the conversation, direct or a group", async () => {
  const stage = groupStage();
  stage.answers.change = outcomeOf(entryKind.pinned, {}, { refersTo: 5n, account: "bob", group: "", version: 0n });
  await stage.request(alice, Command.GroupPin, GroupPinReqSchema, { account: "bob", messageId: 5n });
  expect(await stage.settled()).toEqual(["chat.event a2,b1"]);
  stage.answers.change = outcomeOf(entryKind.pinned, {}, { refersTo: 5n, isOff: true });
  await stage.request(alice, Command.GroupUnpin, GroupPinReqSchema, { group: "g", messageId: 5n });
  expect(await stage.settled()).toEqual(["chat.event a2,b1", "chat.event a2,b1,c1"]);
  expect(events(stage).map(({ refersTo, detail }) => [refersTo, detail?.off])).toEqual([
    [5n, false],
    [5n, true],
  ]);
});

test("a request to join is told to the admins, a second one and its repetition to nobody", async () => {
  const stage = groupStage();
  const ask = (init: MessageInitShape<typeof GroupRequestReqSchema>) =>
    stage.request(alice, Command.GroupRequest, GroupRequestReqSchema, { group: "g", ...init });
  await ask({ text: "please" });
  await ask({ withdraw: true });
  expect(await stage.settled()).toEqual(["chat.group.request b1,c1", "chat.group.request b1,c1"]);
  expect(stage.pushes().map(({ body }) => fromBinary(GroupRequestNotifySchema, body))).toMatchObject([
    { group: "g", request: { account: "alice", text: "please", time: 7n }, withdrawn: false },
    { group: "g", request: { account: "alice", text: "", time: 0n }, withdrawn: true },
  ]);
  stage.answers.asked = { result: "unchanged" };
  for (let times = 0; times < 20; times++) expect((await ask({ text: "please!" })).status).toBe(Status.Success);
  expect((await ask({ withdraw: true })).status).toBe(Status.Success);
  expect(await stage.settled()).toHaveLength(2);
});

test("an answer is told to the account that asked, and, if it joins, to the members", async () => {
  const stage = groupStage();
  const answer = (accept: boolean) =>
    stage.request(alice, Command.GroupAnswer, GroupAnswerReqSchema, { group: "g", account: "dora", accept });
  stage.answers.change = { result: "stored", entries: [], versionBefore: 10n, version: 10n };
  await answer(false);
  expect(await stage.settled()).toEqual(["chat.group.answer d1"]);
  stage.answers.change = moved(entryKind.groupJoined, ["dora"]);
  await answer(true);
  expect(await stage.settled()).toEqual([
    "chat.event a2,b1,c1,d1",
    "chat.group.answer d1",
    "chat.group.answer d1",
    "chat.group.join a-old,a2,b-old,b1,c1,d-old,d1",
  ]);
  const answers = stage.pushes().filter(({ command }) => command === Command.GroupAnswer);
  expect(answers.map(({ body }) => fromBinary(GroupAnswerNotifySchema, body))).toMatchObject([
    { group: "g", accepted: false },
    { group: "g", accepted: true },
  ]);
});

test("a join with an invitation is told to the members", async () => {
  const stage = groupStage();
  stage.answers.membership = membershipOf(10n, ["bob", "carol"], [], 10n);
  await joinBy(stage, { code: "the code" });
  expect(await stage.settled()).toEqual(["chat.event a2,b1,c1", "chat.group.join a-old,a2,b-old,b1,c1"]);
});

test("joins and quits of the first version of the protocol are told with their entries, too", async () => {
  const stage = groupStage();
  const { store } = stage;
  const outcome = {
    result: "changed",
    versionBefore: 10n,
    version: 3_000n,
    entry: { previousEntryId: 2_500n, isQuiet: false, time: 11n },
  } as const;
  store.join = () => Promise.resolve(outcome);
  await joinBy(stage, { groupId: "g", account: "dora" });
  expect(await stage.settled()).toEqual(["chat.event a2,b1,c1,d1", "chat.group.join a-old,a2,b-old,b1,c1,d-old,d1"]);
  store.quit = () => Promise.resolve({ ...outcome, versionBefore: 3_000n, version: 3_001n });
  await stage.request(alice, Command.GroupQuit, GroupQuitReqSchema, { groupId: "g", account: "dora" });
  store.quit = () => Promise.resolve({ ...outcome, versionBefore: 3_001n, version: 3_002n });
  await stage.request(alice, Command.GroupQuit, GroupQuitReqSchema, { groupId: "g", account: "alice" });
  await stage.settled();
  expect(events(stage)).toMatchObject([
    { entryId: 3_000n, kind: EntryKind.EntryGroupJoined, actor: "alice", detail: { accounts: ["dora"], count: 1 } },
    { entryId: 3_001n, kind: EntryKind.EntryGroupRemoved, actor: "alice", detail: { accounts: ["dora"], count: 1 } },
    { entryId: 3_002n, kind: EntryKind.EntryGroupLeft, actor: "alice", detail: { accounts: ["alice"], count: 1 } },
  ]);
});

test("so is the creation of a group", async () => {
  const stage = groupStage();
  const leftOut = ["carol"];
  stage.store.createGroup = () =>
    Promise.resolve({ result: "created", version: 10n, leftOut, isAnyFull: false, time: 11n });
  const init = { name: "n", members: ["bob", "carol"] };
  await stage.request(alice, Command.GroupCreate, GroupCreateReqSchema, init);
  expect(await stage.settled()).toEqual(["chat.event a2,b1", "chat.group.create a-old,a2,b-old,b1"]);
  expect(events(stage)).toMatchObject([
    { entryId: 10n, kind: EntryKind.EntryGroupCreated, detail: { accounts: ["alice", "bob"], count: 2 } },
  ]);
  // Who does not let the owner is in no more groups for it.
  expect(stage.limits.reached.get("groupsPutPerAccount")).toBeUndefined();
});

test("a change that nobody may have been told of has the members look, once", async () => {
  const unchanged: GroupOutcome = { result: "unchanged" };
  const stage = groupStage();
  stage.answers.change = unchanged;
  for (let times = 0; times < 3; times++) expect((await role(stage)).status).toBe(Status.Success);
  stage.answers.remove = [];
  for (let times = 0; times < 3; times++) await remove(stage, ["bob"]);
  while (stage.pushes().length === 0) await Bun.sleep(10);
  // Hints of one group are one hint.
  expect(await stage.settled()).toEqual(["chat.sync a1,a2,b1,c1"]);
  // What this node has told is not told again.
  const other = groupStage();
  await role(other);
  await other.settled();
  other.answers.change = unchanged;
  await role(other);
  await Bun.sleep(1_200);
  expect(await other.settled()).toEqual(["chat.event a2,b1,c1"]);
});

test("so do joins and quits of the first version of the protocol, which another node may have committed", async () => {
  const requests: readonly ((stage: Stage) => Promise<unknown>)[] = [
    (stage) => joinBy(stage, { groupId: "g", account: "dora" }),
    ({ request }) => request(alice, Command.GroupQuit, GroupQuitReqSchema, { groupId: "g", account: "dora" }),
  ];
  for (const repeat of requests) {
    const stage = groupStage();
    const { store } = stage;
    store.join = store.quit = () => Promise.resolve({ result: "unchanged" });
    for (let times = 0; times < 3; times++) await repeat(stage);
    while (stage.pushes().length === 0) await Bun.sleep(10);
    expect(await stage.settled()).toEqual(["chat.sync a1,a2,b1,c1"]);
    // What this node has told is not told again.
    const other = groupStage();
    const entry = { previousEntryId: 2_500n, isQuiet: true, time: 11n };
    other.store.join = other.store.quit = () =>
      Promise.resolve({ result: "changed", versionBefore: 10n, version: 3_000n, entry });
    await repeat(other);
    other.store.join = other.store.quit = () => Promise.resolve({ result: "unchanged" });
    await repeat(other);
    await Bun.sleep(1_200);
    expect((await other.settled()).join()).not.toContain("chat.sync");
  }
});

test("having everybody look is charged like telling everybody", async () => {
  const changes: readonly ((stage: Stage, name: string) => ReturnType<typeof joinBy>)[] = [
    (stage, name) => stage.request(alice, Command.GroupUpdate, GroupUpdateReqSchema, { group: "g", name }),
    (stage, account) => joinBy(stage, { groupId: "g", account }),
  ];
  for (const change of changes) {
    const stage = groupStage({ fanOutAtOnce: 10, fanOutPerSecond: 1 });
    const members = names(30);
    for (const name of members) stage.signIn(name, name, ["conversations"]);
    stage.answers.membership = membershipOf(10n, ["alice", ...members], [], 10n);
    stage.answers.change = { result: "unchanged" };
    stage.store.join = () => Promise.resolve({ result: "unchanged" });
    // Each is another request, of which nobody was told.
    expect((await change(stage, "one")).status).toBe(Status.Success);
    while (stage.pushes().length === 0) await Bun.sleep(10);
    // From now on this node knows how many they are.
    expect((await change(stage, "two")).status).toBe(Status.Success);
    expect((await change(stage, "three")).status).toBe(Status.RateLimited);
  }
});

test("a direct pin that nobody may have been told of has both look", async () => {
  const stage = groupStage();
  stage.answers.change = { result: "unchanged" };
  await stage.request(alice, Command.GroupPin, GroupPinReqSchema, { account: "bob", messageId: 5n });
  while (stage.pushes().length === 0) await Bun.sleep(10);
  expect(await stage.settled()).toEqual(["chat.sync a1,a2,b1"]);
});

test("a change whose push is lost has those concerned look", async () => {
  const stage = groupStage();
  stage.store.membership = () => Promise.reject(new StoreUnavailable("away"));
  expect((await remove(stage, ["bob"])).status).toBe(Status.Success);
  await stage.settled();
  stage.store.membership = () => Promise.resolve(membershipOf(3_000n, ["alice", "carol"], [], 3_000n));
  while (stage.pushes().filter(({ command }) => command === Command.Sync).length < 2) await Bun.sleep(10);
  const hints = stage.pushes().filter(({ command }) => command === Command.Sync);
  expect(hints.flatMap(({ channels }) => channels).toSorted()).toEqual(["a1", "a2", "b1", "c1"]);
});
