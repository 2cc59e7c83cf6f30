// Text that was edited or recalled: within an hour it is in no file of the store any more.

import { expect, test } from "bun:test";
import type { ChangeJob } from "../../src/store/change-jobs.ts";
import { talkJob } from "../../src/store/jobs.ts";
import { filesWith, pass } from "./erased-text.ts";
import { commit, type Process } from "./log-process.ts";
import { worlds } from "./log-and-runs.ts";
import { talk } from "./samples.ts";

const newWorld = worlds();
const minuteMs = 60_000;

function stored(process: Process, body: string): string {
  const [outcome] = commit(process, [talkJob(talk({ sender: "ann", dest: "bob", body }))]);
  return `${outcome?.[1]}`;
}

const texts = {
  short: "the first words of a short text, long enough to be recognised",
  // On pages of its own.
  long: `the first words of a long text ${"and more of it ".repeat(900)}`,
};

for (const [length, body] of Object.entries(texts))
  for (const kind of ["edit", "recall"] as const)
    test(`a ${length} text is gone from all files within an hour (${kind})`, () => {
      const world = newWorld(50);
      const process = world.start();
      const messageId = stored(process, body);
      for (let i = 0; i < 120; i++) stored(process, `another one ${i}`);
      process.settle();
      const mark = body.slice(0, 24);
      expect(filesWith(world, mark)).not.toEqual([]);
      const of = { app: "app", actor: "ann", messageId, windowMs: 24 * 60 * minuteMs };
      const change: ChangeJob =
        kind === "edit" ? { kind, ...of, body: "other", extra: "", clientId: "" } : { kind, ...of };
      expect(process.writer.commitChanges([change])).toMatchObject([{ outcome: { result: "stored" } }]);
      pass(world, process, 60);
      expect(filesWith(world, mark)).toEqual([]);
      process.die();
    });

test("while another connection reads, the log of changes is emptied later", () => {
  const world = newWorld(50);
  const [process, other] = [world.start(), world.start()];
  const messageId = stored(process, texts.short);
  const of = { app: "app", actor: "ann", messageId, windowMs: 24 * 60 * minuteMs };
  other.look(() => {
    process.writer.commitChanges([{ kind: "recall", ...of }]);
    pass(world, process, 15);
    expect(filesWith(world, texts.short)).not.toEqual([]);
  });
  pass(world, process, 2);
  expect(filesWith(world, texts.short)).toEqual([]);
  for (const one of [process, other]) one.die();
});

test("a process that died before leaves the work to the next one", () => {
  const world = newWorld(50);
  const first = world.start();
  const messageId = stored(first, texts.short);
  const of = { app: "app", actor: "ann", messageId, windowMs: 24 * 60 * minuteMs };
  // Keeps the log: the last connection that closes would empty it.
  const bystander = world.start();
  first.writer.commitChanges([{ kind: "recall", ...of }]);
  first.die();
  expect(filesWith(world, texts.short)).not.toEqual([]);
  const second = world.start();
  pass(world, second, 60);
  expect(filesWith(world, texts.short)).toEqual([]);
  for (const one of [bystander, second]) one.die();
});
