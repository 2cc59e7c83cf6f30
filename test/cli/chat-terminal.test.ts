// The terminal client in a pseudo terminal of three rows, against the real server in this process. ROOST_BINARY names
// the executable that is started.

import { expect, test } from "bun:test";
import { Community } from "../../src/sdk/community/community.ts";
import { chatTerminals } from "../support/chat-terminals.ts";
import { until } from "../../scripts/harness/until.ts";

const { messengerFor, clientOf, messengerOf, terminalOf } = chatTerminals();

test("messages that come while a long line is typed are seen, and the line stays", async () => {
  const messenger = await messengerFor();
  const bob = await clientOf(messenger, "bob");
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"]);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  const typed = "0123456789".repeat(17);
  terminal.type(typed);
  await until(() => terminal.screen.lines.join("").includes(typed), "the typed line");
  for (let message = 1; message <= 5; message++) {
    await bob.talkToUser("alice", { body: `message ${message} of bob` });
    await until(() => terminal.count(`bob: message ${message} of bob`) === 1, `message ${message}`);
    await until(() => terminal.screen.lines.join("").endsWith(`bob> ${typed}`), "the typed line below it");
  }
  for (let message = 1; message <= 5; message++) expect(terminal.count(`bob: message ${message} of bob`)).toBe(1);
  terminal.type("\r");
  await until(() => terminal.count("✓ alice: 0123456789") === 1, "the mark of what is stored");
  terminal.type("yes\r");
  await until(() => terminal.count("✓ alice: yes") === 1, "the mark of what is stored");
  // The line that was typed is wiped: the message stands in its place.
  expect(terminal.count("bob> yes")).toBe(0);
});

test("a terminal that does not say how wide it is counts as one of 80 columns", async () => {
  const messenger = await messengerFor();
  const bob = await clientOf(messenger, "bob");
  const unknown = ["sh", "-c", 'stty cols 0 rows 0; exec "$@"', "sh"];
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 80, 3, unknown);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  await bob.talkToUser("alice", { body: "a sentence of more than twenty characters" });
  await until(() => terminal.count("bob: a sentence of more than twenty characters") === 1, "the message in one row");
});

test("a message that comes while the client leaves is shown, and the status is 0", async () => {
  const messenger = await messengerFor();
  const bob = await clientOf(messenger, "bob");
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"]);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  const sent = Promise.all(Array.from({ length: 20 }, (_, at) => bob.talkToUser("alice", { body: `late ${at}` })));
  // Ctrl-D.
  terminal.type("\u0004");
  expect(await terminal.child.exited).toBe(0);
  await sent;
  expect(terminal.screen.lines.join("\n")).not.toContain("ERR_");
});

test("other conversations are marked, groups have names, and an unknown group is refused", async () => {
  const messenger = await messengerFor();
  const bob = await clientOf(messenger, "bob");
  const carol = await clientOf(messenger, "carol");
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 100, 20);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  const group = await carol.createGroup({ name: "the team", members: ["alice", "b1", "b2", "b3", "b4", "b5", "b6"] });
  await until(() => terminal.count('* you are in a new group "the team" with ') === 1, "the new group");
  expect(terminal.count("and 3 others")).toBe(1);
  await carol.talkToGroup(group, { body: "to all" });
  await carol.talkToUser("alice", { body: "to alice" });
  await bob.talkToUser("alice", { body: "from bob" });
  await until(() => terminal.count(" bob: from bob") === 1, "bob's message");
  const lines = terminal.screen.lines.map((line) => line.slice(5).replace(/^ #\d+/, ""));
  expect(lines).toContain(' ["the team"] carol: to all');
  expect(lines).toContain(" [to you] carol: to alice");
  expect(lines).toContain(" bob: from bob");
  terminal.type("/group use nowhere\r");
  await until(() => terminal.count("! you are in no group nowhere; /groups lists your groups") === 1, "the refusal");
  terminal.type("/groups\r");
  await until(() => terminal.count(`* "the team"  `) === 1, "the list");
  terminal.type('/group use "the team"\r');
  // Carol's message to Alice is unread.
  await until(() => terminal.count('["the team"] +1>') > 0, "the prompt of the group");
  terminal.type("hello team\r");
  await until(() => terminal.count("✓ alice: hello team") === 1, "the message");
});

test("after an absence the last twenty messages of a conversation are shown, and a count", async () => {
  const messenger = await messengerFor();
  const bob = await clientOf(messenger, "bob");
  const carol = await clientOf(messenger, "carol");
  for (let at = 1; at <= 50; at++) await bob.talkToUser("alice", { body: `bob says ${at}.` });
  for (let at = 1; at <= 3; at++) await carol.talkToUser("alice", { body: `carol says ${at}.` });
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 80, 60);
  await until(() => terminal.count("bob says 50.") === 1, "the last message");
  expect(terminal.count("bob says 30.")).toBe(0);
  expect(terminal.count("bob says 31.")).toBe(1);
  expect(terminal.count("* 50 unread, the last 20 of them here")).toBe(1);
  // Those of others are counted.
  await until(() => terminal.count("* 3 unread elsewhere; /conversations shows where") === 1, "the count");
  await until(() => terminal.count("bob +3>") === 1, "the prompt");
  terminal.type("/conversations\r");
  await until(() => terminal.count("* carol (3 unread)  ") === 1, "the list");
  terminal.type("/to carol\r");
  await until(() => terminal.count("* 3 unread") === 2, "the messages");
  expect(terminal.count("carol: carol says 1.")).toBe(1);
});

test("a line that is refused is named, and sent again by /retry", async () => {
  const messenger = await messengerFor();
  const carol = Community.of(await messengerOf(messenger, "carol"));
  const terminal = await terminalOf(messenger, "alice", ["--to", "carol"], 120, 20);
  await until(() => terminal.count("carol>") === 1, "the prompt");
  terminal.type("/retry\r");
  await until(() => terminal.count("* nothing has failed") === 1, "the answer");
  await carol.block("alice");
  terminal.type("too late\r");
  await until(() => terminal.count("! not stored: too late") === 1, "the line");
  await until(() => terminal.count("; /retry sends it again") === 1, "what to do");
  await carol.unblock("alice");
  terminal.type("/retry\r");
  await until(() => terminal.count("✓ alice: too late") === 1, "the message");
});

test("beside a long name, what was typed stays on the screen, in its row", async () => {
  const messenger = await messengerFor();
  const carol = await clientOf(messenger, "carol");
  await carol.createGroup({ name: "研究小组 with a long name", members: ["alice"] });
  const terminal = await terminalOf(messenger, "alice", ["--group", "研究小组 with a long name"], 40, 20);
  await until(() => terminal.count('["研究小组 with a l…>') === 1, "the prompt");
  terminal.type("/blocked\r");
  await until(() => terminal.count("* you block nobody") === 1, "the answer");
  expect(terminal.count('["研究小组 with a l…> /blocked')).toBe(1);
});

test("a muted conversation is silent elsewhere, a pinned one comes first, and a hidden one is not listed", async () => {
  const messenger = await messengerFor();
  const bob = await clientOf(messenger, "bob");
  const carol = await clientOf(messenger, "carol");
  await bob.talkToUser("alice", { body: "first" });
  await carol.talkToUser("alice", { body: "second" });
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 80, 40);
  await until(() => terminal.count("bob +1>") === 1, "the prompt");
  terminal.type("/pin\r/mute\r/conversations\r");
  await until(() => terminal.count("* carol (1 unread)") === 1, "the list");
  const listed = terminal.screen.lines.filter((line) => line.startsWith("* bob") || line.startsWith("* carol"));
  expect(listed[0]).toStartWith("* bob (pinned, muted)  ");
  terminal.type("/to carol\r");
  await until(() => terminal.count("carol>") > 0, "the conversation");
  await bob.talkToUser("alice", { body: "nobody hears this" });
  await carol.talkToUser("alice", { body: "but this" });
  await until(() => terminal.count("carol: but this") === 1, "the message");
  expect(terminal.count("nobody hears this")).toBe(0);
  // What is muted is not counted either.
  await until(() => terminal.screen.lines.findLast((line) => line !== "") === "carol>", "the prompt without a mark");
  terminal.type("/hide\r");
  await until(() => terminal.count("* it is hidden until its next message") === 1, "the answer");
  terminal.type("/conversations\r");
  await until(() => terminal.count("* bob (1 unread, pinned, muted)") === 1, "the list");
  expect(terminal.screen.lines.filter((line) => line.startsWith("* carol"))).toHaveLength(1);
});

test("what others write is shown as text, also where it is quoted and listed", async () => {
  const messenger = await messengerFor();
  const evil = "\u001b[2J\u001b[Hgone\r12:00 bob: I owe you";
  const eve = await clientOf(messenger, "eve");
  const { id } = await eve.talkToUser("alice", { body: evil });
  const terminal = await terminalOf(messenger, "alice", ["--to", "eve"], 80, 30);
  await until(() => terminal.count("eve>") === 1, "the prompt");
  terminal.type("/reply #1 what?\r");
  await until(() => terminal.count('alice (to #1 "') === 1, "the reply");
  terminal.type("/conversations\r");
  await until(() => terminal.count("* eve  ") === 1, "the list");
  expect(id).toBeGreaterThan(0n);
  expect(terminal.count("* signed in as alice")).toBe(1);
  expect(terminal.count("\ufffd[2J\ufffd[Hgone")).toBeGreaterThanOrEqual(2);
  for (const line of terminal.screen.lines) expect(line).not.toMatch(/^12:00 bob/);
});

test("equal lines are shown in the order of typing, each once", async () => {
  const messenger = await messengerFor();
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 80, 30);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  terminal.type("yes\ryes\rno\ryes\r");
  await until(() => terminal.count("#4 ✓ alice: yes") === 1, "the last one");
  terminal.type("/recall #1\r");
  await until(() => terminal.count("* you recalled #1") === 1, "the recall");
  const lines = terminal.screen.lines.filter((line) => /^\d\d:/.test(line)).map((line) => line.slice(6));
  expect(lines).toEqual(["#1 ✓ alice recalled this message", "#2 ✓ alice: yes", "#3 ✓ alice: no", "#4 ✓ alice: yes"]);
});

test("a terminal that cannot move its cursor gets lines and no sequences", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  const variables = { TERM: "dumb" };
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 80, 30, [], undefined, variables);
  terminal.type("hello\r/who\r");
  await until(() => terminal.count("* bob") === 1, "the answer");
  await bob.talkToUser("alice", { body: "hi @alice", mentions: ["alice"] });
  await until(() => terminal.count(" bob (mentions you): hi @alice") === 1, "the message");
  expect(terminal.screen.sequences).toBe(0);
  terminal.type("\u0004");
  expect(await terminal.child.exited).toBe(0);
});

test("of changes in an absence no texts of now are shown as theirs", async () => {
  const messenger = await messengerFor();
  const carol = await messengerOf(messenger, "carol");
  const { id } = await carol.newGroup({ name: "team", members: ["alice"] });
  const words = ["--device", "desk", "--group", "team"];
  const before = await terminalOf(messenger, "alice", words, 80, 20);
  await until(() => before.count("[team]>") === 1, "the prompt");
  before.type("/quit\r");
  await before.close();
  const group = Community.of(carol).group(id);
  await group.update({ introduction: "about tea" });
  await group.update({ introduction: "" });
  const terminal = await terminalOf(messenger, "alice", words, 80, 20);
  await until(() => terminal.count("* carol changed the introduction of team") === 2, "the changes");
  await group.update({ introduction: "about coffee" });
  await until(() => terminal.count("* carol set the introduction of team: about coffee") === 1, "the last one");
});

test("a prompt that becomes shorter under a long typed line leaves nothing of the former one", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 40, 20);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  const typed = "half a line that is being typed here";
  await until(async () => {
    await bob.talkToUser("alice", { body: "." });
    Community.of(bob).typing({ account: "alice" });
    return terminal.count("bob is typing>") > 0;
  }, "the typing");
  terminal.type(typed);
  await until(() => terminal.screen.lines.join("").endsWith(typed), "the typed line");
  await bob.talkToUser("alice", { body: "done" });
  await until(() => terminal.screen.lines.join("").endsWith(`bob> ${typed}`), "the shorter prompt");
  expect(terminal.count("is typing")).toBe(0);
});
