// A database that another process is just making is distinguished from one whose file was lost.

import { expect, test } from "bun:test";
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lackBesideLog } from "../../src/store/sqlite/open-files.ts";

const pageBytes = 4096;

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
