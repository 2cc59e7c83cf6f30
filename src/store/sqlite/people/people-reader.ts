// Reads what accounts let others do, and what they show of themselves.

import type { Database } from "bun:sqlite";
import { watchGroupMax } from "../../../base/limits/fixed.ts";
import type { BlockState, ConsentState, Profile } from "../../conversations.ts";
import { mayReach, mayWatch } from "../../group-rights.ts";
import type { BlockedPage, StoredBlock, TalkAnswer, TalkRight } from "../../people.ts";
import { seenKey } from "../conversations/read-file.ts";
import type { ReadMarks } from "../conversations/read-marks.ts";
import { type AccountNumbers, GroupRows, secondsOf } from "../groups/group-rows.ts";
import { consentOf, prepareConsent, prepareIsBlocked } from "./guards.ts";
import type { QuestionOf } from "./questions.ts";

/** Whether two accounts have a direct conversation; of two others, in either order. */
type HaveTalked = (one: bigint, other: bigint) => boolean;

interface ProfileRow {
  readonly name: string;
  readonly avatar: string;
  readonly extra: string;
  readonly version: bigint;
}

export class PeopleReader {
  private readonly numbers: AccountNumbers;
  private readonly haveTalked: HaveTalked;
  private readonly marks: ReadMarks;
  private readonly rows: GroupRows;
  private readonly sql;

  constructor(
    db: Database,
    { numbers, haveTalked, marks }: { numbers: AccountNumbers; haveTalked: HaveTalked; marks: ReadMarks },
  ) {
    this.numbers = numbers;
    this.haveTalked = haveTalked;
    this.marks = marks;
    this.rows = new GroupRows(db, numbers);
    this.sql = {
      isBlocked: prepareIsBlocked(db),
      consent: prepareConsent(db),
      blocked: db.prepare<{ name: string }, [bigint, string, number]>(
        `SELECT a.name FROM block b JOIN account a ON a.number = b.blocked
         WHERE b.account = ? AND b.state = 'on' AND a.name > ? ORDER BY a.name LIMIT ?`,
      ),
      profile: db.prepare<ProfileRow, [bigint]>("SELECT name, avatar, extra, version FROM profile WHERE account = ?"),
      smallGroupsOf: db.prepare<{ group: bigint }, [bigint]>(
        `SELECT m."group" FROM member m JOIN "group" g ON g.number = m."group"
         WHERE m.account = ? AND m.until_id IS NULL AND g.member_count BETWEEN 1 AND ${watchGroupMax}`,
      ),
      groupsOf: db.prepare<{ group: bigint }, [bigint]>(
        `SELECT "group" FROM member WHERE account = ? AND until_id IS NULL`,
      ),
      guard: db.prepare<{ guard_id: bigint }, []>("SELECT guard_id FROM sequence"),
      blocksAfter: db.prepare<StoredBlock, [bigint, number]>(
        `SELECT b.version, a.app, a.name AS account, o.name AS blocked
         FROM block b JOIN account a ON a.number = b.account JOIN account o ON o.number = b.blocked
         WHERE b.version > ? AND b.state = 'on' ORDER BY b.version LIMIT ?`,
      ),
      blocksSince: db.prepare<{ name: string; state: string; version: bigint }, [bigint, bigint, number]>(
        `SELECT a.name, b.state, b.version FROM block b JOIN account a ON a.number = b.blocked
         WHERE b.account = ? AND b.version > ? ORDER BY b.version LIMIT ?`,
      ),
      accountName: db.prepare<{ name: string }, [bigint]>("SELECT name FROM account WHERE number = ?"),
    };
  }

  blocked({ app, account, after, limit }: QuestionOf<"blocked">): BlockedPage {
    const me = this.numbers.findAccount(app, account);
    const found = me === undefined ? [] : this.sql.blocked.all(me, after, limit + 1);
    return { accounts: found.slice(0, limit).map(({ name }) => name), hasMore: found.length > limit };
  }

  consent({ app, account }: QuestionOf<"consent">): ConsentState {
    const me = this.numbers.findAccount(app, account);
    return this.consentOf(me ?? 0n);
  }

  profiles({ app, accounts, versions }: QuestionOf<"profiles">): Profile[] {
    return accounts
      .map((account) => this.profileOf(this.numbers.findAccount(app, account) ?? 0n, account))
      .filter(({ version }, at) => version !== BigInt(versions[at] ?? "0"));
  }

  mayTalk({ app, account, toGroup, dest }: QuestionOf<"mayTalk">, nowMs: number): TalkAnswer {
    const me = this.numbers.findAccount(app, account);
    if (!toGroup) return { right: this.mayWrite(me, { app, account, dest }), groupVersion: 0n };
    const group = this.rows.find(app, dest);
    if (group === null) return { right: "notFound", groupVersion: 0n };
    const right = talkRightOf(this.rows.talkRight(group, me ?? 0n, secondsOf(nowMs)));
    return { right, groupVersion: group.version };
  }

  private mayWrite(
    me: bigint | undefined,
    { app, account, dest }: Pick<QuestionOf<"mayTalk">, "app" | "account" | "dest">,
  ): "allowed" | "unwilling" {
    const target = this.numbers.findAccount(app, dest);
    // As a talk to an account that nobody has used.
    if (target === undefined || account === dest) return "allowed";
    const consent = consentOf(this.sql.consent.get(target), "write");
    const isWilling = mayReach({
      isSelf: false,
      isBlocked: me !== undefined && this.sql.isBlocked.get(target, me) !== null,
      consent,
      hasConversation: consent === "conversations" && me !== undefined && this.haveTalked(me, target),
    });
    return isWilling ? "allowed" : "unwilling";
  }

  watchable({ app, account, accounts }: QuestionOf<"watchable">): string[] {
    const me = this.numbers.findAccount(app, account);
    if (me === undefined) return accounts.filter((name) => name === account);
    let mine: ReadonlySet<bigint> | undefined;
    const sharesGroup = (other: bigint): boolean => {
      mine ??= new Set(this.sql.smallGroupsOf.all(me).map(({ group }) => group));
      if (mine.size === 0) return false;
      for (const { group } of this.sql.groupsOf.iterate(other)) if (mine.has(group)) return true;
      return false;
    };
    return accounts.filter((name) => {
      const other = this.numbers.findAccount(app, name);
      if (other === undefined) return false;
      const isBlocked = this.sql.isBlocked.get(other, me) !== null;
      const hasConversation = !isBlocked && this.haveTalked(me, other);
      return mayWatch({
        isSelf: other === me,
        isBlocked,
        hasConversation,
        sharesGroup: !isBlocked && !hasConversation && sharesGroup(other),
      });
    });
  }

  guardVersion(): bigint {
    return this.sql.guard.get()?.guard_id ?? 0n;
  }

  blocksAfter({ after, limit }: QuestionOf<"blocksAfter">): StoredBlock[] {
    return this.sql.blocksAfter.all(BigInt(after), limit);
  }

  lastSeen({ app, accounts }: QuestionOf<"lastSeen">): number[] {
    this.marks.refresh();
    return accounts.map((name) => {
      const account = this.numbers.findAccount(app, name);
      return account === undefined ? 0 : Number(this.marks.of(account, seenKey));
    });
  }

  pairs({ app, account, accounts }: QuestionOf<"pairs">): string[] {
    const me = this.numbers.findAccount(app, account);
    if (me === undefined) return [];
    return accounts.filter((name) => {
      const other = this.numbers.findAccount(app, name);
      return other !== undefined && this.haveTalked(me, other);
    });
  }

  /** Whether an account blocks another. */
  isBlocked(account: bigint, other: bigint): boolean {
    return this.sql.isBlocked.get(account, other) !== null;
  }

  /** The oldest changes of blocks first. */
  blocksSince(me: bigint, since: bigint, limit: number): BlockState[] {
    return this.sql.blocksSince
      .all(me, since, limit)
      .map(({ name: account, state, version }) => ({ account, isOff: state === "off", version }));
  }

  consentOf(me: bigint): ConsentState {
    const row = this.sql.consent.get(me);
    return { write: consentOf(row, "write"), add: consentOf(row, "add"), version: row?.version ?? 0n };
  }

  profileOf(number: bigint, account = this.sql.accountName.get(number)?.name ?? ""): Profile {
    return { ...(this.sql.profile.get(number) ?? { avatar: "", extra: "", version: 0n, name: "" }), account };
  }
}

function talkRightOf(right: ReturnType<GroupRows["talkRight"]>): TalkRight {
  switch (right) {
    case "allowed":
    case "notFound":
    case "muted":
    case "forAdmins":
      return right;
    default:
      return "forbidden";
  }
}
