// Changes of a group itself, and of one of its members, that leave who is in it as it is; and its end.

import { groupAdminsMax } from "../../../base/limits/fixed.ts";
import type { GroupChangeJob } from "../../change-jobs.ts";
import { entryKind } from "../../conversations.ts";
import {
  fieldColumns,
  type GroupField,
  maskOfFields,
  numberOfRole,
  settingFields,
  textFields,
} from "../../group-entries.ts";
import { type GroupAction, rightInGroup } from "../../group-rights.ts";
import type { GroupOutcome, GroupUpdate, StoredEntry } from "../../groups.ts";
import type { Moment } from "../conversations/moment.ts";
import type { GroupParts } from "./group-parts.ts";
import { storedIn } from "./group-entries.ts";
import { type Account, type GroupRow, prepareToOwner, secondsOf } from "./group-rows.ts";

type ChangeOf<Kind extends GroupChangeJob["kind"]> = Extract<GroupChangeJob, { readonly kind: Kind }>;

const unchanged: GroupOutcome = { result: "unchanged" };
const tooManyAdmins: GroupOutcome = { result: "full", bound: "groupAdminsMax" };

export class GroupChanges {
  private readonly parts: GroupParts;
  private readonly sql;

  constructor(parts: GroupParts) {
    this.parts = parts;
    const { db } = parts;
    this.sql = {
      update: db.prepare<null, [string, string, string, string, bigint, bigint, bigint, bigint]>(
        `UPDATE "group" SET name = ?, avatar = ?, introduction = ?, announcement = ?, closed = ?, approval = ?,
           for_admins = ? WHERE number = ?`,
      ),
      admins: db.prepare<{ count: bigint }, [bigint]>(
        `SELECT count(*) AS count FROM member WHERE "group" = ? AND role > 0 AND until_id IS NULL`,
      ),
      role: db.prepare<null, [bigint, bigint]>("UPDATE member SET role = ? WHERE number = ?"),
      toOwner: prepareToOwner(db),
      owner: db.prepare<null, [bigint, bigint]>(`UPDATE "group" SET owner = ? WHERE number = ?`),
      mute: db.prepare<null, [bigint, bigint]>("UPDATE member SET muted_until = ? WHERE number = ?"),
      alias: db.prepare<null, [string, bigint]>("UPDATE member SET alias = ? WHERE number = ?"),
      dismiss: db.prepare<null, [bigint, bigint]>(
        `UPDATE "group" SET dismissed_id = ?1, version = ?1, member_count = 0, closing = 1 WHERE number = ?2`,
      ),
    };
  }

  apply(change: GroupChangeJob, moment: Moment): GroupOutcome {
    const { names, rows, guards } = this.parts;
    const { app, actor: actorName } = change;
    const group = rows.find(app, change.group);
    const actorNumber = names.findAccount(app, actorName);
    if (group === null) return { result: "notFound" };
    const targetName = "account" in change ? change.account : undefined;
    const target = targetName === undefined ? undefined : names.findAccount(app, targetName);
    const action: GroupAction = change.kind;
    const isWilling =
      action !== "transfer" || target === undefined || actorNumber === undefined
        ? true
        : !guards.isBlocked(target, actorNumber);
    const result = rightInGroup(action, { ...rows.facts(group, app, actorName, targetName), isWilling });
    if (result !== "allowed") return { result };
    if (actorNumber === undefined) throw new Error("who may change a group has a number");
    const actor = { number: actorNumber, name: actorName };
    switch (change.kind) {
      case "update":
        return this.update(group, actor, change, moment);
      case "alias":
        return this.alias(group, actor, change, moment);
      case "dismiss":
        return this.dismiss(group, actor, moment);
      default:
        if (target === undefined) throw new Error("a member has a number");
        return this.changeMember(change, group, actor, { number: target, name: change.account }, moment);
    }
  }

  private changeMember(
    change: ChangeOf<"role" | "transfer" | "mute">,
    group: GroupRow,
    actor: Account,
    target: Account,
    moment: Moment,
  ): GroupOutcome {
    const row = this.parts.rows.member(group.number, target.number);
    if (row === null) throw new Error("a member has a row");
    let kind: number = entryKind.groupRole;
    let value = 0n;
    switch (change.kind) {
      case "role":
        value = numberOfRole(change.role);
        if (value === row.role) return unchanged;
        if (value > 0n && this.hasAllAdmins(group)) return tooManyAdmins;
        this.sql.role.run(value, row.number);
        break;
      case "transfer": {
        // The former owner becomes an admin: in place of the new one, or besides.
        if (row.role === 0n && this.hasAllAdmins(group)) return tooManyAdmins;
        kind = entryKind.groupTransferred;
        value = numberOfRole("owner");
        // Of a transfer by the system the actor is none.
        const former = this.parts.rows.member(group.number, group.owner);
        this.sql.owner.run(target.number, group.number);
        this.sql.toOwner.run(row.number);
        // A salvage may have lost its row.
        if (former !== null) this.sql.role.run(numberOfRole("admin"), former.number);
        break;
      }
      case "mute": {
        kind = entryKind.groupMuted;
        const now = secondsOf(moment.wallMs);
        const effective = (until: bigint): bigint => (until > now ? until : 0n);
        value = effective(BigInt(change.until));
        if (value === effective(row.muted_until)) return unchanged;
        this.sql.mute.run(value, row.number);
        break;
      }
    }
    return storedIn(group, this.add(group, actor, moment, { kind, value, accounts: [target] }));
  }

  private hasAllAdmins({ number }: GroupRow): boolean {
    return (this.sql.admins.get(number)?.count ?? 0n) >= BigInt(groupAdminsMax);
  }

  private update(group: GroupRow, actor: Account, change: GroupUpdate, moment: Moment): GroupOutcome {
    const after: Record<GroupField, string | bigint> = {
      name: change.name ?? group.name,
      avatar: change.avatar ?? group.avatar,
      introduction: change.introduction ?? group.introduction,
      announcement: change.announcement ?? group.announcement,
      isClosed: flag(change.isClosed, group.closed),
      hasApproval: flag(change.hasApproval, group.approval),
      isForAdmins: flag(change.isForAdmins, group.for_admins),
    };
    const differing = (fields: readonly GroupField[]): bigint =>
      maskOfFields(fields.filter((field) => after[field] !== group[fieldColumns[field]]));
    const [texts, settings] = [differing(textFields), differing(settingFields)];
    if (texts === 0n && settings === 0n) return unchanged;
    this.sql.update.run(
      change.name ?? group.name,
      change.avatar ?? group.avatar,
      change.introduction ?? group.introduction,
      change.announcement ?? group.announcement,
      flag(change.isClosed, group.closed),
      flag(change.hasApproval, group.approval),
      flag(change.isForAdmins, group.for_admins),
      group.number,
    );
    const entries: StoredEntry[] = [];
    if (texts > 0n) entries.push(this.add(group, actor, moment, { kind: entryKind.groupUpdated, value: texts }));
    if (settings > 0n) entries.push(this.add(group, actor, moment, { kind: entryKind.groupSettings, value: settings }));
    return storedIn(group, ...entries);
  }

  private alias(group: GroupRow, actor: Account, { alias }: ChangeOf<"alias">, moment: Moment): GroupOutcome {
    const row = this.parts.rows.member(group.number, actor.number);
    if (row === null || row.alias === alias) return unchanged;
    this.sql.alias.run(alias, row.number);
    return storedIn(group, this.add(group, actor, moment, { kind: entryKind.groupAlias, accounts: [actor] }));
  }

  /** The rows of its members are closed later (ended-groups.ts). */
  private dismiss(group: GroupRow, actor: Account, moment: Moment): GroupOutcome {
    const entry = this.add(group, actor, moment, { kind: entryKind.groupDismissed });
    const version = entry.entry.entryId;
    this.sql.dismiss.run(version, group.number);
    return { result: "stored", entries: [entry], versionBefore: group.version, version };
  }

  private add(
    group: GroupRow,
    actor: Account,
    { ids, wallMs, atNs }: Moment,
    rest: { readonly kind: number; readonly value?: bigint; readonly accounts?: readonly Account[] },
  ): StoredEntry {
    return this.parts.entries.add(group, { id: ids.next(wallMs), atNs, actor, ...rest });
  }
}

function flag(asked: boolean | undefined, now: bigint): bigint {
  return asked === undefined ? now : asked ? 1n : 0n;
}
