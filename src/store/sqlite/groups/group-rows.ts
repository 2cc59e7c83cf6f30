// What the writer reads of a group and of its members, and the facts by which rights are decided (group-rights.ts).

import type { Database } from "bun:sqlite";
import { isSystemOf } from "../member-lookups.ts";
import { type GroupFacts, type GroupRight, rightInGroup, type Standing } from "../../group-rights.ts";

export interface GroupRow {
  readonly number: bigint;
  readonly id: string;
  readonly name: string;
  readonly avatar: string;
  readonly introduction: string;
  readonly announcement: string;
  readonly owner: bigint;
  readonly closed: bigint;
  readonly approval: bigint;
  readonly for_admins: bigint;
  readonly version: bigint;
  readonly member_count: bigint;
  readonly dismissed_id: bigint;
}

interface MemberRow {
  readonly number: bigint;
  readonly role: bigint;
  /** Seconds since 1970. */
  readonly muted_until: bigint;
  readonly alias: string;
}

/** An account of the app in question. */
export interface Account {
  readonly number: bigint;
  readonly name: string;
}

/** Seconds since 1970. */
export function secondsOf(wallMs: number): bigint {
  return BigInt(Math.floor(wallMs / 1_000));
}

/** Finds a member's row: (group, account). */
export function prepareMember(db: Database) {
  return db.prepare<MemberRow, [bigint, bigint]>(
    `SELECT number, role, muted_until, alias FROM member WHERE "group" = ? AND account = ? AND until_id IS NULL`,
  );
}

/** Makes the row of a member that of an owner, who has no role besides, and whom nobody could unmute. */
export function prepareToOwner(db: Database) {
  return db.prepare<null, [bigint]>("UPDATE member SET role = 0, muted_until = 0 WHERE number = ?");
}

/** Finds the numbers of accounts. */
export interface AccountNumbers {
  findAccount(app: string, name: string): bigint | undefined;
}

export class GroupRows {
  private readonly names: AccountNumbers;
  private readonly sql;

  constructor(db: Database, names: AccountNumbers) {
    this.names = names;
    const columns = `number, id, name, avatar, introduction, announcement, owner, closed, approval, for_admins,
      version, member_count, dismissed_id`;
    this.sql = {
      find: db.prepare<GroupRow, [string, string]>(`SELECT ${columns} FROM "group" WHERE app = ? AND id = ?`),
      byNumber: db.prepare<GroupRow, [bigint]>(`SELECT ${columns} FROM "group" WHERE number = ?`),
      member: prepareMember(db),
      // The first row of many: an account may have joined and left thousands of times.
      former: db.prepare<{ one: bigint }, [bigint, bigint, number]>(
        `SELECT 1 AS one FROM member WHERE account = ? AND "group" = ? AND (until_id IS NOT NULL OR ?) LIMIT 1`,
      ),
      admins: db.prepare<Account, [bigint, bigint]>(
        `SELECT a.number, a.name FROM account a WHERE a.number = ?2 OR a.number IN (
           SELECT account FROM member WHERE "group" = ?1 AND role > 0 AND until_id IS NULL)`,
      ),
      isSystem: db.prepare<{ one: bigint }, [bigint, bigint]>(`SELECT 1 AS one WHERE ${isSystemOf("?1", "?2")}`),
      accountName: db.prepare<{ name: string }, [bigint]>("SELECT name FROM account WHERE number = ?"),
    };
  }

  find(app: string, id: string): GroupRow | null {
    return this.sql.find.get(app, id);
  }

  byNumber(number: bigint): GroupRow | null {
    return this.sql.byNumber.get(number);
  }

  member(group: bigint, account: bigint): MemberRow | null {
    return this.sql.member.get(group, account);
  }

  nameOf(account: bigint): string {
    return this.sql.accountName.get(account)?.name ?? "";
  }

  /** The owner and the admins of a group. */
  admins({ number, owner }: GroupRow): Account[] {
    return this.sql.admins.all(number, owner);
  }

  standing(group: GroupRow, account: bigint | undefined): Standing {
    if (account === undefined) return "stranger";
    if (account === group.owner) return "owner";
    const row = group.member_count === 0n ? null : this.sql.member.get(group.number, account);
    if (row !== null) return row.role > 0n ? "admin" : "member";
    return this.sql.isSystem.get(account, group.number) === null ? "stranger" : "system";
  }

  /** Whether an account may talk in a group at a second. */
  talkRight(group: GroupRow, account: bigint, nowSeconds: bigint): GroupRight {
    const row = this.sql.member.get(group.number, account);
    return rightInGroup("talk", {
      ...this.groupFacts(group),
      actor: this.standing(group, account),
      isMuted: row !== null && row.muted_until > nowSeconds,
      hasLeft: false,
      target: "stranger",
      isSelf: false,
      isWilling: true,
    });
  }

  /** `target`: whom the action concerns, if anybody; it lets the actor unless the caller says otherwise. */
  facts(group: GroupRow, app: string, actorName: string, target?: string): GroupFacts {
    const actor = this.names.findAccount(app, actorName);
    return {
      ...this.groupFacts(group),
      actor: this.standing(group, actor),
      isMuted: false,
      hasLeft: actor !== undefined && this.wasMember(group, actor),
      target: target === undefined ? "stranger" : this.standing(group, this.names.findAccount(app, target)),
      isSelf: target === actorName,
      isWilling: true,
    };
  }

  private groupFacts(group: GroupRow) {
    return {
      isLive: group.member_count > 0n,
      isClosed: group.closed !== 0n,
      hasApproval: group.approval !== 0n,
      isForAdmins: group.for_admins !== 0n,
    };
  }

  /** Whoever was a member of a group when it was dismissed has left it, before and after its row is closed. */
  private wasMember({ number, dismissed_id: dismissedId }: GroupRow, account: bigint): boolean {
    return this.sql.former.get(account, number, dismissedId > 0n ? 1 : 0) !== null;
  }
}
