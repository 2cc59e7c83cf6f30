// Checks the tables for back ends.

import type { Database } from "bun:sqlite";

const questions: readonly [what: string, sql: string][] = [
  ["keys of the API are beyond the last id", "SELECT 1 FROM api_key WHERE version > (SELECT last_id FROM sequence)"],
  [
    "operations, imports or watermarks are beyond the last id",
    `SELECT 1 FROM operation WHERE id > (SELECT last_id FROM sequence)
     UNION ALL SELECT 1 FROM app_data WHERE max(checked_id, watermark_id) > (SELECT last_id FROM sequence)`,
  ],
  ["operations are of accounts without a number", "SELECT account FROM operation EXCEPT SELECT number FROM account"],
  [
    "bans are of accounts whose tokens are not revoked; gateways do not know of them",
    `SELECT 1 FROM ban b WHERE NOT EXISTS (
       SELECT 1 FROM revocation r WHERE r.kind = 'revoke' AND r.app = b.app AND r.account = b.account)`,
  ],
];

/** Returns a sentence for each inconsistency. */
export function wrongBackEnd(log: Database): string[] {
  return questions.flatMap(([what, sql]) => {
    const rows = log.query<{ rows: bigint }, []>(`SELECT count(*) AS rows FROM (${sql})`).get()?.rows ?? 0n;
    return rows > 0n ? [`${rows} ${what}`] : [];
  });
}
