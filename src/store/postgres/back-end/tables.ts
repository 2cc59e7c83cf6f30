// The tables for back ends (schema 9): keys of the API and bans, webhooks, media, and the operations on data. Each area
// has its tables in a file of its own.

import { dataTables } from "./data-tables.ts";
import { hookTables } from "./hook-tables.ts";
import { banTables, keyTables } from "./key-tables.ts";
import { mediaTables } from "./media-tables.ts";

/** Stores of schema 8 that were made before its release lack these. */
const lateIndexes = `
CREATE INDEX IF NOT EXISTS entry_client ON roost.entry (refers, actor, client_id) WHERE client_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS member_ended ON roost.member (chat_group, until_id) WHERE until_id IS NOT NULL;
`;

export const backEndTables: string = [
  // Writers lock this first: none of them holds a lock for which this waits.
  "SELECT FROM roost.sequence FOR UPDATE;",
  lateIndexes,
  keyTables,
  banTables,
  hookTables,
  mediaTables,
  dataTables,
].join("\n");
