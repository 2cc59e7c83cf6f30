// What an account has not read in its conversations: messages, and messages that mention it.

import type { Database } from "bun:sqlite";
import { mentionsReadMax, unreadMax } from "../../../base/limits/fixed.ts";
import { idMax } from "../../snowflake.ts";
import type { SenderCounts } from "../index/conversations.ts";
import type { LogIndex } from "../index/log-index.ts";
import { everybody } from "./talk-extras.ts";
import type { Scope } from "./visible.ts";

/** Mentions that are read at once. */
const mentionRows = 256;
/** Messages that are read at once, for each partner of a page: as long as blocks of the list `pair` of many runs. */
const countedOfEach = 256;

interface HiddenRow {
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly id: bigint;
}

/** What an account has hidden one by one. */
interface Hidden {
  readonly rows: readonly HiddenRow[];
  readonly ids: ReadonlySet<bigint>;
}

/** What the counts of one page share. */
export interface UnreadPage {
  /** The account's name. */
  readonly name: string;
  readonly hidden: Hidden;
  /** Unread direct messages by the numbers of their senders, as far as they were counted for all of them at once. */
  readonly senders: SenderCounts;
  /** The newest mention of a name in an inbox; 0n if there is none. */
  readonly newestMentions: Map<string, bigint>;
  /** Mentions in direct messages down to an id, the newest first. */
  readonly direct: { readonly bySender: Map<bigint, bigint[]>; reached: bigint; rows: number };
}

export class UnreadReader {
  private readonly lookups: LogIndex;
  private readonly sql;

  constructor(db: Database, lookups: LogIndex) {
    this.lookups = lookups;
    this.sql = {
      newestMention: db.prepare<{ id: bigint | null }, [bigint, string]>(
        "SELECT max(id) AS id FROM mention WHERE inbox = +? AND who = +?",
      ),
      mentions: db.prepare<{ id: bigint; sender: bigint }, [bigint, string, bigint]>(
        `SELECT n.id, m.sender FROM mention n JOIN message m ON m.id = n.id
         WHERE n.inbox = +? AND n.who = +? AND n.id > ? ORDER BY n.id DESC LIMIT ${mentionsReadMax}`,
      ),
      mentionsBelow: db.prepare<{ id: bigint; sender: bigint }, [bigint, string, bigint]>(
        `SELECT n.id, m.sender FROM mention n JOIN message m ON m.id = n.id
         WHERE n.inbox = +? AND n.who = +? AND n.id < ? ORDER BY n.id DESC LIMIT ${mentionRows}`,
      ),
      hidden: db.prepare<HiddenRow, [bigint]>(
        `SELECT m.inbox, m.sender, m.id FROM hidden h JOIN message m ON m.id = h.id WHERE h.account = ?`,
      ),
    };
  }

  hidden(me: bigint): Hidden {
    const rows = this.sql.hidden.all(me);
    return { rows, ids: new Set(rows.map(({ id }) => id)) };
  }

  /**
   * Call once for the conversations of a page, in its snapshot. `name` is the account's; `afters` has the partners of
   * the page, and the ids above which their messages are unread.
   */
  page(
    me: bigint,
    { name, hidden, afters }: { name: string; hidden: Hidden; afters: ReadonlyMap<number, bigint> },
  ): UnreadPage {
    const senders = this.lookups.countSenders(Number(me), afters, afters.size * countedOfEach);
    return {
      name,
      hidden,
      senders,
      newestMentions: new Map(),
      direct: { bySender: new Map(), reached: idMax, rows: 0 },
    };
  }

  /** Counts the messages of others above `after`, at most `unreadMax`. */
  messages({ me, other, windows }: Scope, after: bigint, { hidden, senders }: UnreadPage): number {
    if (me === other) return 0;
    let passedOver = 0;
    for (const { inbox, sender, id } of hidden.rows) {
      const isHere = other > 0n ? inbox === me && sender === other : inbox === other && sender !== me;
      if (isHere && id > after) passedOver++;
    }
    const atMost = unreadMax + passedOver;
    let count = 0;
    if (other > 0n) {
      count = Math.min(atMost, senders.bySender.get(Number(other)) ?? 0);
      const until = senders.above + 1n;
      if (after < senders.above && count < atMost)
        count += this.lookups.countPair(Number(other), Number(me), after, atMost - count, until);
    } else {
      for (const { from, until } of windows.toReversed()) {
        if (until <= after || count === atMost) break;
        const start = from > after ? from : after;
        count += this.lookups.countReceived(other, Number(me), start, until, atMost - count);
      }
    }
    return Math.max(0, count - passedOver);
  }

  /** Counts those of them that mention the account, at most `unreadMax`. */
  mentions({ me, other, windows }: Scope, after: bigint, page: UnreadPage): number {
    if (other > 0n) return other === me ? 0 : this.directMentions(me, other, after, page);
    const ids = new Set<bigint>();
    for (const who of [page.name, everybody]) {
      // Hardly any conversation has an unread mention.
      if (this.newestMention(other, who, page) <= after) continue;
      for (const { id, sender } of this.sql.mentions.iterate(other, who, after)) {
        if (sender === me || page.hidden.ids.has(id)) continue;
        if (!windows.some(({ from, until }) => from < id && id < until)) continue;
        ids.add(id);
        if (ids.size === unreadMax) return unreadMax;
      }
    }
    return ids.size;
  }

  /** All direct conversations share an inbox, which is read once a page and no further than they need. */
  private directMentions(me: bigint, other: bigint, after: bigint, page: UnreadPage): number {
    if (this.newestMention(me, page.name, page) <= after) return 0;
    const { direct } = page;
    while (direct.reached > after) {
      const rows = this.sql.mentionsBelow.all(me, page.name, direct.reached);
      for (const { id, sender } of rows) direct.bySender.getOrInsertComputed(sender, () => []).push(id);
      direct.rows += rows.length;
      const isEnd = rows.length < mentionRows || direct.rows >= mentionsReadMax;
      direct.reached = isEnd ? 0n : (rows.at(-1)?.id ?? 0n);
    }
    let count = 0;
    for (const id of direct.bySender.get(other) ?? []) {
      if (id <= after || count === unreadMax) break;
      if (!page.hidden.ids.has(id)) count++;
    }
    return count;
  }

  private newestMention(inbox: bigint, who: string, { newestMentions }: UnreadPage): bigint {
    return newestMentions.getOrInsertComputed(
      `${inbox} ${who}`,
      () => this.sql.newestMention.get(inbox, who)?.id ?? 0n,
    );
  }
}
