// Requests to join groups that take members by approval, and the answers to them.

import { joinRequestDays } from "../../../base/limits/fixed.ts";
import type { GroupCall, GroupCallOutcome } from "../../change-jobs.ts";
import { rightInGroup } from "../../group-rights.ts";
import type { GroupOutcome } from "../../groups.ts";
import type { Moment } from "../conversations/moment.ts";
import type { GroupParts } from "./group-parts.ts";
import { type GroupRow, secondsOf } from "./group-rows.ts";
import { nothingStored } from "./invitations.ts";

type CallOf<Name extends GroupCall["call"]> = Extract<GroupCall, { readonly call: Name }>;

const notFound = { result: "notFound" } as const;

/** Requests up to this second are gone. */
export function requestsGoneAt(nowSeconds: bigint): bigint {
  return nowSeconds - BigInt(joinRequestDays) * 86_400n;
}

export class JoinRequests {
  private readonly parts: GroupParts;
  private readonly sql;

  constructor(parts: GroupParts) {
    this.parts = parts;
    const { db } = parts;
    this.sql = {
      find: db.prepare<{ number: bigint }, [bigint, bigint, bigint]>(
        `SELECT number FROM join_request WHERE "group" = ? AND account = ? AND at_s > ?`,
      ),
      add: db.prepare<null, [bigint, bigint, string, bigint]>(
        `INSERT INTO join_request ("group", account, text, at_s) VALUES (?, ?, ?, ?)`,
      ),
      setText: db.prepare<null, [string, bigint]>("UPDATE join_request SET text = ? WHERE number = ?"),
      drop: db.prepare<null, [bigint]>("DELETE FROM join_request WHERE number = ?"),
      dropGone: db.prepare<null, [bigint, bigint, bigint]>(
        `DELETE FROM join_request WHERE number IN (
           SELECT number FROM join_request WHERE "group" = ?1 AND at_s <= ?3
           UNION SELECT number FROM join_request WHERE account = ?2 AND at_s <= ?3)`,
      ),
      ofGroup: db.prepare<{ count: bigint }, [bigint]>(`SELECT count(*) AS count FROM join_request WHERE "group" = ?`),
      // Those of groups that have ended are there until housekeeping removes them.
      ofAccount: db.prepare<{ count: bigint }, [bigint]>(
        `SELECT count(*) AS count FROM join_request r JOIN "group" g ON g.number = r."group"
         WHERE r.account = ? AND g.member_count > 0`,
      ),
    };
  }

  request({ app, group: id, actor, text }: CallOf<"request">, { wallMs }: Moment): GroupCallOutcome {
    const { names, rows, bounds } = this.parts;
    const group = rows.find(app, id);
    if (group === null) return notFound;
    const result = rightInGroup("request", rows.facts(group, app, actor));
    if (result !== "allowed") return { result };
    const now = secondsOf(wallMs);
    const known = names.findAccount(app, actor) ?? 0n;
    this.sql.dropGone.run(group.number, known, requestsGoneAt(now));
    const earlier = this.find(group, known, wallMs);
    if (earlier !== undefined) {
      this.sql.setText.run(text, earlier);
      return { result: "unchanged" };
    }
    if ((this.sql.ofGroup.get(group.number)?.count ?? 0n) >= BigInt(bounds.joinRequestsPerGroup))
      return { result: "full", bound: "joinRequestsPerGroup" };
    if ((this.sql.ofAccount.get(known)?.count ?? 0n) >= BigInt(bounds.joinRequestsPerAccount))
      return { result: "full", bound: "joinRequestsPerAccount" };
    this.sql.add.run(group.number, names.account(app, actor), text, now);
    return nothingStored(group, { admins: this.adminsOf(group), time: now });
  }

  withdraw({ app, group: id, actor }: CallOf<"withdraw">, { wallMs }: Moment): GroupCallOutcome {
    const { names, rows } = this.parts;
    const group = rows.find(app, id);
    if (group === null || group.member_count === 0n) return notFound;
    const account = names.findAccount(app, actor);
    const request = account === undefined ? undefined : this.find(group, account, wallMs);
    if (request === undefined) return { result: "unchanged" };
    this.sql.drop.run(request);
    return nothingStored(group, { admins: this.adminsOf(group) });
  }

  answer({ app, group: id, actor, account: name, isAccepted }: CallOf<"answer">, moment: Moment): GroupOutcome {
    const { names, rows, membership } = this.parts;
    const group = rows.find(app, id);
    if (group === null) return notFound;
    const result = rightInGroup(isAccepted ? "accept" : "decline", rows.facts(group, app, actor, name));
    if (result !== "allowed") return { result };
    const number = names.findAccount(app, name);
    const request = number === undefined ? undefined : this.find(group, number, moment.wallMs);
    if (number === undefined || request === undefined) return notFound;
    if (!isAccepted) {
      this.sql.drop.run(request);
      return nothingStored(group);
    }
    if (membership.isFull(group)) return { result: "full", bound: "groupMembers" };
    const bound = membership.fullOf(number, true);
    if (bound !== undefined) return { result: "full", bound };
    const by = { number: names.account(app, actor), name: actor };
    return membership.add(group, by, [{ number, name }], true, moment);
  }

  private find({ number }: GroupRow, account: bigint, wallMs: number): bigint | undefined {
    return this.sql.find.get(number, account, requestsGoneAt(secondsOf(wallMs)))?.number;
  }

  private adminsOf(group: GroupRow): string[] {
    return this.parts.rows.admins(group).map(({ name }) => name);
  }
}
