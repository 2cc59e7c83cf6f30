// Kicks, revocations and bans in the file (RevocationStore). The next row for the same account, kind and device takes
// the place of a row, under a new id: a client that has read up to an id finds all later changes above it.

import type { Database } from "bun:sqlite";
import type { Revocation, RevocationKind, StoredRevocation } from "../../../wire/revocations.ts";
import { type Ban, type BanOutcome, kickKeptMs, type RevokeOutcome } from "../../revocations.ts";
import type { IdSequence } from "../../snowflake.ts";

interface Row {
  readonly id: bigint;
  readonly app: string;
  readonly account: string;
  readonly kind: RevocationKind;
  readonly device: string | null;
  readonly before_ms: bigint;
  readonly until_ms: bigint | null;
}

/** Inside the write transaction; `full` if `keptMax` others are stored. */
export function keepRevocation(
  db: Database,
  { app, account, kind, device, beforeMs }: Revocation,
  keptMax: number,
  ids: IdSequence,
  wallMs: number,
): RevokeOutcome {
  const same = "app = ? AND account = ? AND kind = ? AND device IS ?";
  const key: [string, string, string, string | null] = [app, account, kind, device ?? null];
  const known = db
    .query<{ before_ms: bigint | null }, typeof key>(`SELECT max(before_ms) AS before_ms FROM revocation WHERE ${same}`)
    .get(...key)?.before_ms;
  if (typeof known !== "bigint" && keptIn(db) >= keptMax) {
    db.query<null, [number]>("DELETE FROM revocation WHERE kind = 'kick' AND before_ms < ?").run(wallMs - kickKeptMs);
    if (keptIn(db) >= keptMax) return { result: "full" };
  }
  db.query<null, typeof key>(`DELETE FROM revocation WHERE ${same}`).run(...key);
  const id = ids.next(wallMs);
  db.query<null, [bigint, ...typeof key, number]>("INSERT INTO revocation VALUES (?, ?, ?, ?, ?, ?)").run(
    id,
    ...key,
    Math.max(beforeMs, Number(known ?? 0n)),
  );
  return { result: "stored", id };
}

/** Inside the write transaction; see RevocationStore.ban. */
export function keepBan(
  db: Database,
  { app, account, beforeMs, untilMs }: Ban,
  keptMax: number,
  ids: IdSequence,
  wallMs: number,
): BanOutcome {
  if (untilMs === 0) {
    const ended = db.query<null, [string, string]>("DELETE FROM ban WHERE app = ? AND account = ?").run(app, account);
    if (ended.changes === 0) return { result: "unchanged" };
  }
  const outcome = keepRevocation(
    db,
    { app, account, kind: "revoke", device: undefined, beforeMs },
    keptMax,
    ids,
    wallMs,
  );
  if (untilMs > 0 && outcome.result === "stored")
    db.query<null, [number, string, string]>(
      `INSERT INTO ban (until_ms, app, account) VALUES (?, ?, ?)
       ON CONFLICT (app, account) DO UPDATE SET until_ms = excluded.until_ms`,
    ).run(untilMs, app, account);
  return outcome;
}

function keptIn(db: Database): bigint {
  return db.query<{ kept: bigint }, []>("SELECT count(*) AS kept FROM revocation").get()?.kept ?? 0n;
}

export function readRevocations(db: Database, after: bigint, limit: number): StoredRevocation[] {
  const rows = db.query<Row, [bigint, number]>(
    `SELECT r.*, b.until_ms FROM revocation r
     LEFT JOIN ban b ON r.kind = 'revoke' AND b.app = r.app AND b.account = r.account
     WHERE r.id > ? ORDER BY r.id LIMIT ?`,
  );
  return rows.all(after, limit).map(({ before_ms: beforeMs, until_ms: untilMs, device, ...row }) => ({
    ...row,
    device: device ?? undefined,
    beforeMs: Number(beforeMs),
    ...(untilMs !== null && { untilMs: Number(untilMs) }),
  }));
}
