// How roost kick and roost revoke find whom to ask, and what they say.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { openControlSocket } from "../../src/cli/control/control-socket.ts";
import { findStoreProcesses } from "../../src/cli/control/find-process.ts";
import { OptionValues } from "../../src/cli/option-values.ts";
import { optionsOf } from "../../src/cli/command-options.ts";
import { ControlCommands, ControlRefused, type ControlFields } from "../../src/observe/control-commands.ts";
import { run } from "../../scripts/harness/server-process.ts";

let folder: string;
const asked: ControlFields[] = [];
const closing: (() => Promise<void>)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-revoke-"));
  asked.length = 0;
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(folder, { recursive: true, force: true });
});

/** A server whose answer is this. */
async function answering(answer: unknown): Promise<void> {
  const command = (fields: ControlFields): unknown => {
    asked.push(fields);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const commands = new ControlCommands({ kick: command, revoke: command }, () => undefined);
  const socket = await openControlSocket(folder, commands, silentLog);
  closing.push(async () => socket?.close());
}
const roost = (...words: string[]) => run([...words, "--data", folder], folder);

test("both say whom they have ended, and how many connections there were", async () => {
  await answering({ id: "5", connections: 2, beforeMs: Date.UTC(2026, 2, 1) });
  expect(await roost("kick", "--account", "ann", "--device", "")).toMatchObject({
    status: 0,
    out: 'ann (app default) is kicked out on the device "": it had 2 connections\n',
  });
  expect(await roost("revoke", "--account", "ann", "--app", "shop", "--before", "2026-03-01T00:00:00Z")).toMatchObject({
    status: 0,
    out: "tokens of ann (app shop) from before 2026-03-01T00:00:00Z are refused: it had 2 connections\n",
  });
  expect(asked).toEqual([
    { command: "kick", app: "default", account: "ann", device: "" },
    { command: "revoke", app: "shop", account: "ann", beforeMs: Date.UTC(2026, 2, 1) },
  ]);
}, 60_000);

test("a kick of an account that is not signed in says so", async () => {
  await answering({ id: "5", connections: 0, beforeMs: 0 });
  const { status, out } = await roost("kick", "--account", "nobody");
  expect([status, out]).toEqual([0, expect.stringContaining("nobody (app default) is not signed in")]);
  expect(asked).toEqual([{ command: "kick", app: "default", account: "nobody" }]);
}, 60_000);

test("a refusal, an answer of another version and a missing server are reported with status 1", async () => {
  const failing = async (sentence: string): Promise<void> => {
    expect(await roost("revoke", "--account", "ann")).toMatchObject({
      status: 1,
      err: expect.stringContaining(sentence),
    });
  };
  await failing("or the registry of a cluster with --discovery");
  await answering(new ControlRefused("the message store cannot keep it now"));
  await failing("the message store cannot keep it now");
  await closing.pop()?.();
  await answering("done");
  await failing("this version does not understand the answer");
}, 60_000);

test("an account is required, and a time to come is refused, with status 2", async () => {
  expect(await roost("kick")).toMatchObject({ status: 2, err: expect.stringContaining("--account is required") });
  expect(await roost("revoke", "--account", "a", "--before", "2999-01-01T00:00:00Z")).toMatchObject({
    status: 2,
    err: expect.stringContaining("a time that is past"),
  });
}, 60_000);

test("the data folder is meant, unless a registry or a node is named", async () => {
  const places = (words: string[], variables: Record<string, string> = {}) =>
    findStoreProcesses(new OptionValues(optionsOf.kick, words, variables));
  expect(await places(["--data", folder])).toEqual([{ kind: "socket", folder }]);
  const elsewhere = { ROOST_DISCOVERY: "http://127.0.0.1:1" };
  expect(await places(["--data", folder], elsewhere)).toEqual([{ kind: "socket", folder }]);
  await expect(places([], elsewhere)).rejects.toThrow("no registry node answers");
  const key = ["--cluster-key", "x7Hq2LrW9tZk4VbN6cYd"];
  expect(await places(["--node", "tcp://127.0.0.1:5", ...key])).toMatchObject([
    { kind: "link", address: "127.0.0.1:5" },
  ]);
});
