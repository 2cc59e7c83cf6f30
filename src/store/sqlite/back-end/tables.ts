// The tables for back ends (schema 9): keys of the API and bans, webhooks, media, and the operations on data. Each area
// has its tables in a file of its own.
//
// Each table has columns of types that no other table has, so that a salvage recognises its rows
// (salvage/table-search.ts); a test compares them.

import { dataTables } from "./data-tables.ts";
import { hookTables } from "./hook-tables.ts";
import { banTables, keyTables } from "./key-tables.ts";
import { mediaTables } from "./media-tables.ts";

/** Stores of schema 8 that were made before its release lack these. */
const lateIndexes = `
  CREATE INDEX IF NOT EXISTS member_order ON member ("group") WHERE until_id IS NULL;
  CREATE INDEX IF NOT EXISTS entry_client ON entry (refers, actor, client_id) WHERE client_id IS NOT NULL;
  CREATE INDEX IF NOT EXISTS conversation_pinned ON conversation (account) WHERE pinned = 1;
`;

export const backEndTables: string = [lateIndexes, keyTables, banTables, hookTables, mediaTables, dataTables].join("");
