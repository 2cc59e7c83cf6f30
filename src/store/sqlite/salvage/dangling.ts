// What refers to lost messages, accounts or groups in a salvaged store: a reaction to a lost message is nobody's.

import type { Database } from "bun:sqlite";
import { mediaState } from "../../media.ts";
import { isDangling, referringColumns } from "../conversations/check-tables.ts";

const { complete, named } = mediaState;

/** Deletes rows about lost messages and cursors of lost conversations; returns how many of each table. */
export function dropDangling(target: Database): ReadonlyMap<string, number> {
  const dropped = new Map<string, number>();
  for (const [table, column] of referringColumns.rows)
    dropped.set(table, target.run(`DELETE FROM ${table} WHERE ${isDangling(column)}`).changes);
  for (const column of referringColumns.messages)
    target.run(`UPDATE message SET ${column} = NULL WHERE ${isDangling(column)}`);
  dropped.set(
    "media_use",
    (dropped.get("media_use") ?? 0) +
      target.run("DELETE FROM media_use WHERE media NOT IN (SELECT id FROM media WHERE state = ?)", [named]).changes,
  );
  // Whether a lost row named them is unknown: they have the time of a file that no message names.
  target.run(
    `UPDATE media SET state = ?, version = (SELECT last_id FROM sequence)
     WHERE state = ? AND id NOT IN (SELECT media FROM media_use)`,
    [complete, named],
  );
  const cursors = target.run(
    `DELETE FROM read_mark WHERE read_id > (SELECT last_id FROM sequence)
       OR account NOT IN (SELECT number FROM account)
       OR (other > 0 AND other NOT IN (SELECT number FROM account))
       OR (other < 0 AND -other NOT IN (SELECT number FROM "group"))`,
  ).changes;
  return dropped.set("read_mark", cursors);
}
