// What operators may ask, as texts: any text gets an answer, and a bug costs its request only.

import { expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { Limits } from "../../src/base/limits/limits.ts";
import {
  controlAnswer,
  ControlCommands,
  controlCommands,
  ControlRefused,
  controlRequest,
} from "../../src/observe/control-commands.ts";

/** The sentence by which an answer refuses. */
function refusalOf(text: string): string {
  try {
    controlAnswer(text);
  } catch (error) {
    if (error instanceof ControlRefused) return error.message;
  }
  throw new Error(`not refused: ${text}`);
}

test("a request is answered, and its answer is read", async () => {
  const commands = controlCommands(
    { role: "gateway", id: "g1", version: "1", limits: new Limits(silentLog, { frameBytes: 65_536 }) },
    () => undefined,
  );
  const answer = controlAnswer(await commands.obey(controlRequest("limits")));
  expect(answer).toMatchObject({ role: "gateway", id: "g1", version: "1" });
  expect(answer).toHaveProperty("limits");
});

test("what is no request, or names no command, is refused with a sentence", async () => {
  const commands = new ControlCommands({ known: () => 1 }, () => undefined);
  for (const text of ["", "{", "null", "5", '"known"', "[]", "{}", '{"command":5}', '{"command":null}'])
    expect(refusalOf(await commands.obey(text))).toContain('a request is {"command":"…"}');
  for (const name of ["", "nope", "constructor", "__proto__", "\0", "x".repeat(100_000)])
    expect(refusalOf(await commands.obey(controlRequest(name)))).toContain("unknown command; this process knows known");
});

test("a command that throws is a bug that costs its request only", async () => {
  const bugs: unknown[] = [];
  const bug = new Error("a bug");
  const commands = new ControlCommands(
    {
      throws() {
        throw bug;
      },
      rejects: () => Promise.reject(bug),
    },
    (met) => void bugs.push(met),
  );
  for (const name of ["throws", "rejects"])
    expect(refusalOf(await commands.obey(controlRequest(name)))).toContain("failed because of a bug");
  expect(bugs).toEqual([bug, bug]);
});

test("a command that refuses says why, gets the fields of its request, and may be added later", async () => {
  const bugs: unknown[] = [];
  const commands = new ControlCommands({ old: () => 1, kept: () => 2 }, (met) => void bugs.push(met));
  commands.add({
    old: (fields) => fields["of"],
    no() {
      throw new ControlRefused("not today");
    },
  });
  expect(refusalOf(await commands.obey(controlRequest("no")))).toBe("not today");
  expect(controlAnswer(await commands.obey(controlRequest("old", { of: "ann", command: "no" })))).toBe("ann");
  expect(controlAnswer(await commands.obey(controlRequest("kept")))).toBe(2);
  expect(bugs).toEqual([]);
});

test("a process without messages says who can kick and revoke", async () => {
  const about = { role: "gateway", id: "g1", version: "1", limits: new Limits(silentLog) } as const;
  const commands = controlCommands(about, () => undefined);
  for (const name of ["kick", "revoke"])
    expect(refusalOf(await commands.obey(controlRequest(name, { account: "a" })))).toContain("ask a chat node");
});

test("an answer that none of ours gives is refused", () => {
  for (const text of ["", "hello", "{}", '{"error":5}', "[]"])
    expect(() => controlAnswer(text)).toThrow("the answer is malformed");
});
