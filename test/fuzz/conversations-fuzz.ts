// Random commands on conversations against a store of each engine, compared with a model of them after each command
// (store/conversation-run.ts). Runs as a script, `bun test/fuzz/conversations-fuzz.ts --seed 1 --seconds 600`, and a
// short while in the tests. It stops at the first sequence that is answered otherwise than the model says, and shows
// the smallest one that is.

import fc from "fast-check";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import type { Store } from "../../src/store/store.ts";
import { allCommands, type Command, ConversationRun, type RunTarget, targetOf } from "../store/conversation-run.ts";
import { agree } from "../store/agree.ts";
import type { StorePlace } from "../store/opened-store.ts";
import { postgresPlace } from "../store/postgres-place.ts";
import { stored, talk } from "../store/samples.ts";
import { sqlitePlace } from "../store/sqlite-place.ts";

/** Small ones, so that a run reaches them. */
const limits = {
  groupMembers: 504,
  invitationsPerGroup: 2,
  joinRequestsPerGroup: 2,
  joinRequestsPerAccount: 2,
  blocksPerAccount: 2,
} as const;

export interface ConversationsFuzz {
  readonly seed: number;
  /** Tries at most, of one to three sequences each, and the commands of each at most. */
  readonly runs: number;
  readonly commands: number;
  /** No sequence begins after this time. */
  readonly seconds: number;
}

/** How much was run. */
export interface FuzzedConversations {
  readonly runs: number;
  readonly steps: number;
}

/**
 * Runs sequences of commands, each in an app of its own, on two openings of the store in turns, now and then several
 * sequences at once; rejects with the smallest that was answered otherwise than the model says.
 */
export async function fuzzConversations(
  place: StorePlace,
  { seed, runs: runsMax, commands, seconds }: ConversationsFuzz,
): Promise<FuzzedConversations> {
  const stores: [Store, Store] = [await place.open(limits), await place.open(limits)];
  const done = { runs: 0, steps: 0 };
  const sequence = fc.array(allCommands, { maxLength: commands, size: "max" });
  let apps = 0;
  try {
    const foreign = [stored((await stores[0].append([talk({ app: "another" })]))[0]).messageId];
    await fc.assert(
      fc.asyncProperty(fc.array(sequence, { minLength: 1, maxLength: 3, size: "max" }), async (lists) => {
        const isShared = lists.length > 1;
        const runs = lists.map((list) =>
          runCommands({ stores, place }, new ConversationRun(`app${apps++}`, { foreign, isShared, limits }), list),
        );
        for (const ended of await Promise.allSettled(runs)) if (ended.status === "rejected") throw ended.reason;
        done.runs += lists.length;
        for (const { length } of lists) done.steps += length;
      }),
      { seed, numRuns: runsMax, interruptAfterTimeLimit: seconds * 1_000 },
    );
  } finally {
    for (const store of stores) await store.close();
  }
  agree((await place.check?.()) ?? [], [], "what a check of the store finds");
  return done;
}

async function runCommands(
  { stores, place }: { readonly stores: [Store, Store]; readonly place: StorePlace },
  run: ConversationRun,
  commands: readonly Command[],
): Promise<void> {
  const targetAt = (at: 0 | 1): RunTarget => ({
    ...targetOf(stores[at], run.app),
    tidy: async () => place.tidyGroups?.(),
    reopen: async () => {
      // Others use it.
      if (run.isShared) return;
      await stores[at].close();
      stores[at] = await place.open(limits);
    },
  });
  await run.begin(targetAt(0));
  for (const command of commands) await run.step(targetAt(command.seed % 3 === 0 ? 1 : 0), command);
  await run.end(stores[0]);
}

async function fuzzEngine(name: string, place: StorePlace, fuzz: ConversationsFuzz): Promise<void> {
  try {
    const done = await fuzzConversations(place, fuzz);
    console.log(JSON.stringify({ engine: name, seed: fuzz.seed, ...done }));
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? `${error.message}\n${String(error.cause)}` : String(error)}`);
    console.error(`to see it again: scripts/fuzz conversations --seed ${fuzz.seed}`);
    process.exitCode = 1;
  } finally {
    await place.remove();
  }
}

async function fuzzFromCommandLine(): Promise<void> {
  const { values } = parseArgs({ options: { seed: { type: "string" }, seconds: { type: "string", default: "60" } } });
  const seed = values.seed === undefined ? Date.now() % 0x1_0000_0000 : Number(values.seed);
  const seconds = Number(values.seconds);
  if (!Number.isSafeInteger(seed) || seed < 0 || !(seconds > 0)) {
    console.error("usage: bun test/fuzz/conversations-fuzz.ts [--seed <whole number>] [--seconds <number above 0>]");
    process.exit(2);
  }
  console.log(`seed ${seed}, ${seconds} s`);
  // fast-check has seeds of 32 bits with a sign.
  const fuzz = { seed: seed | 0, runs: 1_000_000, commands: 500, seconds: hasPostgres ? seconds / 2 : seconds };
  const folder = mkdtempSync(join(tmpdir(), "roost-conversations-fuzz-"));
  await fuzzEngine("SQLite", sqlitePlace(join(folder, "messages.db"), 40), fuzz);
  rmSync(folder, { recursive: true, force: true });
  if (!hasPostgres) return;
  const server = await PostgresServer.start();
  try {
    await fuzzEngine("PostgreSQL", await postgresPlace(server), fuzz);
  } finally {
    await server.stop();
  }
}

if (import.meta.main) await fuzzFromCommandLine();
