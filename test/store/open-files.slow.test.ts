// A database that another process is just making is not taken for one whose file was lost, at thousands of moments.

import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lackBesideLog } from "../../src/store/sqlite/open-files.ts";

const pageBytes = 4096;

const rounds = 3_000;

/** Makes a database each time that a process waits for one: an empty file, its first page, a log with commits. */
const maker = `
  const { existsSync, writeFileSync } = require("node:fs");
  const folder = process.argv.at(-1);
  for (let round = 0; round < ${rounds}; round++) {
    const path = folder + "/" + round;
    while (!existsSync(path + "-awaited"));
    writeFileSync(path, "");
    writeFileSync(path, new Uint8Array(${pageBytes}));
    writeFileSync(path + "-wal", new Uint8Array(${pageBytes}));
  }`;

test("a database that is being made lacks nothing, at whatever moment it is looked at", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-open-files-"));
  const child = Bun.spawn([process.execPath, "-e", maker, folder], { stdin: "ignore", stdout: "ignore" });
  try {
    for (let round = 0; round < rounds && child.exitCode === null; round++) {
      const path = join(folder, `${round}`);
      writeFileSync(`${path}-awaited`, "");
      while (child.exitCode === null && !existsSync(`${path}-wal`))
        expect([round, lackBesideLog(path)]).toEqual([round, undefined]);
    }
    expect(await child.exited).toBe(0);
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}, 180_000);
