// Dumps of a PostgreSQL store, as an operator makes and plays them.

import { beforeEach, expect } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { createLog } from "../../src/base/log.ts";
import type { Store } from "../../src/store/store.ts";
import type { TestDatabase } from "./postgres-setup.ts";

const env = { ...process.env, PGCONNECT_TIMEOUT: "5" };

/** Whether this machine has PostgreSQL and its programs for dumps. */
export const canDump = hasPostgres && Bun.which("pg_dump") !== null && Bun.which("psql") !== null;

/** A dump as text for psql. */
export async function dumpOf(url: string, ...words: string[]): Promise<string> {
  const child = Bun.spawn(["pg_dump", "--no-owner", ...words, url], { env, stdout: "pipe", stderr: "inherit" });
  const text = await new Response(child.stdout).text();
  expect(await child.exited).toBe(0);
  return text;
}

/** Plays a script, each statement by itself as psql does; the first failure ends it. */
export async function play(url: string, script: string): Promise<void> {
  const child = Bun.spawn(["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", url], {
    env,
    stdin: new Blob([`SET client_min_messages = warning; ${script}`]),
    stdout: "ignore",
    stderr: "inherit",
  });
  expect(await child.exited).toBe(0);
}

/** Stores of a test that are replaced or altered under way, and what they log of it. */
interface WatchedStores {
  /** Opens one, by default in the test's database. */
  readonly open: (at?: string) => Promise<Store>;
  /** What they have logged in this test, warnings and errors. */
  readonly lines: () => readonly string[];
  /** Those of a replacement. */
  readonly warned: () => readonly string[];
}

/** For each test of a `describe` block. */
export function watchedStores(db: TestDatabase): WatchedStores {
  let lines: string[] = [];
  beforeEach(() => {
    lines = [];
  });
  return {
    open: (at = db.url) => db.open({ url: at, log: createLog("warn", "text", (line) => lines.push(line)) }),
    lines: () => lines,
    warned: () => lines.filter((line) => line.includes("was replaced")),
  };
}
