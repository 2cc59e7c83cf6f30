// The terminal client without a connection: what is typed is not lost, and no command waits to be done by surprise.

import { expect, test } from "bun:test";
import { until } from "../../scripts/harness/until.ts";
import { chatTerminals } from "../support/chat-terminals.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const { ends, messengerFor, clientOf, messengerOf, terminalOf } = chatTerminals();

/** A terminal whose connection can be cut: `cut()`, and `heal()`. */
async function cuttable(words: string[]) {
  const messenger = await messengerFor();
  const port = Number(messenger.ws.split(":")[1]);
  const proxy = await TcpProxy.start(port);
  ends.push(() => proxy.stop());
  const url = `ws://127.0.0.1:${proxy.port}`;
  const terminal = await terminalOf(messenger, "alice", words, 100, 40, [], url);
  await until(() => terminal.count(">") > 0, "the prompt");
  const cut = async (): Promise<void> => {
    proxy.isShut = true;
    proxy.switchTo(port);
    await until(() => terminal.count("! the connection is lost") === 1, "the notice");
  };
  const heal = async (): Promise<void> => {
    proxy.isShut = false;
    await until(() => terminal.count("* the connection is back") === 1, "the return");
  };
  return { messenger, terminal, cut, heal };
}

test("commands that need the server are refused at once, and are not done later", async () => {
  const { messenger, terminal, cut, heal } = await cuttable(["--to", "bob"]);
  const bob = await clientOf(messenger, "bob");
  await bob.talkToUser("alice", { body: "keep me" });
  await until(() => terminal.count("bob: keep me") === 1, "the message");
  // A conversation that begins with a talk of one's own may be missing in the list for half a second.
  const carol = await clientOf(messenger, "carol");
  await carol.talkToUser("alice", { body: "hi" });
  await until(() => terminal.count("carol: hi") === 1, "carol's message");
  await cut();
  const refused = ["/clear yes", "/pin", "/read", "/recall", "/edit x", "/groups", "/group create team", "/react X"];
  for (const line of refused) terminal.type(`${line}\r`);
  const sentence = "! there is no connection to the server; try again when it is back";
  await until(() => terminal.count(sentence) === refused.length, "the refusals");
  terminal.type("/conversations\r");
  await until(() => terminal.count("* there is no connection: this is what was known before") === 1, "the list");
  terminal.type("/to carol\r");
  await until(() => terminal.count("* earlier messages are not shown: there is no connection") === 1, "the entry");
  terminal.type("hello carol\r/to bob\r");
  await until(() => terminal.count("* earlier messages are not shown: there is no connection") === 2, "the entry");
  await heal();
  await until(() => terminal.count("✓ [to carol] alice: hello carol") === 1, "what was typed");
  terminal.type("/conversations\r");
  const ofCarol = /^\* carol \(1 unread\) +\d+:\d+ alice: hello carol$/;
  await until(() => terminal.screen.lines.some((line) => ofCarol.test(line)), "the list");
  expect(terminal.count("are cleared")).toBe(0);
  expect(terminal.count("* bob  ")).toBeGreaterThanOrEqual(1);
}, 20_000);

test("what waits or was refused is listed, and can be dropped by its number or as the last one", async () => {
  const { messenger, terminal, cut, heal } = await cuttable(["--to", "bob"]);
  const carol = await clientOf(messenger, "carol");
  const bob = await messengerOf(messenger, "bob");
  terminal.type("/discard\r/outbox\r");
  await until(() => terminal.count("! nothing waits") === 1 && terminal.count("* everything is stored") === 1, "none");
  const group = await carol.createGroup({ name: "team", members: ["alice"] });
  terminal.type(`/group use ${group}\r`);
  await until(() => terminal.count("[team]>") > 0, "the group");
  await carol.quitGroup(group, "alice");
  terminal.type("too late\r");
  await until(() => terminal.count("/retry sends it again, /discard ~1 drops it") === 1, "the refusal");
  await cut();
  terminal.type("/to bob\rone\r");
  await until(() => terminal.count("* not stored yet: one") === 1, "one that waits");
  terminal.type("two\rthree\r");
  await until(() => terminal.count("* 2 messages are not stored yet; /outbox lists them") === 1, "several that wait");
  terminal.type("/outbox\r");
  await until(() => terminal.count("* ~4 waits, to bob: three") === 1, "the list");
  expect(terminal.count("* ~1 was refused, to team: too late")).toBe(1);
  terminal.type("/discard\r");
  await until(() => terminal.count("* dropped: too late") === 1, "the refused one first");
  terminal.type("/discard ~3\r/discard ~3\r/discard two\r");
  await until(() => terminal.count("* dropped, unless the server has it already: two") === 1, "the second one");
  await until(() => terminal.count("! nothing waits as ~3; /outbox lists what does") === 1, "the refusal");
  await until(() => terminal.count("! /discard: expected /discard [~N]") === 1, "the form");
  terminal.type("/discard\r");
  await until(() => terminal.count("* dropped, unless the server has it already: three") === 1, "the last one");
  await heal();
  await until(() => terminal.count("✓ alice: one") === 1, "what is left");
  terminal.type("/outbox\r");
  await until(() => terminal.count("* everything is stored") === 2, "the end");
  for await (const { messages } of bob.conversation({ account: "alice" }).history())
    expect(messages.map(({ body }) => body)).toEqual(["one"]);
}, 20_000);
