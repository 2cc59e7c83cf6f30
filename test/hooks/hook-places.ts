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

/** Defines the same tests for each engine, with what makes an empty store. */
export function onEachEngine(define: (makePlace: () => Promise<StorePlace>) => void): void {
  const freshPath = temporaryPaths("hooks-");
  describe("SQLite", () => define(() => Promise.resolve(sqlitePlace(freshPath(), flushMessages))));
  describe.skipIf(!hasPostgres)("PostgreSQL", () => {
    const server = postgresForAll();
    define(() => postgresPlace(server()));
  });
}
