// The retention of apps, inside the writer's transactions: watermarks move with trusted time (horizons.ts), never by
// one reading of a clock, and what is behind them loses its text in slices.

import type { Database } from "bun:sqlite";
import type { AppRetention } from "../../data.ts";
import type { IdSequence } from "../../snowflake.ts";
import { formerMs, isFormerHolder } from "../../lease-holder.ts";
import { leaseMs } from "../node-lease.ts";
import { TextEraser } from "../conversations/text-eraser.ts";
import type { Horizons } from "../horizons.ts";

const dayMs = 86_400_000;
/** Messages that a slice looks at, whomever they belong to, and those that it erases. */
const readMax = 2_000;
const erasedMax = 500;

interface KeepRow {
  readonly app: string;
  readonly keep_days: bigint;
  readonly watermark_id: bigint;
}
interface DueRow {
  readonly app: string;
  readonly watermark_id: bigint;
  readonly purged_id: bigint;
}

export class AppRetentions {
  private readonly eraser: TextEraser;
  private readonly sql;

  constructor(db: Database) {
    this.eraser = new TextEraser(db);
    this.sql = {
      keep: db.prepare<null, [string, number]>(
        `INSERT INTO app_data (watermark_id, app, import_state, checked_id, purged_id, keep_days)
         VALUES (0, ?, 'none', 0, 0, ?) ON CONFLICT (app) DO UPDATE SET keep_days = excluded.keep_days`,
      ),
      former: db.prepare<{ one: bigint }, [number, number]>(
        `SELECT 1 AS one FROM node WHERE until_ms BETWEEN ? AND ? AND ${isFormerHolder("holder")} LIMIT 1`,
      ),
      kept: db.prepare<KeepRow, []>("SELECT app, keep_days, watermark_id FROM app_data WHERE keep_days > 0"),
      move: db.prepare<null, [bigint, string]>("UPDATE app_data SET watermark_id = ? WHERE app = ?"),
      guard: db.prepare<null, [bigint]>("UPDATE sequence SET guard_id = ?"),
      due: db.prepare<DueRow, []>(
        "SELECT app, watermark_id, purged_id FROM app_data WHERE purged_id < watermark_id ORDER BY number LIMIT 1",
      ),
      rows: db.prepare<{ id: bigint; app: string }, [bigint, bigint]>(
        `SELECT m.id, a.app FROM message m JOIN account a ON a.number = m.sender
         WHERE m.id > ? AND m.id <= ? ORDER BY m.id LIMIT ${readMax}`,
      ),
      purged: db.prepare<null, [bigint, string]>("UPDATE app_data SET purged_id = ? WHERE app = ?"),
      read: db.prepare<KeepRow, [string]>("SELECT app, keep_days, watermark_id FROM app_data WHERE app = ?"),
    };
  }

  /** `days`: 0 keeps everything that is there still. */
  set(app: string, days: number, wallMs: number): AppRetention | "former" {
    if (days > 0 && this.sql.former.get(wallMs - formerMs, wallMs + leaseMs) !== null) return "former";
    this.sql.keep.run(app, days);
    return this.of(app);
  }

  of(app: string): AppRetention {
    const row = this.sql.read.get(app);
    return { days: Number(row?.keep_days ?? 0n), watermarkId: row?.watermark_id ?? 0n };
  }

  /** After a look at the clocks: moves the watermarks, never back. */
  move(ids: IdSequence, wallMs: number, horizons: Pick<Horizons, "trustedMs" | "marks">): void {
    const nowMs = horizons.trustedMs();
    if (nowMs === undefined) return;
    let hasMoved = false;
    for (const { app, keep_days: days, watermark_id: before } of this.sql.kept.all()) {
      const upTo = horizons.marks.lastIdAt(nowMs - Number(days) * dayMs);
      if (upTo <= before) continue;
      this.sql.move.run(upTo, app);
      hasMoved = true;
    }
    // Writers notice by the version (app-clips.ts).
    if (hasMoved) this.sql.guard.run(ids.next(wallMs));
  }

  /** Whether something is behind a watermark and not erased; cheap, and needs no lock. */
  get isDue(): boolean {
    return this.sql.due.get() !== null;
  }

  /** Erases a slice. */
  clean(): void {
    const due = this.sql.due.get();
    if (due === null) return;
    const rows = this.sql.rows.all(due.purged_id, due.watermark_id);
    let erased = 0;
    let last = rows.length < readMax ? due.watermark_id : (rows.at(-1)?.id ?? due.watermark_id);
    for (const { id, app } of rows) {
      if (app !== due.app) continue;
      this.eraser.recall(id);
      if (++erased < erasedMax) continue;
      last = id;
      break;
    }
    this.sql.purged.run(last, due.app);
  }
}
