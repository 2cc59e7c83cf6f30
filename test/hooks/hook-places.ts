// Stores for tests of webhooks, on each engine.

import { describe } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import type { StorePlace } from "../store/opened-store.ts";
import { postgresPlace } from "../store/postgres-place.ts";
import { postgresForAll } from "../store/postgres-setup.ts";
import { sqlitePlace } from "../store/sqlite-place.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";

/** Messages in memory before they are sorted: more than a test writes. */
const flushMessages = 100_000;

type Define = (makePlace: () => Promise<StorePlace>) => void;

/** Defines tests with what makes an empty store in a file. */
export function onSqlite(define: Define): void {
  const freshPath = temporaryPaths("hooks-");
  define(() => Promise.resolve(sqlitePlace(freshPath(), flushMessages)));
}

/** Defines tests with what makes an empty database; they are skipped where PostgreSQL is not installed. */
export function onPostgres(define: Define): void {
  describe.skipIf(!hasPostgres)("PostgreSQL", () => {
    const server = postgresForAll();
    define(() => postgresPlace(server()));
  });
}

export function onEachEngine(define: Define): void {
  describe("SQLite", () => onSqlite(define));
  onPostgres(define);
}
