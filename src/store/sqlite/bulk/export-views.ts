// Reads accounts' views of their conversations for exports: what they have set, from the log, and how far they have
// read, from the file beside it.

import type { Database } from "bun:sqlite";
import type { ConversationRecord } from "../../data-records.ts";
import type { TailPosition } from "../../export-cursor.ts";
import { hasView, isGiven, type TailRow, type TailRows } from "../../export-tail.ts";
import { idMax } from "../../snowflake.ts";
import type { MarkRow, ReadMarks } from "../conversations/read-marks.ts";
import type { LogIndex } from "../index/log-index.ts";
import type { ExportGroups } from "./export-groups.ts";
import type { ExportNames } from "./export-names.ts";

/** Rows that one page reads of each kind, whomever they belong to. */
const rowsReadMax = 2_000;

/** What the reader knows of views. */
export interface Views {
  readonly marks: Pick<ReadMarks, "after">;
  /** The newest message that an account sees in a conversation, or its join; undefined if there is neither. */
  readonly activityOf: (account: bigint, other: bigint) => bigint | undefined;
}

interface SettingRow {
  readonly account: bigint;
  readonly other: bigint;
  readonly pinned: bigint;
  readonly muted: bigint;
  readonly hidden_id: bigint;
  readonly cleared_id: bigint;
}

/** A key of both tables. */
type Key = Pick<SettingRow, "account" | "other">;

export class ExportViews {
  private readonly names: ExportNames;
  private readonly groups: ExportGroups;
  private readonly index: LogIndex;
  private readonly views: Views;
  private readonly sql;

  constructor(db: Database, names: ExportNames, groups: ExportGroups, index: LogIndex, views: Views) {
    this.names = names;
    this.groups = groups;
    this.index = index;
    this.views = views;
    this.sql = {
      settings: db.prepare<SettingRow, [bigint, bigint, bigint, number]>(
        `SELECT account, other, pinned, muted, hidden_id, cleared_id FROM conversation
         WHERE (account, other) > (?, ?) AND account <= ? ORDER BY account, other LIMIT ?`,
      ),
      exists: db.prepare<{ one: bigint }, [bigint]>("SELECT 1 AS one FROM message WHERE id = ?"),
    };
  }

  /** Those behind a position. `only`: whose views; undefined: of the whole app. */
  after(app: string, only: bigint | undefined, position: TailPosition): TailRows {
    const [account = 0n, other = 0n] = position.key;
    const from = only === undefined || account >= only ? ([account, other] as const) : ([only - 1n, idMax] as const);
    const last = only ?? idMax;
    const settings = this.sql.settings.all(...from, last, rowsReadMax);
    const marks = this.views.marks.after(...from, last, rowsReadMax);
    // Of a list that is cut, nothing is known behind its end.
    const ends = [settings, marks].flatMap((rows) => (rows.length < rowsReadMax ? [] : (rows.at(-1) ?? [])));
    const isNamed = ({ account: of, other: to }: Key): boolean =>
      to > 0n || isGiven(position, this.groups.placeOf({ account: only === undefined ? undefined : of }, -to));
    return { rows: this.merged(app, isNamed, settings, marks, ends), isAll: ends.length === 0 };
  }

  private *merged(
    app: string,
    isNamed: (key: Key) => boolean,
    settings: readonly SettingRow[],
    marks: readonly MarkRow[],
    ends: readonly Key[],
  ): Generator<TailRow> {
    for (let s = 0, m = 0; s < settings.length || m < marks.length;) {
      const [setting, mark] = [settings[s], marks[m]];
      const order = compared(setting, mark);
      const key = order <= 0 ? setting : mark;
      if (key === undefined || ends.some((end) => compared(key, end) > 0)) return;
      if (order <= 0) s++;
      if (order >= 0) m++;
      const { account, other } = key;
      const conversation = isNamed(key)
        ? this.record(app, order <= 0 ? setting : undefined, order >= 0 ? mark : undefined)
        : undefined;
      yield { key: [account, other], record: conversation && { conversation } };
    }
  }

  /** Undefined for one of another app, of what is gone, and for one without anything. */
  private record(
    app: string,
    setting: SettingRow | undefined,
    mark: MarkRow | undefined,
  ): ConversationRecord | undefined {
    const { account = 0n, other = 0n } = setting ?? mark ?? {};
    const me = this.names.account(account);
    if (me?.app !== app) return undefined;
    const partner = other > 0n ? this.names.account(other) : null;
    const group = other < 0n ? this.names.group(-other) : null;
    if ((partner ?? group)?.app !== app) return undefined;
    const cleared = setting === undefined ? 0n : this.newestUpTo(account, other, setting.cleared_id);
    const read = mark !== undefined && this.isThere(mark.read_id) ? mark.read_id : 0n;
    const isHidden = setting !== undefined && setting.hidden_id > 0n && this.isHidden(setting);
    const record: ConversationRecord = {
      account: me.name,
      ...(partner !== null && { peer: partner.name }),
      ...(group !== null && { group: group.id }),
      pinned: setting?.pinned === 1n,
      muted: setting?.muted === 1n,
      hidden: isHidden,
      ...(cleared > 0n && { clearedTo: `${cleared}` }),
      ...(read > 0n && { readTo: `${read}` }),
    };
    return hasView(record) ? record : undefined;
  }

  private isHidden({ account, other, hidden_id: hiddenId }: SettingRow): boolean {
    const activity = this.views.activityOf(account, other);
    return activity !== undefined && activity <= hiddenId;
  }

  /** The retention has not passed over it. */
  private isThere(id: bigint): boolean {
    return id > this.index.clippedTo && this.sql.exists.get(id) !== null;
  }

  /** The newest message of a conversation up to an id; 0n if there is none. */
  private newestUpTo(account: bigint, other: bigint, upTo: bigint): bigint {
    if (upTo === 0n) return 0n;
    const [mine, theirs] = [Number(account), Number(other)];
    const below = upTo + 1n;
    const newest =
      other < 0n
        ? [this.index.receivedNewestFirst(other, below)]
        : [this.index.pairNewestFirst(mine, theirs, below), this.index.pairNewestFirst(theirs, mine, below)];
    let found = 0n;
    for (const ids of newest)
      for (const id of ids) {
        if (id > found) found = id;
        break;
      }
    return this.isThere(found) ? found : 0n;
  }
}

/** Negative if the first one comes first; what is missing comes last. */
function compared(one: Key | undefined, other: Key | undefined): number {
  if (one === undefined || other === undefined) return (one === undefined ? 1 : 0) - (other === undefined ? 1 : 0);
  if (one.account !== other.account) return one.account < other.account ? -1 : 1;
  return one.other === other.other ? 0 : one.other < other.other ? -1 : 1;
}
