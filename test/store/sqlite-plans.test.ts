// How SQLite finds the rows of the statements of a writer and a reader: by an index, and in its order, unless there are
// few. What a request reads must not grow with what accounts can heap up (former memberships, blocks, entries).

import { Database } from "bun:sqlite";
import { expect, spyOn, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { systemRuntime } from "../../src/base/runtime.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { Process } from "./log-process.ts";

const freshPath = temporaryPaths("sqlite-plans-");

/** What sorts or scans, and why there is little of it: the beginnings of the statements. */
const few = [
  // All members of a group are asked for.
  "SELECT m.account, a.name FROM member m JOIN account a ON a.number = m.account",
  "SELECT a.name AS account, m.alias, m.avatar, m.joined_ms FROM member m",
  "SELECT a.name AS account, CASE WHEN m.from_id > ?2 THEN m.from_id END AS joined FROM member m",
  // At most `joinRequestsPerGroup` and `joinRequestsPerAccount`.
  "DELETE FROM join_request WHERE number IN",
  // At most 10,000 of them.
  "SELECT count(*) AS count FROM (SELECT 1 FROM member WHERE account = ? LIMIT ?)",
  // At most `blocksPerAccount`.
  "SELECT a.name FROM block b JOIN account a",
];

/** Statements of a writer and a reader, and the database that they are for. */
function preparedStatements(): { readonly prepared: ReadonlySet<string>; readonly db: Database } {
  const prepared = new Set<string>();
  const prepare = spyOn(Database.prototype, "prepare");
  const path = freshPath();
  writeFileSync(path, "");
  const { clock } = systemRuntime;
  const process = new Process(path, "w", clock, 1_000);
  for (const [call, [sql]] of prepare.mock.calls.entries()) {
    const db: unknown = prepare.mock.contexts[call];
    if (db instanceof Database && db.filename === path) prepared.add(sql.replace(/\s+/g, " ").trim());
  }
  prepare.mockRestore();
  process.die();
  return { prepared, db: openConnection({ path, synchronous: "NORMAL", cacheKib: 256 }) };
}

function planOf(db: Database, sql: string): readonly string[] {
  return db
    .query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`)
    .all()
    .map(({ detail }) => detail);
}

test("what a request looks for among what accounts can heap up is found by all of its key", () => {
  const { prepared, db } = preparedStatements();
  const indexes = {
    "SELECT id, at_ns FROM entry WHERE refers = ? AND actor = ?": "entry_client (refers=? AND actor=? AND client_id=?)",
    "SELECT id, at_ns FROM ( SELECT id, at_ns, kind FROM entry": "entry_refers (refers=?)",
    "SELECT count(*) AS count FROM conversation WHERE account = ? AND pinned = 1": "conversation_pinned (account=?)",
    "SELECT 1 AS one WHERE coalesce": "member_window (account=? AND group=? AND from_id<?)",
    "SELECT 1 AS one FROM message m WHERE m.id = ?1": "member_window (account=? AND group=? AND from_id<?)",
  };
  for (const [beginning, index] of Object.entries(indexes)) {
    const found = [...prepared].filter((sql) => sql.startsWith(beginning));
    expect([beginning, found.length]).toEqual([beginning, 1]);
    for (const sql of found) {
      const plan = planOf(db, sql).join("; ");
      expect(plan).toContain(index);
      expect(plan).not.toContain("TEMP B-TREE");
    }
  }
  db.close();
});

test("no statement about groups and people scans or sorts what grows without a bound", () => {
  const { prepared, db } = preparedStatements();
  const tables = /\b(?:member|invitation|join_request|pin|block|consent|profile)\b/;
  const wrong: string[] = [];
  let explained = 0;
  for (const sql of prepared) {
    if (!tables.test(sql) || !/^(?:SELECT|INSERT|UPDATE|DELETE)/.test(sql)) continue;
    explained++;
    if (few.some((beginning) => sql.startsWith(beginning))) continue;
    const plan = planOf(db, sql);
    const costly = plan.filter((detail) => /TEMP B-TREE|SCAN (?!CONSTANT ROW)/.test(detail));
    if (costly.length > 0) wrong.push(`${sql}: ${plan.join("; ")}`);
  }
  db.close();
  expect(explained).toBeGreaterThan(50);
  expect(wrong).toEqual([]);
});
