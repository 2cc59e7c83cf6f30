// Commands of the terminal client, and a server that does what the test says: one whose entries are late, that refuses,
// that has large groups, that sends what a terminal would obey.

import { afterEach, expect, test } from "bun:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { PassThrough } from "node:stream";
import { until } from "../../scripts/harness/until.ts";
import { runChat } from "../../src/cli/chat/chat-session.ts";
import { Command } from "../../src/wire/commands.ts";
import {
  AccountStateRespSchema,
  ConversationListRespSchema,
  type EntryDetailSchema,
  EntryKind,
  EntryRespSchema,
  EventPushSchema,
  GroupCreateRespSchema,
  GroupGetReqSchema,
  GroupGetRespSchema,
  GroupListRespSchema,
  GroupRole,
  MessageReqSchema,
  MessageRespSchema,
  Status,
} from "../../src/wire/gen/pkt_pb.ts";
import type { ScriptedPeer } from "../support/scripted-peer.ts";
import { listed, peerWithFeature } from "../sdk/messenger/scripted-server.ts";
import { afterwards, endAll } from "../sdk/support.ts";

afterEach(endAll);

/** An admin's view of a group of 450 members. */
const group = { id: "g", name: "tea", owner: "bob", memberCount: 450, role: GroupRole.GroupRoleAdmin };
const members = Array.from({ length: 450 }, (_, at) => ({ account: `m${at}` }));

/** A peer with the group, and a chat with it that obeys typed lines. */
async function start(
  prepare: (peer: ScriptedPeer) => void = () => undefined,
  patience: Pick<Parameters<typeof runChat>[0], "patienceMs"> = {},
) {
  const peer = peerWithFeature((request) => request.respond(ConversationListRespSchema, listed(9n, 0)));
  peer.on(Command.GroupList, (request) => request.respond(GroupListRespSchema, { groups: [{ ...group }] }));
  peer.on(Command.GroupDetail, (request) => {
    const isKnown = request.body(GroupGetReqSchema).groupId === group.id;
    if (isKnown) request.respond(GroupGetRespSchema, { ...group });
    else request.refuse(Status.NotFound, "no such group");
  });
  prepare(peer);
  const input = new PassThrough();
  const printed = { output: "", errors: "" };
  const collect = (name: keyof typeof printed) => async (text: string) => {
    printed[name] += text;
    await Promise.resolve();
  };
  const options = {
    account: "alice",
    device: "",
    to: undefined,
    group: undefined,
    terminal: undefined,
    commands: true,
  };
  const streams = { input, output: collect("output"), errors: collect("errors") };
  const exit = runChat({ url: [peer.url], token: "a token", ...options, ...streams, ...patience });
  afterwards(async () => {
    input.end();
    await exit;
  }, true);
  let entryId = 20n;
  return {
    peer,
    printed,
    type: (line: string) => void input.write(`${line}\n`),
    /** Waits until a text was printed so many times. */
    said: (text: string, times = 1) => until(() => printed.output.split(text).length === times + 1, text),
    /** Pushes an entry of the group. */
    entry: (
      kind: EntryKind,
      accounts: readonly string[],
      rest: MessageInitShape<typeof EntryDetailSchema> = {},
      { id = ++entryId, actor = "alice" } = {},
    ) => {
      const detail = { accounts: [...accounts], count: accounts.length, ...rest };
      const push = { actor, group: group.id, entryId: id, kind, previousEntryId: 0n };
      peer.latest.push(Command.Event, "", EventPushSchema, { ...push, detail });
    },
  };
}

test("a change whose entry is late is done, and only one that changes nothing is said to", async () => {
  const { peer, type, said, entry, printed } = await start();
  let entryId = 0n;
  peer.on(Command.GroupRole, (request) => {
    // Another change of this account's, on another device.
    entry(EntryKind.EntryGroupAlias, ["alice"]);
    request.respond(EntryRespSchema, { entryId });
  });
  type("/group use tea");
  type("/group admin bob");
  await said("* nothing has changed");
  entryId = 1_000n;
  type("/group admin bob");
  await said("* it is done; what has changed is told here later");
  expect(printed.output).not.toContain("you made bob");
  entry(EntryKind.EntryGroupRole, ["bob"], { role: 1 }, { id: entryId, actor: "alice" });
  await said("* you made bob an admin of tea");
  // Also one that comes before the answer.
  peer.on(Command.GroupRole, (request) => {
    entry(EntryKind.EntryGroupRole, ["cyd"], { role: 1 }, { id: 1_001n, actor: "alice" });
    request.respond(EntryRespSchema, { entryId: 1_001n });
  });
  type("/group admin cyd");
  await said("* you made cyd an admin of tea");
  type("/groups");
  await said("* tea  g");
  await said("nothing has changed");
  await said("is told here later");
});

test("what a refused or idle command of membership would have said is said by the next entries", async () => {
  const { peer, type, said, entry, printed } = await start();
  peer.on(Command.GroupQuit, (request) => request.refuse(Status.RateLimited, "too fast"));
  type("/group quit tea");
  await until(() => printed.errors.includes("too fast"), "the refusal");
  entry(EntryKind.EntryGroupLeft, ["alice"]);
  await said("* you are not in group tea any more");
  entry(EntryKind.EntryGroupJoined, ["alice"]);
  await said("* you are in group tea");
  // It is in already: there is no entry.
  type("/group join g");
  await said("* you are in group tea", 2);
  entry(EntryKind.EntryGroupLeft, ["alice"]);
  await said("* you are not in group tea any more", 2);
  entry(EntryKind.EntryGroupJoined, ["alice"]);
  await said("* you are in group tea", 3);
  entry(EntryKind.EntryGroupLeft, ["alice"]);
  await said("* you are not in group tea any more", 3);
  // What a command has done is said by it alone.
  peer.on(Command.GroupJoin, (request) => {
    request.succeed();
    entry(EntryKind.EntryGroupJoined, ["alice"]);
  });
  type("/group join g");
  await said("* you are in group tea", 4);
  entry(EntryKind.EntryGroupRole, ["cyd"], { role: 1 });
  await said("* you made cyd an admin of tea");
  await said("* you are in group tea", 4);
});

test("members that are mentioned are found in pages, and asked for once; admins mention everybody", async () => {
  const pages: string[] = [];
  const mentions: (readonly string[])[] = [];
  const { type, entry, said } = await start((peer) => {
    peer.on(Command.GroupMembers, (request) => {
      const { after, limit, adminsOnly } = request.body(GroupGetReqSchema);
      pages.push(adminsOnly ? "admins" : after);
      expect(limit).toBeGreaterThan(0);
      const begin = members.findIndex(({ account }) => account === after) + 1;
      const page = members.slice(begin, begin + limit);
      request.respond(GroupGetRespSchema, { ...group, members: page, hasMore: begin + limit < members.length });
    });
    const answer = peer.scriptOf(Command.GroupDetail);
    peer.on(Command.GroupDetail, (request) => {
      expect(request.body(GroupGetReqSchema).withoutMembers).toBe(true);
      answer(request);
    });
    peer.on(Command.GroupTalk, (request) => {
      mentions.push(request.body(MessageReqSchema).mentions);
      request.respond(MessageRespSchema, { messageId: 500n + BigInt(mentions.length), sendTime: 1n });
    });
  });
  const sent = async (line: string): Promise<readonly string[] | undefined> => {
    const before = mentions.length;
    type(line);
    await until(() => mentions.length > before, line);
    return mentions.at(-1);
  };
  type("/group use tea");
  expect(await sent("hello @m1")).toEqual(["m1"]);
  expect(pages).toEqual([""]);
  expect(await sent("hello @m449, and @m2.")).toEqual(["m449", "m2"]);
  expect(pages).toEqual(["", "", "m199", "m399"]);
  expect(await sent("who is @eve?")).toEqual([]);
  expect(await sent("everybody: @*")).toEqual(["*"]);
  entry(EntryKind.EntryGroupJoined, ["eve"], {}, { actor: "eve" });
  await said("* eve joined tea");
  entry(EntryKind.EntryGroupRemoved, ["m1"], {}, { actor: "bob" });
  await said("* bob removed m1 from tea");
  expect(await sent("now @eve, and not @m1")).toEqual(["eve"]);
  expect(pages).toHaveLength(4);
});

test("a script's lines are tried for a time that is theirs together, and then once each", async () => {
  const { peer, printed, type } = await start(undefined, { patienceMs: 0 });
  let tries = 0;
  peer.on(Command.UserTalk, (request) => {
    tries++;
    request.refuse(Status.SystemException, "the message store is unavailable");
  });
  const refused = (text: string, times: number): Promise<void> =>
    until(() => printed.errors.split(text).length > times, `${times} times: ${text}`);
  type("/to bob");
  type("one");
  type("two");
  await refused("roost: the message store is unavailable\n", 2);
  expect(tries).toBe(2);
  // Nor does each wait for a connection.
  peer.on(Command.SignIn, (request) => request.connection.end());
  peer.latest.end();
  await refused("is lost", 1);
  for (let line = 0; line < 100; line++) type("three");
  await refused("there is no connection to the server", 100);
  expect(tries).toBe(2);
}, 60_000);

test("what this account has set is told of also after its first reading was refused", async () => {
  let asked = 0;
  const { peer, printed } = await start((script) => {
    const answer = script.scriptOf(Command.AccountState);
    script.on(Command.AccountState, (request) => {
      asked++;
      if (script.connections.length > 1) answer(request);
      else request.refuse(Status.Forbidden, "not now");
    });
  });
  await until(() => asked >= 2, "the refusals");
  peer.latest.end();
  await until(() => printed.errors.includes("is back"), "the return");
  let version = 10n;
  await until(() => {
    const block = { account: `eve${++version}`, off: false, version };
    peer.latest.push(Command.AccountChanged, "", AccountStateRespSchema, { version, blocks: [block] });
    return printed.output.includes("* you blocked eve");
  }, "the notice");
});

test("nothing of what a server sends is obeyed by a terminal, or begins a line", async () => {
  const nasty = "g\u001b[2J\u0007\u202e\n* ann left";
  const { type, printed } = await start((peer) => {
    peer.on(Command.GroupCreate, (request) => request.respond(GroupCreateRespSchema, { groupId: nasty }));
    peer.on(Command.GroupDetail, (request) =>
      request.respond(GroupGetRespSchema, { ...group, id: nasty, name: nasty }),
    );
  });
  type("/group create x");
  type("/group info");
  await until(() => printed.output.includes("* settings: "), "the answers");
  expect(printed.output).toContain("others can join it with: /group join ");
  expect(printed.output.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  expect(printed.output).not.toContain("\n* ann left");
});
