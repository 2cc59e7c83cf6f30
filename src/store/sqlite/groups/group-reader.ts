// Reads what members see of groups: details, pages of members, invitations, requests to join, pinned messages.

import type { Database } from "bun:sqlite";
import { pinnedMessagesMax } from "../../../base/limits/fixed.ts";
import { type GroupAction, type GroupRole, rightInGroup } from "../../group-rights.ts";
import type {
  GroupView,
  Invitation,
  JoinRequest,
  MembersAnswer,
  NamedGroup,
  OfGroup,
  Page,
  PagedMember,
  RefusedRight,
} from "../../groups.ts";
import type { PeopleAnswers, QuestionOf } from "../people/questions.ts";
import { type AccountNumbers, type GroupRow, GroupRows } from "./group-rows.ts";
import { codeOf, validInvitation } from "./invitations.ts";
import { requestsGoneAt } from "./join-requests.ts";
import { pinKey } from "./pins.ts";

interface MemberRow {
  readonly account: bigint;
  readonly name: string;
  readonly alias: string;
  readonly role: bigint;
  readonly joined_ms: bigint;
  readonly muted_until: bigint;
}
interface InvitationRow {
  readonly code: string;
  readonly expires_s: bigint;
  readonly uses_left: bigint;
  readonly name: string;
}

interface BeginningRow {
  readonly id: string;
  readonly created_ms: bigint;
  readonly member_count: bigint;
  readonly unfinished: bigint;
}

export class GroupReader {
  private readonly numbers: AccountNumbers;
  private readonly rows: GroupRows;
  private readonly sql;

  constructor(db: Database, numbers: AccountNumbers) {
    this.numbers = numbers;
    this.rows = new GroupRows(db, numbers);
    const member = `SELECT m.account, a.name, m.alias, m.role, m.joined_ms, m.muted_until
      FROM member m JOIN account a ON a.number = m.account WHERE m."group" = ? AND m.until_id IS NULL`;
    this.sql = {
      member: db.prepare<MemberRow, [bigint, bigint]>(`${member} AND m.account = ?`),
      members: db.prepare<MemberRow, [bigint, bigint, number]>(
        `${member} AND m.account > ? ORDER BY m.account LIMIT ?`,
      ),
      groupsOf: db.prepare<{ number: bigint }, [bigint, bigint, number]>(
        `SELECT g.number FROM member m JOIN "group" g ON g.number = m."group"
         WHERE m.account = ? AND m."group" > ? AND m.until_id IS NULL AND g.member_count > 0
         ORDER BY m."group" LIMIT ?`,
      ),
      // Behind all hexadecimal digits comes "g".
      beginning: db.prepare<BeginningRow, [string, string, number]>(
        `SELECT g.id, g.created_ms, g.member_count, u."group" IS NOT NULL AS unfinished
         FROM "group" g LEFT JOIN unfinished u ON u."group" = g.number
         WHERE g.app = ?1 AND g.id > ?2 AND g.id < ?2 || 'g' ORDER BY g.number DESC LIMIT ?3`,
      ),
      created: db.prepare<{ created_ms: bigint }, [bigint]>(`SELECT created_ms FROM "group" WHERE number = ?`),
      requestCount: db.prepare<{ count: bigint }, [bigint, bigint]>(
        `SELECT count(*) AS count FROM join_request WHERE "group" = ? AND at_s > ?`,
      ),
      invitations: db.prepare<InvitationRow, [bigint, bigint]>(
        `SELECT i.code, i.expires_s, i.uses_left, a.name FROM invitation i JOIN "group" g ON g.number = i."group"
         JOIN account a ON a.number = i.maker WHERE i."group" = ?1 AND ${validInvitation} ORDER BY i.number`,
      ),
      requests: db.prepare<{ name: string; text: string; at_s: bigint }, [bigint, bigint, bigint, number]>(
        `SELECT a.name, r.text, r.at_s FROM join_request r JOIN account a ON a.number = r.account
         WHERE r."group" = ? AND r.at_s > ? AND r.account > ? ORDER BY r.account LIMIT ?`,
      ),
      pinned: db.prepare<{ message: bigint }, [bigint, bigint, number]>(
        "SELECT message FROM pin WHERE first = ? AND other = ? ORDER BY entry DESC LIMIT ?",
      ),
    };
  }

  invitations(group: OfGroup, now: bigint): PeopleAnswers["invitations"] {
    const row = this.seen(group, "invite");
    if (typeof row === "string") return { result: row };
    const items = this.sql.invitations
      .all(row.number, now)
      .map(({ code, expires_s: expiresAt, uses_left: usesLeft, name: account }): Invitation => ({
        code: codeOf(code),
        expiresAt,
        usesLeft: usesLeft < 0n ? 0 : Number(usesLeft),
        account,
      }));
    return { result: "found", items, hasMore: false };
  }

  requests({ after, limit, ...group }: QuestionOf<"requests">, now: bigint): PeopleAnswers["requests"] {
    const row = this.seen(group, "seeRequests");
    if (typeof row === "string") return { result: row };
    const start = this.numbers.findAccount(group.app, after) ?? 0n;
    const found = this.sql.requests
      .all(row.number, requestsGoneAt(now), start, limit + 1)
      .map(({ name, text, at_s: time }): JoinRequest => ({ account: name, text, time }));
    return pageOf(found, limit);
  }

  groups({ app, account, after, limit }: QuestionOf<"groups">, now: bigint): Page<GroupView> {
    const me = this.numbers.findAccount(app, account);
    if (me === undefined) return pageOf([], limit);
    const start = after === "" ? 0n : (this.rows.find(app, after)?.number ?? 0n);
    const views = this.sql.groupsOf.all(me, start, limit + 1).flatMap(({ number }) => {
      const row = this.rows.byNumber(number);
      return row === null ? [] : [this.view(row, me, now, false)];
    });
    return pageOf(views, limit);
  }

  members(query: QuestionOf<"members">, now: bigint): MembersAnswer {
    const { app, asker, limit } = query;
    const row = this.seen({ app, group: query.group, actor: asker }, "see");
    if (typeof row === "string") return { result: row === "notFound" ? row : "forbidden" };
    const me = this.numbers.findAccount(app, asker) ?? 0n;
    const after = this.numbers.findAccount(app, query.after) ?? 0n;
    const found =
      limit === 0 ? [] : query.isAdminsOnly ? this.admins(row, after) : this.membersAfter(row, after, limit);
    const items = found.map((member): PagedMember => ({
      account: member.name,
      alias: member.alias,
      role: roleIn(row, member),
      joinTime: member.joined_ms / 1_000n,
      mutedUntil: member.muted_until > now ? member.muted_until : 0n,
    }));
    return { ...pageOf(items, limit), group: this.view(row, me, now, true) };
  }

  beginningWith({ app, digits, limit }: QuestionOf<"groupsBeginning">): NamedGroup[] {
    return this.sql.beginning.all(app, digits, limit).map(({ id, created_ms, member_count, unfinished }) => {
      const isUnfinished = unfinished !== 0n;
      return { id, createdMs: Number(created_ms), isUnfinished, hasEnded: !isUnfinished && member_count === 0n };
    });
  }

  /** The newest pin first; undefined if the account may not see them. `other`: the partner, or minus the group. */
  pinned(me: bigint, other: bigint): readonly bigint[] | undefined {
    const group = other < 0n ? this.rows.byNumber(-other) : undefined;
    if (group === null || (group !== undefined && this.rows.standing(group, me) === "stranger")) return undefined;
    if (group?.member_count === 0n) return undefined;
    return this.sql.pinned.all(...pinKey(me, other), pinnedMessagesMax).map(({ message }) => message);
  }

  private membersAfter({ number }: GroupRow, after: bigint, limit: number): MemberRow[] {
    return this.sql.members.all(number, after, limit + 1);
  }

  /** There are few. */
  private admins(group: GroupRow, after: bigint): MemberRow[] {
    return this.rows
      .admins(group)
      .filter(({ number }) => number > after)
      .toSorted((one, two) => (one.number < two.number ? -1 : 1))
      .flatMap(({ number }) => this.sql.member.get(group.number, number) ?? []);
  }

  /** The group, if the account may do this in it. */
  private seen({ app, group, actor }: OfGroup, action: GroupAction): GroupRow | RefusedRight {
    const row = this.rows.find(app, group);
    if (row === null) return "notFound";
    const result = rightInGroup(action, this.rows.facts(row, app, actor));
    return result === "allowed" ? row : result;
  }

  /** `isCounted`: whether requests to join are counted, of which a page of groups has thousands. */
  private view(row: GroupRow, me: bigint, now: bigint, isCounted: boolean): GroupView {
    const member = this.sql.member.get(row.number, me);
    const role = roleIn(row, { account: me, role: member?.role ?? 0n });
    const requests =
      role === "member" || !isCounted ? null : this.sql.requestCount.get(row.number, requestsGoneAt(now));
    return {
      id: row.id,
      name: row.name,
      avatar: row.avatar,
      introduction: row.introduction,
      announcement: row.announcement,
      owner: this.rows.nameOf(row.owner),
      createdAt: (this.sql.created.get(row.number)?.created_ms ?? 0n) / 1_000n,
      isClosed: row.closed !== 0n,
      hasApproval: row.approval !== 0n,
      isForAdmins: row.for_admins !== 0n,
      memberCount: Number(row.member_count),
      role,
      mutedUntil: member !== null && member.muted_until > now ? member.muted_until : 0n,
      alias: member?.alias ?? "",
      requestCount: Number(requests?.count ?? 0n),
    };
  }
}

function roleIn(
  { owner }: GroupRow,
  { account, role }: { readonly account: bigint; readonly role: bigint },
): GroupRole {
  if (account === owner) return "owner";
  return role > 0n ? "admin" : "member";
}

/** A page of what was found; one more than `limit` says that there is more. */
function pageOf<T>(found: readonly T[], limit: number): Page<T> {
  return { result: "found", items: found.slice(0, limit), hasMore: found.length > limit };
}
