// roost key, ban and unban: what is asked of a running server, what is done to a store that nobody serves, and what is
// said.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashOfKey } from "../../src/api/keys/api-key.ts";
import { silentLog } from "../../src/base/log.ts";
import { openControlSocket } from "../../src/cli/control/control-socket.ts";
import { holdDataFolder } from "../../src/cli/data-folder.ts";
import { ControlCommands, type ControlFields, ControlRefused } from "../../src/observe/control-commands.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { run } from "../../scripts/harness/server-process.ts";
import { stored, talk } from "../store/samples.ts";

let folder: string;
const closing: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-key-"));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  rmSync(folder, { recursive: true, force: true });
});

const roost = (...words: string[]) => run([...words, "--data", folder], folder);
const storePath = (): string => join(folder, "messages.db");
const openStore = () => openSqliteStore({ path: storePath(), retentionDays: 15, log: silentLog });

/** A server with a store in the folder that answers so. */
async function answering(answers: Readonly<Record<string, unknown>>): Promise<ControlFields[]> {
  const asked: ControlFields[] = [];
  await (await openStore()).close();
  const held = holdDataFolder(folder);
  const commands = Object.entries(answers).map(([name, answer]) => {
    const command = (fields: ControlFields): unknown => {
      asked.push(fields);
      if (answer instanceof Error) throw answer;
      return answer;
    };
    return [name, command] as const;
  });
  const socket = await openControlSocket(
    folder,
    new ControlCommands(Object.fromEntries(commands), () => undefined),
    silentLog,
  );
  closing.push(
    () => socket?.close(),
    () => held.release(),
  );
  return asked;
}

test("a key is made, listed and revoked in a store that no server serves, as a server would do it", async () => {
  const store = await openStore();
  const before = stored((await store.append([talk()]))[0]).messageId;
  await store.close();
  const make = ["key", "create", "--app", "shop", "--scope", "messages:write,groups:*", "--name", "billing"];
  const { status, out, err } = await roost(...make);
  expect([status, out]).toEqual([0, expect.stringMatching(/^rk_[0-9A-Za-z]{43}\n$/)]);
  const hash = hashOfKey(out.trim());
  const id = hash.slice(0, 16);
  expect(err).toContain(`the key ${id} of the app shop permits messages:write, groups:*; it is shown this once`);
  const listed = (await roost("key", "list")).out;
  expect(listed).toContain("messages:write,groups:*");
  expect(listed).not.toContain(hash);
  expect(await roost("key", "revoke", id)).toMatchObject({
    status: 0,
    out: expect.stringContaining(`the key ${id} (billing) is refused since 2`),
  });
  const [line = ""] = (await roost("key", "list", "--json")).out.trim().split("\n");
  expect(JSON.parse(line)).toMatchObject({ id, app: "shop", scopes: ["messages:write", "groups:*"], name: "billing" });
  expect(JSON.parse(line).revokedMs).toBeGreaterThan(0);
  const again = await openStore();
  expect(await again.backEnd.keys.after(before, 9)).toMatchObject([{ id, hash, name: "billing" }]);
  stored((await again.append([talk()]))[0]);
  await again.close();
  expect(checkStore(storePath(), () => undefined).logProblems).toEqual([]);
}, 60_000);

test("a running server is asked; its refusals and answers of other versions are reported", async () => {
  const key = { id: "0123", app: "*", scopes: ["*"], name: "all", createdMs: 1_000, revokedMs: 0 };
  const asked = await answering({
    "key-create": { text: "rk_secret", key },
    "key-list": { keys: [key] },
    "key-revoke": new ControlRefused("there is no key of that id"),
  });
  expect(await roost("key", "create", "--app", "*", "--scope", "*", "--name", "all")).toMatchObject({
    status: 0,
    out: "rk_secret\n",
    err: expect.stringContaining("the key 0123 of all apps permits *"),
  });
  expect((await roost("key", "list")).out).toContain("1970-01-01T00:00:01Z");
  expect(await roost("key", "revoke", "0123")).toMatchObject({
    status: 1,
    err: expect.stringContaining("there is no key of that id"),
  });
  expect(asked).toEqual([
    { command: "key-create", app: "*", scopes: ["*"], name: "all" },
    { command: "key-list" },
    { command: "key-revoke", id: "0123" },
  ]);
}, 60_000);

test("without a store and a server nothing is made, and what is missing is said", async () => {
  const sentence = "no server uses this data folder";
  expect(await roost("key", "list")).toMatchObject({ status: 1, err: expect.stringContaining(sentence) });
  expect(existsSync(storePath())).toBe(false);
  const usage: [string[], string][] = [
    [["key", "create", "--name", "n"], "--scope is required"],
    [["key", "create", "--scope", "*"], "--name is required"],
    [["key", "revoke"], "ID is missing"],
    [["ban"], "--account is required"],
    [["ban", "--account", "a", "--until", "2020-01-01T00:00:00Z"], "expected a time to come"],
    [["ban", "--account", "a", "--until", "+9999999999999m"], "expected a time to come"],
  ];
  for (const [words, expected] of usage)
    expect(await roost(...words)).toMatchObject({ status: 2, err: expect.stringContaining(expected) });
  await (await openStore()).close();
  expect(await roost("key", "create", "--scope", "no:such", "--name", "n")).toMatchObject({
    status: 1,
    err: expect.stringContaining('there is no scope "no:such"'),
  });
}, 60_000);

test("a ban and its end say whom they concern and until when", async () => {
  const asked = await answering({ ban: { connections: 2 }, unban: { wasBanned: true } });
  const until = "9999-01-01T00:00:00Z";
  expect((await roost("ban", "--account", "mallory")).out).toBe(
    "mallory (app default) is banned for good: it had 2 connections\n",
  );
  expect((await roost("ban", "--account", "mallory", "--until", until)).out).toContain(`is banned until ${until}`);
  expect((await roost("unban", "--account", "mallory")).out).toContain("may sign in again");
  expect(asked).toEqual([
    { command: "ban", app: "default", account: "mallory" },
    { command: "ban", app: "default", account: "mallory", untilMs: Date.parse(until) },
    { command: "unban", app: "default", account: "mallory" },
  ]);
}, 60_000);
