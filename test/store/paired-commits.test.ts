// Jobs that wait for the reader (src/store/sqlite/people/pairs.ts): what becomes of them when it fails, and of the jobs
// that were committed beside them.

import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { Batcher } from "../../src/store/batcher.ts";
import type { ChangeJob } from "../../src/store/change-jobs.ts";
import { type Job, outcome, outcomeSlots } from "../../src/store/jobs.ts";
import { PairedCommits } from "../../src/store/sqlite/people/pairs.ts";
import type { RequestTarget } from "../../src/store/sqlite/protocol.ts";
import { StoreDamaged, StoreUnavailable, type Talk } from "../../src/store/store.ts";
import { failureOf } from "./failure-of.ts";

const draftTo = (dest: string): Required<Omit<Talk, "mentions" | "replyTo" | "media" | "hasConversation">> => {
  const texts = { body: "", extra: "", clientId: "" };
  return { app: "app", sender: "ann", toGroup: false, dest, type: 1, ...texts, toKnown: false };
};
const talkTo = (dest: string): Job => ({ kind: "talk", ...draftTo(dest) });

/** A writer to which `guarded` lets only those write that it has talked with. */
function writerOf(committed: string[]): RequestTarget {
  return {
    call: (request) => {
      if (request.kind !== "batch") throw new Error("expected a batch");
      const numbers = new BigInt64Array(request.jobs.length * outcomeSlots);
      for (const [at, job] of request.jobs.entries()) {
        if (job.kind !== "talk") throw new Error("expected talks");
        const isUndecided = job.dest === "guarded" && job.pairs === undefined;
        if (!isUndecided) committed.push(job.dest);
        numbers[at * outcomeSlots] = isUndecided ? outcome.needsPairs : outcome.stored;
      }
      const needsPairs = numbers.includes(outcome.needsPairs);
      return Promise.resolve({ kind: "numbers", numbers, texts: "", needsPairs });
    },
  };
}

for (const failure of [new StoreDamaged("a page is damaged"), new StoreUnavailable("away")])
  test(`${failure.name} of the reader fails those that wait for it, and commits nothing twice`, async () => {
    const committed: string[] = [];
    const commits = new PairedCommits(writerOf(committed), { call: () => Promise.reject(failure) }, systemClock);
    const batcher = new Batcher<Job, BigInt64Array>(
      (jobs) => commits.commit(jobs),
      () => undefined,
    );
    const write = (dest: string) => batcher.add([talkTo(dest)], 0, (numbers, start) => numbers[start * outcomeSlots]);
    const outcomes = await Promise.all([write("bob"), write("guarded"), write("eve")]);
    expect(outcomes).toEqual([outcome.stored, outcome.needsPairs, outcome.stored]);
    expect(committed).toEqual(["bob", "eve"]);
  });

/** A reader of pairs that answers when `answer` is called, in order. */
function slowReader() {
  const waiting: (() => void)[] = [];
  const target: RequestTarget = {
    call: (request) => {
      if (request.kind !== "people" || request.question.ask !== "pairs")
        throw new Error("expected a question of pairs");
      const { accounts: answer } = request.question;
      return new Promise((resolve) => waiting.push(() => resolve({ kind: "people", answer })));
    },
  };
  return { target, answer: () => waiting.shift()?.() };
}

/** Commits whose writer has asked for a pair once, so that talks to its receiver are prepared: in this order. */
async function askedCommits() {
  const { target, answer } = slowReader();
  const commits = new PairedCommits(writerOf([]), target, systemClock);
  const committing = commits.commit([talkTo("guarded")]);
  await Bun.sleep(0);
  answer();
  await committing;
  const order: string[] = [];
  const talk = (clientId: string): Talk => ({ ...draftTo("guarded"), clientId });
  const prepare = (clientId: string): void => {
    const prepared = commits.prepare(talk(clientId));
    if (prepared === undefined) order.push(clientId);
    else void prepared.then((ready) => order.push(ready.clientId));
  };
  return { commits, answer, order, talk, prepare };
}

test("talks of a pair keep their order while the reader is asked about it", async () => {
  const { commits, answer, order, talk, prepare } = await askedCommits();
  for (const clientId of ["1", "2"]) prepare(clientId);
  answer();
  await Bun.sleep(0);
  expect(order).toEqual(["1"]);
  // The pair is known to have talked by now, and talk 2 still waits.
  prepare("3");
  answer();
  answer();
  await Bun.sleep(0);
  expect(order).toEqual(["1", "2", "3"]);
  expect(commits.prepare(talk("4"))).toBeUndefined();
});

test("no talk of a pair overtakes one of which the reader's answer is on its way to the caller", async () => {
  for (let hops = 0; hops < 12; hops++) {
    const { answer, order, prepare } = await askedCommits();
    prepare("1");
    answer();
    for (let hop = 0; hop < hops; hop++) await Promise.resolve();
    prepare("2");
    answer();
    await Bun.sleep(0);
    expect([hops, ...order]).toEqual([hops, "1", "2"]);
  }
});

test("a receiver makes others wait for the reader once, and then only talks to itself", async () => {
  const committed: string[] = [];
  let nowMs = 0;
  let isAway = false;
  const asked: string[] = [];
  const reader: RequestTarget = {
    call: (request) => {
      if (request.kind !== "people" || request.question.ask !== "pairs")
        throw new Error("expected a question of pairs");
      asked.push(...request.question.accounts);
      if (isAway) return new Promise(() => undefined);
      return Promise.resolve({ kind: "people", answer: request.question.accounts });
    },
  };
  const commits = new PairedCommits(writerOf(committed), reader, { monotonicMs: () => nowMs });
  const [toGuarded, toBob] = [draftTo("guarded"), draftTo("bob")];
  expect(commits.prepare(toGuarded)).toBeUndefined();
  await commits.commit([talkTo("guarded"), talkTo("bob")]);
  expect([committed, asked]).toEqual([["bob", "guarded"], ["guarded"]]);
  expect(commits.prepare(toBob)).toBeUndefined();
  expect(await commits.prepare(toGuarded)).toEqual({ ...toGuarded, hasConversation: true });
  // It is known for a while that the two have talked.
  expect(commits.prepare(toGuarded)).toBeUndefined();
  nowMs += 60_000;
  isAway = true;
  // The clock is read once a turn.
  await Bun.sleep(0);
  expect(commits.prepare(toBob)).toBeUndefined();
  expect(commits.prepare(toGuarded)).toBeInstanceOf(Promise);
});

test("changes that wait for it fail alone, too", async () => {
  const add = (group: string): ChangeJob => ({
    kind: "group",
    call: { call: "add", app: "app", group, actor: "ann", accounts: ["bob"] },
  });
  const done = { of: "group", outcome: { result: "unchanged" } } as const;
  const writer: RequestTarget = {
    call: () => Promise.resolve({ kind: "changed", results: [done, "needsPairs"] }),
  };
  const commits = new PairedCommits(writer, { call: () => Promise.reject(new StoreUnavailable("away")) }, systemClock);
  expect(await commits.commitChanges([add("g1"), add("g2")])).toEqual([done, undefined]);
});

test("a call whose results cannot be read is rejected, and those beside it are answered", async () => {
  const batcher = new Batcher<string, number>(
    () => Promise.resolve(1),
    () => undefined,
  );
  const [good, bad, later] = [
    batcher.add(["a"], 0, (committed) => committed),
    batcher.add(["b"], 0, () => {
      throw new StoreUnavailable("undecided");
    }),
    batcher.add(["c"], 0, (committed) => committed),
  ];
  expect(await failureOf(bad)).toContain("undecided");
  expect(await Promise.all([good, later])).toEqual([1, 1]);
});
