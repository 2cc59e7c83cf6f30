// How webhooks give way to the talks: the saves of lanes, by a clock that stands still.

import { expect, test } from "bun:test";
import { SaveGate } from "../../src/hooks/save-gate.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class Stage {
  readonly timers = new ManualTimers();
  isSaturated = true;
  readonly gate = new SaveGate(() => this.isSaturated, this.timers);
  readonly passed: string[] = [];

  async ask(...names: readonly string[]): Promise<void> {
    for (const name of names) void this.gate.pass().then(() => this.passed.push(name));
    await turn();
  }
}

test("while the store has more to give, a save passes at once", async () => {
  const stage = new Stage();
  stage.isSaturated = false;
  await stage.ask("one", "two");
  expect(stage.passed).toEqual(["one", "two"]);
  expect(stage.timers.pending).toBe(0);
});

test("while it has not, the saves of all lanes pass one at a time, each after a pause", async () => {
  const stage = new Stage();
  await stage.ask("one", "two", "three");
  const passedAfter: string[][] = [];
  for (let round = 0; round < 3; round++) {
    passedAfter.push([...stage.passed]);
    await stage.timers.pass(200);
  }
  passedAfter.push([...stage.passed]);
  expect(passedAfter).toEqual([[], ["one"], ["one", "two"], ["one", "two", "three"]]);
});

test("when it has more to give again, those that wait pass after one pause", async () => {
  const stage = new Stage();
  await stage.ask("one", "two", "three");
  stage.isSaturated = false;
  await stage.ask("late");
  expect(stage.passed).toEqual(["late"]);
  await stage.timers.pass(200);
  expect(stage.passed).toEqual(["late", "one", "two", "three"]);
});

test("an open gate lets all pass that wait, and whoever comes", async () => {
  const stage = new Stage();
  await stage.ask("one", "two");
  stage.gate.open();
  await turn();
  await stage.ask("three");
  expect(stage.passed).toEqual(["one", "two", "three"]);
});
