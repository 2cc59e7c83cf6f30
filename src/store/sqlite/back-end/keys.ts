// Keys of the API in the file (ApiKeyStore).

import type { Database } from "bun:sqlite";
import { apiKeysMax } from "../../../base/limits/fixed.ts";
import type { ApiKeyDraft, StoredApiKey } from "../../api-keys.ts";
import type { IdSequence } from "../../snowflake.ts";

interface Row {
  readonly id: string;
  readonly app: string;
  readonly scopes: string;
  readonly name: string;
  readonly hash: string;
  readonly version: bigint;
  readonly created_ms: bigint;
  readonly revoked_ms: bigint;
}

const columns = "id, app, scopes, name, hash, version, created_ms, revoked_ms";

/** Inside the write transaction; undefined if `apiKeysMax` keys are in force. See ApiKeyStore.create. */
export function createKey(db: Database, draft: ApiKeyDraft, ids: IdSequence, wallMs: number): StoredApiKey | undefined {
  const known = db.query<Row, [string]>(`SELECT ${columns} FROM api_key WHERE hash = ?`).get(draft.hash);
  if (known !== null) return keyOf(known);
  const count = db.query<{ rows: bigint }, []>("SELECT count(*) AS rows FROM api_key").get()?.rows ?? 0n;
  if (count >= apiKeysMax) {
    const freed = db.run(
      `DELETE FROM api_key WHERE number =
         (SELECT number FROM api_key WHERE revoked_ms > 0 ORDER BY revoked_ms, version LIMIT 1)`,
    );
    if (freed.changes === 0) return undefined;
  }
  const row = db
    .query<Row, [string, string, string, string, string, bigint, number]>(
      `INSERT INTO api_key (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, 0) RETURNING ${columns}`,
    )
    .get(draft.id, draft.app, draft.scopes.join(","), draft.name, draft.hash, ids.next(wallMs), wallMs);
  return row === null ? undefined : keyOf(row);
}

/** Inside the write transaction. See ApiKeyStore.revoke. */
export function revokeKey(db: Database, id: string, ids: IdSequence, wallMs: number): StoredApiKey | undefined {
  const known = db.query<Row, [string]>(`SELECT ${columns} FROM api_key WHERE id = ?`).get(id);
  if (known === null) return undefined;
  if (known.revoked_ms > 0n) return keyOf(known);
  const changed = { ...known, version: ids.next(wallMs), revoked_ms: BigInt(wallMs) };
  db.query<null, [bigint, bigint, string]>("UPDATE api_key SET version = ?, revoked_ms = ? WHERE id = ?").run(
    changed.version,
    changed.revoked_ms,
    id,
  );
  return keyOf(changed);
}

export function keysAfter(db: Database, version: bigint, limit: number): StoredApiKey[] {
  return db
    .query<Row, [bigint, number]>(`SELECT ${columns} FROM api_key WHERE version > ? ORDER BY version LIMIT ?`)
    .all(version, limit)
    .map(keyOf);
}

function keyOf({ scopes, created_ms: createdMs, revoked_ms: revokedMs, ...row }: Row): StoredApiKey {
  return { ...row, scopes: scopes.split(","), createdMs: Number(createdMs), revokedMs: Number(revokedMs) };
}
