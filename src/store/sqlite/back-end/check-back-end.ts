// Checks the tables for back ends.

import type { Database } from "bun:sqlite";
import { mediaState } from "../../media.ts";

const questions: readonly [what: string, sql: string][] = [
  ["keys of the API are beyond the last id", "SELECT 1 FROM api_key WHERE version > (SELECT last_id FROM sequence)"],
  [
    "operations, imports or watermarks are beyond the last id",
    `SELECT 1 FROM operation WHERE id > (SELECT last_id FROM sequence)
     UNION ALL SELECT 1 FROM app_data WHERE max(checked_id, watermark_id) > (SELECT last_id FROM sequence)`,
  ],
  ["operations are of accounts without a number", "SELECT account FROM operation EXCEPT SELECT number FROM account"],
  [
    "webhooks are beyond the last id",
    "SELECT 1 FROM hook WHERE max(id, version, told, undelivered) > (SELECT last_id FROM sequence)",
  ],
  ["batches are of no webhook", "SELECT 1 FROM hook_batch WHERE hook NOT IN (SELECT id FROM hook)"],
  [
    "bans are of accounts whose tokens are not revoked; gateways do not know of them",
    `SELECT 1 FROM ban b WHERE NOT EXISTS (
       SELECT 1 FROM revocation r WHERE r.kind = 'revoke' AND r.app = b.app AND r.account = b.account)`,
  ],
  ["files are beyond the last id", "SELECT 1 FROM media WHERE version > (SELECT last_id FROM sequence)"],
  ["files have no account", "SELECT 1 FROM media WHERE account NOT IN (SELECT number FROM account)"],
  [
    "files of messages are not there",
    `SELECT 1 FROM media_use u WHERE NOT EXISTS (
       SELECT 1 FROM media m WHERE m.id = u.media AND m.state = ${mediaState.named})`,
  ],
  [
    "files are kept that no message names",
    `SELECT 1 FROM media m WHERE m.state = ${mediaState.named} AND m.id NOT IN (SELECT media FROM media_use)`,
  ],
];

/** Returns a sentence for each inconsistency. */
export function wrongBackEnd(log: Database): string[] {
  return questions.flatMap(([what, sql]) => {
    const rows = log.query<{ rows: bigint }, []>(`SELECT count(*) AS rows FROM (${sql})`).get()?.rows ?? 0n;
    return rows > 0n ? [`${rows} ${what}`] : [];
  });
}
