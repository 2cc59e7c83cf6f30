// Files that an operator names: a regular file or a pipe is read, everything else is refused with a sentence at once,
// and nothing is read without a bound.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readSmallFile, UnreadableFile } from "../../src/base/small-file.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-small-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);
const read = (path: string, waits = true, bytesMax = 1_000): string => readSmallFile(path, { bytesMax, waits }).text;

function written(name: string, content: string | Uint8Array): string {
  writeFileSync(at(name), content);
  return at(name);
}

function fifo(): string {
  expect(Bun.spawnSync(["mkfifo", at("fifo")]).success).toBe(true);
  return at("fifo");
}

test("a file is read whole, through links, up to its bound and without a byte order mark", () => {
  expect(read(written("file", "héllo\n"))).toBe("héllo\n");
  symlinkSync(at("file"), at("link"));
  expect(read(at("link"))).toBe("héllo\n");
  expect(read(written("marked", "\uFEFFtext"))).toBe("text");
  expect(read(written("empty", ""))).toBe("");
  expect(read(written("full", "x".repeat(1_000)))).toHaveLength(1_000);
  expect(() => read(written("longer", "x".repeat(1_001)))).toThrow("longer than 1000 bytes");
  // Of a sparse file of 100 GB little is read.
  written("sparse", "");
  truncateSync(at("sparse"), 100 * 2 ** 30);
  expect(() => read(at("sparse"))).toThrow("longer than 1000 bytes");
});

test("what is neither file nor pipe is refused by name and kind", () => {
  mkdirSync(at("a folder"));
  for (const [path, reason] of [
    ["/dev/zero", "it is a device"],
    ["/dev/null", "it is a device"],
    [at("a folder"), "it is a folder"],
    [at("missing"), "no such file"],
    [written("plain", "") + "/below", "not a folder"],
    ["/tmp/a\0b", "not a path"],
    ["", "not a path"],
  ] as const) {
    expect(() => read(path)).toThrow(UnreadableFile);
    expect(() => read(path)).toThrow(reason);
  }
});

test("text of another encoding is refused, and its encoding is named", () => {
  for (const [name, bytes] of [
    ["marked little", [0xff, 0xfe, 0x61, 0, 0x62, 0]],
    ["marked big", [0xfe, 0xff, 0, 0x61, 0, 0x62]],
    ["bare little", [0x61, 0, 0x62, 0]],
    ["bare big", [0, 0x61, 0, 0x62]],
  ] as const)
    expect(() => read(written(name, Uint8Array.from(bytes)))).toThrow("it is UTF-16 text; save it as UTF-8");
  expect(() => read(written("bytes", Uint8Array.from([0x61, 0xff])))).toThrow("it is not UTF-8 text");
});

test("a pipe is read to its end, however slowly it comes", async () => {
  const path = fifo();
  const writer = Bun.spawn(["sh", "-c", `exec > "$1"; printf one; sleep 0.1; printf two`, "sh", path]);
  expect(read(path)).toBe("onetwo");
  expect(await writer.exited).toBe(0);
});

test("a pipe without a writer, and one whose writer says nothing when nobody waits, is given up", () => {
  const path = fifo();
  expect(() => read(path)).toThrow("nobody writes to the pipe");
  const writer = openSync(path, "r+");
  expect(() => read(path, false)).toThrow("its writer has not closed it");
  closeSync(writer);
});
