// How far imports are, and whether an app takes them: nobody has used it but imports. The first page of an app makes
// sure of that by its accounts and groups; each later one by the messages that were committed since.

import type { Database } from "bun:sqlite";
import { importCursor, type ImportOutcome, type ImportPage } from "../../data.ts";
import type { Moment } from "../conversations/moment.ts";

/** Messages of others that one transaction looks at: some milliseconds. */
const checkedRowsMax = 20_000;

type ImportName = Pick<ImportPage, "app" | "name">;

/** Where an import is. */
interface ImportPlace {
  /** 0n: it has not begun. */
  readonly number: bigint;
  readonly stored: number;
  /** The records of the last page. */
  readonly pageRecords: number;
  readonly cursor: string;
  /** The cursor before the last page. */
  readonly formerCursor: string;
}

/** `checking`: more was committed since the last page than one transaction looks at; repeat the call. */
export type AppRefusal = Extract<ImportOutcome, { readonly result: "live" }> | { readonly result: "checking" };

interface ImportRow {
  readonly number: bigint;
  readonly stored: bigint;
  readonly page_records: bigint;
}
interface AppRow {
  readonly import_state: string;
  readonly checked_id: bigint;
}
interface CheckedRow {
  readonly rows: bigint;
  readonly last: bigint | null;
  readonly used: bigint | null;
}

export class ImportRows {
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      place: db.prepare<ImportRow, [string, string]>(
        "SELECT number, stored, page_records FROM import WHERE app = ? AND name = ?",
      ),
      begin: db.prepare<{ number: bigint }, [string, string]>(
        "INSERT INTO import (stored, page_records, app, name) VALUES (0, 0, ?, ?) RETURNING number",
      ),
      advance: db.prepare<null, [number, number, bigint]>(
        "UPDATE import SET stored = ?, page_records = ? WHERE number = ?",
      ),
      app: db.prepare<AppRow, [string]>("SELECT import_state, checked_id FROM app_data WHERE app = ?"),
      isUsed: db.prepare<{ one: bigint }, [string]>(
        `SELECT 1 AS one WHERE EXISTS (SELECT 1 FROM account WHERE app = ?1)
           OR EXISTS (SELECT 1 FROM "group" WHERE app = ?1)`,
      ),
      setApp: db.prepare<null, [string, string, bigint]>(
        `INSERT INTO app_data (watermark_id, app, import_state, checked_id, purged_id, keep_days)
         VALUES (0, ?, ?, ?, 0, 0)
         ON CONFLICT (app) DO UPDATE SET import_state = excluded.import_state, checked_id = excluded.checked_id`,
      ),
      look: db.prepare<CheckedRow, [string, bigint]>(
        `SELECT count(*) AS rows, max(m.id) AS last, max(a.app = ?1) AS used
         FROM (SELECT id, sender FROM message WHERE id > ?2 ORDER BY id LIMIT ${checkedRowsMax}) m
         JOIN account a ON a.number = m.sender`,
      ),
    };
  }

  find({ app, name }: ImportName): ImportPlace {
    const row = this.sql.place.get(app, name);
    const stored = Number(row?.stored ?? 0n);
    const pageRecords = Number(row?.page_records ?? 0n);
    const number = row?.number ?? 0n;
    return {
      number,
      stored,
      pageRecords,
      cursor: importCursor(stored),
      formerCursor: importCursor(stored - pageRecords),
    };
  }

  /** Returns why an app takes no page now. */
  refusal(app: string, { ids }: Moment): AppRefusal | undefined {
    const row = this.sql.app.get(app);
    if (row === null || row.import_state === "none")
      return this.sql.isUsed.get(app) === null ? undefined : { result: "live", isComplete: false };
    if (row.import_state === "live") return { result: "live", isComplete: false };
    if (row.import_state === "complete") return { result: "live", isComplete: true };
    const { rows, last, used } = this.sql.look.get(app, row.checked_id) ?? { rows: 0n, last: null, used: null };
    if (used === 1n) {
      this.sql.setApp.run(app, "live", ids.last);
      return { result: "live", isComplete: false };
    }
    if (rows < BigInt(checkedRowsMax) || last === null) return undefined;
    this.sql.setApp.run(app, "importing", last);
    return { result: "checking" };
  }

  /**
   * Lets no import begin in an app any more; `importing`: one has, and nobody has used the app in another way.
   * `checking`: as of a refusal.
   */
  close(app: string, moment: Moment): "importing" | "checking" | undefined {
    const state = this.sql.app.get(app)?.import_state ?? "none";
    if (state === "none") this.sql.setApp.run(app, "live", moment.ids.last);
    if (state !== "importing") return undefined;
    const refusal = this.refusal(app, moment);
    if (refusal === undefined) return "importing";
    return refusal.result === "checking" ? "checking" : undefined;
  }

  /** The number of an import, which begins if it has not. */
  begin({ app, name }: ImportName, { number }: ImportPlace): bigint {
    if (number > 0n) return number;
    const made = this.sql.begin.get(app, name);
    if (made === null) throw new Error("an inserted import has a number");
    return made.number;
  }

  /** Nobody else has used the app up to the store's last id. */
  setImporting(app: string, lastId: bigint): void {
    this.sql.setApp.run(app, "importing", lastId);
  }

  /** The page is stored; `lastId` is the store's last id now. */
  advance({ app, records, isLast }: ImportPage, before: ImportPlace, number: bigint, lastId: bigint): ImportOutcome {
    const stored = before.stored + records.length;
    // Behind an empty page the one before it may still be repeated.
    this.sql.advance.run(stored, records.length === 0 ? before.pageRecords : records.length, number);
    this.sql.setApp.run(app, isLast ? "complete" : "importing", lastId);
    return { result: "stored", cursor: importCursor(stored), stored, isRepeated: false };
  }
}
