// Checks the tables of groups and people: what they refer to must exist, unless the retention has deleted it.

import type { Database } from "bun:sqlite";
import { isDangling } from "../conversations/check-tables.ts";

const questions: readonly [what: string, sql: string][] = [
  ["pinned messages do not exist", `SELECT 1 FROM pin WHERE ${isDangling("message")}`],
  [
    "pins, blocks, settings, profiles or requests are of accounts without a name",
    `SELECT account FROM (
       SELECT account FROM pin UNION SELECT account FROM block UNION SELECT blocked FROM block
       UNION SELECT account FROM consent UNION SELECT account FROM profile UNION SELECT account FROM join_request
       UNION SELECT maker FROM invitation) EXCEPT SELECT number FROM account`,
  ],
  [
    "invitations or requests are of groups that do not exist",
    `SELECT "group" FROM (SELECT "group" FROM invitation UNION SELECT "group" FROM join_request)
     EXCEPT SELECT number FROM "group"`,
  ],
  [
    "entries name accounts that do not exist",
    `SELECT DISTINCT n.value FROM entry e, json_each('[' || e.accounts || ']') n
     WHERE e.accounts IS NOT NULL EXCEPT SELECT number FROM account`,
  ],
  [
    "owners of groups have the role of an admin, too",
    `SELECT 1 FROM "group" g JOIN member m ON m."group" = g.number AND m.account = g.owner
     WHERE m.until_id IS NULL AND m.role > 0`,
  ],
  [
    "members of dismissed groups have left them after their end",
    `SELECT 1 FROM member m JOIN "group" g ON g.number = m."group"
     WHERE g.dismissed_id > 0 AND m.until_id > g.dismissed_id`,
  ],
  ["dismissed groups have members", `SELECT 1 FROM "group" WHERE dismissed_id > 0 AND member_count > 0`],
  [
    "blocks, settings or profiles are beyond the last id",
    `SELECT 1 FROM (
       SELECT version FROM block UNION ALL SELECT version FROM consent UNION ALL SELECT version FROM profile
       UNION ALL SELECT dismissed_id FROM "group") WHERE version > (SELECT last_id FROM sequence)`,
  ],
  [
    "blocks or settings are newer than the version that processes compare",
    `SELECT 1 FROM (SELECT version FROM block UNION ALL SELECT version FROM consent)
     WHERE version > (SELECT guard_id FROM sequence)`,
  ],
];

/** Returns a sentence for each inconsistency. */
export function wrongPeople(log: Database): string[] {
  return questions.flatMap(([what, sql]) => {
    const rows = log.query<{ rows: bigint }, []>(`SELECT count(*) AS rows FROM (${sql})`).get()?.rows ?? 0n;
    return rows > 0n ? [`${rows} ${what}`] : [];
  });
}
