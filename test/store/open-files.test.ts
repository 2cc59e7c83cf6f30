// A database that another process is just making is distinguished from one whose file was lost.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockHolder } from "../../src/base/lock-holder.ts";
import { lackBesideLog, waitForOthers } from "../../src/store/sqlite/open-files.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

const pageBytes = 4096;
const freshPath = temporaryPaths("roost-open-files-");

test("a log with commits beside no database, or an empty one, belongs to one that was lost", () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-open-files-"));
  const path = join(folder, "messages.db");
  try {
    writeFileSync(`${path}-wal`, new Uint8Array(pageBytes));
    expect(lackBesideLog(path)).toBe("missing");
    closeSync(openSync(path, "w"));
    expect(lackBesideLog(path)).toBe("empty");
    writeFileSync(path, new Uint8Array(pageBytes));
    expect(lackBesideLog(path)).toBeUndefined();
    truncateSync(path);
    truncateSync(`${path}-wal`, 32);
    expect(lackBesideLog(path)).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

// The first process that locks -shm takes it for left over, and empties it under all others.
test.skipIf(process.platform !== "linux")("a look whether others have a database open releases no lock", async () => {
  const path = freshPath();
  using db = new Database(path);
  db.run("PRAGMA journal_mode = WAL");
  db.run("CREATE TABLE t (n INTEGER)");
  expect(lockHolder(`${path}-shm`, "any")).toBe(process.pid);
  for (let look = 0; look < 2; look++) await waitForOthers(path);
  expect(lockHolder(`${path}-shm`, "any")).toBe(process.pid);
});
