// Conversations from sign-in to push, over a real store: what people see of each other's edits, recalls, reactions and
// cursors, on connections with the feature and without it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateReqSchema,
  AccountStateRespSchema,
  ConversationListReqSchema,
  ConversationListRespSchema,
  ConversationReadReqSchema,
  ConversationSetReqSchema,
  EntryKind,
  EntryRespSchema,
  EventPushSchema,
  GroupQuitReqSchema,
  HistoryReqSchema,
  HistoryRespSchema,
  type HistoryResp,
  LoginReqSchema,
  LoginRespSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageIndexReqSchema,
  MessageIndexRespSchema,
  MessagePushSchema,
  MessageReactReqSchema,
  MessageReadersReqSchema,
  MessageReadersRespSchema,
  MessageRecallReqSchema,
  MessageReqSchema,
  MessageRespSchema,
  ReadNotifySchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { asked, createGroup, groupTalk, readContents, readIndex, succeeded, talk } from "../support/commands.ts";
import { Messenger } from "../support/messenger.ts";
import { sentenceOf, type WireClient } from "../support/wire-client.ts";

let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start();
});
afterAll(() => messenger.stop());

/** A client that was granted the feature. */
async function newer(account: string, device = "phone", app = "app"): Promise<WireClient> {
  const client = await messenger.stranger();
  const token = await messenger.token(account, app);
  const features = ["conversations", "renew"];
  const answer = await client.request(Command.SignIn, "", LoginReqSchema, { token, device, features });
  expect(fromBinary(LoginRespSchema, succeeded(answer).body).features.toSorted()).toEqual(features);
  return client;
}

const history = (client: WireClient, init: MessageInitShape<typeof HistoryReqSchema>): Promise<HistoryResp> =>
  asked(client, Command.History, HistoryReqSchema, init, HistoryRespSchema);

test("edits, reactions and recalls are pushed to both sides, and are what everybody reads then", async () => {
  const ann = await newer("ann");
  const tablet = await newer("ann", "tablet");
  const bob = await newer("bob");
  const old = await messenger.client("bob", { device: "old" });
  const { messageId } = await talk(ann, "bob", "helo", "key-1");
  const edited = await asked(
    ann,
    Command.MessageEdit,
    MessageEditReqSchema,
    { messageId, body: "hello", clientId: "edit-1" },
    EntryRespSchema,
  );
  expect(edited.entryId).toBeGreaterThan(messageId);
  const again = await asked(
    ann,
    Command.MessageEdit,
    MessageEditReqSchema,
    { messageId, body: "hello", clientId: "edit-1" },
    EntryRespSchema,
  );
  expect(again.entryId).toBe(edited.entryId);
  await asked(bob, Command.MessageReact, MessageReactReqSchema, { messageId, reaction: "👍" }, EntryRespSchema);
  const [message] = (await history(ann, { account: "bob" })).messages;
  expect(message).toMatchObject({
    body: "hello",
    edited: true,
    reactions: [{ reaction: "👍", count: 1, mine: false }],
  });
  // Who has no feature reads the new text, and hears of nothing.
  expect((await readContents(old, [messageId])).map(({ body }) => body)).toEqual(["hello"]);
  const recalled = await asked(ann, Command.MessageRecall, MessageRecallReqSchema, { messageId }, EntryRespSchema);
  expect((await readContents(old, [messageId])).map(({ body }) => body)).toEqual([""]);
  expect((await history(bob, { messageIds: [messageId] })).messages).toMatchObject([
    { body: "", recalled: true, reactions: [], account: "ann" },
  ]);
  const kinds = [EntryKind.EntryEdited, EntryKind.EntryReacted, EntryKind.EntryRecalled];
  for (const client of [bob, tablet, ann]) {
    const wanted =
      client === tablet ? kinds : kinds.filter((kind) => (kind === EntryKind.EntryReacted) === (client === ann));
    const events = await client.pushed(Command.Event, EventPushSchema, wanted.length);
    expect(events.map(({ kind }) => kind)).toEqual(wanted);
    for (const event of events) expect(event.refersTo).toBe(messageId);
  }
  // A retry of the talk that was edited and recalled meanwhile is the same message; another receiver is none.
  expect((await talk(ann, "bob", "helo", "key-1")).messageId).toBe(messageId);
  const other = { type: 1, body: "helo", clientId: "key-1" };
  expect((await ann.request(Command.UserTalk, "cid", MessageReqSchema, other)).status).toBe(Status.InvalidPacketBody);
  const late = await ann.request(Command.MessageEdit, "", MessageEditReqSchema, { messageId, body: "back" });
  expect(late.status).toBe(Status.NotFound);
  await talk(bob, "ann", "after all");
  await talk(ann, "bob", "last");
  const [first, last] = await bob.pushed(Command.UserTalk, MessagePushSchema, 2);
  expect(first?.previousEntryId).toBe(0n);
  expect(last?.previousEntryId).toBe(recalled.entryId);
  expect(await old.pushed(Command.UserTalk, MessagePushSchema, 3)).toMatchObject([
    { body: "helo", previousEntryId: 0n },
    { body: "after all", previousEntryId: 0n },
    { body: "last", previousEntryId: 0n },
  ]);
  expect(new Set(old.pushes.map(({ header }) => header.command))).toEqual(new Set([Command.UserTalk]));
});

test("the index of the same account is the former one without the feature, and has entries with it", async () => {
  const dan = await newer("dan");
  const eve = await newer("eve");
  const old = await messenger.client("eve", { device: "old" });
  const { messageId } = await talk(dan, "eve", "one");
  await asked(dan, Command.MessageEdit, MessageEditReqSchema, { messageId, body: "two" }, EntryRespSchema);
  const after = messageId - 1n;
  expect((await readIndex(old, after)).map((entry) => entry.messageId)).toEqual([messageId]);
  const page = async (includeEvents: boolean) =>
    asked(
      eve,
      Command.OfflineIndex,
      MessageIndexReqSchema,
      { messageId: after, includeEvents },
      MessageIndexRespSchema,
    );
  expect((await page(false)).indexes).toHaveLength(1);
  const { indexes, lastId, reset } = await page(true);
  expect(indexes.map(({ kind, refersTo }) => [kind, refersTo])).toEqual([
    [EntryKind.EntryMessage, 0n],
    [EntryKind.EntryEdited, messageId],
  ]);
  expect(lastId).toBeGreaterThanOrEqual(indexes[1]?.messageId ?? 0n);
  expect(reset).toBe(false);
});

test("one's own devices agree on what is read, hidden and pinned, whether they were there or come later", async () => {
  const fay = await newer("fay");
  const tablet = await newer("fay", "tablet");
  const old = await messenger.client("fay", { device: "old" });
  const gus = await newer("gus");
  const { messageId } = await talk(gus, "fay", "read me");
  const second = await talk(gus, "fay", "hide me");
  const list = async (client: WireClient) =>
    (await asked(client, Command.ConversationList, ConversationListReqSchema, {}, ConversationListRespSchema))
      .conversations;
  expect(await list(fay)).toMatchObject([{ account: "gus", unread: 2, lastMessage: { body: "hide me" } }]);
  const read = { account: "gus", messageId };
  for (let times = 0; times < 2; times++)
    succeeded(await fay.request(Command.ConversationRead, "", ConversationReadReqSchema, read));
  succeeded(await fay.request(Command.ConversationSet, "", ConversationSetReqSchema, { account: "gus", pinned: true }));
  const ids = { messageIds: [second.messageId] };
  succeeded(await fay.request(Command.MessageHide, "", MessageHideReqSchema, ids));
  for (const client of [tablet, gus])
    expect(await client.pushed(Command.ConversationRead, ReadNotifySchema)).toMatchObject([
      { reader: "fay", messageId },
    ]);
  const changes = await tablet.pushed(Command.AccountChanged, AccountStateRespSchema, 2);
  expect(changes[0]?.conversations).toMatchObject([{ account: "gus", pinned: true }]);
  expect(changes[1]?.hiddenMessages).toEqual([second.messageId]);
  const later = await newer("fay", "laptop");
  const state = await asked(later, Command.AccountState, AccountStateReqSchema, {}, AccountStateRespSchema);
  expect(state).toMatchObject({
    conversations: [{ account: "gus", pinned: true }],
    hiddenMessages: [second.messageId],
  });
  expect(await list(later)).toMatchObject([{ account: "gus", pinned: true, readId: messageId }]);
  expect((await history(later, { account: "gus" })).messages.map(({ body }) => body)).toEqual(["read me"]);
  expect((await list(gus))[0]?.peerReadId).toBe(messageId);
  expect(new Set(old.pushes.map(({ header }) => header.command))).toEqual(new Set([Command.UserTalk]));
});

test("in a group, members with the feature hear of changes, mentions and replies, and of readers", async () => {
  const hal = await newer("hal");
  const ida = await newer("ida");
  const old = await messenger.client("jon", { device: "old" });
  const group = await createGroup(hal, ["ida", "jon"]);
  const root = await groupTalk(hal, group, "root");
  const said = { type: 1, body: "answer", mentions: ["jon", "ida"], replyTo: root.messageId };
  const answer = fromBinary(
    MessageRespSchema,
    succeeded(await hal.request(Command.GroupTalk, group, MessageReqSchema, said)).body,
  );
  const [, pushed] = await ida.pushed(Command.GroupTalk, MessagePushSchema, 2);
  expect(pushed).toMatchObject({ body: "answer", mentions: ["jon", "ida"], replyTo: root.messageId });
  expect(await old.pushed(Command.GroupTalk, MessagePushSchema, 2)).toMatchObject([
    { body: "root" },
    { body: "answer", mentions: [], replyTo: 0n },
  ]);
  const toAll = { type: 1, body: "all", mentions: ["*"] };
  expect((await ida.request(Command.GroupTalk, group, MessageReqSchema, toAll)).status).toBe(Status.Forbidden);
  const read = { group, messageId: answer.messageId };
  succeeded(await ida.request(Command.ConversationRead, "", ConversationReadReqSchema, read));
  const about = { messageId: answer.messageId };
  expect(
    await asked(hal, Command.MessageReaders, MessageReadersReqSchema, about, MessageReadersRespSchema),
  ).toMatchObject({ count: 1, accounts: ["ida"] });
  expect((await history(ida, { group, thread: root.messageId })).messages.map(({ body }) => body)).toEqual([
    "root",
    "answer",
  ]);
  // The owner recalls anybody's message, and a member only its own.
  const { messageId } = await groupTalk(ida, group, "ida's");
  succeeded(await hal.request(Command.MessageRecall, "", MessageRecallReqSchema, { messageId }));
  expect(await ida.pushed(Command.Event, EventPushSchema, 2)).toMatchObject([
    { kind: EntryKind.EntryGroupCreated, actor: "hal", group },
    { kind: EntryKind.EntryRecalled, refersTo: messageId, actor: "hal", group },
  ]);
  const theirs = await ida.request(Command.MessageRecall, "", MessageRecallReqSchema, { messageId: root.messageId });
  expect(theirs.status).toBe(Status.Forbidden);
  expect(new Set(old.pushes.map(({ header }) => header.command))).not.toContain(Command.Event);
});

test("what is not one's to change is refused with a sentence, and of another app nothing is seen", async () => {
  const kim = await newer("kim");
  const leo = await newer("leo");
  const foreign = await newer("leo", "phone", "another");
  const { messageId } = await talk(kim, "leo", "kim's");
  const group = await createGroup(kim, ["leo"]);
  const inGroup = await groupTalk(leo, group, "leo's");
  const notHere = await talk(kim, "nobody", "elsewhere");
  succeeded(await leo.request(Command.GroupQuit, "", GroupQuitReqSchema, { account: "leo", groupId: group }));
  const edit = (client: WireClient, id: bigint) =>
    client.request(Command.MessageEdit, "", MessageEditReqSchema, { messageId: id, body: "b" });
  const recall = (client: WireClient, id: bigint) =>
    client.request(Command.MessageRecall, "", MessageRecallReqSchema, { messageId: id });
  const react = (client: WireClient, id: bigint, reaction: string) =>
    client.request(Command.MessageReact, "", MessageReactReqSchema, { messageId: id, reaction });
  const say = (client: WireClient, init: MessageInitShape<typeof MessageReqSchema>, toGroup = false) =>
    client.request(toGroup ? Command.GroupTalk : Command.UserTalk, toGroup ? group : "leo", MessageReqSchema, {
      type: 1,
      body: "b",
      ...init,
    });
  for (let kind = 0; kind < 20; kind++) succeeded(await react(leo, messageId, `kind ${kind}`));
  const cases: readonly (readonly [string, Promise<Awaited<ReturnType<typeof edit>>>, Status])[] = [
    ["an edit of another's", edit(leo, messageId), Status.Forbidden],
    ["a recall of another's", recall(leo, messageId), Status.Forbidden],
    ["an edit in another app", edit(foreign, messageId), Status.NotFound],
    ["a recall in another app", recall(foreign, messageId), Status.NotFound],
    ["a reaction in another app", react(foreign, messageId, "r"), Status.NotFound],
    ["an id that is none", edit(kim, 7n), Status.NotFound],
    ["an id of the future", edit(kim, 2n ** 62n), Status.NotFound],
    ["an edit where one may not talk any more", edit(leo, inGroup.messageId), Status.Forbidden],
    ["a reaction where one may not talk any more", react(leo, inGroup.messageId, "r"), Status.Forbidden],
    ["a 21st kind", react(kim, messageId, "one more"), Status.Forbidden],
    ["a mention of a stranger", say(kim, { mentions: ["nobody"] }), Status.Forbidden],
    ["a reply into another conversation", say(kim, { replyTo: notHere.messageId }), Status.InvalidPacketBody],
    [
      "a cursor beyond the end",
      kim.request(Command.ConversationRead, "", ConversationReadReqSchema, { account: "leo", messageId: 2n ** 62n }),
      Status.InvalidPacketBody,
    ],
    [
      "a cursor in another app's conversation",
      foreign.request(Command.ConversationRead, "", ConversationReadReqSchema, { account: "kim", messageId }),
      Status.NotFound,
    ],
    [
      "a history of another app's group",
      foreign.request(Command.History, "", HistoryReqSchema, { group }),
      Status.NotFound,
    ],
    [
      "a setting of another app's conversation",
      foreign.request(Command.ConversationSet, "", ConversationSetReqSchema, { account: "kim", pinned: true }),
      Status.NotFound,
    ],
    [
      "readers in another app",
      foreign.request(Command.MessageReaders, "", MessageReadersReqSchema, { messageId: inGroup.messageId }),
      Status.NotFound,
    ],
  ];
  for (const [title, pending, status] of cases) {
    const answer = await pending;
    expect([title, answer.status]).toEqual([title, status]);
    expect(sentenceOf(answer)).not.toBe("");
  }
  // An author may take back what it said, also where it may not talk any more.
  succeeded(await recall(leo, inGroup.messageId));
  expect((await history(foreign, { messageIds: [messageId, inGroup.messageId] })).messages).toEqual([]);
  const empty = await asked(
    foreign,
    Command.ConversationList,
    ConversationListReqSchema,
    {},
    ConversationListRespSchema,
  );
  expect(empty.conversations).toEqual([]);
});

test("the windows are the operator's: off lets nobody edit, and a recall after its window is refused", async () => {
  const strict = await Messenger.start({ editWindowMs: 0, recallWindowMs: 1 });
  try {
    const features = ["conversations"];
    const client = await strict.stranger();
    const token = await strict.token("mia");
    succeeded(await client.request(Command.SignIn, "", LoginReqSchema, { token, features }));
    const { messageId } = await talk(client, "nat", "said");
    await Bun.sleep(10);
    const edit = await client.request(Command.MessageEdit, "", MessageEditReqSchema, { messageId, body: "b" });
    expect([edit.status, sentenceOf(edit)]).toEqual([Status.Forbidden, "messages cannot be edited on this server"]);
    const recall = await client.request(Command.MessageRecall, "", MessageRecallReqSchema, { messageId });
    expect([recall.status, sentenceOf(recall)]).toEqual([
      Status.Forbidden,
      "messages can be recalled for 1 millisecond after they were sent",
    ]);
  } finally {
    await strict.stop();
  }
});
