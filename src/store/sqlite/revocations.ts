// Kicks and revocations in the file (Store.revoke). The next row for the same account, kind and device replaces a row,
// under a new id: a client that has read up to an id finds all later changes above it.

import type { Database } from "bun:sqlite";
import type { Revocation, RevocationKind, StoredRevocation } from "../../wire/revocations.ts";
import { kickKeptMs } from "../revocations.ts";
import type { IdSequence } from "../snowflake.ts";

interface Row {
  readonly id: bigint;
  readonly app: string;
  readonly account: string;
  readonly kind: RevocationKind;
  readonly device: string | null;
  readonly before_ms: bigint;
}

/** Inside the write transaction: returns the new row's id, or undefined if `keptMax` others are stored. */
export function keepRevocation(
  db: Database,
  { app, account, kind, device, beforeMs }: Revocation,
  keptMax: number,
  ids: IdSequence,
  wallMs: number,
): bigint | undefined {
  const same = "app = ? AND account = ? AND kind = ? AND device IS ?";
  const key: [string, string, string, string | null] = [app, account, kind, device ?? null];
  const known = db
    .query<{ before_ms: bigint | null }, typeof key>(`SELECT max(before_ms) AS before_ms FROM revocation WHERE ${same}`)
    .get(...key)?.before_ms;
  if (typeof known !== "bigint" && keptIn(db) >= keptMax) {
    db.query<null, [number]>("DELETE FROM revocation WHERE kind = 'kick' AND before_ms < ?").run(wallMs - kickKeptMs);
    if (keptIn(db) >= keptMax) return undefined;
  }
  db.query<null, typeof key>(`DELETE FROM revocation WHERE ${same}`).run(...key);
  const id = ids.next(wallMs);
  db.query<null, [bigint, ...typeof key, number]>("INSERT INTO revocation VALUES (?, ?, ?, ?, ?, ?)").run(
    id,
    ...key,
    Math.max(beforeMs, Number(known ?? 0n)),
  );
  return id;
}

function keptIn(db: Database): bigint {
  return db.query<{ kept: bigint }, []>("SELECT count(*) AS kept FROM revocation").get()?.kept ?? 0n;
}

export function readRevocations(db: Database, after: bigint, limit: number): StoredRevocation[] {
  const rows = db.query<Row, [bigint, number]>("SELECT * FROM revocation WHERE id > ? ORDER BY id LIMIT ?");
  return rows.all(after, limit).map(({ before_ms: beforeMs, device, ...row }) => ({
    ...row,
    device: device ?? undefined,
    beforeMs: Number(beforeMs),
  }));
}
