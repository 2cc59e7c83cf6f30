// What an account has set for itself, since a version; and who has read a message.

import type { Database } from "bun:sqlite";
import { readersDays, readersGroupMax } from "../../../base/limits/fixed.ts";
import { hiddenCount, mergedState } from "../../account-state.ts";
import type { AccountState, ReadersAnswer, ReadersQuery, SettingState } from "../../conversations.ts";
import { idMax } from "../../snowflake.ts";
import type { PeopleReader } from "../people/people-reader.ts";
import type { ReadMarks } from "./read-marks.ts";
import { isInWindow, prepareIsMember, prepareWindow } from "../member-lookups.ts";

interface SettingRow {
  readonly other: bigint;
  readonly name: string | null;
  readonly group_id: string | null;
  readonly pinned: bigint;
  readonly muted: bigint;
  readonly hidden_id: bigint;
  readonly cleared_id: bigint;
  readonly version: bigint;
}

const readersNs = BigInt(readersDays) * 86_400_000_000_000n;

export class AccountReader {
  private readonly marks: ReadMarks;
  private readonly clip: { readonly clippedTo: bigint };
  private readonly people: PeopleReader;
  private readonly sql;

  /** `clip`: the watermark of the app of the snapshot. */
  constructor(db: Database, marks: ReadMarks, people: PeopleReader, clip: { readonly clippedTo: bigint }) {
    this.clip = clip;
    this.marks = marks;
    this.people = people;
    this.sql = {
      last: db.prepare<{ last_id: bigint }, []>("SELECT last_id FROM sequence"),
      settings: db.prepare<SettingRow, [bigint, bigint, number]>(
        `SELECT c.other, a.name, g.id AS group_id, c.pinned, c.muted, c.hidden_id, c.cleared_id, c.version
         FROM conversation c LEFT JOIN account a ON a.number = c.other LEFT JOIN "group" g ON g.number = -c.other
         WHERE c.account = ? AND c.version > ? ORDER BY c.version LIMIT ?`,
      ),
      hidden: db.prepare<{ id: bigint; version: bigint }, [bigint, bigint, number]>(
        "SELECT id, version FROM hidden WHERE account = ? AND version > ? ORDER BY version, id LIMIT ?",
      ),
      place: db.prepare<{ inbox: bigint; sender: bigint; sent_ns: bigint }, [bigint]>(
        "SELECT inbox, sender, sent_ns FROM message WHERE id = ?",
      ),
      window: prepareWindow(db),
      // A dismissed group has no members, whatever their rows say.
      count: db.prepare<{ member_count: bigint }, [bigint]>(`SELECT member_count FROM "group" WHERE number = ?`),
      isMember: prepareIsMember(db),
      members: db.prepare<{ account: bigint; name: string }, [bigint, bigint]>(
        `SELECT m.account, a.name FROM member m JOIN account a ON a.number = m.account
         WHERE m."group" = ?1 AND m.until_id IS NULL AND ${isInWindow("m.account", "?1", "?2")}
         ORDER BY a.name`,
      ),
    };
  }

  /** A version beyond the last id is of a time that a restore has undone: everything is new to whoever has it. */
  state(me: bigint, known: bigint, limit: number): AccountState {
    const last = this.sql.last.get()?.last_id ?? 0n;
    const since = known > last ? 0n : known;
    const settings = this.sql.settings.all(me, since, limit + 1);
    const hidden = this.sql.hidden.all(me, since, hiddenCount(limit));
    const blocks = this.people.blocksSince(me, since, limit + 1);
    const [consent, profile] = [this.people.consentOf(me), this.people.profileOf(me)];
    return mergedState({ last, since, settings: settings.map(settingOf), hidden, blocks, consent, profile }, limit);
  }

  readers(
    me: bigint,
    messageId: bigint,
    { after, limit }: Pick<ReadersQuery, "after" | "limit">,
    nowNs: bigint,
  ): ReadersAnswer {
    const place = messageId > this.clip.clippedTo && messageId <= idMax ? this.sql.place.get(messageId) : null;
    if (place === null || place.inbox > 0n) return { result: "notFound" };
    const group = -place.inbox;
    const isAuthor = place.sender === me;
    if (!isAuthor && this.sql.window.get(me, group, messageId) === null) return { result: "notFound" };
    const count = this.sql.count.get(group)?.member_count ?? 0n;
    const isMember = count > 0n && this.sql.isMember.get(group, me) !== null;
    if (!isAuthor && !isMember) return { result: "forbidden" };
    if (count > BigInt(readersGroupMax)) return { result: "tooLarge" };
    if (nowNs - place.sent_ns > readersNs) return { result: "tooOld" };
    const members = count === 0n ? [] : this.sql.members.all(group, messageId);
    const readers = members
      .filter(({ account }) => account !== place.sender && this.marks.of(account, place.inbox) >= messageId)
      .filter(({ account }) => !this.people.isBlocked(account, me))
      .map(({ name }) => name);
    const rest = readers.filter((name) => Buffer.compare(Buffer.from(name), Buffer.from(after)) > 0);
    return { result: "found", count: readers.length, accounts: rest.slice(0, limit), hasMore: rest.length > limit };
  }
}

function settingOf(row: SettingRow): SettingState {
  return {
    toGroup: row.other < 0n,
    dest: (row.other < 0n ? row.group_id : row.name) ?? "",
    isPinned: row.pinned === 1n,
    isMuted: row.muted === 1n,
    hiddenId: row.hidden_id,
    clearedTo: row.cleared_id,
    version: row.version,
  };
}
