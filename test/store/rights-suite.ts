// Every cell of the tables of rights (rights-table.ts) tried on a store, each in a group, or with accounts, of its own.

import { describe, expect, test } from "bun:test";
import { openForAll, type StorePlace } from "./opened-store.ts";
import { actors, directTable, type GroupState, relations, type Row, rowsOf, tables, verdicts } from "./rights-table.ts";
import { directTry, groupTry, tryOnStore } from "./rights-stage.ts";
import { ofTest } from "./samples.ts";

export const groupStates = Object.keys(tables).filter((name): name is GroupState => name in tables);

/** A line of a table with what was found, and with what is expected. */
export async function comparedRow<Column extends string>(
  { action, target, cells }: Row<Column>,
  found: (column: Column) => Promise<string>,
): Promise<readonly [found: string, expected: string]> {
  const results = await Promise.all(cells.map(([column]) => found(column)));
  const line = (words: readonly string[]): string =>
    [`${action}:${target}`, ...words.map((word, at) => `${cells[at]?.[0]} ${word}`)].join(", ");
  return [line(results), line(cells.map(([, verdict]) => verdicts[verdict]))];
}

export function rightsSuite(name: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${name}, rights`, () => {
    const opened = openForAll(makePlace);

    for (const state of groupStates) {
      test(`in a group that is ${state}`, async () => {
        const lines = await Promise.all(
          rowsOf(tables[state], actors).map((row) =>
            comparedRow(row, async (actor) => {
              const its = await groupTry(opened.store, ofTest.app, { state, actor, target: row.target });
              return tryOnStore(opened.store, row.action, its, false);
            }),
          ),
        );
        expect(lines.map(([found]) => found)).toEqual(lines.map(([, expected]) => expected));
      }, 60_000);
    }

    test("in a group that is dismissed, whose housekeeping is done", async () => {
      const state = "dismissed";
      const rows = rowsOf(tables[state], actors);
      const tries = rows.map(({ target, cells }) =>
        cells.map(([actor]) => groupTry(opened.store, ofTest.app, { state, actor, target })),
      );
      const made = await Promise.all(tries.map((row) => Promise.all(row)));
      await opened.place.tidyGroups?.();
      const lines = await Promise.all(
        rows.map((row, at) =>
          comparedRow(row, async (actor) => {
            const its = made[at]?.[actors.indexOf(actor)];
            return its === undefined ? "no try" : tryOnStore(opened.store, row.action, its, false);
          }),
        ),
      );
      expect(lines.map(([found]) => found)).toEqual(lines.map(([, expected]) => expected));
    }, 60_000);

    test("between two accounts, by what the second has set about the first", async () => {
      const lines = await Promise.all(
        rowsOf(directTable, relations).map((row) =>
          comparedRow(row, async (relation) => {
            const its = await directTry(opened.store, ofTest.app, relation, row.action);
            return tryOnStore(opened.store, row.action, its, true);
          }),
        ),
      );
      expect(lines.map(([found]) => found)).toEqual(lines.map(([, expected]) => expected));
    }, 60_000);
  });
}
