// Creates groups and changes who is in them, inside the transaction of the writer (semantics, Who may do what).
// A group without members is closed for good: nobody finds it any more; windows of former members stay readable.

import type { Database } from "bun:sqlite";
import { groupMembersMax, groupsPerAccountMax } from "../../base/limits/fixed.ts";
import { outcome } from "../jobs.ts";
import type { IdSequence } from "../snowflake.ts";
import type { GroupDraft, MembershipChange } from "../store.ts";
import type { Names } from "./names.ts";
import type { Outcome } from "./talk-writer.ts";

const forbidden: Outcome = [outcome.forbidden];
const notFound: Outcome = [outcome.notFound];
const full: Outcome = [outcome.full];
const unchanged: Outcome = [outcome.unchanged];

interface GroupRow {
  readonly number: bigint;
  readonly owner: bigint;
  readonly closed: bigint;
  readonly version: bigint;
  readonly member_count: bigint;
}

export class GroupWriter {
  private readonly names: Names;
  private readonly select;
  private readonly insert;
  private readonly update;
  private readonly isMember;
  private readonly groupCount;
  private readonly enter;
  private readonly leave;
  private readonly longest;

  constructor(db: Database, names: Names) {
    this.names = names;
    this.select = db.prepare<GroupRow, [string, string]>(
      `SELECT number, owner, closed, version, member_count FROM "group" WHERE app = ? AND id = ?`,
    );
    this.insert = db.prepare<
      { number: bigint },
      [string, string, string, string, string, bigint, number, number, bigint, number]
    >(
      `INSERT INTO "group" (app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number`,
    );
    this.update = db.prepare<null, [bigint, bigint, bigint, bigint]>(
      `UPDATE "group" SET version = ?, member_count = ?, owner = ? WHERE number = ?`,
    );
    this.isMember = db.prepare<{ one: bigint }, [bigint, bigint]>(
      `SELECT 1 AS one FROM member WHERE "group" = ? AND account = ? AND until_id IS NULL`,
    );
    this.groupCount = db.prepare<{ groups: bigint }, [bigint]>(
      "SELECT count(*) AS groups FROM member WHERE account = ? AND until_id IS NULL",
    );
    this.enter = db.prepare<null, [bigint, bigint, bigint, number]>(
      `INSERT INTO member ("group", account, from_id, joined_ms) VALUES (?, ?, ?, ?)`,
    );
    this.leave = db.prepare<null, [bigint, bigint, bigint]>(
      `UPDATE member SET until_id = ? WHERE "group" = ? AND account = ? AND until_id IS NULL`,
    );
    // Rows are numbered in the order of joining.
    this.longest = db.prepare<{ account: bigint }, [bigint]>(
      `SELECT account FROM member WHERE "group" = ? AND until_id IS NULL ORDER BY number LIMIT 1`,
    );
  }

  create(draft: GroupDraft, ids: IdSequence, wallMs: number): Outcome {
    const existing = this.select.get(draft.app, draft.id);
    // 128 random bits meet only when a caller repeats a request whose answer it did not get.
    if (existing !== null) return [outcome.created, existing.version];
    const members = [draft.owner, ...draft.members].map((name) => this.names.account(draft.app, name));
    for (const [position, account] of members.entries()) {
      if (this.isFull(account)) return [outcome.full, BigInt(position)];
    }
    const id = ids.next(wallMs);
    const [owner] = members;
    if (owner === undefined) throw new Error("a draft names an owner");
    const distinct = new Set(members);
    const row = this.insert.get(
      draft.app,
      draft.id,
      draft.name,
      draft.avatar,
      draft.introduction,
      owner,
      draft.closed ? 1 : 0,
      wallMs,
      id,
      distinct.size,
    );
    if (row === null) throw new Error("an inserted group has a number");
    for (const account of distinct) this.enter.run(row.number, account, id, wallMs);
    return [outcome.created, id];
  }

  join(change: MembershipChange, ids: IdSequence, wallMs: number): Outcome {
    const group = this.select.get(change.app, change.group);
    if (group === null || group.member_count === 0n) return notFound;
    const actor = this.names.account(change.app, change.actor);
    const account = this.names.account(change.app, change.account);
    if (actor !== account && actor !== group.owner) return forbidden;
    if (this.isIn(group.number, account)) return unchanged;
    if (actor !== group.owner && group.closed !== 0n) return forbidden;
    if (group.member_count >= BigInt(groupMembersMax) || this.isFull(account)) return full;
    const version = ids.next(wallMs);
    this.enter.run(group.number, account, version, wallMs);
    this.update.run(version, group.member_count + 1n, group.owner, group.number);
    return [outcome.changed, group.version, version];
  }

  quit(change: MembershipChange, ids: IdSequence, wallMs: number): Outcome {
    const group = this.select.get(change.app, change.group);
    if (group === null || group.member_count === 0n) return notFound;
    const actor = this.names.account(change.app, change.actor);
    const account = this.names.account(change.app, change.account);
    if (actor !== account && actor !== group.owner) return forbidden;
    if (!this.isIn(group.number, account)) return actor === account ? forbidden : unchanged;
    const version = ids.next(wallMs);
    this.leave.run(version, group.number, account);
    const heir = account === group.owner ? this.longest.get(group.number)?.account : undefined;
    this.update.run(version, group.member_count - 1n, heir ?? group.owner, group.number);
    return [outcome.changed, group.version, version];
  }

  private isIn(group: bigint, account: bigint): boolean {
    return this.isMember.get(group, account) !== null;
  }

  private isFull(account: bigint): boolean {
    return (this.groupCount.get(account)?.groups ?? 0n) >= BigInt(groupsPerAccountMax);
  }
}
