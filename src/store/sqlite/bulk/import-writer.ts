// Stores pages of imports inside the writer's transaction. New ids follow the order of records, so that no reader finds
// a smaller id later; times are those of the records.
//
// Of each page the store keeps which ids its messages had: an array of pairs, former and new, in the order of both. So
// a reply finds its message without an index of its own, and an import writes nothing at random.

import type { ImportOutcome, ImportPage } from "../../data.ts";
import type { ImportAccounts } from "../../import-accounts.ts";
import {
  type GroupRecord,
  type MemberRecord,
  type MessageRecord,
  type ProfileRecord,
  recordKinds,
} from "../../data-records.ts";
import type { ReadMarkJob } from "../../change-jobs.ts";
import type { Moment } from "../conversations/moment.ts";
import { messageState } from "../conversations/tables.ts";
import type { GroupParts } from "../groups/group-parts.ts";
import type { TalkWriter } from "../talk-writer.ts";
import { DismissedGroups } from "./dismissed-groups.ts";
import { ImportIds } from "./import-ids.ts";
import { ImportOwn } from "./import-own.ts";
import { type AppRefusal, ImportRows } from "./import-rows.ts";
import { ImportTail } from "./import-tail.ts";

/** What became of a page, and how far it says that accounts have read, in ids of this store. */
export type ImportWritten = (ImportOutcome & { readonly reads?: readonly ReadMarkJob[] }) | AppRefusal;

/** A record of the page cannot be stored: the transaction is rolled back. */
export class InvalidRecord extends Error {
  override readonly name = "InvalidRecord";
  readonly outcome: ImportOutcome;

  constructor(position: number, reason: string) {
    super(`record ${position}: ${reason}`);
    this.outcome = { result: "invalid", position, reason };
  }
}

export class ImportWriter {
  private readonly parts: GroupParts;
  private readonly talks: TalkWriter;
  private readonly rows: ImportRows;
  private readonly ids: ImportIds;
  private readonly dismissed: DismissedGroups;
  private readonly own: ImportOwn;
  private readonly tail: ImportTail;
  private readonly sql;

  constructor(parts: GroupParts, talks: TalkWriter) {
    const { db } = parts;
    this.parts = parts;
    this.talks = talks;
    this.rows = new ImportRows(db);
    this.ids = new ImportIds(db);
    this.dismissed = new DismissedGroups(db);
    this.own = new ImportOwn(parts, this.ids);
    this.tail = new ImportTail(parts, this.ids);
    this.sql = {
      addGroup: db.prepare<
        { number: bigint },
        [string, string, string, string, string, string, bigint, number, number, number, number]
      >(
        `INSERT INTO "group" (app, id, name, avatar, introduction, announcement, owner, closed, approval, for_admins,
           created_ms, version, member_count)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0) RETURNING number`,
      ),
      setMember: db.prepare<null, [number, string, number, bigint, bigint]>(
        `UPDATE member SET role = ?, alias = ?, muted_until = ? WHERE "group" = ? AND account = ? AND until_id IS NULL`,
      ),
      setState: db.prepare<null, [number, bigint]>("UPDATE message SET state = ? WHERE id = ?"),
      addReaction: db.prepare<null, [bigint, string, bigint]>(
        "INSERT OR IGNORE INTO reaction (message, reaction, account) VALUES (?, ?, ?)",
      ),
      setProfile: db.prepare<null, [bigint, string, string, string, bigint]>(
        "INSERT OR REPLACE INTO profile (account, name, avatar, extra, version) VALUES (?, ?, ?, ?, ?)",
      ),
    };
  }

  /** Throws InvalidRecord. */
  write(page: ImportPage, moment: Moment): ImportWritten {
    const place = this.rows.find(page);
    const { stored, cursor, formerCursor, pageRecords } = place;
    const { records, isLast } = page;
    if (
      records.length > 0 &&
      page.cursor === formerCursor &&
      cursor !== formerCursor &&
      records.length === pageRecords
    ) {
      this.ids.begin(place.number);
      // They are kept in another file, which may not have got them.
      return { result: "stored", cursor, stored, isRepeated: true, reads: this.own.readsOf(page) };
    }
    const refusal = this.rows.refusal(page.app, moment);
    if (refusal !== undefined) return refusal;
    if (records.length === 0 && !isLast) return { result: "stored", cursor, stored, isRepeated: false };
    if (page.cursor !== cursor) return { result: "elsewhere", cursor };
    const number = this.rows.begin(page, place);
    this.ids.begin(number);
    this.dismissed.begin();
    for (const [position, record] of records.entries()) {
      const reason = this.store(page.app, record, moment);
      if (reason !== undefined) throw new InvalidRecord(position, reason);
    }
    const reads = this.own.readsOf(page);
    if (isLast) this.ids.saveOnly(page.app, this.own.readIn(page));
    else this.ids.save();
    this.dismissed.end(moment);
    return { ...this.rows.advance(page, place, number, moment.ids.last), reads };
  }

  /** Before a page is stored; nothing for a page that will not be, which is told why. */
  makeAccounts(slice: ImportAccounts, moment: Moment): AppRefusal | undefined {
    const place = this.rows.find(slice);
    if (slice.cursor !== place.cursor) return undefined;
    const refusal = this.rows.refusal(slice.app, moment);
    if (refusal !== undefined) return refusal;
    this.rows.begin(slice, place);
    this.rows.setImporting(slice.app, moment.ids.last);
    for (const name of slice.accounts) this.parts.names.account(slice.app, name);
    return undefined;
  }

  /** Call after a rollback. */
  forget(): void {
    this.ids.forget();
  }

  /** Returns why a record cannot be stored. */
  private store(app: string, record: ImportPage["records"][number], moment: Moment): string | undefined {
    if (record.message !== undefined) return this.message(app, record.message, moment);
    if (record.group !== undefined) return this.group(app, record.group, moment);
    if (record.member !== undefined) return this.member(app, record.member, moment);
    if (record.profile !== undefined) return this.profile(app, record.profile, moment);
    if (record.account !== undefined) return this.own.account(app, record.account, moment);
    if (record.conversation !== undefined) return this.own.conversation(app, record.conversation, moment);
    if (record.pin !== undefined) return this.tail.pin(app, record.pin, moment);
    if (record.invitation !== undefined) return this.tail.invitation(app, record.invitation, moment);
    if (record.joinRequest !== undefined) return this.tail.joinRequest(app, record.joinRequest, moment);
    // Its content is elsewhere.
    if (record.file !== undefined) return undefined;
    return `it has none of ${recordKinds}`;
  }

  private message(app: string, record: MessageRecord, { ids, wallMs, atNs }: Moment): string | undefined {
    const { names } = this.parts;
    const { sender: senderName, account, group, mentions = [], recalled = false, edited = false } = record;
    const sentNs = BigInt(record.sendTime);
    if (sentNs > atNs) return `message.sendTime ${sentNs} is in the future: it is ${atNs} now`;
    const former = BigInt(record.messageId ?? "0");
    const isNext = former === 0n || former > this.ids.last;
    if (!isNext) return `message.messageId ${former} is not above ${this.ids.last}, the one before it`;
    const number = group === undefined ? undefined : names.findGroup(app, group);
    if (group !== undefined && number === undefined) return `message.group ${group} has no record before it`;
    const parent = BigInt(record.replyTo ?? "0");
    const replyTo = parent === 0n ? undefined : this.ids.newOf(parent);
    const hasMentions = mentions.length > 0 && !recalled;
    const id = this.talks.add(
      {
        inbox: number === undefined ? names.account(app, account ?? "") : -number,
        sender: names.account(app, senderName),
        type: record.type ?? 1,
        body: recalled ? "" : (record.body ?? ""),
        extra: recalled ? "" : (record.extra ?? ""),
        sentNs,
        ...(hasMentions && { mentions: mentions.join(",") }),
        ...(replyTo !== undefined && { replyTo: `${replyTo}` }),
      },
      ids,
      wallMs,
    );
    if (former > 0n) this.ids.add(former, id);
    if (number !== undefined) this.dismissed.touch(number);
    const reactions = recalled ? [] : (record.reactions ?? []);
    for (const { account: by, reaction } of reactions) this.sql.addReaction.run(id, reaction, names.account(app, by));
    const state =
      (edited ? messageState.edited : 0) |
      (recalled ? messageState.recalled : 0) |
      (reactions.length > 0 ? messageState.hasReactions : 0);
    if (state !== 0) this.sql.setState.run(state, id);
    return undefined;
  }

  /** A group that is there already came with an earlier record: nobody else makes groups in this app. */
  private group(app: string, record: GroupRecord, { atNs }: Moment): string | undefined {
    const { names } = this.parts;
    const { id, createdAt = 0 } = record;
    const nowSeconds = atNs / 1_000_000_000n;
    if (BigInt(createdAt) > nowSeconds) return `group.createdAt ${createdAt} is in the future: it is ${nowSeconds} now`;
    const number = names.findGroup(app, id) ?? this.newGroup(app, record);
    if (record.dismissed === true) this.dismissed.add(number);
    return undefined;
  }

  private newGroup(app: string, record: GroupRecord): bigint {
    const { names } = this.parts;
    const { id, name = "", avatar = "", introduction = "", announcement = "", owner, createdAt = 0 } = record;
    const made = this.sql.addGroup.get(
      app,
      id,
      name,
      avatar,
      introduction,
      announcement,
      owner === "" ? 0n : names.account(app, owner),
      Number(record.closed ?? false),
      Number(record.approval ?? false),
      Number(record.muted ?? false),
      createdAt * 1_000,
    );
    if (made === null) throw new Error("an inserted group has a number");
    return made.number;
  }

  /** Windows begin and end among the messages as the records do. */
  private member(app: string, record: MemberRecord, { ids, atNs }: Moment): string | undefined {
    const { names, rows, membership } = this.parts;
    const { account, role = "member", alias = "", joinTime = 0, leaveTime = 0, mutedUntil = 0 } = record;
    const group = rows.find(app, record.group);
    if (group === null) return `member.group ${record.group} has no record before it`;
    const latest = BigInt(Math.max(joinTime, leaveTime)) * 1_000_000_000n;
    if (latest > atNs)
      return `member.joinTime or member.leaveTime is in the future: it is ${atNs / 1_000_000_000n} now`;
    const number = names.account(app, account);
    const self = { number, name: account };
    if (rows.member(group.number, number) === null) {
      membership.add(group, self, [self], false, momentAt(ids, joinTime));
      // Also without a mute: that of an earlier row stays otherwise.
      const mute = number === group.owner ? 0 : mutedUntil;
      this.sql.setMember.run(role === "admin" ? 1 : 0, alias, mute, group.number, number);
    }
    this.dismissed.touch(group.number);
    const joined = leaveTime > 0 ? rows.find(app, record.group) : null;
    if (joined !== null) membership.end(joined, self, [self], momentAt(ids, leaveTime));
    return undefined;
  }

  private profile(
    app: string,
    { account, name = "", avatar = "", extra = "" }: ProfileRecord,
    moment: Moment,
  ): undefined {
    const number = this.parts.names.account(app, account);
    this.sql.setProfile.run(number, name, avatar, extra, moment.ids.next(moment.wallMs));
  }
}

/** The moment of a change that happened before; ids go on from the last one. */
function momentAt(ids: Moment["ids"], seconds: number): Moment {
  return { ids, wallMs: seconds * 1_000, atNs: BigInt(seconds) * 1_000_000_000n };
}
