// What the log says of people: who came, who left, who was turned away; and nothing where that is off.

import { afterEach, expect, test } from "bun:test";
import { createLog } from "../../src/base/log.ts";
import { controlRequest } from "../../src/observe/control-commands.ts";
import { Command } from "../../src/wire/commands.ts";
import { LoginRenewReqSchema } from "../../src/wire/gen/pkt_pb.ts";
import { Messenger } from "../support/messenger.ts";
import { until } from "../../scripts/harness/until.ts";

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

/** What every line has. */
const head = new Set(["time", "level", "message"]);

type Line = Readonly<Record<string, unknown>>;

async function start(logPeople: boolean): Promise<{ messenger: Messenger; about: (message: string) => Line[] }> {
  const lines: string[] = [];
  const log = createLog("info", "json", (line) => lines.push(line));
  const messenger = await Messenger.start({ log, logPeople });
  endings.push(() => messenger.stop());
  const about = (message: string): Line[] =>
    lines
      .map((line): Line => JSON.parse(line))
      .filter((line) => line["message"] === message)
      .map((line) => Object.fromEntries(Object.entries(line).filter(([name]) => !head.has(name))));
  return { messenger, about };
}

async function visit(messenger: Messenger): Promise<void> {
  const alice = await messenger.stranger();
  await alice.signIn(await messenger.token("alice"), "phone");
  alice.terminate();
  const eve = await messenger.stranger();
  await eve.signIn("no token").catch(() => undefined);
}

test("sign-in, sign-out and refusal are lines with account, device and address, and without the token", async () => {
  const { messenger, about } = await start(true);
  await visit(messenger);
  const alice = { account: "alice", app: "app", device: "phone", address: "127.0.0.1" };
  await until(() => about("signed out").length === 1, "the sign-out");
  expect(about("signed in")).toEqual([alice]);
  expect(about("signed out")).toEqual([{ ...alice, code: expect.any(Number), reason: expect.any(String) }]);
  await until(() => about("a sign-in was refused").length === 1, "the refusal");
  const [refusal] = about("a sign-in was refused");
  expect(refusal).toEqual({ address: "127.0.0.1", reason: expect.stringContaining("token") });
  expect(JSON.stringify(refusal)).not.toContain("no token");
});

test("a refused account with a valid token is named: a revoked one, and one that renews nothing", async () => {
  const { messenger, about } = await start(true);
  const token = await messenger.token("alice");
  const alice = await messenger.stranger();
  await alice.signIn(token, "phone");
  const renewal = { token: await messenger.token("bob") };
  await alice.request(Command.Renew, "", LoginRenewReqSchema, renewal);
  const named = { account: "alice", app: "app", device: "phone", address: "127.0.0.1" };
  expect(about("the renewal of a token was refused")).toEqual([
    { ...named, reason: "the token is not of the account and app that this connection is signed in with" },
  ]);
  await messenger.control.obey(controlRequest("revoke", { app: "app", account: "alice" }));
  await alice.ending();
  const again = await messenger.stranger();
  await again.signIn(token, "phone").catch(() => undefined);
  expect(about("a sign-in was refused")).toEqual([{ ...named, reason: expect.stringContaining("revoked") }]);
});

test("with --log-people off nobody is named", async () => {
  const { messenger, about } = await start(false);
  await visit(messenger);
  await Bun.sleep(50);
  for (const message of ["signed in", "signed out", "a sign-in was refused"]) expect(about(message)).toEqual([]);
});
