// The suite of exports, imports and deletions, on PostgreSQL.

import { describe } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { dataSuite } from "./data-suite.ts";
import { postgresPlace } from "./postgres-place.ts";
import { postgresForAll } from "./postgres-setup.ts";

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();
  dataSuite("PostgreSQL store", () => postgresPlace(server()));
});
