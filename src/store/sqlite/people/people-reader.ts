// Reads what accounts let others do, and what they show of themselves.

import type { Database } from "bun:sqlite";
import { watchGroupMax, watchLooksMax } from "../../../base/limits/fixed.ts";
import type { BlockState, ConsentState, Profile } from "../../conversations.ts";
import { mayReach, mayWatch } from "../../group-rights.ts";
import type { BlockedPage, StoredBlock, TalkAnswer, TalkRight, WatchAnswer } from "../../people.ts";
import { seenKey } from "../conversations/read-file.ts";
import type { ReadMarks } from "../conversations/read-marks.ts";
import { type AccountNumbers, GroupRows, secondsOf } from "../groups/group-rows.ts";
import { consentOf, prepareConsent, prepareIsBlocked } from "./guards.ts";
import type { QuestionOf } from "./questions.ts";

/** Memberships are counted up to here: beyond are only those that have ended, which cost little. */
const countedMax = 10_000n;

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
      // With those that have ended, which are in the same index.
      memberships: db.prepare<{ count: bigint }, [bigint, bigint]>(
        "SELECT count(*) AS count FROM (SELECT 1 FROM member WHERE account = ? LIMIT ?)",
      ),
      // Whether the first account is in a small group with the second one; each of its groups is looked up by keys.
      sharesGroup: db.prepare<{ one: bigint }, [bigint, bigint]>(
        `SELECT 1 AS one FROM member f
         CROSS JOIN member m ON m."group" = f."group" AND m.account = ?2 AND m.until_id IS NULL
         CROSS JOIN "group" g ON g.number = f."group" AND g.member_count BETWEEN 1 AND ${watchGroupMax}
         WHERE f.account = ?1 AND f.until_id IS NULL LIMIT 1`,
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

  watchable({ app, account, accounts }: QuestionOf<"watchable">): WatchAnswer {
    const me = this.numbers.findAccount(app, account);
    if (me === undefined)
      return { allowed: accounts.filter((name) => name === account), decided: accounts.length, looked: 0 };
    let looked = 0;
    let mine: bigint | undefined;
    const sharesGroup = (other: bigint): boolean => {
      mine ??= this.memberships(me, countedMax);
      const theirs = this.memberships(other, mine);
      // The fewer are looked at.
      looked += Number(theirs < mine ? theirs : mine);
      return (theirs < mine ? this.sql.sharesGroup.get(other, me) : this.sql.sharesGroup.get(me, other)) !== null;
    };
    const allowed: string[] = [];
    let decided = 0;
    for (const name of accounts) {
      if (looked >= watchLooksMax) break;
      decided++;
      const other = this.numbers.findAccount(app, name);
      if (other === undefined) continue;
      const isBlocked = this.sql.isBlocked.get(other, me) !== null;
      const hasConversation = !isBlocked && this.haveTalked(me, other);
      const isSelf = other === me;
      const mayShare = !isSelf && !isBlocked && !hasConversation;
      if (mayWatch({ isSelf, isBlocked, hasConversation, sharesGroup: mayShare && sharesGroup(other) }))
        allowed.push(name);
    }
    return { allowed, decided, looked };
  }

  /** How many memberships an account has, or had, at most `most`. */
  private memberships(account: bigint, most: bigint): bigint {
    return this.sql.memberships.get(account, most)?.count ?? 0n;
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
