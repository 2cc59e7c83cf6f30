// Reads what comes behind the log of an export (store/export-tail.ts): views (export-views.ts), pinned messages,
// invitations and requests to join.

import type { Database } from "bun:sqlite";
import type { TailPart, TailPosition } from "../../export-cursor.ts";
import { isGiven, startIn, tailPage, tailPartsOf, tailRows, type TailRows, withGroupIds } from "../../export-tail.ts";
import { idMax } from "../../snowflake.ts";
import { codeOf, validInvitation } from "../groups/invitations.ts";
import { requestsGoneAt } from "../groups/join-requests.ts";
import { prepareIsMember, prepareWindow } from "../member-lookups.ts";
import type { ExportGroups } from "./export-groups.ts";
import type { ExportNames } from "./export-names.ts";
import type { ExportViews } from "./export-views.ts";

/** Rows that one page reads, whomever they belong to. */
const rowsReadMax = 2_000;

/** What an export is of. */
export interface TailSelection {
  readonly app: string;
  /** Undefined: the whole app, or what is named below. */
  readonly account: bigint | undefined;
  readonly group: bigint | undefined;
  /** The accounts of a direct conversation, the smaller number first. */
  readonly pair: readonly [first: bigint, other: bigint] | undefined;
  /** No message up to this id is given: the watermark of the app. */
  readonly after: bigint;
}

interface PinRow {
  readonly first: bigint;
  readonly other: bigint;
  readonly entry: bigint;
  readonly message: bigint;
  readonly account: bigint;
}

interface InvitationRow {
  readonly group: bigint;
  readonly number: bigint;
  readonly code: string;
  readonly maker: bigint;
  readonly expires_s: bigint;
  readonly uses_left: bigint;
  readonly is_valid: bigint;
}

interface RequestRow {
  readonly group: bigint;
  readonly account: bigint;
  readonly text: string;
  readonly at_s: bigint;
}

/** The parts behind the log of what is exported. */
export function partsOf({ group, pair }: TailSelection): readonly TailPart[] {
  return tailPartsOf({ isPair: pair !== undefined, isGroup: group !== undefined });
}

export class ExportTail {
  private readonly names: ExportNames;
  private readonly groups: ExportGroups;
  private readonly views: ExportViews;
  private readonly sql;

  constructor(db: Database, names: ExportNames, groups: ExportGroups, views: ExportViews) {
    this.names = names;
    this.groups = groups;
    this.views = views;
    this.sql = {
      pins: db.prepare<PinRow, [bigint, bigint, bigint, bigint]>(
        `SELECT first, other, entry, message, account FROM pin
         WHERE (first, other, entry) > (?, ?, ?) AND first <= ? ORDER BY first, other, entry LIMIT ${rowsReadMax}`,
      ),
      invitations: db.prepare<InvitationRow, [bigint, bigint, bigint, bigint]>(
        `SELECT i."group", i.number, i.code, i.maker, i.expires_s, i.uses_left,
           g.member_count > 0 AND ${validInvitation} AS is_valid
         FROM (
           SELECT * FROM invitation WHERE ("group", number) > (?1, ?3) AND "group" <= ?4
           ORDER BY "group", number LIMIT ${rowsReadMax}) i
         JOIN "group" g ON g.number = i."group" ORDER BY i."group", i.number`,
      ),
      requests: db.prepare<RequestRow, [bigint, bigint, bigint]>(
        `SELECT "group", account, text, at_s FROM join_request
         WHERE ("group", account) > (?, ?) AND "group" <= ? ORDER BY "group", account LIMIT ${rowsReadMax}`,
      ),
      isLive: db.prepare<{ one: bigint }, [bigint]>(
        `SELECT 1 AS one FROM "group" WHERE number = ? AND member_count > 0`,
      ),
      isMember: prepareIsMember(db),
      window: prepareWindow(db),
    };
  }

  /** `logEnd`: that of now; `now`: in seconds since 1970. */
  page(selected: TailSelection, from: TailPosition, limit: number, logEnd: bigint, now: bigint) {
    return tailPage(from, this.rowsOf(selected, from, now), { limit, parts: partsOf(selected), logEnd });
  }

  private rowsOf(selected: TailSelection, from: TailPosition, now: bigint): TailRows {
    switch (from.part) {
      case "conversations":
        return this.views.after(selected.app, selected.account, from);
      case "pins":
        return this.pins(selected, from);
      case "invitations":
        return this.invitations(selected, from, now);
      case "requests":
        return this.requests(selected, from, now);
    }
  }

  private pins(selected: TailSelection, { key, logId }: TailPosition): TailRows {
    const { app, group, pair } = selected;
    const only = pair?.[0] ?? (group && -group);
    const [first = 0n, other = 0n, entry = 0n] = startIn(only, key);
    const rows = this.sql.pins.all(first, other, entry, only ?? idMax);
    return tailRows(rows, rowsReadMax, keyOfPin, (row) => {
      const place = row.first < 0n ? this.names.group(-row.first) : this.names.account(row.first);
      if (place?.app !== app || row.message > logId || !this.isPinSeen(selected, row)) return undefined;
      const by = this.names.account(row.account);
      return { pin: { account: by?.app === app ? by.name : "", messageId: `${row.message}` } };
    });
  }

  private isPinSeen({ account: me, pair, after }: TailSelection, { first, other, message }: PinRow): boolean {
    if (message <= after || (pair !== undefined && other !== pair[1])) return false;
    if (me === undefined) return true;
    if (first > 0n) return first === me || other === me;
    const isMember = this.sql.isLive.get(-first) !== null && this.sql.isMember.get(-first, me) !== null;
    return isMember && this.sql.window.get(me, -first, message) !== null;
  }

  /** Of an account, those that it made. */
  private invitations(selected: TailSelection, from: TailPosition, now: bigint): TailRows {
    const { app, account, group } = selected;
    const [start = 0n, number = 0n] = startIn(group, from.key);
    const rows = this.sql.invitations.all(start, now, number, group ?? idMax);
    return tailRows(rows, rowsReadMax, keyOfInvitation, (row) => {
      const [place, maker] = [this.names.group(row.group), this.names.account(row.maker)];
      if (row.is_valid === 0n || place?.app !== app || maker?.app !== app) return undefined;
      if (account !== undefined && row.maker !== account) return undefined;
      if (!isGiven(from, this.groups.placeOf(selected, row.group))) return undefined;
      return {
        invitation: {
          group: place.id,
          code: codeOf(row.code),
          account: maker.name,
          expiresAt: Number(row.expires_s),
          usesLeft: row.uses_left < 0n ? 0 : Number(row.uses_left),
        },
      };
    });
  }

  /** Of an account, its own: it need not have been in their groups. */
  private requests(selected: TailSelection, from: TailPosition, now: bigint): TailRows {
    const { app, account, group } = selected;
    const [start = 0n, after = 0n] = startIn(group, from.key);
    const rows = this.sql.requests.all(start, after, group ?? idMax);
    const found = tailRows(rows, rowsReadMax, keyOfRequest, (row) => {
      const [place, asking] = [this.names.group(row.group), this.names.account(row.account)];
      if (row.at_s <= requestsGoneAt(now) || place?.app !== app || asking?.app !== app) return undefined;
      if (account !== undefined && row.account !== account) return undefined;
      if (account === undefined && !isGiven(from, row.group)) return undefined;
      if (this.sql.isLive.get(row.group) === null) return undefined;
      return { joinRequest: { group: place.id, account: asking.name, text: row.text, time: Number(row.at_s) } };
    });
    return account === undefined ? found : withGroupIds(found, from);
  }
}

const keyOfPin = ({ first, other, entry }: PinRow): bigint[] => [first, other, entry];
const keyOfInvitation = ({ group, number }: InvitationRow): bigint[] => [group, number];
const keyOfRequest = ({ group, account }: RequestRow): bigint[] => [group, account];
