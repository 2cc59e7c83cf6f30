// What a raw client of the protocol must not do to conversations, against the executable: each request is answered with
// its status and a sentence that helps, changes nothing, and nobody else notices it.

import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { fromBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateReqSchema,
  ConversationClearReqSchema,
  ConversationListReqSchema,
  ConversationReadReqSchema,
  ConversationSetReqSchema,
  GroupQuitReqSchema,
  HistoryReqSchema,
  HistoryRespSchema,
  LoginReqSchema,
  MessageAckReqSchema,
  MessageContentReqSchema,
  MessageEditReqSchema,
  MessageHideReqSchema,
  MessageIndexReqSchema,
  MessageReactReqSchema,
  MessageReadersReqSchema,
  MessageRecallReqSchema,
  MessageReqSchema,
  MessageRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import { ServerProcess, run } from "../../scripts/harness/server-process.ts";
import { createGroup, groupTalk, readContents, succeeded, talk } from "../support/commands.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { sentenceOf, WireClient, type Answer } from "../support/wire-client.ts";

const folder = temporaryFolder("conversation-refusals-");
const windowMs = 1_000;
let server: ServerProcess;
/** Ann and bob talk; cid is another member of their group, who has the feature, too. */
let ann: WireClient;
let bob: WireClient;
let cid: WireClient;
/** Bob's other connection, without the feature, and ann of another app. */
let plain: WireClient;
let foreign: WireClient;
let group: string;
/** Ann's to bob, ann's in the group, and ann's to cid. */
let said: { readonly direct: bigint; readonly inGroup: bigint; readonly elsewhere: bigint };

beforeAll(async () => {
  server = await ServerProcess.start(folder, ["--edit-window", "1s", "--recall-window", "1s"]);
  ann = await person("ann");
  bob = await person("bob");
  cid = await person("cid");
  plain = await person("bob", { device: "old", features: [] });
  foreign = await person("ann", { app: "another" });
  group = await createGroup(ann, ["bob", "cid"]);
}, 60_000);
beforeEach(async () => {
  const direct = (await talk(ann, "bob", "what ann said")).messageId;
  const inGroup = (await groupTalk(ann, group, "what ann said to all")).messageId;
  said = { direct, inGroup, elsewhere: (await talk(ann, "cid", "what ann said to cid")).messageId };
});
afterAll(() => server.end("SIGKILL"));

async function person(account: string, { app = "", device = "phone", features = ["conversations"] } = {}) {
  const { out } = await run(["token", "--account", account, ...(app === "" ? [] : ["--app", app])], folder);
  const client = await WireClient.connect(server.tcp.replace("tcp://", ""));
  succeeded(await client.request(Command.SignIn, "", LoginReqSchema, { token: out.trim(), device, features }));
  return client;
}

type Case = readonly [what: string, ask: () => Promise<Answer>, status: Status, says: RegExp];

const edit = (client: WireClient, messageId: bigint) =>
  client.request(Command.MessageEdit, "", MessageEditReqSchema, { messageId, body: "not ann's" });
const recall = (client: WireClient, messageId: bigint) =>
  client.request(Command.MessageRecall, "", MessageRecallReqSchema, { messageId });
const react = (client: WireClient, messageId: bigint, reaction: string) =>
  client.request(Command.MessageReact, "", MessageReactReqSchema, { messageId, reaction });
const history = (client: WireClient, init: MessageInitShape<typeof HistoryReqSchema>) =>
  client.request(Command.History, "", HistoryReqSchema, init);
const readTo = (client: WireClient, messageId: bigint) =>
  client.request(Command.ConversationRead, "", ConversationReadReqSchema, { account: "ann", messageId });
const say = (client: WireClient, dest: string, init: MessageInitShape<typeof MessageReqSchema>) => {
  const command = dest === group ? Command.GroupTalk : Command.UserTalk;
  return client.request(command, dest, MessageReqSchema, { type: 1, body: "never stored", ...init });
};

/** Waits until nothing has been pushed for a while: what came of the changes before. */
async function quiet(): Promise<void> {
  const pushed = (): number => [ann, bob, cid, plain, foreign].reduce((sum, { pushes }) => sum + pushes.length, 0);
  for (let last = -1; last !== pushed();) {
    last = pushed();
    await Bun.sleep(600);
  }
}

/** What bob and cid see, and what they were told of it. */
async function seen(): Promise<unknown> {
  const texts = async (client: WireClient, init: MessageInitShape<typeof HistoryReqSchema>) =>
    fromBinary(HistoryRespSchema, succeeded(await history(client, { ...init, limit: 10 })).body).messages;
  // What is pushed to a connection before is here, too, when its next answer is.
  const all = [ann, bob, cid, plain, foreign];
  for (const client of all) await readContents(client, [said.direct]);
  return {
    direct: await texts(bob, { account: "ann" }),
    group: await texts(cid, { group }),
    pushes: all.map(({ pushes }) => pushes.length),
  };
}

/** Expects each request to be refused so, and to leave everything and everybody as they were. */
async function refused(cases: readonly Case[]): Promise<void> {
  const before = await seen();
  for (const [what, ask, status, says] of cases) {
    const answer = await ask();
    expect([what, answer.status]).toEqual([what, status]);
    expect([what, sentenceOf(answer)]).toEqual([what, expect.stringMatching(says)]);
  }
  expect(await seen()).toEqual(before);
}

test("changes of messages that are not one's own, not there, recalled, or of a group one has left", async () => {
  const own = (await groupTalk(bob, group, "bob's")).messageId;
  const gone = (await talk(bob, "ann", "taken back")).messageId;
  succeeded(await recall(bob, gone));
  await bob.request(Command.GroupQuit, "", GroupQuitReqSchema, { account: "bob", groupId: group }).then(succeeded);
  await refused([
    ["an edit of another's", () => edit(bob, said.direct), Status.Forbidden, /author/],
    ["a recall of another's", () => recall(bob, said.direct), Status.Forbidden, /author/],
    ["another's in a group", () => edit(cid, said.inGroup), Status.Forbidden, /author/],
    ["a recall of another's in a group", () => recall(cid, said.inGroup), Status.Forbidden, /author/],
    ["another conversation's", () => edit(bob, said.elsewhere), Status.NotFound, /no such message/],
    ["an id that is none", () => edit(ann, 7n), Status.NotFound, /no such message/],
    ["an id of the future", () => recall(ann, 2n ** 62n), Status.NotFound, /no such message/],
    ["a negative id", () => recall(ann, -1n), Status.InvalidPacketBody, /./],
    ["no id", () => edit(ann, 0n), Status.InvalidPacketBody, /./],
    ["a recalled one", () => edit(bob, gone), Status.NotFound, /recalled/],
    ["a reaction to a recalled one", () => react(ann, gone, "r"), Status.NotFound, /recalled/],
    ["one's own in a group one has left", () => edit(bob, own), Status.Forbidden, /./],
    ["a reaction in a group one has left", () => react(bob, said.inGroup, "r"), Status.Forbidden, /./],
    ["an answer in a group one has left", () => say(bob, group, {}), Status.Forbidden, /member/],
  ]);
  await bob.request(Command.GroupJoin, "", GroupQuitReqSchema, { account: "bob", groupId: group }).then(succeeded);
}, 60_000);

test("changes beyond the windows", async () => {
  await Bun.sleep(windowMs + 100);
  await refused([
    ["an edit", () => edit(ann, said.direct), Status.Forbidden, /edited for 1 second/],
    ["a recall", () => recall(ann, said.direct), Status.Forbidden, /recalled for 1 second/],
  ]);
  // The owner of the group may still do it.
  succeeded(await recall(ann, said.inGroup));
}, 60_000);

test("reactions, mentions and replies that cannot be", async () => {
  for (let kind = 0; kind < 20; kind++) succeeded(await react(bob, said.direct, `kind ${kind}`));
  const many = Array.from({ length: 51 }, (_, i) => `a${i}`);
  await refused([
    ["a 21st kind", () => react(ann, said.direct, "one more"), Status.Forbidden, /at most 20 kinds/],
    ["33 bytes", () => react(bob, said.direct, "x".repeat(33)), Status.InvalidPacketBody, /32 bytes/],
    ["33 bytes of emoji", () => react(bob, said.direct, "👍".repeat(9)), Status.InvalidPacketBody, /32 bytes/],
    ["control characters", () => react(bob, said.direct, "a\u0007b"), Status.InvalidPacketBody, /control/],
    ["no reaction", () => react(bob, said.direct, ""), Status.InvalidPacketBody, /./],
    ["51 mentions", () => say(ann, group, { mentions: many }), Status.InvalidPacketBody, /at most 50/],
    ["a mention of a stranger", () => say(ann, group, { mentions: ["eve"] }), Status.Forbidden, /mention/],
    ["a mention of a stranger to bob", () => say(ann, "bob", { mentions: ["cid"] }), Status.Forbidden, /mention/],
    ["everybody, by a member", () => say(cid, group, { mentions: ["*"] }), Status.Forbidden, /everybody|owner/],
    ["everybody and one", () => say(ann, group, { mentions: ["*", "bob"] }), Status.InvalidPacketBody, /./],
    ["a reply into another", () => say(bob, "ann", { replyTo: said.inGroup }), Status.InvalidPacketBody, /replyTo/],
    ["a reply to a stranger's", () => say(bob, "ann", { replyTo: said.elsewhere }), Status.InvalidPacketBody, /./],
    ["a reply to nothing", () => say(bob, "ann", { replyTo: -1n }), Status.InvalidPacketBody, /./],
  ]);
}, 60_000);

test("cursors, pages and names that cannot be", async () => {
  const first = said.direct;
  const next = (await talk(ann, "bob", "and more")).messageId;
  const elsewhere = (await talk(ann, "cid", "elsewhere")).messageId;
  succeeded(await readTo(bob, next));
  const badBody = Status.InvalidPacketBody;
  const ids = Array.from({ length: 201 }, (_, i) => BigInt(i));
  await refused([
    ["a cursor beyond the end", () => readTo(bob, 2n ** 62n), badBody, /./],
    ["a negative cursor", () => readTo(bob, -1n), badBody, /./],
    ["a cursor of another conversation", () => readTo(bob, elsewhere), Status.NotFound, /./],
    ["both before and after", () => history(bob, { account: "ann", before: next, after: first }), badBody, /one of/],
    ["a limit of 201", () => history(bob, { account: "ann", limit: 201 }), badBody, /200/],
    ["a limit of -1", () => history(bob, { account: "ann", limit: -1 }), badBody, /200/],
    ["no conversation", () => history(bob, {}), badBody, /account|group/],
    ["two conversations", () => history(bob, { account: "ann", group }), badBody, /account|group/],
    ["201 ids", () => history(bob, { messageIds: ids }), Status.PayloadTooLarge, /200/],
  ]);
  // Backwards is no fault, and does nothing; a limit of 0 is 50.
  succeeded(await readTo(bob, first));
  const page = fromBinary(HistoryRespSchema, succeeded(await history(bob, { account: "ann", limit: 0 })).body);
  expect(page.messages.at(-1)?.messageId).toBe(next);
}, 60_000);

test("the largest and the smallest number in any field is answered, and ends no process", async () => {
  const top = 2n ** 63n - 1n;
  for (const id of [top, top - 1n, 1n, -1n, -top - 1n])
    for (const other of [id, said.direct, 0n])
      for (const name of [{ account: "bob" }, { group }, { account: "ann" }]) {
        const answers = [
          ...(["before", "after", "around"] as const).flatMap((bound) => [
            history(ann, { ...name, [bound]: id, thread: other }),
            history(ann, { ...name, [bound]: other, thread: id }),
          ]),
          history(ann, { messageIds: [id, other] }),
          edit(cid, id),
          recall(cid, id),
          react(cid, id, "r"),
          ann.request(Command.ConversationRead, "", ConversationReadReqSchema, { ...name, messageId: id }),
          cid.request(Command.ConversationClear, "", ConversationClearReqSchema, { account: "cid", upTo: id }),
          cid.request(Command.ConversationList, "", ConversationListReqSchema, { before: id }),
          cid.request(Command.MessageHide, "", MessageHideReqSchema, { messageIds: [id] }),
          cid.request(Command.MessageReaders, "", MessageReadersReqSchema, { messageId: id, limit: 2 ** 32 - 1 }),
          cid.request(Command.AccountState, "", AccountStateReqSchema, { sinceVersion: id }),
          cid.request(Command.OfflineIndex, "", MessageIndexReqSchema, { messageId: id, includeEvents: true }),
          cid.request(Command.OfflineContent, "", MessageContentReqSchema, { messageIds: [id] }),
          cid.request(Command.TalkAck, "", MessageAckReqSchema, { messageId: id === 1n ? 0n : id }),
          say(ann, "bob", { replyTo: id }),
        ];
        for (const { header, status } of await Promise.all(answers))
          expect([header.command, status < Status.SystemException]).toEqual([header.command, true]);
      }
}, 60_000);

test("a retry of a talk that was edited or recalled meanwhile is the same talk, and pushed to nobody", async () => {
  for (const change of [edit, recall]) {
    const retry = { body: "said once", clientId: `retry-${change === edit ? "edit" : "recall"}` };
    const stored = fromBinary(MessageRespSchema, succeeded(await say(ann, "bob", retry)).body);
    succeeded(await change(ann, stored.messageId));
    await quiet();
    const before = await seen();
    const again = fromBinary(MessageRespSchema, succeeded(await say(ann, "bob", retry)).body);
    expect(again.messageId).toBe(stored.messageId);
    expect(await seen()).toEqual(before);
  }
}, 60_000);

test("a connection without the feature is refused each command, beside one with it of the same account", async () => {
  const commands = Object.values(Command).filter((command) =>
    /^(chat\.(conversation|history|message)|account\.state)/.test(command),
  );
  expect(commands).toHaveLength(11);
  await refused(
    commands.map((command): Case => {
      const ask = () => plain.request(command, "", MessageRecallReqSchema, { messageId: said.direct });
      return [command, ask, Status.InvalidCommand, /feature|sign in/];
    }),
  );
  expect(plain.pushes.filter(({ header }) => header.command === Command.Event)).toEqual([]);
});

test("every command with what is another app's is answered as if it did not exist, byte for byte", async () => {
  const ask = <Desc extends DescMessage>(command: string, schema: Desc, init: MessageInitShape<Desc>, dest = "") =>
    foreign.request(command, dest, schema, init);
  await quiet();
  const before = await seen();
  const named = (name: { account: string } | { group: string }, messageId: bigint): readonly Promise<Answer>[] => [
    ask(Command.MessageEdit, MessageEditReqSchema, { messageId, body: "b" }),
    ask(Command.MessageRecall, MessageRecallReqSchema, { messageId }),
    ask(Command.MessageReact, MessageReactReqSchema, { messageId, reaction: "r" }),
    ask(Command.MessageReact, MessageReactReqSchema, { messageId, reaction: "r", off: true }),
    ask(Command.MessageHide, MessageHideReqSchema, { messageIds: [messageId] }),
    ask(Command.MessageReaders, MessageReadersReqSchema, { messageId }),
    ask(Command.History, HistoryReqSchema, { ...name }),
    ask(Command.History, HistoryReqSchema, { ...name, around: messageId }),
    ask(Command.History, HistoryReqSchema, { ...name, thread: messageId }),
    ask(Command.History, HistoryReqSchema, { messageIds: [messageId] }),
    ask(Command.ConversationList, ConversationListReqSchema, { includeHidden: true }),
    ask(Command.ConversationRead, ConversationReadReqSchema, { ...name, messageId }),
    ask(Command.ConversationSet, ConversationSetReqSchema, { ...name, pinned: true }),
    ask(Command.ConversationClear, ConversationClearReqSchema, { ...name, upTo: messageId }),
    ask(Command.AccountState, AccountStateReqSchema, {}),
  ];
  const plainly = async (answers: readonly Promise<Answer>[]) =>
    (await Promise.all(answers)).map(({ header, status, body }) => [
      header.command,
      status,
      Buffer.from(body).toString("hex"),
    ]);
  const [nobodys, nothing] = [{ account: "x-b" }, { group: "x".repeat(group.length) }];
  const withVersions = ([command]: readonly unknown[]): boolean => command !== Command.AccountState;
  for (const [theirs, none, messageId] of [
    [{ account: "bob" }, nobodys, said.direct],
    [{ group }, nothing, said.inGroup],
  ] as const) {
    const found = await plainly(named(theirs, messageId));
    expect(found.filter(withVersions)).toEqual((await plainly(named(none, 5n))).filter(withVersions));
    for (const secret of ["ann", "bob", "cid", group, "what ann said"])
      expect([
        secret,
        found.some(([, , body = ""]) => String(body).includes(Buffer.from(secret).toString("hex"))),
      ]).toEqual([secret, false]);
  }
  expect(await seen()).toEqual(before);
}, 60_000);

test("after all of this everybody is connected, the store is in order, and the server ends in order", async () => {
  for (const client of [ann, bob, cid, plain, foreign]) expect(client.isClosed).toBe(false);
  expect(server.log).not.toMatch(/ (warn|error) /);
  expect(await server.end("SIGTERM")).toBe(0);
  expect(await run(["check"], folder)).toMatchObject({ status: 0 });
});
