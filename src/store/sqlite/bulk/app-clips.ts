// The watermarks of apps: nothing up to an app's watermark is read or changed any more. Few apps have one.

import type { Database } from "bun:sqlite";

export class AppClips {
  /** By app; of a writer, as of its transaction. */
  private known = new Map<string, bigint>();
  private seen: bigint | undefined;
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      all: db.prepare<{ app: string; watermark_id: bigint }, []>(
        "SELECT app, watermark_id FROM app_data WHERE watermark_id > 0",
      ),
      one: db.prepare<{ watermark_id: bigint }, [string]>("SELECT watermark_id FROM app_data WHERE app = ?"),
    };
  }

  /** At the start of a writer's transaction. `version`: of the row of the last id; a watermark that moves has one. */
  follow(version: bigint): void {
    if (version === this.seen) return;
    this.seen = version;
    this.known = new Map(this.sql.all.all().map(({ app, watermark_id }) => [app, watermark_id]));
  }

  /** The store was replaced, or may have been. */
  forget(): void {
    this.seen = undefined;
  }

  /** The watermark of an app as of the writer's transaction; 0n without one. */
  of(app: string): bigint {
    return this.known.size === 0 ? 0n : (this.known.get(app) ?? 0n);
  }

  /** The same, read in a snapshot. */
  read(app: string): bigint {
    return this.sql.one.get(app)?.watermark_id ?? 0n;
  }
}
