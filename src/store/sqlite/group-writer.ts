// The changes of groups that are answered with numbers (jobs.ts), inside the writer's transaction: creating a group,
// joining and leaving one. A group without members is closed for good: it cannot be found any more, but windows of
// former members stay readable. A group that is being created has no members by its row; it is listed in `unfinished`
// until its last members are added.

import { entryAccountsMax } from "../../base/limits/fixed.ts";
import { entryKind } from "../conversations.ts";
import { type GroupRight, rightInGroup } from "../group-rights.ts";
import type { GroupOutcome } from "../groups.ts";
import { fullOf, type KnownPairs, LeftOut, outcome, type JobOf, type MemberSlice } from "../jobs.ts";
import { purgeRowsMax } from "../purge.ts";
import type { GroupDraft } from "../store.ts";
import { abandonedStep, UnfinishedGroups, unfinishedGroupsMax, type UnfinishedGroup } from "../unfinished-groups.ts";
import type { Moment } from "./conversations/moment.ts";
import type { GroupParts } from "./groups/group-parts.ts";
import type { Account, GroupRow } from "./groups/group-rows.ts";
import type { Outcome } from "./talk-writer.ts";

const unchanged: Outcome = [outcome.unchanged];
const notFound: Outcome = [outcome.notFound];
const unwilling: Outcome = [outcome.unwilling];
const needsPairs: Outcome = [outcome.needsPairs];
const fullOfMembers: Outcome = [outcome.full, fullOf.members];
const fullOutcomes = {
  groupsPerAccount: [outcome.full, fullOf.own],
  groupsPutPerAccount: [outcome.full, fullOf.put],
} as const;

/** How a change of membership that is not allowed is answered. */
const refusals: Partial<Record<GroupRight, Outcome>> = {
  forbidden: [outcome.forbidden],
  closed: [outcome.closed],
  approval: [outcome.approval],
  notFound,
  unchanged,
};

type Pairs = KnownPairs["pairs"] | undefined;

export class GroupWriter {
  private readonly parts: GroupParts;
  private readonly sql;
  private readonly unfinished = new UnfinishedGroups();

  constructor(parts: GroupParts) {
    this.parts = parts;
    const { db } = parts;
    this.sql = {
      insert: db.prepare<{ number: bigint }, [string, string, string, string, string, bigint, number, number, bigint]>(
        `INSERT INTO "group" (app, id, name, avatar, introduction, owner, closed, created_ms, version, member_count)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0) RETURNING number`,
      ),
      enter: db.prepare<null, [bigint, bigint, bigint, number, number]>(
        `INSERT INTO member ("group", account, from_id, joined_ms, own) VALUES (?, ?, ?, ?, ?)`,
      ),
      begin: db.prepare<null, [bigint]>(`INSERT INTO unfinished ("group", step) VALUES (?, 0)`),
      advance: db.prepare<null, [bigint]>(`UPDATE unfinished SET step = step + 1 WHERE "group" = ? AND step >= 0`),
      finish: db.prepare<null, [bigint]>(`DELETE FROM unfinished WHERE "group" = ?`),
      publish: db.prepare<{ member_count: bigint }, [bigint, bigint]>(
        `UPDATE "group" SET version = ?1, member_count = (
           SELECT count(*) FROM member WHERE "group" = ?2 AND until_id IS NULL) WHERE number = ?2
         RETURNING member_count`,
      ),
      firstMembers: db.prepare<Account, [bigint]>(
        `SELECT a.number, a.name FROM member m JOIN account a ON a.number = m.account
         WHERE m."group" = ? AND m.until_id IS NULL ORDER BY m.number LIMIT ${entryAccountsMax}`,
      ),
      createdAt: db.prepare<{ at_ns: bigint }, [bigint]>(
        `SELECT at_ns FROM entry WHERE inbox = ? AND kind = ${entryKind.groupCreated} ORDER BY id LIMIT 1`,
      ),
      createdMs: db.prepare<{ created_ms: bigint }, [bigint]>(`SELECT created_ms FROM "group" WHERE number = ?`),
      allUnfinished: db.prepare<UnfinishedGroup, [number]>(`SELECT "group", step FROM unfinished LIMIT ?`),
      abandon: db.prepare<null, [bigint, bigint]>(`UPDATE unfinished SET step = ? WHERE "group" = ?`),
      dropMembers: db.prepare<null, [bigint, number]>(
        `DELETE FROM member WHERE number IN (
           SELECT number FROM member WHERE "group" = ? AND until_id IS NULL LIMIT ?)`,
      ),
    };
  }

  /** Creates a group with its owner and first members; `isWhole`: there are no others. */
  create({ draft, isWhole, pairs }: JobOf<"create">, moment: Moment): Outcome {
    const { names, rows, membership } = this.parts;
    const { app } = draft;
    const existing = rows.find(app, draft.id);
    // Ids have 128 random bits: a duplicate is a repeated request whose response was lost.
    if (existing !== null) return [outcome.created, existing.version, 0n, 0n, 0n, this.timeOf(existing)];
    const owner = { number: names.account(app, draft.owner), name: draft.owner };
    if (this.lacksPairs(owner, app, draft.members, pairs)) return needsPairs;
    const full = membership.fullOf(owner.number, true);
    if (full !== undefined) return fullOutcomes[full];
    const id = moment.ids.next(moment.wallMs);
    const number = this.insert(draft, owner, moment, id);
    this.sql.enter.run(number, owner.number, id, moment.wallMs, 1);
    const leftOut = this.put({ number, owner }, app, draft.members, { pairs, id, wallMs: moment.wallMs });
    if (isWhole) return this.publish(number, owner, id, moment, leftOut);
    this.sql.begin.run(number);
    return [leftOut.outcome, 0n, ...leftOut.words];
  }

  enterSlice({ slice, pairs }: JobOf<"enter">, moment: Moment): Outcome {
    const { app, group, members, isLast }: MemberSlice = slice;
    const { rows } = this.parts;
    const row = rows.find(app, group);
    if (row === null) return notFound;
    const { number } = row;
    const owner = { number: row.owner, name: rows.nameOf(row.owner) };
    if (this.lacksPairs(owner, app, members, pairs)) return needsPairs;
    if (this.sql.advance.run(number).changes === 0) return notFound;
    const id = moment.ids.next(moment.wallMs);
    const leftOut = this.put({ number, owner }, app, members, { pairs, id, wallMs: moment.wallMs });
    if (!isLast) return [leftOut.outcome, 0n, ...leftOut.words];
    this.sql.finish.run(number);
    return this.publish(number, owner, id, moment, leftOut);
  }

  join({ change, pairs }: JobOf<"join" | "quit">, moment: Moment): Outcome {
    const { names, rows, membership, guards } = this.parts;
    const { app, actor, account } = change;
    const group = rows.find(app, change.group);
    if (group === null) return notFound;
    const isOwn = actor === account;
    const refused = refusals[rightInGroup(isOwn ? "join" : "add", rows.facts(group, app, actor, account))];
    if (refused !== undefined) return refused;
    const known = names.findAccount(app, account);
    const by = names.account(app, actor);
    if (!isOwn && known !== undefined) {
      const isWilling = guards.mayReach(by, known, "add", pairs?.[account]);
      if (isWilling !== true) return isWilling === undefined ? needsPairs : unwilling;
    }
    if (membership.isFull(group)) return fullOfMembers;
    const number = known ?? names.account(app, account);
    const full = membership.fullOf(number, isOwn);
    if (full !== undefined) return fullOutcomes[full];
    return changed(
      membership.add(group, { number: by, name: actor }, [{ number, name: account }], isOwn, moment),
      moment,
    );
  }

  quit({ change }: JobOf<"join" | "quit">, moment: Moment): Outcome {
    const { names, rows, membership } = this.parts;
    const { app, actor, account } = change;
    const group = rows.find(app, change.group);
    if (group === null) return notFound;
    const action = actor === account ? "quit" : "remove";
    const refused = refusals[rightInGroup(action, rows.facts(group, app, actor, account))];
    const number = names.findAccount(app, account);
    if (refused !== undefined || number === undefined) return refused ?? unchanged;
    const by = { number: names.account(app, actor), name: actor };
    return changed(membership.end(group, by, [{ number, name: account }], moment), moment);
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

  /** When a group was created; of one from before there were entries of groups, by its row. */
  private timeOf({ number }: GroupRow): bigint {
    return this.sql.createdAt.get(-number)?.at_ns ?? (this.sql.createdMs.get(number)?.created_ms ?? 0n) * 1_000_000n;
  }

  private insert(draft: GroupDraft, owner: Account, { wallMs }: Moment, id: bigint): bigint {
    const { app, name, avatar, introduction, closed } = draft;
    const row = this.sql.insert.get(
      app,
      draft.id,
      name,
      avatar,
      introduction,
      owner.number,
      closed ? 1 : 0,
      wallMs,
      id,
    );
    if (row === null) throw new Error("an inserted group has a number");
    return row.number;
  }

  /** The group is complete: it becomes visible by the entry that names its first members. */
  private publish(number: bigint, actor: Account, id: bigint, { atNs }: Moment, leftOut: LeftOut): Outcome {
    const count = Number(this.sql.publish.get(id, number)?.member_count ?? 0n);
    const row: GroupRow | null = this.parts.rows.byNumber(number);
    if (row === null) throw new Error("a group that was just published is found");
    const accounts = this.sql.firstMembers.all(number);
    this.parts.entries.add(row, { id, atNs, kind: entryKind.groupCreated, actor, accounts, count });
    return [leftOut.outcome, id, ...leftOut.words, atNs];
  }

  /** Whether it has to be known with whom the owner has talked before any of these are added. */
  private lacksPairs(owner: Account, app: string, members: readonly string[], pairs: Pairs): boolean {
    const { names, guards } = this.parts;
    return members.some((name) => {
      const account = names.findAccount(app, name);
      return account !== undefined && guards.mayReach(owner.number, account, "add", pairs?.[name]) === undefined;
    });
  }

  /** Adds accounts to a group, except those that are in the maximum number of groups, or do not let the owner. */
  private put(
    { number, owner }: { readonly number: bigint; readonly owner: Account },
    app: string,
    members: readonly string[],
    {
      pairs,
      id,
      wallMs,
    }: {
      readonly pairs: Pairs;
      readonly id: bigint;
      readonly wallMs: number;
    },
  ): LeftOut {
    const { names, rows, membership, guards } = this.parts;
    const leftOut = new LeftOut();
    for (const [position, name] of members.entries()) {
      const account = names.account(app, name);
      const isWilling = guards.mayReach(owner.number, account, "add", pairs?.[name]) === true;
      const isFull = isWilling && membership.fullOf(account, false) !== undefined;
      if (!isWilling || isFull) leftOut.add(position, isFull);
      else if (rows.member(number, account) === null) this.sql.enter.run(number, account, id, wallMs, 0);
    }
    return leftOut;
  }
}

function changed(
  { entries: [first], versionBefore, version }: Extract<GroupOutcome, { readonly result: "stored" }>,
  { atNs }: Moment,
): Outcome {
  return [
    outcome.changed,
    versionBefore,
    version,
    atNs,
    first?.previousEntryId ?? 0n,
    first?.isQuiet === true ? 1n : 0n,
  ];
}
