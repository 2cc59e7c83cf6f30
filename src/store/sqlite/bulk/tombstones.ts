// Notices that accounts have lost their names, here or in another process: a writer that knows an account by its name
// would go on to write as it. Such a change has a version, as blocks have, in the row of the last id.

import type { Database } from "bun:sqlite";
import type { Names } from "../names.ts";

export class Tombstones {
  private readonly names: Names;
  private readonly newest;
  /** The version of the last look. */
  private seen: bigint | undefined;
  private known: bigint | null | undefined;

  constructor(db: Database, names: Names) {
    this.names = names;
    this.newest = db.prepare<{ id: bigint | null }, []>("SELECT max(id) AS id FROM operation");
  }

  /** At the start of a transaction. `version`: of the row of the last id. */
  follow(version: bigint): void {
    if (version === this.seen) return;
    this.seen = version;
    const newest = this.newest.get()?.id ?? null;
    if (newest !== this.known) this.names.forget();
    this.known = newest;
  }
}
