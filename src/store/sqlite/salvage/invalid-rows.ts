// Collects the rows of a table that a salvage omits because no writer writes such values. A row that is read twice
// counts once, so the primary keys are kept until the table is complete.

import type { Row } from "./salvage-range.ts";

const keysMax = 10;

export class InvalidRows {
  /** The first keys, if they are integers; at most 10. */
  readonly keys: bigint[] = [];
  private readonly seen = new Set<string>();
  private readonly primary: readonly string[];

  /** `primary` names the columns of the primary key in order; `keys` has values of the first. */
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
