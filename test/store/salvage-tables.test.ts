// A salvage of a file whose schema is lost recognises tables by the types of their rows: no two may have the same.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { soughtOf } from "../../src/store/sqlite/salvage/table-search.ts";
import { migrations } from "../../src/store/sqlite/schema.ts";

/** Found by other means, or made anew. */
const apart = new Set(["node", "hook_lease", "log", "group_count", "unfinished", "sequence", "cursor"]);

test("each table that a salvage looks for by its rows has other types than all others", () => {
  const sample = new Database(":memory:", { safeIntegers: true });
  for (const migration of migrations) sample.run(migration);
  const tables = sample
    .query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
    .map(({ name }) => name)
    .filter((name) => !apart.has(name));
  // Those of a single row are looked for by its number, too.
  const sought = soughtOf(sample, tables).filter(({ isSingle }) => !isSingle);
  const shapes = Map.groupBy(sought, ({ kind, columns }) => [kind, ...columns.map(({ type }) => type)].join(" "));
  const alike = [...shapes.values()].filter(({ length }) => length > 1);
  expect(alike.map((same) => same.map(({ name }) => name))).toEqual([]);
  sample.close();
});
