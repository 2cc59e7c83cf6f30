// The terminal client through a pipe, against the real server in this process.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { PassThrough, Readable } from "node:stream";
import { runChat } from "../../src/cli/chat/chat-session.ts";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { closeKickedOut, closeLeavingOver, closeUnauthorised } from "../../src/wire/close-reason.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, MessageRespSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { testLimits } from "../support/limits.ts";
import { type PeerRequest, ScriptedPeer } from "../support/scripted-peer.ts";
import { until } from "../../scripts/harness/until.ts";
import { Messenger } from "../support/messenger.ts";

let messenger: Messenger;
beforeAll(async () => {
  messenger = await Messenger.start();
});
afterAll(() => messenger.stop());

interface Partner {
  readonly to?: string;
  readonly group?: string;
  readonly commands?: boolean;
}

/** Starts a chat; what it printed so far can be read while it runs. */
function begin(
  account: string,
  input: Readable,
  { to, group, commands = false }: Partner,
  door: Pick<Parameters<typeof runChat>[0], "url" | "lookup" | "token" | "patienceMs">,
) {
  const printed = { output: "", errors: "" };
  const collect =
    (name: "output" | "errors") =>
    async (text: string): Promise<void> => {
      printed[name] += text;
      await Promise.resolve();
    };
  const exit = runChat({
    ...door,
    account,
    device: "",
    to,
    group,
    input,
    output: collect("output"),
    errors: collect("errors"),
    terminal: undefined,
    commands,
  });
  return { printed, exit };
}

/** The same, with a token of the server's. */
async function start(
  account: string,
  input: Readable,
  partner: Partner,
  server = messenger,
  servers: { readonly url: readonly string[]; readonly lookup?: readonly string[] } = { url: [`ws://${server.ws}`] },
) {
  return begin(account, input, partner, { ...servers, token: await server.token(account) });
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

test("a refused line is reported on standard error, and the status is 1", async () => {
  const { status, errors } = await chat("erin", ["hello?"], { group: "nowhere" });
  expect([status, errors]).toEqual([1, "roost: you are in no group nowhere; /groups lists your groups\n"]);
});

test("a line that nobody would get is not lost in silence", async () => {
  const { status, errors } = await chat("erin", ["hello?"], {});
  expect(status).toBe(1);
  expect(errors).toContain("no receiver; name one with --to ACCOUNT or --group NAME");
  const commanded = await chat("erin", ["hello?"], { commands: true });
  expect(commanded.errors).toContain("no receiver; name one with /to ACCOUNT or /group use NAME");
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
    expect(printed.errors).toContain(`no server listens at ${dead}, ${dead}; `);
    const rubbish = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => Response.json({ domains: ["?", dead] }) });
    const place = `http://127.0.0.1:${rubbish.port}`;
    const named = await start("alice", Readable.from([]), {}, messenger, { url: [dead], lookup: [place] });
    expect([await named.exit, named.printed.errors]).toEqual([
      1,
      `roost: ${place} names no server that answers, and no server listens at ${dead}; ` +
        "`roost nodes` lists the gateways there\n",
    ]);
    await rubbish.stop(true);
  } finally {
    await registry.stop(true);
  }
});

test("an account left out of a new group is named", async () => {
  const strict = await Messenger.start({ limits: testLimits({ groupsPutPerAccount: 1 }) });
  try {
    const { output } = await chat(
      "ida",
      ["/group create one joe", "/group create two joe kim"],
      { commands: true },
      strict,
    );
    expect(output.match(/not added/g)).toHaveLength(1);
    expect(output).toMatch(/\* not added, because others have added them to too many groups, or [^:]*: \S*joe\n/);
  } finally {
    await strict.stop();
  }
});

test("a group is created, talked in and listed by commands; /quit ends it", async () => {
  const { status, output } = await chat("fred", ["/group create team gina", "hi", "/who", "/quit", "never sent"], {
    commands: true,
  });
  expect(status).toBe(0);
  const id = /group join (\S+)/.exec(output)?.[1] ?? "";
  expect(id).toHaveLength(22);
  expect(output).toContain("fred (owner, online), gina (not seen)\n");
  const gina = await chat("gina", [], { group: id });
  expect(gina.output).toContain("fred: hi\n");
  expect(gina.output).not.toContain("never sent");
});

test("a group is found by its name if one group has it, else by its id", async () => {
  const made = await chat("nina", ["/group create crew olaf", "one", "/group create crew olaf", "two"], {
    commands: true,
  });
  const ids = [...made.output.matchAll(/group join (\S+)/g)].map(([, id]) => id ?? "");
  expect(ids).toHaveLength(2);
  const both = await chat("olaf", ["hello?"], { group: "crew" });
  expect([both.status, both.errors]).toEqual([
    1,
    expect.stringMatching(/^roost: 2 groups are named crew; use an id: /),
  ]);
  await chat("olaf", [`/group quit ${ids[0]}`], { commands: true });
  expect(await chat("olaf", ["found"], { group: "crew" })).toMatchObject({ status: 0, errors: "" });
  expect((await chat("nina", [], { group: ids[1] ?? "" })).output).toContain("olaf: found\n");
});

test("what comes through a pipe is text: no command, its indentation and empty lines kept", async () => {
  const log = ["/to mallory", "  indented", "", "//two", "/quit", "secret"];
  const { status } = await chat("hugo", log, { to: "ina" });
  expect(status).toBe(0);
  const client = await RoostClient.connect({ url: `ws://${messenger.ws}`, token: await messenger.token("ina") });
  const entries = await client.index(1n, false);
  const contents = await client.contents(entries.map(({ messageId }) => messageId));
  await client.close();
  expect(entries.map(({ accountB }) => accountB)).toEqual(log.map(() => "hugo"));
  expect(contents.map(({ body }) => body)).toEqual(log);
});

test("an output that takes nothing gets messages again the next time; one that does, never", async () => {
  for (let at = 1; at <= 3; at++) await chat("jim", [`number ${at}`], { to: "kate" });
  const { promise: never } = Promise.withResolvers<void>();
  let seen = "";
  const client = {
    url: [`ws://${messenger.ws}`],
    token: await messenger.token("kate"),
    account: "kate",
    device: "",
    to: undefined,
    group: undefined,
    commands: false,
    errors: () => Promise.resolve(),
    terminal: undefined,
  };
  // Ends by itself never, as a reader that does not read; the connection ends with the server's next sign-in.
  void runChat({
    ...client,
    input: new PassThrough(),
    output: (text) => {
      seen += text;
      return never;
    },
  });
  await until(() => seen.includes("number 1"), "the first message");
  const again = await chat("kate", [], {});
  expect(again.output.match(/number \d/g)).toEqual(["number 1", "number 2", "number 3"]);
  expect((await chat("kate", [], {})).output).toBe("");
});

/** A peer whose store is away at the first times that it is asked, and the clientIds of the talks that it gets. */
function peerWithoutStore(timesAway: number) {
  const peer = ScriptedPeer.start("tcp");
  const clientIds: string[] = [];
  let times = 0;
  const isAway = (request: PeerRequest): boolean => {
    const is = times++ < timesAway;
    if (is) request.refuse(Status.SystemException, "the message store is unavailable");
    return is;
  };
  peer.on(Command.UserTalk, (request) => {
    clientIds.push(request.body(MessageReqSchema).clientId);
    if (!isAway(request)) request.respond(MessageRespSchema, { messageId: 7n, sendTime: 7n });
  });
  return { peer, clientIds };
}

test("a line outlasts a store that is away for a while, as one message", async () => {
  const { peer, clientIds } = peerWithoutStore(5);
  try {
    const { printed, exit } = begin(
      "alice",
      Readable.from(["hello\n"]),
      { to: "bob" },
      { url: [peer.url], token: "t" },
    );
    expect([await exit, printed.errors]).toEqual([
      0,
      "roost: the server cannot do it now (the message store is unavailable); trying again\n",
    ]);
    expect(clientIds).toHaveLength(6);
    expect(new Set(clientIds).size).toBe(1);
  } finally {
    await peer.stop();
  }
}, 60_000);

test("a line is given up after a time, with 1 and what the server said", async () => {
  const { peer, clientIds } = peerWithoutStore(Infinity);
  try {
    const door = { url: [peer.url], token: "t", patienceMs: 0 };
    const { printed, exit } = begin("alice", Readable.from(["hello\n"]), { to: "bob" }, door);
    expect([await exit, printed.errors]).toEqual([1, "roost: the message store is unavailable\n"]);
    expect(clientIds).toHaveLength(1);
  } finally {
    await peer.stop();
  }
}, 60_000);

test("behind a line that was given up, others are tried once, until the server has stored one", async () => {
  const { peer } = peerWithoutStore(Infinity);
  const tries = new Map<string, number>();
  peer.on(Command.UserTalk, (request) => {
    const { body } = request.body(MessageReqSchema);
    const number = (tries.get(body) ?? 0) + 1;
    tries.set(body, number);
    if (body === "c" || (body === "d" && number === 3))
      request.respond(MessageRespSchema, { messageId: 7n, sendTime: 7n });
    else request.refuse(Status.SystemException, "the message store is unavailable");
  });
  try {
    const door = { url: [peer.url], token: "t", patienceMs: 3_000 };
    const { exit } = begin("alice", Readable.from(["a\nb\nc\nd\n"]), { to: "bob" }, door);
    expect(await exit).toBe(1);
    expect(tries.get("a")).toBeGreaterThan(1);
    expect([tries.get("b"), tries.get("c"), tries.get("d")]).toEqual([1, 1, 3]);
  } finally {
    await peer.stop();
  }
}, 60_000);

test("lines without a connection do not wait for one each when it was given up", async () => {
  const peer = ScriptedPeer.start("tcp");
  const input = new PassThrough();
  const door = { url: [peer.url], token: "t", patienceMs: 0 };
  const { printed, exit } = begin("alice", input, { to: "bob" }, door);
  try {
    await until(() => peer.connections.length === 1, "the sign-in");
    peer.on(Command.SignIn, (request) => request.connection.end());
    peer.latest.end();
    await until(() => printed.errors.includes("is lost"), "the loss");
    // The first one waits for ten seconds.
    input.end("line\n".repeat(100));
    expect(await exit).toBe(1);
    expect(printed.errors.match(/there is no connection to the server/g)).toHaveLength(100);
  } finally {
    await peer.stop();
  }
}, 60_000);

test("a lost connection is reported once, however many tries fail, and so is its return", async () => {
  const peer = ScriptedPeer.start("tcp");
  const input = new PassThrough();
  const { printed, exit } = begin("alice", input, {}, { url: [peer.url], token: "t" });
  try {
    await until(() => peer.connections.length === 1, "the sign-in");
    let refusals = 0;
    peer.on(Command.SignIn, (request) => {
      if (refusals++ < 2) request.connection.end();
      else peer.signIn(request);
    });
    peer.latest.end();
    await until(() => printed.errors.includes("is back"), "the return");
    expect(refusals).toBe(3);
    expect(printed.errors).toMatch(
      /^roost: the connection is lost \(.*\); trying again\nroost: the connection is back\n$/,
    );
  } finally {
    input.end();
    await exit;
    await peer.stop();
  }
}, 60_000);

test("a lost connection is reported with a readable reason, or with none", async () => {
  for (const [end, said] of [
    [undefined, "the connection is lost; trying again"],
    [closeLeavingOver(1), "the connection is lost (server is leaving); trying again"],
  ] as const) {
    const peer = ScriptedPeer.start("ws");
    const input = new PassThrough();
    const { printed, exit } = begin("alice", input, {}, { url: [peer.url], token: "t" });
    try {
      await until(() => peer.connections.length === 1, "the sign-in");
      peer.latest.end(end);
      await until(() => printed.errors.includes("is back"), "the return");
      expect(printed.errors).toBe(`roost: ${said}\nroost: the connection is back\n`);
    } finally {
      input.end();
      await exit;
      await peer.stop();
    }
  }
}, 60_000);

test("a connection that ends for good before the input is read ends the chat with 1", async () => {
  const peer = ScriptedPeer.start("tcp");
  peer.on(Command.SignIn, (request) => {
    peer.signIn(request);
    request.connection.end(closeKickedOut);
  });
  try {
    // Its input never ends.
    const { printed, exit } = begin("alice", new PassThrough(), {}, { url: [peer.url], token: "t" });
    expect([await exit, printed.errors]).toEqual([1, "roost: the connection ended: ended by an operator\n"]);
  } finally {
    await peer.stop();
  }
}, 60_000);

test("a conversation that lasts longer than its token goes on with another one", async () => {
  const peer = ScriptedPeer.start("tcp");
  let made = 0;
  const input = new PassThrough();
  const { printed, exit } = begin(
    "alice",
    input,
    {},
    { url: [peer.url], token: () => Promise.resolve(`token ${++made}`) },
  );
  try {
    await until(() => peer.connections.length === 1, "the sign-in");
    peer.latest.end(closeUnauthorised);
    await until(() => printed.errors.includes("is back"), "the return");
    expect(peer.tokens).toEqual(["token 1", "token 2"]);
  } finally {
    input.end();
    expect(await exit).toBe(0);
    await peer.stop();
  }
}, 60_000);

test("what a person looks at is broken into rows, also where a pipe types", async () => {
  await chat("leo", ["x".repeat(100)], { to: "mia" });
  let printed = "";
  const status = await runChat({
    url: [`ws://${messenger.ws}`],
    token: await messenger.token("mia"),
    account: "mia",
    device: "",
    to: "leo",
    group: undefined,
    commands: false,
    input: Readable.from([]),
    output: (text) => {
      printed += text;
      return Promise.resolve();
    },
    errors: () => Promise.resolve(),
    columns: () => 40,
    terminal: undefined,
  });
  const rows = printed.trimEnd().split("\n");
  expect([status, rows.length, rows.slice(1).every((row) => row.startsWith("        x"))]).toEqual([0, 4, true]);
});

test("a server that is addressed in another way than it listens is not said to be away", async () => {
  for (const url of [`ws://${messenger.tcp}`, `wss://${messenger.ws}`, `ws://${messenger.monitor}`]) {
    const { printed, exit } = await start("alice", Readable.from([]), {}, messenger, { url: ["ws://[::1]:1", url] });
    expect([await exit, printed.errors]).toEqual([
      1,
      expect.stringContaining(`roost: the program that listens at ${url} does not speak this protocol; use ws:// for`),
    ]);
  }
}, 60_000);

test("nobody listens: one sentence that says what to do", async () => {
  let errors = "";
  const status = await runChat({
    url: ["ws://127.0.0.1:1"],
    token: "t",
    account: "alice",
    device: "",
    to: "bob",
    group: undefined,
    commands: false,
    input: new PassThrough(),
    output: () => Promise.resolve(),
    errors: (text) => {
      errors += text;
      return Promise.resolve();
    },
    terminal: undefined,
  });
  expect([status, errors]).toEqual([
    1,
    "roost: no server listens at ws://127.0.0.1:1; start one with `roost`, or name its address with --url\n",
  ]);
});

test("a server that does not know conversations is named as what it is", async () => {
  const peer = ScriptedPeer.start("tcp");
  try {
    const { printed, exit } = begin("alice", new PassThrough(), { commands: true }, { url: [peer.url], token: "t" });
    expect([await exit, printed.output]).toEqual([1, ""]);
    expect(printed.errors).toStartWith(`roost: cannot sign in at ${peer.url}: the server does not offer conversations`);
  } finally {
    await peer.stop();
  }
});

test("a command of a script means the message that it sent last", async () => {
  const lines = ["/to rob", "first", "second", "/edit changed", "/react #2 👍", "third", "/recall"];
  const { status, errors } = await chat("quinn", lines, { commands: true });
  expect([status, errors]).toEqual([0, ""]);
  const { output } = await chat("quinn", ["/to rob"], { commands: true });
  expect(output.split("\n").map((line) => line.slice("12:34 ".length))).toEqual([
    "#1 quinn: first",
    "#2 quinn (edited): changed [👍 1]",
    "#3 quinn recalled this message",
    "",
  ]);
});

test("a line that is too long for the server is named as that", async () => {
  const { status, errors } = await chat("sue", ["x".repeat(3_000_000)], { to: "tom" });
  expect(status).toBe(1);
  expect(errors).toContain("roost: a message was too long for the server, which ended the connection\n");
  expect(errors).not.toMatch(/1009|Received/);
});
