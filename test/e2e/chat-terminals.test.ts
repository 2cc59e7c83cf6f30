// Conversations in the terminal client: two terminals and a third device show the same, across a restart of the server.

import { expect, test } from "bun:test";
import { roost, run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { endings } from "../support/endings.ts";
import { PseudoTerminal } from "../support/pseudo-terminal.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ends = endings();
const place = temporaryFolder("roost-chat-");

/** The messages on a screen, without the time, the ticks and the numbers: these are each terminal's own. */
function messagesOf(terminal: PseudoTerminal): string[] {
  const lines = terminal.screen.lines.filter((line) => /^\d\d:\d\d #\d/.test(line));
  return lines.map((line) => line.slice(6).replaceAll(/#\d+ ?|✓+ /g, ""));
}

test("two terminals and a third device show everything, across a restart of the server", async () => {
  let server = await ServerProcess.start(place, ["--data", place]);
  ends.push(() => server.end("SIGTERM"));
  const url = server.ws;
  const open = async (account: string, device: string, to: string, columns: number): Promise<PseudoTerminal> => {
    const words = ["chat", "--data", place, "--url", url, "--account", account, "--device", device, "--to", to];
    const terminal = new PseudoTerminal([...roost, ...words], columns, 40, { HOME: place });
    ends.push(() => terminal.close());
    await until(() => terminal.count(`${to}>`) === 1 || terminal.count(`${to} +`) === 1, `the prompt of ${account}`);
    return terminal;
  };
  const alice = await open("alice", "desk", "bob", 80);
  const bob = await open("bob", "desk", "alice", 80);
  const phone = await open("alice", "phone", "bob", 60);
  const all = [alice, bob, phone];
  /** Waits for a text on each of these screens. */
  const seen = async (text: string, ...terminals: readonly PseudoTerminal[]): Promise<void> => {
    for (const terminal of terminals)
      await until(() => terminal.screen.lines.join("\n").includes(text), `the text: ${text}`).catch(
        (error: unknown) => {
          throw new Error(terminal.screen.lines.join("\n"), { cause: error });
        },
      );
  };

  alice.type("are you their?\r");
  await seen("alice: are you their?", ...all);
  // Bob's terminal has shown it: the line gets its second tick where it stands.
  await seen("#1 ✓✓ alice: are you their?", alice, phone);
  expect(alice.count("are you their?")).toBe(1);

  alice.type("/edit are you there?\r");
  await seen("* you edited #1: are you there?", alice, phone);
  await seen("* alice edited #1: are you there?", bob);
  bob.type("/reply #1 yes\r");
  await seen('bob (to #1 "are you there?"): yes', ...all);
  alice.type("/react 👍\r");
  await seen("* alice reacted 👍 to #2", bob);
  await seen("* you reacted 👍 to #2", alice, phone);
  bob.type("a slip\r");
  await seen("bob: a slip", ...all);
  bob.type("/recall\r");
  await seen("* bob recalled #3", alice, phone);
  await seen("* you recalled #3", bob);
  await run(["chat", "--data", place, "--url", url, "--account", "carol", "--to", "alice"], place, "hello\n");
  await seen("[to you] carol: hello", alice, phone);
  await seen("bob +1>", alice, phone);

  await server.end("SIGTERM");
  await seen("! the connection is lost", ...all);
  bob.type("while it is away\r");
  server = await ServerProcess.start(place, ["--data", place, "--ws", url.slice("ws://".length)]);
  await seen("bob: while it is away", ...all);
  phone.type("from the phone\r");
  await seen("alice: from the phone", ...all);
  await seen("✓✓ alice: from the phone", alice, phone);

  // What was shown as it happened is what a terminal shows that is opened now.
  const tablet = await open("alice", "tablet", "bob", 80);
  const later = await open("bob", "tablet", "alice", 80);
  const expected = [
    "alice (edited): are you there?",
    'bob (to "are you there?"): yes [👍 1]',
    "bob recalled this message",
    "bob: while it is away",
    "alice: from the phone",
  ];
  const ofBob = (terminal: PseudoTerminal): string[] =>
    messagesOf(terminal)
      .filter((line) => !line.includes("carol"))
      .map((line) => line.replace("to  ", "to "));
  for (const terminal of [tablet, later, ...all]) {
    await until(() => ofBob(terminal).length === expected.length, "all messages");
    expect(ofBob(terminal)).toEqual(expected);
  }
  tablet.type("/conversations\r");
  await seen("* carol (1 unread)  ", tablet);
  expect(tablet.count("carol: hello")).toBeGreaterThan(0);
  expect(tablet.screen.lines.find((line) => line.startsWith("* bob"))).toMatch(
    /^\* bob {2}\d\d:\d\d alice: from the phone$/,
  );
  tablet.type("/to carol\r");
  await seen("* 1 unread", tablet);
  // It is read on all devices.
  await until(() => alice.screen.lines.at(-1) === "bob>" || alice.count("bob>") > 0, "the prompt without a mark");
}, 120_000);
