// Answers calls for back ends by their names: in a write transaction of the writer, and in a snapshot of the reader.

import type { Database } from "bun:sqlite";
import { writeHooks } from "../hooks/hook-writer.ts";
import type { IdSequence } from "../../snowflake.ts";
import type { BulkRead, BulkWrite } from "../bulk/bulk-calls.ts";
import type { BackEndAnswer, BackEndRead, BackEndWrite } from "./calls.ts";
import { createKey, keysAfter, revokeKey } from "./keys.ts";
import { keepBan, keepRevocation, readRevocations } from "./revocations.ts";

/** Calls of exports, imports and deletions have classes of their own (../bulk/). */
export function written(
  db: Database,
  call: Exclude<BackEndWrite, BulkWrite>,
  ids: IdSequence,
  wallMs: number,
): BackEndAnswer {
  switch (call.call) {
    case "revoke":
      return keepRevocation(db, call.revocation, call.keptMax, ids, wallMs);
    case "ban":
      return keepBan(db, call.ban, call.keptMax, ids, wallMs);
    case "createKey":
      return createKey(db, call.draft, ids, wallMs);
    case "revokeKey":
      return revokeKey(db, call.id, ids, wallMs);
    case "hook":
      return writeHooks(db, call.request, ids, wallMs);
  }
}

export function read(db: Database, call: Exclude<BackEndRead, BulkRead>): BackEndAnswer {
  switch (call.call) {
    case "revocations":
      return readRevocations(db, BigInt(call.after), call.limit);
    case "keysAfter":
      return keysAfter(db, BigInt(call.version), call.limit);
  }
}
