// Several sources of one answer: the first good one counts, and a dead one costs a head start.

import { expect, test } from "bun:test";
import { answerMsMax, headStartMs, NoAnswer, Sources } from "../../src/base/sources.ts";
import { ManualTimers } from "../support/manual-timers.ts";

function stage(...names: string[]) {
  const timers = new ManualTimers();
  const sources = new Sources(names, timers.after);
  const asked: string[] = [];
  const open = new Map<string, PromiseWithResolvers<string> & { signal: AbortSignal }>();
  const stopper = new AbortController();
  const first = (): Promise<string> =>
    sources.first((source, signal) => {
      asked.push(source);
      const ends = Promise.withResolvers<string>();
      open.set(source, { ...ends, signal });
      return ends.promise;
    }, stopper.signal);
  return { timers, asked, open, stopper, first, turn: () => Bun.sleep(0) };
}

test("the next one is asked after the head start, and the first good answer ends the others", async () => {
  const { timers, asked, open, first } = stage("a", "b", "c");
  const answer = first();
  timers.advance(headStartMs - 1);
  expect(asked).toEqual(["a"]);
  timers.advance(1);
  expect(asked).toEqual(["a", "b"]);
  open.get("b")?.resolve("B");
  expect(await answer).toBe("B");
  expect([timers.pending, open.get("a")?.signal.aborted, asked.length]).toEqual([0, true, 2]);
  // The overtaken one comes last.
  const again = first();
  expect(asked.slice(2)).toEqual(["b"]);
  timers.advance(2 * headStartMs);
  expect(asked.slice(2)).toEqual(["b", "c", "a"]);
  open.get("a")?.resolve("A");
  expect(await again).toBe("A");
});

test("a failure brings the next one at once, and a late answer of the first one still counts", async () => {
  const { timers, asked, open, first, turn } = stage("a", "b", "c");
  const answer = first();
  timers.advance(headStartMs);
  open.get("b")?.reject(new Error("no"));
  await turn();
  expect(asked).toEqual(["a", "b", "c"]);
  open.get("a")?.resolve("A");
  expect(await answer).toBe("A");
});

test("all that fail: their reasons, and the order stays", async () => {
  const { timers, open, first, asked, turn } = stage("a", "b");
  const answer = first().catch((error: unknown) => error);
  open.get("a")?.reject("x");
  await turn();
  timers.advance(answerMsMax);
  const error = await answer;
  expect(error).toBeInstanceOf(NoAnswer);
  const reasons = error instanceof NoAnswer ? error.reasons : [];
  expect(reasons.map(({ source, cause }) => `${String(source)} ${String(cause)}`)).toEqual([
    "a x",
    "b Error: no answer within 5 s",
  ]);
  expect([timers.pending, open.get("b")?.signal.aborted]).toEqual([0, true]);
  void first();
  expect(asked).toEqual(["a", "b", "a"]);
});

test("a stop leaves no timer, and no question", async () => {
  const { timers, open, first, stopper } = stage("a", "b");
  void first();
  timers.advance(headStartMs);
  stopper.abort();
  expect([timers.pending, ...[...open.values()].map(({ signal }) => signal.aborted)]).toEqual([0, true, true]);
});

test("no source at all: no answer; the same one twice: one question", async () => {
  await expect(stage().first()).rejects.toBeInstanceOf(NoAnswer);
  const { timers, asked, first } = stage("a", "a");
  void first();
  timers.advance(headStartMs);
  expect(asked).toEqual(["a"]);
});
