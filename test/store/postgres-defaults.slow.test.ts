// The store's suite on a database whose default settings are all others than the store needs.

import { describe } from "bun:test";
import { limitValues } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { storeSuite } from "./store-suite.ts";
import { postgresForAll } from "./postgres-setup.ts";

/** What ALTER DATABASE or ALTER ROLE may have set, as far from what the store needs as it goes. */
const hostileDefaults: Readonly<Record<string, string>> = {
  default_transaction_isolation: "serializable",
  default_transaction_read_only: "on",
  default_transaction_deferrable: "on",
  session_replication_role: "replica",
  client_encoding: "SQL_ASCII",
  row_security: "off",
  search_path: "nowhere",
  array_nulls: "off",
  standard_conforming_strings: "off",
  backslash_quote: "off",
  exit_on_error: "on",
  transform_null_equals: "on",
  check_function_bodies: "on",
  synchronous_commit: "off",
  statement_timeout: "1ms",
  lock_timeout: "1ms",
  idle_in_transaction_session_timeout: "1ms",
  idle_session_timeout: "1ms",
  datestyle: "SQL, DMY",
  intervalstyle: "sql_standard",
  bytea_output: "escape",
  extra_float_digits: "-15",
  timezone: "Pacific/Apia",
  enable_indexscan: "off",
  enable_indexonlyscan: "off",
  enable_nestloop: "off",
  enable_seqscan: "on",
  enable_hashjoin: "on",
  enable_mergejoin: "on",
  enable_sort: "off",
  enable_material: "off",
  plan_cache_mode: "force_custom_plan",
  join_collapse_limit: "1",
  jit_above_cost: "0",
  work_mem: "64kB",
};

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();

  storeSuite("PostgreSQL store in a database whose defaults are all others", async () => {
    const url = await server().makeDatabase();
    await server().setDefaults(url, hostileDefaults);
    return {
      open: (limits) => openPostgresStore({ url, retentionDays: 15, log: silentLog, limits: limitValues(limits) }),
      remove: () => server().dropDatabase(url),
    };
  });
});
