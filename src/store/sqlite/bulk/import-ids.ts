// Which ids the messages of an import had, and have now: a row for each page, with pairs of the former id and the new
// one. Both rise, from page to page, too: a lookup finds the page by its first id, and the pair by bisection. Pairs are
// text, each number as the difference to the one of the pair before: "5000,7000,1,1,3,1" is 5000 to 7000, 5001 to 7001,
// 5004 to 7002.

import type { Database } from "bun:sqlite";

interface PageRow {
  readonly pairs: string;
}

export class ImportIds {
  /** The last former id. */
  last = 0n;
  private import = 0n;
  private readonly page = new Map<bigint, bigint>();
  /** The page that was looked into last: replies are to messages that are close to each other. */
  private kept: { readonly first: bigint; readonly end: bigint; readonly pairs: BigInt64Array } | undefined;
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      newest: db.prepare<{ last_id: bigint }, [bigint]>(
        "SELECT last_id FROM import_page WHERE import = ? ORDER BY first_id DESC LIMIT 1",
      ),
      pageOf: db.prepare<PageRow, [bigint, bigint]>(
        "SELECT pairs FROM import_page WHERE import = ? AND first_id <= ? ORDER BY first_id DESC LIMIT 1",
      ),
      dropAll: db.prepare<null, [string]>(
        "DELETE FROM import_page WHERE import IN (SELECT number FROM import WHERE app = ?)",
      ),
      add: db.prepare<null, [string, bigint, bigint, bigint]>(
        "INSERT INTO import_page (pairs, import, first_id, last_id) VALUES (?, ?, ?, ?)",
      ),
    };
  }

  /** At the start of a page of an import, of which another process may have stored pages meanwhile. */
  begin(number: bigint): void {
    this.page.clear();
    if (this.import !== number) this.kept = undefined;
    this.import = number;
    this.last = this.sql.newest.get(number)?.last_id ?? 0n;
  }

  /** Call after a rollback: the page is not stored. */
  forget(): void {
    this.import = 0n;
  }

  /** Ids rise. */
  add(former: bigint, id: bigint): void {
    this.page.set(former, id);
    this.last = former;
  }

  /** The new id of a message; undefined if the import has not brought it. */
  newOf(former: bigint): bigint | undefined {
    const here = this.page.get(former);
    if (here !== undefined || former > this.last) return here;
    if (this.kept === undefined || former < this.kept.first || former >= this.kept.end) {
      const row = this.sql.pageOf.get(this.import, former);
      if (row === null) return undefined;
      const pairs = pairsOf(row);
      this.kept = { first: pairs[0] ?? 0n, end: (pairs.at(-2) ?? 0n) + 1n, pairs };
    }
    return bisected(this.kept.pairs, former);
  }

  /**
   * Instead of `save`, at the end of the imports of an app: of all pages only these ids stay, which a repetition of the
   * last one needs.
   */
  saveOnly(app: string, formers: readonly bigint[]): void {
    const kept = formers.flatMap((former) => {
      const id = this.newOf(former);
      return id === undefined ? [] : ([[former, id]] as const);
    });
    this.sql.dropAll.run(app);
    this.page.clear();
    for (const [former, id] of kept.toSorted(([one], [other]) => (one < other ? -1 : 1))) this.add(former, id);
    this.save();
  }

  /** Stores the page. */
  save(): void {
    if (this.page.size === 0) return;
    const steps: bigint[] = [];
    let before: readonly [bigint, bigint] = [0n, 0n];
    for (const pair of this.page) {
      steps.push(pair[0] - before[0], pair[1] - before[1]);
      before = pair;
    }
    this.sql.add.run(steps.join(","), this.import, steps[0] ?? 0n, this.last);
    this.page.clear();
  }
}

function pairsOf({ pairs }: PageRow): BigInt64Array {
  const found = BigInt64Array.from(pairs.split(","), BigInt);
  for (let at = 2; at < found.length; at++) found[at] = (found[at] ?? 0n) + (found[at - 2] ?? 0n);
  return found;
}

function bisected(pairs: BigInt64Array, former: bigint): bigint | undefined {
  let low = 0;
  let high = pairs.length / 2;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = pairs[2 * middle] ?? 0n;
    if (found === former) return pairs[2 * middle + 1];
    if (found < former) low = middle + 1;
    else high = middle;
  }
  return undefined;
}
