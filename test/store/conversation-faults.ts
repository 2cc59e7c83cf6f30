// Runs of random commands against a store whose database fails again and again under it: the process lives on. What was
// answered is there afterwards; what was not is there wholly or not at all.

import { until } from "../../scripts/harness/until.ts";
import { type Store, StoreUnavailable } from "../../src/store/store.ts";
import type { Random } from "../support/random.ts";
import { keyed, type KillsFigures, moveAgain, settle } from "./conversation-kills.ts";
import { type Command, ConversationRun, targetOf } from "./conversation-run.ts";
import { send, type Write } from "./conversation-write.ts";
import type { StorePlace } from "./opened-store.ts";
import { talk } from "./samples.ts";

export interface FaultsOptions {
  readonly place: StorePlace;
  readonly random: Random;
  readonly faults: number;
  /** Commands of each app before a fault, at most. */
  readonly commandsMax: number;
  readonly commandOf: (random: Random) => Command;
  /** Makes the database fail, and lets it serve again. */
  readonly fail: (random: Random) => Promise<void>;
}

/** Rejects with an Error that says what differed. Two stores are open, as of two nodes; both work, one is read. */
export async function runWithFaults(options: FaultsOptions): Promise<KillsFigures> {
  const { place, random, faults } = options;
  const figures = { kills: 0, commands: 0, unanswered: 0, done: 0, lostCursors: 0 };
  const stores = [await place.open(), await place.open()] as const;
  const [first] = stores;
  try {
    await first.append([talk({ app: "another" })]);
    const runs = ["one", "two", "three", "four"].map((app) => new ConversationRun(app, { isShared: true }));
    for (const run of runs) await run.begin(targetOf(first, run.app));
    for (; figures.kills < faults; figures.kills++) {
      const unanswered = await workUntilFault(options, stores, runs, figures);
      for (const [run, write] of unanswered) {
        figures.unanswered++;
        if (await patiently(() => settle(random.pick(stores), run, write))) figures.done++;
      }
      for (const run of runs) {
        figures.lostCursors += await patiently(() => moveAgain(random.pick(stores), run));
        await patiently(() => run.end(random.pick(stores)));
      }
    }
  } finally {
    for (const store of stores) await store.close();
  }
  return figures;
}

/** Does commands of all runs at once, until the database has failed. Returns the writes that were not answered. */
async function workUntilFault(
  { random, commandsMax, commandOf, fail }: FaultsOptions,
  stores: readonly [Store, Store],
  runs: readonly ConversationRun[],
  figures: KillsFigures,
): Promise<Map<ConversationRun, Write>> {
  const unanswered = new Map<ConversationRun, Write>();
  const failing = Promise.withResolvers<void>();
  let left = 1 + random.below(commandsMax * runs.length);
  const over = new AbortController();
  const work = runs.map(async (run) => {
    while (!over.signal.aborted) {
      const { kind } = commandOf(random);
      if (kind === "sync" || kind === "tidy" || kind === "reopen") continue;
      const write = keyed(run.writeOf(kind, random), figures.commands);
      if (--left === 0) failing.resolve();
      try {
        run.tell(await send(random.pick(stores), run.app, write));
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        unanswered.set(run, write);
        return;
      }
      figures.commands++;
    }
  });
  // All may be refused before, by what is left of the fault before.
  void Promise.allSettled(work).then(() => failing.resolve());
  const faulty = failing.promise.then(() => fail(random)).finally(() => over.abort());
  await Promise.all([faulty, ...work]);
  return unanswered;
}

/** Repeats what the store refuses until it serves again; any other failure is the result. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  let tried: Promise<T> | undefined;
  await until(async () => {
    tried = work();
    return tried.then(
      () => true,
      (error: unknown) => !(error instanceof StoreUnavailable),
    );
  }, "the store serves again");
  return tried ?? work();
}
