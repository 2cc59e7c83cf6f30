// The rows of operations, for the writer and the reader.

import type { Database } from "bun:sqlite";
import type { Operation } from "../../data.ts";
import { type DeletionPlace, isDeletionStep } from "./deletion-steps.ts";

/** An operation is remembered for this long after its end. */
const keptSeconds = 7 * 86_400;

export interface OperationRow {
  readonly id: bigint;
  readonly app: string;
  readonly name: string;
  readonly account: bigint;
  readonly step: string;
  readonly position: bigint;
  readonly rows: bigint;
  readonly started_s: bigint;
  readonly ended_s: bigint;
}

export class OperationRows {
  private readonly sql;

  constructor(db: Database) {
    const columns = "id, app, name, account, step, position, rows, started_s, ended_s";
    this.sql = {
      find: db.prepare<OperationRow, [bigint]>(`SELECT ${columns} FROM operation WHERE id = ?`),
      first: db.prepare<OperationRow, []>(`SELECT ${columns} FROM operation WHERE step <> 'done' ORDER BY id LIMIT 1`),
      add: db.prepare<null, [bigint, string, string, bigint, string, bigint]>(
        `INSERT INTO operation (id, app, name, account, step, position, rows, started_s, ended_s)
         VALUES (?, ?, ?, ?, ?, 0, 0, ?, 0)`,
      ),
      // The name of a deleted account goes last.
      save: db.prepare<null, [string, bigint, number, bigint, bigint]>(
        `UPDATE operation SET step = ?1, position = ?2, rows = rows + ?3, ended_s = ?4,
           name = CASE WHEN ?1 = 'done' THEN '' ELSE name END
         WHERE id = ?5`,
      ),
      dropEnded: db.prepare<null, [bigint]>("DELETE FROM operation WHERE step = 'done' AND ended_s < ?"),
    };
  }

  find(id: bigint): OperationRow | null {
    return this.sql.find.get(id);
  }

  /** Where the oldest operation is that runs. */
  due(): DeletionPlace | undefined {
    const row = this.sql.first.get();
    return row === null ? undefined : placeOf(row);
  }

  add({ id, app, name, account, step }: Pick<OperationRow, "id" | "app" | "name" | "account" | "step">, nowS: bigint) {
    this.sql.dropEnded.run(nowS - BigInt(keptSeconds));
    this.sql.add.run(id, app, name, account, step, nowS);
  }

  /** `rows` were dealt with. */
  save(id: bigint, step: string, position: bigint, rows: number, nowS: bigint): void {
    this.sql.save.run(step, position, rows, step === "done" ? nowS : 0n, id);
  }
}

export function operationOf(row: OperationRow): Operation {
  return {
    id: row.id,
    app: row.app,
    kind: "delete-data",
    account: row.name,
    state: row.step === "done" ? "done" : "running",
    done: Number(row.rows),
    startedAt: Number(row.started_s),
    endedAt: Number(row.ended_s),
  };
}

export function placeOf({ id, account, step, position }: OperationRow): DeletionPlace {
  // A program of a later schema would have migrated the store.
  if (!isDeletionStep(step)) throw new Error(`an operation has no step ${JSON.stringify(step)}`);
  return { operation: `${id}`, account: `${account}`, step, position: `${position}` };
}
