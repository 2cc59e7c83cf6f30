// Invitations to groups: codes with which one joins. A code is worth nothing while its maker is neither the owner nor
// an admin, and a member who uses one uses up nothing. One that is used up is kept for a while: whoever used it last
// may not have been answered, and asks again.
//
// Rows: as many as the group may have invitations, and as many that are used up. New ones take the place of those that
// are worth nothing, so nobody heaps them up by making admins and plain members in turn.

import type { GroupCall, GroupCallOutcome } from "../../change-jobs.ts";
import { rightInGroup } from "../../group-rights.ts";
import type { Moment } from "../conversations/moment.ts";
import type { GroupParts } from "./group-parts.ts";
import { type GroupRow, secondsOf } from "./group-rows.ts";

type CallOf<Name extends GroupCall["call"]> = Extract<GroupCall, { readonly call: Name }>;

interface InvitationRow {
  readonly number: bigint;
  readonly group: bigint;
  readonly maker: bigint;
  readonly uses_left: bigint;
}

/**
 * A condition for rows of `invitation` i, joined with their `group` g, that have not ended at the second ?2; they may
 * be used up.
 */
const isInForce = `i.expires_s > ?2 AND (g.owner = i.maker OR EXISTS (
  SELECT 1 FROM member m WHERE m."group" = g.number AND m.account = i.maker AND m.until_id IS NULL AND m.role > 0))`;
/** The same for those that are valid. */
export const validInvitation = `i.uses_left <> 0 AND ${isInForce}`;

/**
 * The code of an invitation that was imported, as its row has it: codes are unique in the store, and an app that is
 * copied within it keeps its own. No code has the sign between the two.
 */
export function importedCode(code: string, app: string): string {
  return `${code}@${app}`;
}

/** The code of an invitation whose row has this one. */
export function codeOf(stored: string): string {
  const end = stored.indexOf("@");
  return end < 0 ? stored : stored.slice(0, end);
}

export class Invitations {
  private readonly parts: GroupParts;
  private readonly sql;

  constructor(parts: GroupParts) {
    this.parts = parts;
    const { db } = parts;
    this.sql = {
      find: db.prepare<InvitationRow, [string, bigint, string, string]>(
        `SELECT i.number, i."group", i.maker, i.uses_left FROM invitation i JOIN "group" g ON g.number = i."group"
         WHERE i.code IN (?1, ?4) AND i.app = ?3 AND g.member_count > 0 AND ${isInForce}`,
      ),
      count: db.prepare<{ count: bigint }, [bigint]>(
        `SELECT count(*) AS count FROM invitation WHERE "group" = ? AND uses_left <> 0`,
      ),
      dropEnded: db.prepare<null, [bigint, bigint]>(
        `DELETE FROM invitation WHERE number IN (
           SELECT i.number FROM invitation i JOIN "group" g ON g.number = i."group"
           WHERE i."group" = ?1 AND NOT (${isInForce}))`,
      ),
      dropUsedUp: db.prepare<null, [bigint, number]>(
        `DELETE FROM invitation WHERE number IN (
           SELECT number FROM invitation WHERE "group" = ? AND uses_left = 0 ORDER BY number DESC LIMIT -1 OFFSET ?)`,
      ),
      add: db.prepare<null, [string, string, bigint, bigint, bigint, number]>(
        `INSERT INTO invitation (app, code, "group", maker, expires_s, uses_left) VALUES (?, ?, ?, ?, ?, ?)`,
      ),
      use: db.prepare<null, [bigint]>("UPDATE invitation SET uses_left = uses_left - 1 WHERE number = ?"),
      revoke: db.prepare<null, [string, string, bigint]>(`DELETE FROM invitation WHERE code IN (?, ?) AND "group" = ?`),
    };
  }

  invite({ app, group: id, actor, code, validSeconds, uses }: CallOf<"invite">, { wallMs }: Moment): GroupCallOutcome {
    const { names, rows, bounds } = this.parts;
    const group = rows.find(app, id);
    if (group === null) return { result: "notFound" };
    const result = rightInGroup("invite", rows.facts(group, app, actor));
    if (result !== "allowed") return { result };
    const now = secondsOf(wallMs);
    const { invitationsPerGroup } = bounds;
    this.sql.dropEnded.run(group.number, now);
    this.sql.dropUsedUp.run(group.number, invitationsPerGroup);
    const kept = this.sql.count.get(group.number)?.count ?? 0n;
    if (kept >= BigInt(invitationsPerGroup)) return { result: "full", bound: "invitationsPerGroup" };
    const expiresAt = now + BigInt(validSeconds);
    this.sql.add.run(app, code, group.number, names.account(app, actor), expiresAt, uses === 0 ? -1 : uses);
    return nothingStored(group, { invitation: { code, expiresAt, usesLeft: uses, account: actor } });
  }

  revoke({ app, group: id, actor, code }: CallOf<"revoke">): GroupCallOutcome {
    const { rows } = this.parts;
    const group = rows.find(app, id);
    if (group === null) return { result: "notFound" };
    const result = rightInGroup("invite", rows.facts(group, app, actor));
    if (result !== "allowed") return { result };
    return this.sql.revoke.run(code, importedCode(code, app), group.number).changes > 0
      ? nothingStored(group)
      : { result: "unchanged" };
  }

  join({ app, account: name, code }: CallOf<"joinInvited">, moment: Moment): GroupCallOutcome {
    const { names, rows, membership } = this.parts;
    const row = this.sql.find.get(code, secondsOf(moment.wallMs), app, importedCode(code, app));
    const group = row && rows.byNumber(row.group);
    if (row === null || group === null) return { result: "notFound" };
    const result = rightInGroup("joinInvited", rows.facts(group, app, name));
    if (result !== "allowed") return { result, group: group.id };
    if (row.uses_left === 0n) return { result: "notFound" };
    if (membership.isFull(group)) return { result: "full", bound: "groupMembers", group: group.id };
    const account = { number: names.account(app, name), name };
    const bound = membership.fullOf(account.number, true);
    if (bound !== undefined) return { result: "full", bound, group: group.id };
    if (row.uses_left > 0n) this.sql.use.run(row.number);
    return { ...membership.add(group, account, [account], true, moment), group: group.id };
  }
}

/** The outcome of a call that writes no entry. */
export function nothingStored(
  { version }: Pick<GroupRow, "version">,
  rest: Pick<GroupCallOutcome, "invitation" | "admins" | "time"> = {},
): GroupCallOutcome {
  return { result: "stored", entries: [], versionBefore: version, version, ...rest };
}
