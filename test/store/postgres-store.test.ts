import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/postgres-store.ts";
import type { Store } from "../../src/store/store.ts";
import { hasPostgres, PostgresServer } from "../support/postgres.ts";
import { storeSuite } from "./store-suite.ts";

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 60_000);
  afterAll(() => server.stop());
  const openAt = (url: string, retentionDays = 15): Promise<Store> =>
    openPostgresStore({ url, retentionDays, log: silentLog });

  storeSuite("PostgreSQL store", async () => {
    const url = await server.makeDatabase();
    return { open: () => openAt(url), remove: () => server.dropDatabase(url) };
  });
  test("x", () => expect(1).toBe(1));
});
