// The terminal client through a pipe, against the real server in this process.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { PassThrough, Readable } from "node:stream";
import { runChat } from "../../src/cli/chat/chat-session.ts";
import { testLimits } from "../support/limits.ts";
import { until } from "../support/until.ts";
import { Messenger } from "../support/messenger.ts";

let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start();
});
afterAll(() => messenger.stop());

interface Partner {
  readonly to?: string;
  readonly group?: string;
}

/** Starts a chat; what it printed so far can be read while it runs. */
async function start(
  account: string,
  input: Readable,
  { to, group }: Partner,
  server = messenger,
  servers: { readonly url: readonly string[]; readonly lookup?: readonly string[] } = { url: [`ws://${server.ws}`] },
) {
  const printed = { output: "", errors: "" };
  const collect = (name: "output" | "errors"): PassThrough =>
    new PassThrough().on("data", (chunk: Buffer) => {
      printed[name] += chunk.toString();
    });
  const exit = runChat({
    ...servers,
    token: await server.token(account),
    account,
    device: "",
    to,
    group,
    input,
    output: collect("output"),
    errors: collect("errors"),
    isTerminal: false,
  });
  return { printed, exit };
}

async function chat(account: string, lines: string[], partner: Partner, server = messenger) {
  const { printed, exit } = await start(account, Readable.from(lines.map((line) => `${line}\n`)), partner, server);
  return { status: await exit, ...printed };
}

test("a pipe's lines are stored when it ends with 0, and the other side finds them as history", async () => {
  const alice = await chat("alice", ["one", "two \u001b[2J"], { to: "bob" });
  expect(alice).toEqual({ status: 0, output: "", errors: "" });
  const bob = await chat("bob", [], { to: "alice" });
  expect(bob.status).toBe(0);
  expect(bob.output).toMatch(/^\d\d:\d\d alice: one\n\d\d:\d\d alice: two .\[2J\n$/u);
  expect(bob.output).not.toContain("\u001b");
  const again = await chat("bob", [], { to: "alice" });
  expect(again.output).toBe(bob.output);
});

test("messages are printed as they come, until the input ends", async () => {
  const input = new PassThrough();
  const { printed, exit } = await start("carol", input, { to: "dave" });
  await chat("dave", ["hello carol"], { to: "carol" });
  await until(() => printed.output.includes("dave: hello carol\n"), "the message");
  input.end();
  expect(await exit).toBe(0);
});

test("a refused line is said on standard error, and the end is 1", async () => {
  const { status, errors } = await chat("erin", ["hello?"], { group: "nowhere" });
  expect([status, errors]).toEqual([1, "roost: there is no such group\n"]);
});

test("a line that nobody would get is not lost in silence", async () => {
  const { status, errors } = await chat("erin", ["hello?"], {});
  expect(status).toBe(1);
  expect(errors).toContain("/to ACCOUNT");
});

test("of several servers the one that lets in is used, and a registry is asked for more", async () => {
  const registry = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => Response.json({ domains: [`ws://${messenger.ws}`] }),
  });
  const dead = "tcp://127.0.0.1:1";
  try {
    const lookup = [`http://127.0.0.1:${registry.port}`];
    for (const servers of [{ url: [dead, `ws://${messenger.ws}`] }, { url: [dead], lookup }]) {
      const { printed, exit } = await start("alice", Readable.from([]), {}, messenger, servers);
      expect([await exit, printed.errors]).toEqual([0, ""]);
    }
    const { printed, exit } = await start("alice", Readable.from([]), {}, messenger, { url: [dead, dead] });
    expect(await exit).toBe(1);
    expect(printed.errors).toContain(`cannot sign in at ${dead}, ${dead}: `);
  } finally {
    await registry.stop(true);
  }
});

test("who is left out of a new group is named", async () => {
  const strict = await Messenger.start({ limits: testLimits({ groupsPutPerAccount: 1 }) });
  try {
    const { output } = await chat("ida", ["/group create one joe", "/group create two joe kim"], {}, strict);
    expect(output.match(/left out/g)).toHaveLength(1);
    expect(output).toMatch(/\* left out, because others have put them in too many groups: \S*joe\n/);
  } finally {
    await strict.stop();
  }
});

test("a group is created, talked in and listed by commands; /quit ends it", async () => {
  const { status, output } = await chat("fred", ["/group create team gina", "hi", "/who", "/quit", "never sent"], {});
  expect(status).toBe(0);
  const id = /group join (\S+)/.exec(output)?.[1] ?? "";
  expect(id).toHaveLength(22);
  expect(output).toContain("fred (owner), gina\n");
  const gina = await chat("gina", [], { group: id });
  expect(gina.output).toContain("fred: hi\n");
  expect(gina.output).not.toContain("never sent");
});
