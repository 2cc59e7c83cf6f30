// Damage of the store's files. The index can be rebuilt from the log; the log cannot be rebuilt. SQLite reports damage
// of both with the same codes, so code that reads one of the files runs under its guard. Damage outside of both guards
// counts as damage of the log, which nearly all statements use.

import { SQLiteError, type Database } from "bun:sqlite";

const problemsMax = 20;

/** The index is damaged. It is rebuilt from the log. */
export class IndexDamage extends Error {
  override readonly name: string = "IndexDamage";
}

/** The open log was replaced by a backup. The index and whatever else was derived from the former log is rebuilt. */
export class LogReplaced extends IndexDamage {
  override readonly name = "LogReplaced";
}

/** The log is damaged. Its readable part is served; only a backup or a salvage repairs it. */
export class LogDamage extends Error {
  override readonly name = "LogDamage";
}

/** Reports whether an error says that the file's content is invalid or truncated. */
export function isDamage(error: unknown): error is SQLiteError {
  if (!(error instanceof SQLiteError)) return false;
  // TOOBIG: a length that no writer writes.
  if (/^SQLITE_(CORRUPT|NOTADB|TOOBIG|IOERR_CORRUPTFS|IOERR_SHORT_READ)/.test(error.code ?? "")) return true;
  // A table is missing although the file has this schema, or the header has another format.
  return error.code === "SQLITE_ERROR" && /^(no such (table|column)|unsupported file format)/.test(error.message);
}

/** Like `isDamage`, for a salvage: a damaged length may also exceed the memory. */
export function isUnreadable(error: unknown): error is SQLiteError {
  return isDamage(error) || (error instanceof SQLiteError && error.code === "SQLITE_NOMEM");
}

/** Runs `work`, which reads the index only; turns damage into IndexDamage. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isDamage(error) ? new IndexDamage(error.message, { cause: error }) : error;
  }
}

/** Runs `work`, which reads the log only; turns damage into LogDamage. */
export function guardedLog<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isDamage(error) ? new LogDamage(`${error.message} (${error.code})`, { cause: error }) : error;
  }
}

/**
 * Returns what is damaged in the log, as far as SQLite detects it, or undefined. Invalid content also causes errors
 * that look like bugs, so a process calls this before it ends with one. Reads the whole file.
 */
export function damageOf(log: Database): string | undefined {
  try {
    const tables = log
      .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
      .all();
    for (const { name } of tables) {
      // integrity_check also compares indexes with their tables, which takes too long for messages.
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

/** Returns what SQLite finds wrong, at most 20 sentences; none if the file is intact. */
export function integrityOf(db: Database): string[] {
  try {
    const rows = db.query<{ integrity_check: string }, []>(`PRAGMA integrity_check(${problemsMax})`).all();
    const said = rows.map((row) => row.integrity_check);
    return said.length === 1 && said[0] === "ok" ? [] : said.flatMap((text) => text.split("\n"));
  } catch (error) {
    if (isDamage(error)) return [error.message];
    throw error;
  }
}

/** Returns a sentence for each table with values of another type than their column. Reads the whole file. */
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

export function logDamageSentence(path: string, reason: string): string {
  return (
    `The message store ${path} is damaged: ${reason}. "roost check" says what is wrong, ` +
    '"roost restore" puts a backup back, and "roost repair --salvage" saves what can still be read into a new file'
  );
}
