// scripts/test tells of each test that failed what was wrong, out of a log of thousands of lines: here, out of Bun's
// own.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-failed-tests-");
const script = join(import.meta.dir, "../../scripts/failed-tests.awk");

/** What is shown of a run of these tests. */
async function toldOf(files: Readonly<Record<string, string>>, words: readonly string[] = []): Promise<string> {
  const paths = Object.entries(files).map(([name, body]) => {
    const path = join(folder, `${name}.test.ts`);
    writeFileSync(path, `import { afterAll, beforeAll, expect, test } from "bun:test";\n${body}\n`);
    return path;
  });
  const bun = Bun.spawn([process.execPath, "test", "--timeout", "5000", ...words, ...paths], {
    cwd: folder,
    env: { PATH: process.env["PATH"], NO_COLOR: "1" },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [log, rest] = await Promise.all([new Response(bun.stderr).text(), new Response(bun.stdout).text()]);
  expect(await bun.exited).not.toBe(0);
  const awk = Bun.spawnSync(["awk", "-f", script], { stdin: new TextEncoder().encode(rest + log) });
  expect(awk.stderr.toString()).toBe("");
  return awk.stdout.toString().replace(/ \[[\d.]+ms\]$/gm, "");
}

test("each failed test's file, name and error are shown, and nothing of those that passed", async () => {
  const told = await toldOf({
    first: `test("good", () => { throw undefined ?? new Error("one") });
      test("passes", () => { console.log("of no use") });
      test("hangs", async () => { await new Promise(() => undefined) }, 50);`,
    second: `test("differs", () => expect({ a: 1 }).toEqual({ a: 2 }));`,
    third: `import "./nowhere.ts";`,
    fourth: `afterAll(() => { throw new Error("afterwards") }); test("passes", () => undefined);`,
  });
  expect(told.match(/^----- .*/gm)).toEqual([
    "----- first.test.ts: good",
    "----- first.test.ts: hangs",
    "----- second.test.ts: differs",
    "----- third.test.ts: an error outside of the tests",
    "----- fourth.test.ts: (unnamed)",
  ]);
  expect(told).toMatch(/good\n(.*\n)*2 \| .*throw(.*\n)*error: one\n +at .*first\.test\.ts:2/);
  expect(told).toContain("hangs\n  ^ this test timed out after 50ms.\n");
  expect(told).toMatch(/differs\n(.*\n)*error: expect(.*\n)*\+ +"a": 1/);
  expect(told).toContain("error: Cannot find module './nowhere.ts'");
  expect(told).toContain("error: afterwards");
  expect(told).not.toContain("of no use");
});

test("at most twelve tests of sixty lines each are shown, with a count of what is left out", async () => {
  const told = await toldOf({
    fifth: `test("long", () => { throw new Error("line\\n".repeat(100)) });
      for (let i = 0; i < 14; i++) test(\`t\${i}\`, () => { throw new Error("short") });`,
  });
  const [, long = ""] = told.split(/^----- .*\n/m);
  expect(long.trimEnd().split("\n")).toHaveLength(61);
  expect(long).toMatch(/^\(\d+ lines more\)$/m);
  expect(told.match(/^----- .*/gm)).toHaveLength(13);
  expect(told).toEndWith("----- and 3 more\n");
});

const pool = ["--parallel=2", "--parallel-delay=0"];

test("a file whose process ends in the middle is named", async () => {
  const told = await toldOf(
    {
      crashes: `test("passes", () => undefined); test("goes", () => process.exit(0));`,
      passes: `test("passes", () => undefined);`,
    },
    pool,
  );
  expect(told).toMatch(/^----- crashes\.test\.ts: \(worker crashed: .*\)\n$/);
});

test("a file that was not over when the run was ended is named", async () => {
  const told = await toldOf(
    {
      hangs: `test("hangs", () => { process.kill(process.ppid, "SIGTERM"); for (;;); });`,
      passes: `test("passes", () => undefined);`,
    },
    pool,
  );
  expect(told).toMatch(/^----- hangs\.test\.ts: not over after \d+s$/m);
});
