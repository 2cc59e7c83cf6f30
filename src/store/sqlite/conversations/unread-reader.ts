// What an account has not read in its conversations: messages, and messages that mention it.

import type { Database } from "bun:sqlite";
import { unreadMax } from "../../../base/limits/fixed.ts";
import type { LogIndex } from "../index/log-index.ts";
import { everybody } from "./talk-extras.ts";
import type { Scope } from "./visible.ts";

interface HiddenRow {
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly id: bigint;
}

/** What the counts of one page share. */
export interface UnreadPage {
  /** The account's name. */
  readonly name: string;
  readonly hidden: readonly HiddenRow[];
  /** The newest mention of a name in an inbox; 0n if there is none. */
  readonly newestMentions: Map<string, bigint>;
}

export class UnreadReader {
  private readonly lookups: LogIndex;
  private readonly sql;

  constructor(db: Database, lookups: LogIndex) {
    this.lookups = lookups;
    this.sql = {
      newestMention: db.prepare<{ id: bigint | null }, [bigint, string]>(
        "SELECT max(id) AS id FROM mention WHERE inbox = ? AND who = ?",
      ),
      mentions: db.prepare<{ id: bigint; sender: bigint }, [bigint, string, bigint]>(
        `SELECT n.id, m.sender FROM mention n JOIN message m ON m.id = n.id
         WHERE n.inbox = ? AND n.who = ? AND n.id > ? ORDER BY n.id DESC`,
      ),
      hidden: db.prepare<HiddenRow, [bigint]>(
        `SELECT m.inbox, m.sender, m.id FROM hidden h JOIN message m ON m.id = h.id WHERE h.account = ?`,
      ),
    };
  }

  /** Call once for the conversations of a page, in its snapshot. */
  page(me: bigint, name: string): UnreadPage {
    return { name, hidden: this.sql.hidden.all(me), newestMentions: new Map() };
  }

  /** Counts the messages of others above `after`, at most `unreadMax`. */
  messages({ me, other, windows }: Scope, after: bigint, { hidden }: UnreadPage): number {
    if (me === other) return 0;
    let unread = 0;
    if (other > 0n) unread = this.lookups.countPair(Number(other), Number(me), after, unreadMax);
    else {
      for (const { from, until } of windows.toReversed()) {
        if (until <= after || unread === unreadMax) break;
        const start = from > after ? from : after;
        unread += this.lookups.countReceived(other, Number(me), start, until, unreadMax - unread);
      }
    }
    if (unread === unreadMax) return unread;
    for (const { inbox, sender, id } of hidden) {
      const isHere = other > 0n ? inbox === me && sender === other : inbox === other && sender !== me;
      if (isHere && id > after) unread--;
    }
    return Math.max(0, unread);
  }

  /** Counts those of them that mention the account, at most `unreadMax`. */
  mentions({ me, other, windows }: Scope, after: bigint, page: UnreadPage): number {
    const ids = new Set<bigint>();
    const inbox = other > 0n ? me : other;
    for (const who of other > 0n ? [page.name] : [page.name, everybody]) {
      // Hardly any conversation has an unread mention, and all direct ones share an inbox.
      if (this.newestMention(inbox, who, page) <= after) continue;
      for (const { id, sender } of this.sql.mentions.iterate(inbox, who, after)) {
        if (sender === me || (other > 0n && sender !== other)) continue;
        if (other < 0n && !windows.some(({ from, until }) => from < id && id < until)) continue;
        if (page.hidden.some((one) => one.id === id)) continue;
        ids.add(id);
        if (ids.size === unreadMax) return unreadMax;
      }
    }
    return ids.size;
  }

  private newestMention(inbox: bigint, who: string, { newestMentions }: UnreadPage): bigint {
    return newestMentions.getOrInsertComputed(
      `${inbox} ${who}`,
      () => this.sql.newestMention.get(inbox, who)?.id ?? 0n,
    );
  }
}
