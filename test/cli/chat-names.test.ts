// The names that people have set for themselves, beside their accounts in the lines of a terminal.

import { expect, test } from "bun:test";
import { until } from "../../scripts/harness/until.ts";
import { Community } from "../../src/sdk/community/community.ts";
import { chatTerminals } from "../support/chat-terminals.ts";

const { messengerFor, messengerOf, terminalOf } = chatTerminals();

test("lines show names behind accounts, also those of the history, and of who is seen for the first time", async () => {
  const messenger = await messengerFor();
  const bob = await messengerOf(messenger, "bob");
  const carol = await messengerOf(messenger, "carol");
  const dave = await messengerOf(messenger, "dave");
  await Community.of(bob).setProfile({ name: "Bob Lee" });
  await Community.of(dave).setProfile({ name: 'alice" (you): "' });
  await bob.talkToUser("alice", { body: "one" });
  const terminal = await terminalOf(messenger, "alice", ["--to", "bob"], 100, 40);
  await until(() => terminal.count("bob>") === 1, "the prompt");
  expect(terminal.count(' bob "Bob Lee": one')).toBe(1);
  await bob.talkToUser("alice", { body: "two" });
  await until(() => terminal.count(' bob "Bob Lee": two') === 1, "a known name");
  await dave.talkToUser("alice", { body: "I am dave" });
  await until(
    () => terminal.count(String.raw` [to you] dave "alice\" (you): \"": I am dave`) === 1,
    "a name that comes",
  );
  await carol.talkToUser("alice", { body: "no name" });
  await until(() => terminal.count(" [to you] carol: no name") === 1, "an account without one");
  terminal.type("/name Alice Ames\r");
  await until(() => terminal.count('* others see you as alice "Alice Ames"') === 1, "one's own");
  terminal.type("mine\r");
  await until(() => terminal.count(" alice: mine") === 1, "one's own line");
  expect(terminal.screen.lines.filter((line) => /: (one|two|I am dave)$/.test(line))).toHaveLength(3);
});
