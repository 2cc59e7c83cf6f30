// The messages of a conversation that an account may see, in either direction of ids: inside its windows, above what it
// has cleared, without those that it has hidden and those that the retention has deleted.

import type { Database } from "bun:sqlite";
import { windowsReadMax } from "../../../base/limits/fixed.ts";
import { idMax } from "../../snowflake.ts";
import type { LogIndex } from "../index/log-index.ts";
import { isSystemOf, isUnfinished, prepareWindow } from "../member-lookups.ts";

export interface MessageRow {
  readonly id: bigint;
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly sent_ns: bigint;
  readonly type: bigint;
  readonly body: string;
  readonly extra: string;
  readonly state: bigint | null;
  readonly reply_to: bigint | null;
  readonly mentions: string | null;
}

/** An open interval of ids. */
interface Window {
  readonly from: bigint;
  readonly until: bigint;
}

/** A conversation of an account. */
export interface Scope {
  readonly me: bigint;
  /** The partner, or minus the group. */
  readonly other: bigint;
  /** Of a group, the last `windowsReadMax`, the oldest first; a direct conversation has one that holds everything. */
  readonly windows: readonly Window[];
  /** Nothing up to here is shown: the account has cleared it, or the watermark of the app is there. */
  readonly clearedTo: bigint;
  /** The newest message that the account has hidden, in whatever conversation; 0n if there is none. */
  readonly hiddenTo: bigint;
}

const whole: readonly Window[] = [{ from: 0n, until: idMax }];
/** Replies of a thread that are read at once. */
const threadRows = 64;

export class VisibleMessages {
  private readonly lookups: LogIndex;
  private readonly sql;

  constructor(db: Database, lookups: LogIndex) {
    this.lookups = lookups;
    this.sql = {
      message: db.prepare<MessageRow, [bigint]>(
        "SELECT id, inbox, sender, sent_ns, type, body, extra, state, reply_to, mentions FROM message WHERE id = ?",
      ),
      windows: db.prepare<{ from_id: bigint; until_id: bigint | null }, [bigint, bigint]>(
        `SELECT from_id, until_id FROM member WHERE account = +?1 AND "group" = +?2 AND NOT ${isUnfinished("?2")}
         ORDER BY from_id DESC LIMIT ${windowsReadMax}`,
      ),
      window: prepareWindow(db),
      isSystem: db.prepare<{ one: bigint }, [bigint, bigint]>(
        `SELECT 1 AS one WHERE ${isSystemOf("?1", "?2")} AND NOT ${isUnfinished("?2")}`,
      ),
      cleared: db.prepare<{ cleared_id: bigint }, [bigint, bigint]>(
        "SELECT cleared_id FROM conversation WHERE account = ? AND other = ?",
      ),
      newestHidden: db.prepare<{ id: bigint | null }, [bigint]>("SELECT max(id) AS id FROM hidden WHERE account = +?"),
      isHidden: db.prepare<{ one: bigint }, [bigint, bigint]>(
        "SELECT 1 AS one FROM hidden WHERE account = ? AND id = ?",
      ),
      repliesBelow: db.prepare<{ id: bigint }, [bigint, bigint, bigint]>(
        `SELECT id FROM message WHERE thread = +? AND id < ? AND id > ? ORDER BY id DESC LIMIT ${threadRows}`,
      ),
      repliesAbove: db.prepare<{ id: bigint }, [bigint, bigint, bigint]>(
        `SELECT id FROM message WHERE thread = +? AND id > ? AND id < ? ORDER BY id LIMIT ${threadRows}`,
      ),
    };
  }

  /** `other`: the partner, or minus the group; undefined if the account never was in the group. */
  scope(me: bigint, other: bigint): Scope | undefined {
    const cleared = this.sql.cleared.get(me, other)?.cleared_id ?? 0n;
    const { clippedTo } = this.lookups;
    const clearedTo = cleared > clippedTo ? cleared : clippedTo;
    const hiddenTo = this.sql.newestHidden.get(me)?.id ?? 0n;
    if (other > 0n) return { me, other, windows: whole, clearedTo, hiddenTo };
    const windows = this.sql.windows
      .all(me, -other)
      .toReversed()
      .map(({ from_id, until_id }): Window => ({ from: from_id, until: until_id ?? idMax }));
    if (windows.length > 0) return { me, other, windows, clearedTo, hiddenTo };
    return this.sql.isSystem.get(me, -other) === null ? undefined : { me, other, windows: whole, clearedTo, hiddenTo };
  }

  /** Yields visible messages below an id, the newest first; of a thread, if it is not 0n. */
  *below(scope: Scope, below: bigint, thread = 0n): Generator<MessageRow, void, void> {
    const oldest = this.lookups.oldestId;
    const end = scope.clearedTo < oldest ? oldest - 1n : scope.clearedTo;
    for (const id of thread === 0n ? this.idsBelow(scope, below) : this.threadBelow(scope, thread, below)) {
      if (id <= end) return;
      const row = this.visible(scope, id);
      if (row !== undefined) yield row;
    }
  }

  /** Yields visible messages above an id, the oldest first; of a thread, if it is not 0n. */
  *above(scope: Scope, above: bigint, thread = 0n): Generator<MessageRow, void, void> {
    const oldest = this.lookups.oldestId;
    let after = above > scope.clearedTo ? above : scope.clearedTo;
    if (after < oldest) after = oldest - 1n;
    for (const id of thread === 0n ? this.idsAbove(scope, after) : this.threadAbove(scope, thread, after)) {
      const row = this.visible(scope, id);
      if (row !== undefined) yield row;
    }
  }

  /** A message, whoever sees it. */
  row(id: bigint): MessageRow | undefined {
    return id > this.lookups.clippedTo ? (this.sql.message.get(id) ?? undefined) : undefined;
  }

  /** The message, if the account sees it as one of this conversation. */
  visible(scope: Scope, id: bigint): MessageRow | undefined {
    const { me, other, clearedTo, hiddenTo } = scope;
    if (id <= clearedTo) return undefined;
    const row = this.sql.message.get(id);
    if (row === null || !isIn(scope, row)) return undefined;
    const isHere = other > 0n || row.sender === me || this.isInWindow(scope, id);
    const isHidden = id <= hiddenTo && this.sql.isHidden.get(me, id) !== null;
    return isHere && !isHidden ? row : undefined;
  }

  private isInWindow({ me, other, windows }: Scope, id: bigint): boolean {
    if (windows.some(({ from, until }) => from < id && id < until)) return true;
    return windows.length === windowsReadMax && this.sql.window.get(me, -other, id) !== null;
  }

  private *idsBelow({ me, other, windows }: Scope, below: bigint): Generator<bigint, void, void> {
    if (other > 0n) {
      const [mine, theirs] = [Number(me), Number(other)];
      const sent = this.lookups.pairNewestFirst(mine, theirs, below);
      if (me === other) yield* sent;
      else yield* merged(sent, this.lookups.pairNewestFirst(theirs, mine, below), (one, two) => one > two);
      return;
    }
    for (const { from, until } of windows.toReversed()) {
      if (from >= below) continue;
      for (const id of this.lookups.receivedNewestFirst(other, until < below ? until : below)) {
        if (id <= from) break;
        yield id;
      }
    }
  }

  private *idsAbove({ me, other, windows }: Scope, above: bigint): Generator<bigint, void, void> {
    if (other > 0n) {
      const [mine, theirs] = [Number(me), Number(other)];
      const sent = this.lookups.pairOldestFirst(mine, theirs, above);
      if (me === other) yield* sent;
      else yield* merged(sent, this.lookups.pairOldestFirst(theirs, mine, above), (one, two) => one < two);
      return;
    }
    for (const { from, until } of windows) {
      if (until <= above) continue;
      for (const id of this.lookups.receivedOldestFirst(other, from > above ? from : above)) {
        if (id >= until) break;
        yield id;
      }
    }
  }

  private *threadBelow(scope: Scope, root: bigint, below: bigint): Generator<bigint, void, void> {
    if (!this.hasThread(scope, root)) return;
    for (const { from, until } of scope.windows.toReversed()) {
      for (let last = until < below ? until : below; last > from;) {
        const rows = this.sql.repliesBelow.all(root, last, from);
        for (const { id } of rows) yield id;
        if (rows.length < threadRows) break;
        last = rows.at(-1)?.id ?? from;
      }
    }
    if (root < below) yield root;
  }

  private *threadAbove(scope: Scope, root: bigint, above: bigint): Generator<bigint, void, void> {
    if (!this.hasThread(scope, root)) return;
    if (root > above) yield root;
    for (const { from, until } of scope.windows) {
      for (let last = from > above ? from : above; last < until;) {
        const rows = this.sql.repliesAbove.all(root, last, until);
        for (const { id } of rows) yield id;
        if (rows.length < threadRows) break;
        last = rows.at(-1)?.id ?? until;
      }
    }
  }

  /** Whether a thread is in this conversation, as all of its messages are: nobody searches another one's in vain. */
  private hasThread(scope: Scope, root: bigint): boolean {
    // The retention may have deleted its first messages.
    const row =
      this.sql.message.get(root) ?? this.sql.message.get(this.sql.repliesAbove.get(root, 0n, idMax)?.id ?? 0n);
    return row !== null && isIn(scope, row);
  }
}

/** Whether a message is in a conversation, visible or not. */
function isIn({ me, other }: Scope, { inbox, sender }: MessageRow): boolean {
  return inbox === other ? other < 0n || sender === me : inbox === me && sender === other;
}

/** Merges two ordered streams. */
function* merged(
  one: Iterable<bigint>,
  two: Iterable<bigint>,
  isFirst: (one: bigint, two: bigint) => boolean,
): Generator<bigint, void, void> {
  const [first, second] = [one[Symbol.iterator](), two[Symbol.iterator]()];
  let [a, b] = [first.next(), second.next()];
  while (a.done !== true || b.done !== true) {
    if (a.done !== true && (b.done === true || isFirst(a.value, b.value))) {
      yield a.value;
      a = first.next();
    } else if (b.done !== true) {
      yield b.value;
      b = second.next();
    }
  }
}
