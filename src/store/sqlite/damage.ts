// Damage of the files, told apart by file. The index can be made from the log again; the log cannot be made from anything.
// SQLite reports both with the same codes, so whoever reads one of the files says which by the guard it reads under.
// What is reported outside of both guards concerns the log: nearly all statements run on it.

import { SQLiteError, type Database } from "bun:sqlite";

/** The index is not what was written there. It is made from the log again. */
export class IndexDamage extends Error {
  override readonly name: string = "IndexDamage";
}

/**
 * The log is not the one that was followed: a backup was put into the open file. What was made from the former one, such as the
 * index, is made again.
 */
export class LogReplaced extends IndexDamage {
  override readonly name = "LogReplaced";
}

/** The log is not what was written there. What can be read is served; only a backup or a salvage mends it. */
export class LogDamage extends Error {
  override readonly name = "LogDamage";
}

/** Reports whether SQLite says that the content of the file is wrong, or that the file is shorter than it says itself. */
export function isDamage(error: unknown): error is SQLiteError {
  if (!(error instanceof SQLiteError)) return false;
  // Too big: a length that no writer writes.
  if (/^SQLITE_(CORRUPT|NOTADB|TOOBIG|IOERR_CORRUPTFS|IOERR_SHORT_READ)/.test(error.code ?? "")) return true;
  // A table of the schema is missing although the file says that it has this schema; or its head has another format.
  return error.code === "SQLITE_ERROR" && /^(no such (table|column)|unsupported file format)/.test(error.message);
}

/** Reports damage, as far as a salvage is concerned: a length that is damaged may be more than there is memory, too. */
export function isUnreadable(error: unknown): error is SQLiteError {
  return isDamage(error) || (error instanceof SQLiteError && error.code === "SQLITE_NOMEM");
}

/** Runs `work`, which reads the index only; what SQLite reports as damage is thrown as IndexDamage. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isDamage(error) ? new IndexDamage(error.message, { cause: error }) : error;
  }
}

/** Runs `work`, which reads the log only; what SQLite reports as damage is thrown as LogDamage. */
export function guardedLog<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isDamage(error) ? new LogDamage(`${error.message} (${error.code})`, { cause: error }) : error;
  }
}

/**
 * Reports whether the log is damaged, as far as SQLite can see: content that no writer writes also raises errors that look
 * like bugs. Reads the whole file; for a process that would end otherwise.
 */
export function damageOf(log: Database): string | undefined {
  try {
    const tables = log
      .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .all();
    for (const { name } of tables) {
      // An index of the table is compared with it, too, where that takes no time.
      const pragma = name === "message" ? "quick_check" : "integrity_check";
      const found = log.query<Record<string, string>, []>(`PRAGMA ${pragma}("${name}")`).get();
      const [said] = Object.values(found ?? {});
      if (said !== undefined && said !== "ok") return said;
    }
    return wrongTypesOf(log)[0];
  } catch (error) {
    if (isDamage(error)) return error.message;
    throw error;
  }
}

/** Rows that hold a value of another type than their column, which no writer writes; sentences. Reads the whole file. */
export function wrongTypesOf(db: Database): string[] {
  const columns = db
    .query<{ table: string; column: string; type: string }, []>(
      `SELECT t.name AS "table", c.name AS "column", c.type AS type FROM sqlite_schema t, pragma_table_info(t.name) c
       WHERE t.type = 'table' AND c.type IN ('INTEGER', 'TEXT') ORDER BY t.name`,
    )
    .all();
  const problems: string[] = [];
  for (const [table, own] of Map.groupBy(columns, (column) => column.table)) {
    const wrong = own.map(({ column, type }) => `typeof("${column}") NOT IN ('${type.toLowerCase()}', 'null')`);
    const rows = db.query<{ rows: bigint }, []>(`SELECT count(*) AS rows FROM "${table}" WHERE ${wrong.join(" OR ")}`);
    const count = rows.get()?.rows ?? 0n;
    if (count > 0n) problems.push(`${count} rows of ${table} hold values of a wrong type`);
  }
  return problems;
}

/** The sentence for the operator: what is damaged, and what can be done. */
export function logDamageSentence(path: string, reason: string): string {
  return (
    `The message store ${path} is damaged: ${reason}. "roost check" says what is wrong, "roost restore" puts a backup ` +
    'back, and "roost repair --salvage" saves what can still be read into a new file'
  );
}
