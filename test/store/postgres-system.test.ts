// The suite of the system, on PostgreSQL.

import { describe } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { postgresPlace } from "./postgres-place.ts";
import { postgresForAll } from "./postgres-setup.ts";
import { systemSuite } from "./system-suite.ts";

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();
  systemSuite("PostgreSQL store", () => postgresPlace(server()));
});
