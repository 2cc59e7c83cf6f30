// Groups that were dismissed where an import comes from. Their members and messages follow with later records, so such
// a group ends anew behind each page that has something of it; no row of a member is closed before the import is
// complete (groups/ended-groups.ts).

import type { Database } from "bun:sqlite";
import type { Moment } from "../conversations/moment.ts";

export class DismissedGroups {
  /** Groups of which the page has something, and whether they were dismissed. */
  private readonly touched = new Map<bigint, boolean>();
  private readonly sql;

  constructor(db: Database) {
    this.sql = {
      isDismissed: db.prepare<{ one: bigint }, [bigint]>(
        `SELECT 1 AS one FROM "group" WHERE number = ? AND dismissed_id > 0`,
      ),
      dismiss: db.prepare<null, [bigint, bigint]>(
        `UPDATE "group" SET dismissed_id = ?1, version = ?1, member_count = 0, closing = 1 WHERE number = ?2`,
      ),
    };
  }

  /** At the start of a page. */
  begin(): void {
    this.touched.clear();
  }

  /** A record says that the group was dismissed. */
  add(group: bigint): void {
    this.touched.set(group, true);
  }

  /** A record is of the group. */
  touch(group: bigint): void {
    if (!this.touched.has(group)) this.touched.set(group, this.sql.isDismissed.get(group) !== null);
  }

  /** Behind all records of a page. */
  end({ ids, wallMs }: Moment): void {
    const dismissed = [...this.touched].filter(([, isDismissed]) => isDismissed);
    if (dismissed.length === 0) return;
    const id = ids.next(wallMs);
    for (const [group] of dismissed) this.sql.dismiss.run(id, group);
  }
}
