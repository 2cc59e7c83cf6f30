// Creates groups and changes memberships, inside the writer's transaction. A group without members is closed for good:
// it cannot be found any more, but windows of former members stay readable. A group that is being created has no
// members by its row; it is listed in `unfinished` until its last members are added.
//
// Nobody is refused because of what others do: groups that an account created or joined itself (`own`) are counted
// separately from those that others put it in. Triggers maintain the counts (schema.ts); an account's row of counts is
// created on first use here. A refused request creates no row.

import type { Database } from "bun:sqlite";
import type { LimitValues } from "../../base/limits/table.ts";
import { type GroupFacts, type GroupRight, rightInGroup, type Standing } from "../group-rights.ts";
import { fullOf, LeftOut, outcome, type MemberSlice } from "../jobs.ts";
import { purgeRowsMax } from "../purge.ts";
import type { IdSequence } from "../snowflake.ts";
import type { GroupDraft, MembershipChange } from "../store.ts";
import { abandonedStep, UnfinishedGroups, unfinishedGroupsMax, type UnfinishedGroup } from "../unfinished-groups.ts";
import type { Names } from "./names.ts";
import type { Outcome } from "./talk-writer.ts";
import { prepareIsMember } from "./member-lookups.ts";

const forbidden: Outcome = [outcome.forbidden];
const notFound: Outcome = [outcome.notFound];
const unchanged: Outcome = [outcome.unchanged];
const fullOfOwn: Outcome = [outcome.full, fullOf.own];
const fullOfPut: Outcome = [outcome.full, fullOf.put];
const fullOfMembers: Outcome = [outcome.full, fullOf.members];

/** How a change of membership that is not allowed is answered. */
const refusals: Partial<Record<GroupRight, Outcome>> = { forbidden, closed: forbidden, notFound, unchanged };

/** The bounds on groups of this process; other processes of the store may have others. */
export type GroupBounds = Pick<LimitValues, "groupsPerAccount" | "groupsPutPerAccount" | "groupMembers">;

interface GroupRow {
  readonly number: bigint;
  readonly owner: bigint;
  readonly closed: bigint;
  readonly version: bigint;
  readonly member_count: bigint;
}

interface Counts {
  readonly own: bigint;
  readonly put: bigint;
}

export class GroupWriter {
  private readonly names: Names;
  private readonly bounds: GroupBounds;
  private readonly sql;
  private readonly unfinished = new UnfinishedGroups();

  constructor(db: Database, names: Names, bounds: GroupBounds) {
    this.names = names;
    this.bounds = bounds;
    this.sql = {
      select: db.prepare<GroupRow, [string, string]>(
        `SELECT number, owner, closed, version, member_count FROM "group" WHERE app = ? AND id = ?`,
      ),
      insert: db.prepare<{ number: bigint }, [string, string, string, string, string, bigint, number, number, bigint]>(
        `INSERT INTO "group" (app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING number`,
      ),
      update: db.prepare<null, [bigint, bigint, bigint, bigint]>(
        `UPDATE "group" SET version = ?, member_count = ?, owner = ? WHERE number = ?`,
      ),
      isMember: prepareIsMember(db),
      wasMember: db.prepare<{ one: bigint }, [bigint, bigint]>(
        `SELECT 1 AS one FROM member WHERE account = ? AND "group" = ? AND until_id IS NOT NULL LIMIT 1`,
      ),
      counts: db.prepare<Counts, [bigint]>("SELECT own, put FROM group_count WHERE account = ?"),
      count: db.prepare<Counts, [bigint, bigint]>(
        `INSERT INTO group_count (account, own, put)
         SELECT ?, ifnull(sum(own), 0), ifnull(sum(1 - own), 0) FROM member WHERE account = ? AND until_id IS NULL
         RETURNING own, put`,
      ),
      enter: db.prepare<null, [bigint, bigint, bigint, number, number]>(
        `INSERT INTO member ("group", account, from_id, joined_ms, own) VALUES (?, ?, ?, ?, ?)`,
      ),
      leave: db.prepare<null, [bigint, bigint, bigint]>(
        `UPDATE member SET until_id = ? WHERE "group" = ? AND account = ? AND until_id IS NULL`,
      ),
      // Rows are numbered in the order of joining.
      longest: db.prepare<{ account: bigint }, [bigint]>(
        `SELECT account FROM member WHERE "group" = ? AND until_id IS NULL ORDER BY number LIMIT 1`,
      ),
      begin: db.prepare<null, [bigint]>(`INSERT INTO unfinished ("group", step) VALUES (?, 0)`),
      advance: db.prepare<null, [bigint]>(`UPDATE unfinished SET step = step + 1 WHERE "group" = ? AND step >= 0`),
      finish: db.prepare<null, [bigint]>(`DELETE FROM unfinished WHERE "group" = ?`),
      publish: db.prepare<null, [bigint, bigint, bigint]>(
        `UPDATE "group" SET version = ?, member_count = (
           SELECT count(*) FROM member WHERE "group" = ? AND until_id IS NULL) WHERE number = ?`,
      ),
      allUnfinished: db.prepare<UnfinishedGroup, [number]>(`SELECT "group", step FROM unfinished LIMIT ?`),
      abandon: db.prepare<null, [bigint, bigint]>(`UPDATE unfinished SET step = ? WHERE "group" = ?`),
      dropMembers: db.prepare<null, [bigint, number]>(
        `DELETE FROM member WHERE number IN (
           SELECT number FROM member WHERE "group" = ? AND until_id IS NULL LIMIT ?)`,
      ),
    };
  }

  /** Creates a group with its owner and first members; `isWhole`: there are no others. */
  create(draft: GroupDraft, isWhole: boolean, ids: IdSequence, wallMs: number): Outcome {
    const { app } = draft;
    const existing = this.sql.select.get(app, draft.id);
    // Ids have 128 random bits: a duplicate is a repeated request whose response was lost.
    if (existing !== null) return [outcome.created, existing.version];
    const owner = this.names.account(app, draft.owner);
    if (this.countsOf(owner).own >= BigInt(this.bounds.groupsPerAccount)) return fullOfOwn;
    const id = ids.next(wallMs);
    const { name, avatar, introduction, closed } = draft;
    const row = this.sql.insert.get(app, draft.id, name, avatar, introduction, owner, closed ? 1 : 0, wallMs, id);
    if (row === null) throw new Error("an inserted group has a number");
    const { number } = row;
    this.sql.enter.run(number, owner, id, wallMs, 1);
    const leftOut = this.put(number, app, draft.members, id, wallMs);
    if (isWhole) {
      this.sql.publish.run(id, number, number);
      return [outcome.created, id, ...leftOut.words];
    }
    this.sql.begin.run(number);
    return [outcome.created, 0n, ...leftOut.words];
  }

  enterSlice({ app, group, members, isLast }: MemberSlice, ids: IdSequence, wallMs: number): Outcome {
    const row = this.sql.select.get(app, group);
    if (row === null || this.sql.advance.run(row.number).changes === 0) return notFound;
    const id = ids.next(wallMs);
    const leftOut = this.put(row.number, app, members, id, wallMs);
    if (!isLast) return [outcome.created, 0n, ...leftOut.words];
    this.sql.publish.run(id, row.number, row.number);
    this.sql.finish.run(row.number);
    return [outcome.created, id, ...leftOut.words];
  }

  join(change: MembershipChange, ids: IdSequence, wallMs: number): Outcome {
    const group = this.sql.select.get(change.app, change.group);
    if (group === null) return notFound;
    const isOwn = change.actor === change.account;
    const known = this.names.findAccount(change.app, change.account);
    const refused = refusals[rightInGroup(isOwn ? "join" : "add", this.factsOf(group, change, known))];
    if (refused !== undefined) return refused;
    if (group.member_count >= BigInt(this.bounds.groupMembers)) return fullOfMembers;
    const account = known ?? this.names.account(change.app, change.account);
    const { own, put } = this.countsOf(account);
    if (isOwn && own >= BigInt(this.bounds.groupsPerAccount)) return fullOfOwn;
    if (!isOwn && put >= BigInt(this.bounds.groupsPutPerAccount)) return fullOfPut;
    const version = ids.next(wallMs);
    this.sql.enter.run(group.number, account, version, wallMs, isOwn ? 1 : 0);
    this.sql.update.run(version, group.member_count + 1n, group.owner, group.number);
    return [outcome.changed, group.version, version];
  }

  quit(change: MembershipChange, ids: IdSequence, wallMs: number): Outcome {
    const group = this.sql.select.get(change.app, change.group);
    if (group === null) return notFound;
    const isOwn = change.actor === change.account;
    const account = this.names.findAccount(change.app, change.account);
    const refused = refusals[rightInGroup(isOwn ? "quit" : "remove", this.factsOf(group, change, account))];
    if (refused !== undefined || account === undefined) return refused ?? unchanged;
    const version = ids.next(wallMs);
    this.sql.leave.run(version, group.number, account);
    const heir = account === group.owner ? this.sql.longest.get(group.number)?.account : undefined;
    this.sql.update.run(version, group.member_count - 1n, heir ?? group.owner, group.number);
    return [outcome.changed, group.version, version];
  }

  /** Deletes a slice of the groups whose creation was abandoned. Nobody has seen them; their numbers stay used. */
  dropUnfinished(): void {
    let rowsLeft = purgeRowsMax;
    for (const { group } of this.unfinished.look(this.sql.allUnfinished.all(unfinishedGroupsMax))) {
      this.sql.abandon.run(abandonedStep, group);
      const dropped = this.sql.dropMembers.run(group, rowsLeft).changes;
      rowsLeft -= dropped;
      if (rowsLeft <= 0) return;
      this.sql.finish.run(group);
    }
  }

  forgetUnfinished(): void {
    this.unfinished.forget();
  }

  /** Adds accounts to a group, except those that are in the maximum number of groups. */
  private put(group: bigint, app: string, members: readonly string[], id: bigint, wallMs: number): LeftOut {
    const leftOut = new LeftOut();
    const putMax = BigInt(this.bounds.groupsPutPerAccount);
    for (const [position, name] of members.entries()) {
      const account = this.names.account(app, name);
      if (this.countsOf(account).put >= putMax) leftOut.add(position);
      else if (!this.isIn(group, account)) this.sql.enter.run(group, account, id, wallMs, 0);
    }
    return leftOut;
  }

  private factsOf(group: GroupRow, { app, actor }: MembershipChange, account: bigint | undefined): GroupFacts {
    const asker = this.names.findAccount(app, actor);
    return {
      isLive: group.member_count > 0n,
      isClosed: group.closed !== 0n,
      hasApproval: false,
      isForAdmins: false,
      actor: this.standingOf(group, asker),
      isMuted: false,
      // A repeated request, whose response may have been lost.
      hasLeft: asker !== undefined && this.sql.wasMember.get(asker, group.number) !== null,
      target: this.standingOf(group, account),
      isSelf: account !== undefined && account === asker,
      isWilling: true,
    };
  }

  private standingOf(group: GroupRow, account: bigint | undefined): Standing {
    if (account === undefined) return "stranger";
    if (account === group.owner) return "owner";
    return this.isIn(group.number, account) ? "member" : "stranger";
  }

  private isIn(group: bigint, account: bigint): boolean {
    return this.sql.isMember.get(group, account) !== null;
  }

  private countsOf(account: bigint): Counts {
    const counts = this.sql.counts.get(account) ?? this.sql.count.get(account, account);
    if (counts === null) throw new Error("an account's groups have been counted");
    return counts;
  }
}
