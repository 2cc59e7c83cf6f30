// Finds the root page of each table in a store whose schema is lost or incomplete. Remnants of the schema are the best
// source, on whatever page they are. The tables of the first migration begin on known pages, which differ between a
// store that roost created and one that VACUUM INTO wrote (a restored backup). Later tables use whatever pages were
// free, and are recognised by their rows: a page without a parent whose first row has the table's types. Free pages,
// which hold deleted rows, are excluded.

import { Database } from "bun:sqlite";
import { isStoreIdentity } from "../../../auth/store-ownership.ts";
import { pageBytes, recordAt, type BtreePage, type PageFile, type PageKind, type Record } from "./btree-page.ts";
import { addedColumns, type AddedDefault, migrations } from "../schema.ts";

/** Not recognisable by rows: `run_time`, and schema 1's index on the clients' ids, have rows of the same types. */
const unrecognisable = new Set(["sequence", "cursor"]);

/** A table to find, or an index that contains a table's rows. */
export interface Sought {
  readonly name: string;
  readonly kind: PageKind;
  readonly columns: readonly SoughtColumn[];
  /** The table has a single row, with the rowid 1. */
  readonly isSingle: boolean;
}

export interface SoughtColumn {
  readonly name: string;
  /** INTEGER for a rowid, too. */
  readonly type: "INTEGER" | "TEXT";
  readonly isRowid: boolean;
  /** Its position in the primary key, from 1; else 0. */
  readonly key: number;
  readonly isNullable: boolean;
  /** Rows may end before this column and have this value then. */
  readonly added: AddedDefault | undefined;
}

/** The index of the accounts' names: the same rows on other pages. */
export const nameIndex = "sqlite_autoindex_account_1";

/** Describes tables of a store, and the index of names if `account` is among them. */
export function soughtOf(sample: Database, tables: readonly string[]): Sought[] {
  const sought = tables.map((name) => {
    const columns = sample
      .query<{ name: string; type: string; notnull: bigint; pk: bigint }, [string]>(
        'SELECT name, type, "notnull", pk FROM pragma_table_info(?)',
      )
      .all(name);
    const hasRowid =
      sample.query("SELECT 1 FROM pragma_table_list(?) WHERE wr = 0 AND schema = 'main'").get(name) !== null;
    return {
      name,
      kind: hasRowid ? ("table" as const) : ("index" as const),
      columns: columns.map((column): SoughtColumn => ({
        name: column.name,
        type: column.type === "TEXT" ? "TEXT" : "INTEGER",
        isRowid: hasRowid && column.pk === 1n && column.type === "INTEGER",
        key: Number(column.pk),
        isNullable: column.notnull === 0n && column.pk === 0n,
        added: addedColumns[name]?.[column.name],
      })),
      isSingle: columns.some((column) => column.name === "one"),
    };
  });
  const account = sought.find(({ name }) => name === "account");
  if (account === undefined) return sought;
  const [number, app, name] = ["number", "app", "name"].map((wanted) =>
    account.columns.filter((column) => column.name === wanted).map((column) => ({ ...column, isRowid: false })),
  );
  const columns = [...(app ?? []), ...(name ?? []), ...(number ?? [])];
  return [...sought, { name: nameIndex, kind: "index", columns, isSingle: false }];
}

type Fit = "rows" | "empty" | "damaged" | "other";
type Roots = ReadonlyMap<string, number>;

/** Returns the root page of each table that was found. Reads the whole file. */
export function findRoots(file: PageFile, sought: readonly Sought[]): Roots {
  const search = new Search(file);
  const roots = new Map<string, number>();
  const places = search.placesOf(sought);
  const claim = (name: string, page: number | undefined): void => {
    if (page !== undefined) roots.set(name, page);
  };
  for (const one of sought) {
    const hints = [search.schema.get(one.name), places.get(one.name)].filter((page) => page !== undefined);
    claim(
      one.name,
      hints.find((page) => ["rows", "empty"].includes(search.fit(one, page))),
    );
  }
  // Single-row tables first: another table may have a single row.
  for (const one of sought.toSorted((a, b) => Number(b.isSingle) - Number(a.isSingle)))
    if (!roots.has(one.name) && !unrecognisable.has(one.name))
      claim(one.name, search.largest(one, new Set(roots.values())));
  // A damaged root is reported when the table is read.
  for (const { name } of sought) {
    const page = search.schema.get(name) ?? places.get(name) ?? 0;
    if (!roots.has(name) && page > 1 && page <= file.pages) claim(name, page);
  }
  return roots;
}

class Search {
  /** The remnants of the schema, by name. */
  readonly schema = new Map<string, number>();
  private readonly file: PageFile;
  /** Children, free pages, and pages of neither a table nor an index. */
  private readonly isNoRoot: Uint8Array;

  constructor(file: PageFile) {
    this.file = file;
    this.isNoRoot = new Uint8Array(file.pages + 1);
    this.isNoRoot[1] = 1;
    for (let page = 1; page <= file.pages; page++) {
      const found = file.btree(page);
      for (const child of found?.children ?? freePagesOf(file, page)) this.isNoRoot[child] = 1;
      if (found === undefined) this.isNoRoot[page] = 1;
      else this.readSchema(page, found);
    }
  }

  private readSchema(page: number, found: BtreePage): void {
    if (found.kind !== "table" || !found.isLeaf) return;
    for (const cell of found.cells) {
      const values = recordAt(found, cell)?.values ?? [];
      const [type, name, , root] = values;
      if (values.length !== 5 || (type !== "table" && type !== "index")) return;
      if (typeof name === "string" && typeof root === "bigint" && root > 1n && root <= BigInt(this.file.pages))
        this.schema.set(name, Number(root));
      this.isNoRoot[page] = 1;
    }
  }

  /** Returns the layout that matches the file best. */
  placesOf(sought: readonly Sought[]): Roots {
    const judged = layouts().map((roots) => {
      const fits = sought.flatMap((one) => {
        const root = roots.get(one.name);
        return root === undefined ? [] : [this.fit(one, root)];
      });
      const count = (wanted: Fit): number => fits.filter((fit) => fit === wanted).length;
      return { roots, others: count("other"), rows: count("rows") };
    });
    judged.sort((a, b) => a.others - b.others || b.rows - a.rows);
    return judged[0]?.roots ?? new Map();
  }

  /** Judges whether a table may begin on a page. */
  fit(sought: Sought, page: number): Fit {
    const found = this.file.btree(page);
    if (found === undefined) return "damaged";
    if (found.kind !== sought.kind) return "other";
    if (found.isLeaf && found.cells.length === 0) return "empty";
    const leaf = this.firstRows(found);
    const [cell] = leaf?.cells ?? [];
    if (leaf === undefined || cell === undefined) return "damaged";
    const record = recordAt(leaf, cell);
    const isSingle = sought.isSingle && (!found.isLeaf || found.cells.length > 1 || record?.rowid !== 1n);
    return record !== undefined && !isSingle && isRowOf(sought, record) ? "rows" : "other";
  }

  /** Reads each page at most once: damaged pages may form a cycle. */
  private firstRows(root: BtreePage): BtreePage | undefined {
    const seen = new Set<number>();
    const holdsRows = (page: BtreePage): boolean => page.cells.length > 0 && (page.isLeaf || page.kind === "index");
    if (holdsRows(root)) return root;
    const ahead = root.children.toReversed();
    for (let number = ahead.pop(); number !== undefined; number = ahead.pop()) {
      if (seen.has(number)) continue;
      seen.add(number);
      const page = this.file.btree(number);
      if (page?.kind !== root.kind) continue;
      if (holdsRows(page)) return page;
      ahead.push(...page.children.toReversed());
    }
    return undefined;
  }

  /** Returns the root of the largest tree with a table's rows, except trees of other tables. */
  largest(sought: Sought, claimed: ReadonlySet<number>): number | undefined {
    let best: { readonly page: number; readonly pages: number } | undefined;
    for (let page = 2; page <= this.file.pages; page++) {
      if (this.isNoRoot[page] === 1 || claimed.has(page) || this.fit(sought, page) !== "rows") continue;
      const pages = this.pagesFrom(page);
      if (best === undefined || pages > best.pages) best = { page, pages };
    }
    return best?.page;
  }

  private pagesFrom(root: number): number {
    const seen = new Set([root]);
    for (const page of seen) for (const child of this.file.btree(page)?.children ?? []) seen.add(child);
    return seen.size;
  }
}

/** Returns the entries of a page of the list of free pages, if the page is one. */
export function freePagesOf(file: PageFile, page: number): number[] {
  const bytes = file.read(page);
  if (bytes === undefined) return [];
  const [next, count] = [bytes.readUInt32BE(0), bytes.readUInt32BE(4)];
  if (next > file.pages || count > pageBytes / 4 - 2) return [];
  const free = Array.from({ length: count }, (_, i) => bytes.readUInt32BE(8 + 4 * i));
  const isList = free.every((one) => one > 1 && one <= file.pages) && new Set(free).size === count;
  return isList ? free : [];
}

export function isRowOf({ columns, isSingle }: Sought, { values }: Record): boolean {
  return (
    values.length <= columns.length &&
    columns.every(({ type, isRowid, isNullable, added }, i) => {
      const value = values[i];
      if (value === undefined) return added !== undefined;
      // A table's record has NULL in place of its rowid.
      if (isRowid || value === null) return value === null && (isRowid || isNullable);
      if (type === "INTEGER") return typeof value === "bigint";
      // The only single-row table with text is the identity.
      return typeof value === "string" && (!isSingle || isStoreIdentity(value));
    })
  );
}

/** The roots of the first migration's tables: in a new store, and in one that VACUUM INTO wrote. */
function layouts(): Roots[] {
  using db = new Database(":memory:", { safeIntegers: true, strict: true });
  db.run(migrations[0] ?? "");
  const made = rootsOf(db);
  db.run("VACUUM");
  return [made, rootsOf(db)];
}

function rootsOf(db: Database): Roots {
  const rows = db.query<{ name: string; rootpage: bigint }, []>("SELECT name, rootpage FROM sqlite_schema").all();
  return new Map(rows.map(({ name, rootpage }) => [name, Number(rootpage)]));
}
