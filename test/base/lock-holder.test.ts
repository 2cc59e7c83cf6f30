// A process that keeps the write lock of a file that others share: they say which one it is.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { createLog } from "../../src/base/log.ts";
import { writeLockHolder } from "../../src/base/lock-holder.ts";
import { openSqliteSessions } from "../../src/session/sqlite/sqlite-sessions.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { until } from "../../scripts/harness/until.ts";
import { endings } from "../support/endings.ts";
import { talk } from "../store/samples.ts";

const ends = endings();

/** Takes the write lock of the database at argv[1], says so, and keeps it. */
const keeper = `
  const { Database } = await import("bun:sqlite");
  globalThis.db = new Database(process.argv[1]);
  db.run("BEGIN IMMEDIATE");
  process.stdout.write("locked");
  setInterval(() => {}, 1000);
`;

async function keepLock(path: string): Promise<Subprocess> {
  const child = Bun.spawn([process.execPath, "-e", keeper, path], { stdout: "pipe", stderr: "inherit" });
  ends.push(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  for await (const text of child.stdout) if (Buffer.from(text).includes("locked")) break;
  return child;
}

test("a stopped process that keeps the write lock is named in the log with what is wrong with it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-lock-"));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "messages.db");
  const lines: string[] = [];
  const log = createLog("info", "text", (line) => lines.push(line));
  const store = await openSqliteStore({ path, retentionDays: 15, log });
  ends.push(() => store.close());
  await store.append([talk()]);
  // Between two writes nobody holds it.
  await until(() => writeLockHolder(path) === undefined, "the store has let go of the lock");

  const child = await keepLock(path);
  const held = new RegExp(`^the process ${child.pid} \\(bun[^,)]*\\) holds the write lock$`);
  expect(writeLockHolder(path)).toMatch(held);
  // As where a unit of systemd hides the list.
  expect(writeLockHolder(path, "/nowhere")).toMatch(held);
  child.kill("SIGSTOP");
  const refusal = await store.append([talk()]).then(
    () => "stored",
    (error: Error) => error.message,
  );
  const stopped = new RegExp(`the process ${child.pid} \\(bun[^,)]*, which has been stopped\\) holds the write lock`);
  expect(refusal).toMatch(stopped);
  await until(() => lines.some((line) => line.includes("cannot commit") && stopped.test(line)), "it is logged");

  child.kill("SIGKILL");
  await until(async () => {
    const [outcome] = await store.append([talk()]);
    return outcome?.result === "stored";
  }, "it stores again");
  expect(writeLockHolder(join(folder, "nowhere.db"))).toBeUndefined();
}, 60_000);

test("a stopped process that keeps the write lock of the sessions is named in the log, too", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-lock-"));
  ends.push(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "sessions.db");
  const lines: string[] = [];
  const log = createLog("info", "text", (line) => lines.push(line));
  const sessions = await openSqliteSessions({ path, log });
  ends.push(() => sessions.close());
  const child = await keepLock(path);
  child.kill("SIGSTOP");
  const gateway = { gateway: "gw1", incarnation: "i1" };
  await sessions.renew([gateway]).catch(() => undefined);
  const told = new RegExp(`the session store fails .*the process ${child.pid} .*has been stopped`);
  await until(() => lines.some((line) => told.test(line)), "it is logged");
}, 60_000);
