// How the terminal client ends, stops and goes on: nothing that was typed is lost, and the shell gets a row of its own.

import { expect, test } from "bun:test";
import { until } from "../../scripts/harness/until.ts";
import { chatTerminals } from "../support/chat-terminals.ts";

const { messengerFor, clientOf, messengerOf, terminalOf } = chatTerminals();

/** Starts a shell with job control, which starts the client. */
const shell = ["bash", "-c", 'set -m; "$@"; echo "status $?"; read -r _; fg; echo "status $?"', "bash"];

test("a line that is typed just before the end of the input is stored", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  for (const end of ["\u0004", "/quit\r"]) {
    const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 80, 10);
    await until(() => terminal.count("bob>") === 1, "the prompt");
    terminal.type(`bye\r${end}`);
    expect(await terminal.child.exited).toBe(0);
    await until(() => terminal.count("✓ alice: bye") > 0, "the message");
    expect(terminal.count("not stored")).toBe(0);
  }
  for await (const { messages } of bob.conversation({ account: "alice" }).history())
    expect(messages.map(({ body }) => body)).toEqual(["bye", "bye"]);
});

test("what follows the end begins in a row of its own, and a status of 1 says that a line is not stored", async () => {
  const messenger = await messengerFor();
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 20, 10, [
    ...["bash", "-c", '"$@"; echo "status $?"', "bash"],
  ]);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  terminal.type(`${"x".repeat(50)}\u0001\u0003`);
  await until(() => terminal.screen.lines.includes("status 0"), "the end in a row of its own");
  expect(terminal.screen.lines.join("")).toContain("x".repeat(50));
  const lost = await terminalOf(messenger, "alice", ["--to", "bob"], 80, 10, [
    ...["bash", "-c", '"$@"; echo "status $?"', "bash"],
  ]);
  await until(() => lost.count("bob>") === 1, "the prompt");
  await messenger.stop();
  await until(() => lost.count("! the connection is lost") === 1, "the notice");
  lost.type("never\r/quit\r");
  await until(() => lost.screen.lines.includes("status 1"), "the end");
  expect(lost.count("! not stored: never")).toBe(1);
});

test("Ctrl-Z stops it; what is on the screen after that stays there, and the line that was begun goes on", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 80, 20, shell);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  terminal.type("first\r");
  await until(() => terminal.count("✓ alice: first") === 1, "the message");
  terminal.type("half a ");
  await until(() => terminal.count("bob> half a") === 1, "the line");
  terminal.type("\u001a");
  await until(() => terminal.screen.lines.includes("status 148"), "the shell's row");
  await bob.talkToUser("alice", { body: "while you were away" });
  await bob.conversation({ account: "alice" }).markRead();
  terminal.type("\r");
  await until(() => terminal.count("bob: while you were away") === 1, "the message of the pause");
  expect(terminal.screen.lines).toContain("status 148");
  terminal.type("line\r");
  await until(() => terminal.count("✓ alice: half a line") === 1, "the line");
  expect(terminal.count("alice: first")).toBe(1);
});

test("Ctrl-Z where nobody could let it go on does nothing", async () => {
  const messenger = await messengerFor();
  const bob = await clientOf(messenger, "bob");
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 80, 20);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  terminal.type("\u001astill here\r");
  await until(() => terminal.count("✓ alice: still here") === 1, "the message");
  await bob.talkToUser("alice", { body: "good" });
  await until(() => terminal.count("bob: good") === 1, "the answer");
  // Without raw mode, the terminal itself would show what is typed, and its end of a line.
  terminal.type("a command\u0015/who\r");
  await until(() => terminal.count("* bob") === 1, "the answer");
  expect(terminal.screen.lines.filter((line) => line.startsWith("bob> "))).toEqual(["bob> /who"]);
});
