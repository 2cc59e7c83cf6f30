// Groups in the store on PostgreSQL: their bounds, large ones, and what is left of those whose process was killed.

import { describe } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { groupSuite } from "./group-suite.ts";
import { postgresPlace } from "./postgres-place.ts";
import { postgresForAll } from "./postgres-setup.ts";

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();

  groupSuite("PostgreSQL store", () => postgresPlace(server()));
});
