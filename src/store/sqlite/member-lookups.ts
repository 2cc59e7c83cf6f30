// Who is or was in a group, as statements that the parts of a connection share.

import type { Database } from "bun:sqlite";

interface Found {
  readonly one: bigint;
}

/** Finds whether an account is a member now: (group, account). */
export function prepareIsMember(db: Database) {
  return db.prepare<Found, [bigint, bigint]>(
    `SELECT 1 AS one FROM member WHERE "group" = ? AND account = ? AND until_id IS NULL`,
  );
}

/** A condition: a group is being created, or was given up: nobody sees it. */
export function isUnfinished(group: string): string {
  return `EXISTS (SELECT 1 FROM unfinished u WHERE u."group" = ${group})`;
}

/** Finds whether a window of an account in a group holds an id: (account, group, id). */
export function prepareWindow(db: Database) {
  return db.prepare<Found, [bigint, bigint, bigint]>(
    `SELECT 1 AS one FROM member
     WHERE account = ?1 AND "group" = ?2 AND from_id < ?3 AND (until_id IS NULL OR until_id > ?3) LIMIT 1`,
  );
}
