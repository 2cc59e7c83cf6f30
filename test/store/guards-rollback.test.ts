// What the writer remembers of whom accounts let write to them, when a transaction is undone.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { systemRuntime } from "../../src/base/runtime.ts";
import type { ChangeJob } from "../../src/store/change-jobs.ts";
import { talkJob } from "../../src/store/jobs.ts";
import { endings } from "../support/endings.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { Process } from "./log-process.ts";
import { talk } from "./samples.ts";

const freshPath = temporaryPaths("guards-rollback-");
const ends = endings();

test("what a transaction allowed is not remembered when it is undone", () => {
  const path = freshPath();
  writeFileSync(path, "");
  const process = new Process(path, "w", systemRuntime.clock, 1_000);
  ends.push(() => process.die());
  const { writer } = process;
  const messageId = writer.commit([talkJob(talk({ app: "app", sender: "bob", dest: "eve" }))])[1] ?? 0n;
  const setConsent = (write: "nobody" | "everybody"): ChangeJob => ({
    kind: "people",
    call: { call: "consent", app: "app", account: "bob", write },
  });
  const react: ChangeJob = {
    kind: "react",
    ...{ app: "app", actor: "eve", messageId: `${messageId}`, reaction: "a", isOff: false },
  };
  const resultOf = (...jobs: ChangeJob[]): unknown => {
    const last = writer.commitChanges(jobs).at(-1);
    return typeof last === "object" && last.of === "message" ? last.outcome.result : last;
  };
  writer.commitChanges([setConsent("nobody")]);
  expect(resultOf(react)).toBe("forbidden");
  const failing: ChangeJob = { ...react, messageId: "no number" };
  expect(() => resultOf(setConsent("everybody"), react, failing)).toThrow("BigInt");
  expect(resultOf(react)).toBe("forbidden");
  expect(resultOf(setConsent("everybody"), react)).toBe("stored");
});
