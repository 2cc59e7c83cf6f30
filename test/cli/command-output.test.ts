// What commands print reaches its reader, or the end says that it did not. Real pipes, each command a process.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { OutputQueue } from "../../src/cli/output-queue.ts";

const output = join(import.meta.dir, "../../src/cli/command-output.ts");

/** Runs a piece of code that prints, with its output to a shell's words. */
function printing(code: string, target: string) {
  const words = ["bash", "-c", `"$0" --no-env-file -e "$1" ${target}; echo "status \${PIPESTATUS[0]}" >&2`];
  const source = `import * as output from ${JSON.stringify(output)}; ${code}; await output.written(); process.exit(0);`;
  const { stdout, stderr } = Bun.spawnSync([...words, process.execPath, source]);
  return { out: stdout.toString().trim(), err: stderr.toString() };
}

const manyLines = 'void output.printLines(Array.from({ length: 30_000 }, () => "a line of the table".repeat(4)))';

test("a slow reader gets every line before the command ends", () => {
  expect(printing(manyLines, "| (sleep 0.3; wc -l)")).toEqual({ out: "30000", err: "status 0\n" });
});

test("a reader that has gone ends the command quietly", () => {
  expect(printing(manyLines, "| head -1")).toEqual({ out: "a line of the table".repeat(4), err: "status 141\n" });
});

test("a command that writes nothing more notices that its reader has gone", () => {
  const watching = 'await output.printLines(["one"]); for (;;) { await Bun.sleep(10); output.endWithoutReader(); }';
  expect(printing(watching, "| head -1")).toEqual({ out: "one", err: "status 141\n" });
});

test("a full disk is reported, and the status is 1", () => {
  const { err } = printing('await output.printLines(["one"])', "> /dev/full");
  expect(err).toMatch(/^roost: cannot write to standard output: ENOSPC.*\nstatus 1\n$/);
});

test("text counts as written when the stream has taken all of it, in order", async () => {
  let room = 3;
  let taken = "";
  const sink = {
    write: (bytes: Uint8Array): number => {
      const count = Math.min(room, bytes.length);
      room -= count;
      taken += new TextDecoder().decode(bytes.subarray(0, count));
      return count;
    },
    wait: () => undefined,
  };
  const queue = new OutputQueue(sink, (error) => {
    throw error;
  });
  const events: string[] = [];
  const first = queue.write("four").then(() => events.push("first"));
  const second = queue.write("six").then(() => events.push("second"));
  await Bun.sleep(20);
  expect([taken, events]).toEqual(["fou", []]);
  room = 1;
  await first;
  expect([taken, events]).toEqual(["four", ["first"]]);
  room = 100;
  await second;
  await queue.drained();
  expect([taken, events]).toEqual(["foursix", ["first", "second"]]);
});

test("after a failure nothing counts as written, and the owner hears of it once", async () => {
  const failures: unknown[] = [];
  const sink = {
    write: (): number => {
      throw new Error("no room");
    },
    wait: () => undefined,
  };
  const queue = new OutputQueue(sink, (error) => failures.push(error));
  const ended = Promise.race([queue.write("one"), queue.write("two"), Bun.sleep(20).then(() => "nothing")]);
  expect([await ended, failures.length]).toEqual(["nothing", 1]);
});
