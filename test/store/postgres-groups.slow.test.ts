// Groups in the store on PostgreSQL: their bounds, large ones, and what is left of those whose process was killed.

import { afterAll, beforeAll, describe } from "bun:test";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { groupSuite } from "./group-suite.ts";
import { postgresPlace } from "./postgres-place.ts";

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 180_000);
  afterAll(() => server.stop());

  groupSuite("PostgreSQL store", () => postgresPlace(server));
});
