// What must never go backwards in a salvaged store: the last id, and the numbers of accounts and groups, including
// those whose rows are lost.

import type { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { clockMsEnd, smallestIdAt } from "../../snowflake.ts";
import { openUnlocked } from "../connection.ts";
import { indexesBeside } from "../index/former-index.ts";
import { indexPathOf } from "../index/index-file.ts";

/**
 * Larger values are not ids. The limit does not depend on a clock, which may be wrong and far behind the ids. It allows
 * ids a year beyond the last valid time.
 */
export const idMax = smallestIdAt(clockMsEnd + 366 * 86_400_000);
/** Numbers are 31 bits (posting.ts). */
const numberMax = 2n ** 31n;

/**
 * Inserts a placeholder for each account and group that is referenced but whose row is lost; otherwise another account
 * would get the number and could read what is not its own. Returns their count.
 */
export function keepNumbers(target: Database): number {
  // A damaged row may refer to anything.
  const accounts = target.run(
    `INSERT OR IGNORE INTO account (number, app, name)
     SELECT number, '', 'lost-' || number FROM (
       SELECT sender AS number FROM message UNION SELECT inbox FROM message WHERE inbox > 0
       UNION SELECT account FROM member UNION SELECT owner FROM "group" UNION SELECT account FROM cursor
       UNION SELECT actor FROM entry UNION SELECT account FROM reaction UNION SELECT account FROM hidden
       UNION SELECT account FROM conversation UNION SELECT other FROM conversation WHERE other > 0
       UNION SELECT maker FROM invitation UNION SELECT account FROM join_request UNION SELECT account FROM pin
       UNION SELECT first FROM pin UNION SELECT other FROM pin UNION SELECT account FROM block
       UNION SELECT blocked FROM block UNION SELECT account FROM consent UNION SELECT account FROM profile
       UNION SELECT account FROM media
       UNION SELECT CAST(n.value AS INTEGER) FROM entry e, json_each('[' || e.accounts || ']') n
       WHERE json_valid('[' || e.accounts || ']')
     ) WHERE number > 0 AND number < ${numberMax} AND number NOT IN (SELECT number FROM account)`,
  ).changes;
  const groups = target.run(
    `INSERT OR IGNORE INTO "group"
       (number, app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)
     SELECT number, '', 'lost-' || number, '', '', '', 0, 1, 0, 0, 0 FROM (
       SELECT -inbox AS number FROM message WHERE inbox < 0 UNION SELECT "group" FROM member
       UNION SELECT -other FROM conversation WHERE other < 0 UNION SELECT -first FROM pin WHERE first < 0
       UNION SELECT "group" FROM invitation UNION SELECT "group" FROM join_request
       UNION SELECT -inbox FROM entry WHERE inbox < 0
     ) WHERE number > 0 AND number < ${numberMax} AND number NOT IN (SELECT number FROM "group")`,
  ).changes;
  return accounts + groups;
}

/** Sets the last id to the largest id that is known to have been used. */
export function keepLastId(target: Database, path: string): bigint {
  const seen = target
    .query<{ id: bigint | null }, [bigint]>(
      `SELECT max(id) AS id FROM (
         SELECT id FROM message UNION ALL SELECT version FROM "group" UNION ALL SELECT from_id FROM member
         UNION ALL SELECT until_id FROM member UNION ALL SELECT acked FROM cursor UNION ALL SELECT last_id FROM sequence
         UNION ALL SELECT id FROM entry UNION ALL SELECT version FROM hidden UNION ALL SELECT version FROM conversation
         UNION ALL SELECT dismissed_id FROM "group" UNION ALL SELECT guard_id FROM sequence
         UNION ALL SELECT version FROM block UNION ALL SELECT version FROM consent UNION ALL SELECT version FROM profile
         UNION ALL SELECT version FROM api_key UNION ALL SELECT id FROM operation
         UNION ALL SELECT checked_id FROM app_data
         UNION ALL SELECT version FROM media
         UNION ALL SELECT version FROM hook UNION ALL SELECT told FROM hook
       ) WHERE id <= ?`,
    )
    .get(idMax)?.id;
  const known = [seen ?? 0n, ...indexesBeside(indexPathOf(path)).map((index) => flushedIdOf(index.path))];
  const lastId = known.reduce((greatest, id) => (id > greatest ? id : greatest));
  target.run("INSERT OR IGNORE INTO sequence (one, last_id, committed_ms) VALUES (1, 0, 0)");
  // Processes compare the version of blocks and settings: what is beyond the last id was no version.
  target.run(
    `UPDATE sequence SET last_id = ?1, guard_id = (
       SELECT ifnull(max(version), 0) FROM (
         SELECT version FROM block UNION ALL SELECT version FROM consent UNION ALL SELECT guard_id FROM sequence
       ) WHERE version <= ?1)`,
    [lastId],
  );
  return lastId;
}

/** Returns the last id that was flushed to the index; 0n if it cannot be read. */
function flushedIdOf(indexPath: string): bigint {
  if (!existsSync(indexPath)) return 0n;
  try {
    using index = openUnlocked(indexPath, 1024);
    return index.prepare<{ id: bigint }, []>("SELECT folded_id AS id FROM state").get()?.id ?? 0n;
  } catch (error) {
    if (error instanceof Error) return 0n;
    throw error;
  }
}
