// The suite of rights, on PostgreSQL.

import { describe } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { postgresPlace } from "./postgres-place.ts";
import { postgresForAll } from "./postgres-setup.ts";
import { rightsSuite } from "./rights-suite.ts";

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();
  rightsSuite("PostgreSQL store", () => postgresPlace(server()));
});
