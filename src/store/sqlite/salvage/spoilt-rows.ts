// Counts the rows of one table that a salvage leaves out because they hold what no writer writes. A row that is read twice
// counts once. Remembers the primary key of each of them until the table is done.

import type { Row } from "./salvage-range.ts";

const keysMax = 10;

export class SpoiltRows {
  /** The keys of the first rows, if they are integers; at most 10. */
  readonly keys: bigint[] = [];
  private readonly seen = new Set<string>();
  private readonly primary: readonly string[];

  /** `primary` names the columns of the primary key in order; `keys` are values of the first. */
  constructor(primary: readonly string[]) {
    this.primary = primary;
  }

  get count(): number {
    return this.seen.size;
  }

  add(row: Row): void {
    const values = this.primary.map((name) => row[name]);
    const id = values.map((value) => `${typeof value} ${String(value)}`).join("\n");
    if (this.seen.has(id)) return;
    this.seen.add(id);
    const [key] = values;
    if (this.keys.length < keysMax && typeof key === "bigint") this.keys.push(key);
  }
}
