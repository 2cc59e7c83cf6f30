// The suites of every store engine, on PostgreSQL.

import { describe } from "bun:test";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { conversationsSuite } from "./conversations-suite.ts";
import type { GroupPlace } from "./group-suite.ts";
import { idsAheadSuite, type AheadPlace } from "./ids-ahead-suite.ts";
import { postgresPlace } from "./postgres-place.ts";
import { apiKeySuite } from "./api-key-suite.ts";
import { hookSuite } from "./hook-suite.ts";
import { revocationSuite } from "./revocation-suite.ts";
import { storeSuite } from "./store-suite.ts";
import { postgresForAll } from "./postgres-setup.ts";

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();
  const makePlace = (): Promise<AheadPlace & GroupPlace> => postgresPlace(server());

  storeSuite("PostgreSQL store", makePlace);
  conversationsSuite("PostgreSQL store", makePlace);
  apiKeySuite("PostgreSQL store", "", makePlace);
  hookSuite("PostgreSQL store", makePlace);
  revocationSuite("PostgreSQL store", makePlace);
  idsAheadSuite("PostgreSQL store", makePlace);
});
