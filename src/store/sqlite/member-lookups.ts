// Who is or was in a group, as statements that the parts of a connection share.

import { systemAccount } from "../../auth/names.ts";
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

/**
 * A condition: a window of an account in a group holds an id. All are SQL expressions. Windows do not overlap, so only
 * the last one that begins before the id can: an account may have joined and left thousands of times. The system sees
 * all of its app, as if it had a window that holds everything.
 */
export function isInWindow(account: string, group: string, id: string): string {
  return `coalesce((
    SELECT w.until_id IS NULL OR w.until_id > ${id} FROM member w
    WHERE w.account = ${account} AND w."group" = ${group} AND w.from_id < ${id}
    ORDER BY w.from_id DESC LIMIT 1), ${isSystemOf(account, group)})`;
}

/** A condition: an account is the system of the app of a group. Both are SQL expressions. */
export function isSystemOf(account: string, group: string): string {
  return `EXISTS (
    SELECT 1 FROM account a JOIN "group" g ON g.app = a.app
    WHERE a.number = ${account} AND a.name = '${systemAccount}' AND g.number = ${group})`;
}

/** Finds whether a window of an account in a group holds an id: (account, group, id). */
export function prepareWindow(db: Database) {
  return db.prepare<Found, [bigint, bigint, bigint]>(`SELECT 1 AS one WHERE ${isInWindow("?1", "?2", "?3")}`);
}
