// What the terminal client says of conversations: unread messages, quotes, mentions, what each command did.

import { expect, test } from "bun:test";
import { until } from "../../scripts/harness/until.ts";
import { chatTerminals } from "../support/chat-terminals.ts";

const { messengerFor, clientOf, messengerOf, terminalOf } = chatTerminals();

test("unread messages are counted at the start, also where no conversation is named", async () => {
  const messenger = await messengerFor();
  const bob = await clientOf(messenger, "bob");
  await bob.talkToUser("alice", { body: "hello" });
  const terminal = await terminalOf(messenger, "alice", [], 80, 20);
  await until(() => terminal.count("+1>") === 1, "the prompt");
  expect(terminal.count("* 1 unread elsewhere; /conversations shows where")).toBe(1);
});

test("each command says what it did", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  await bob.talkToUser("alice", { body: "hello" });
  const { id: group } = await bob.newGroup({ name: "team" });
  const terminal = await terminalOf(messenger, "alice", [], 80, 40);
  await until(() => terminal.count("+1>") === 1, "the prompt");
  const said = async (line: string, answer: string): Promise<void> => {
    terminal.type(`${line}\r`);
    await until(() => terminal.count(answer) === 1, answer);
  };
  await said("/to carol", "* no messages with carol yet");
  await said("/to bob", " bob: hello");
  await said("/read", "* it is marked as read");
  await said(`/group join ${group}`, "* you are in group team");
  await said("/group quit team", "* you left group team");
  await said(`/to ${"x".repeat(80)}`, "! account must be a name");
  // The refused name is nobody's conversation: the former one was left.
  await until(() => terminal.screen.lines.findLast((line) => line !== "") === ">", "the prompt");
});

test("a name in a group is shown, set, and removed by an empty one, like the profile's", async () => {
  const messenger = await messengerFor();
  const terminal = await terminalOf(messenger, "alice", [], 100, 40);
  await until(() => terminal.count(">") === 1, "the prompt");
  const said = async (line: string, answer: string, times = 1): Promise<void> => {
    terminal.type(`${line}\r`);
    await until(() => terminal.count(answer) === times, answer);
  };
  await said("/group create team", "* group team; others can join it");
  await said("/group alias", "* you have no name of your own in team");
  await said("/group alias The Cat", "* you have another name in team");
  await said("/group alias", '* your name in team is "The Cat"');
  await said("/group alias The Cat", '* your name in team is "The Cat"', 2);
  await said('/group alias ""', "* you have another name in team", 2);
  await said("/group alias", "* you have no name of your own in team", 2);
  await said("/name", "* you have no name: others see your account");
  await said("/name Alice", '* others see you as alice "Alice"');
  await said("/name", '* others see you as alice "Alice"', 2);
  await said('/name ""', "* you have no name: others see your account", 2);
});

test("/clear asks, and forgets only after a yes", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  await bob.talkToUser("alice", { body: "hello" });
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 100, 40);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  terminal.type("/clear\r");
  await until(
    () => terminal.count("* forget all messages of bob, for you and for good? then type /clear yes") === 1,
    "the question",
  );
  terminal.type("/clear no\r");
  await until(() => terminal.count("! /clear: expected /clear or /clear yes") === 1, "the form");
  terminal.type("/to bob\r");
  await until(() => terminal.count(" bob: hello") === 2, "the message");
  terminal.type("/clear yes\r");
  await until(() => terminal.count("* the messages of bob are cleared for you; others keep them") === 1, "the answer");
  terminal.type("/to bob\r");
  await until(() => terminal.count("* no messages with bob yet") === 1, "the emptiness");
});

test("a quote follows what it quotes: after an edit it is the new text, after a recall none", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  const { id } = await bob.talkToUser("alice", { body: "a secret" });
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 100, 40);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  terminal.type("/reply #1 which?\r");
  await until(() => terminal.count('alice (to #1 "a secret"): which?') === 1, "the reply");
  await bob.edit(id, { body: "a trifle" });
  await until(() => terminal.count('alice (to #1 "a trifle"): which?') === 1, "the new quote");
  await bob.recall(id);
  await until(() => terminal.count("alice (to #1 a recalled message): which?") === 1, "no quote");
  expect(terminal.count("secret")).toBe(0);
});

test("an account after an @ is mentioned if it belongs to the conversation, and sees that", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  const alice = await terminalOf(messenger, "alice", [], 100, 40);
  await until(() => alice.count(">") > 0, "the prompt");
  alice.type("/group create team bob carol\r");
  await until(() => alice.count("[team]>") > 0, "the group");
  const carol = await terminalOf(messenger, "carol", ["--group", "team"], 100, 40, [], undefined, { NO_COLOR: "1" });
  await until(() => carol.count("[team]>") > 0, "carol's prompt");
  alice.type("hi @carol, ask @bob. not @eve or a@bob\r");
  await until(() => carol.count("alice (mentions you): hi @carol, ask @bob. not @eve or a@bob") === 1, "the mention");
  alice.type("/reply #1 and @*\r");
  await until(() => carol.count('alice (mentions you, to #1 "') === 1, "everybody");
  // Who does not own the group sends it as a text.
  carol.type("me @*, too\r");
  await until(() => alice.count("carol: me @*, too") === 1, "the text");
  alice.type("nobody @dave\r");
  await until(() => carol.count("alice: nobody @dave") === 1, "the text");
  await until(() => bob.conversations.items.length > 0, "bob's list, which is read again after news");
  const found = [];
  for await (const { messages } of bob
    .conversation({ group: bob.conversations.items[0]?.key.slice(2) ?? "" })
    .history())
    found.push(...messages.map(({ mentions }) => mentions));
  expect(found).toEqual([["carol", "bob"], ["*"], [], []]);
  expect(carol.bold).toEqual([]);
});

test("mentions of oneself are bold", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 100, 40);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  await bob.talkToUser("alice", { body: "no mention of @alice" });
  await bob.talkToUser("alice", { body: "@alice. @alicea b@alice @bob", mentions: ["alice"] });
  await until(() => terminal.count("bob (mentions you): @alice. @alicea b@alice @bob") === 1, "the mention");
  expect(terminal.bold).toEqual(["@alice"]);
});

test("who is removed from a group is told, and finds it no more", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  const { id: group } = await bob.newGroup({ name: "team", members: ["alice"] });
  const terminal = await terminalOf(messenger, "alice", ["--group", "team"], 80, 40);
  await until(() => terminal.count("[team]>") === 1, "the prompt");
  await bob.quitGroup(group, "alice");
  await until(() => terminal.count("* you are not in group team any more: bob removed you") === 1, "the notice");
  terminal.type("/groups\r");
  await until(() => terminal.count("* you are in no groups") === 1, "the list");
  await bob.joinGroup(group, "alice");
  await until(() => terminal.count("* you are in group team: bob added you") === 1, "the return");
});
