// Pages of a conversation's messages, and messages by id, as bodies of HistoryResp. Texts are read from the messages'
// rows in the snapshot of the request and kept nowhere.

import type { Database } from "bun:sqlite";
import { systemAccount } from "../../../auth/names.ts";
import { encodeHistory, type HistoryMessageFields, mediaField } from "../../conversation-bodies.ts";
import type { HistoryQuery } from "../../conversations.ts";
import type { MediaItem } from "../../media.ts";
import { idMax } from "../../snowflake.ts";
import { hasMedia, type MediaReader } from "../media/media-reader.ts";
import { messageState } from "./tables.ts";
import type { MessageRow, Scope, VisibleMessages } from "./visible.ts";

interface Page {
  readonly rows: readonly MessageRow[];
  readonly hasBefore: boolean;
  readonly hasAfter: boolean;
}

export class HistoryReader {
  private readonly messages: VisibleMessages;
  private readonly media: MediaReader;
  private readonly sql;

  constructor(db: Database, messages: VisibleMessages, media: MediaReader) {
    this.messages = messages;
    this.media = media;
    this.sql = {
      accountName: db.prepare<{ name: string }, [bigint]>("SELECT name FROM account WHERE number = ?"),
      groupId: db.prepare<{ id: string }, [bigint]>(`SELECT id FROM "group" WHERE number = ?`),
      place: db.prepare<{ inbox: bigint; sender: bigint }, [bigint]>("SELECT inbox, sender FROM message WHERE id = ?"),
      isSystem: db.prepare<{ one: bigint }, [bigint, bigint]>(
        `SELECT 1 AS one FROM account a JOIN account o ON o.app = a.app
         WHERE a.number = ?1 AND a.name = '${systemAccount}' AND o.number = ?2`,
      ),
      reactions: db.prepare<{ reaction: string; count: bigint; mine: bigint }, [bigint, bigint]>(
        `SELECT reaction, count(*) AS count, max(account = ?2) AS mine
         FROM reaction WHERE message = +?1 GROUP BY reaction`,
      ),
    };
  }

  /** A body of HistoryResp. */
  page(
    scope: Scope,
    { from, limit, thread }: Pick<HistoryQuery, "from" | "limit" | "thread">,
  ): Uint8Array<ArrayBuffer> {
    const { rows, hasBefore, hasAfter } = this.rows(scope, from, limit, thread);
    const names = new Map<bigint, string>();
    const messages = rows.map((row) => this.message(row, scope.me, names));
    return encodeHistory(messages, { hasBefore, hasAfter });
  }

  /** Messages in the order asked, without those that the account does not see, with their conversations. */
  byIds(me: bigint, ids: readonly bigint[]): Uint8Array<ArrayBuffer> {
    const names = new Map<bigint, string>();
    const scopes = new Map<bigint, Scope | undefined>();
    const messages: HistoryMessageFields[] = [];
    for (const id of ids) {
      const other = this.otherOf(me, id);
      if (other === undefined) continue;
      const scope = scopes.getOrInsertComputed(other, () => this.messages.scope(me, other));
      const row = (scope && this.messages.visible(scope, id)) ?? this.seenBySystem(me, id);
      if (row === undefined) continue;
      const where =
        other < 0n ? { group: this.sql.groupId.get(-other)?.id ?? "" } : { account: this.nameOf(other, names) };
      messages.push({ ...this.message(row, me, names), ...where });
    }
    return encodeHistory(messages);
  }

  /** The system sees what others write to each other, too. */
  private seenBySystem(me: bigint, id: bigint): MessageRow | undefined {
    const row = this.messages.row(id);
    return row === undefined || this.sql.isSystem.get(me, row.sender) === null ? undefined : row;
  }

  /** The files of a message; undefined if the account does not see it. */
  mediaOf(me: bigint, id: bigint): MediaItem[] | undefined {
    const other = this.otherOf(me, id);
    const scope = other === undefined ? undefined : this.messages.scope(me, other);
    return scope && this.messages.visible(scope, id) && this.media.ofMessage(id);
  }

  message(row: MessageRow, me: bigint, names: Map<bigint, string>): HistoryMessageFields {
    const state = Number(row.state ?? 0n);
    const hasReactions = (state & messageState.hasReactions) !== 0;
    return {
      messageId: row.id,
      sender: this.nameOf(row.sender, names),
      sendTime: row.sent_ns,
      type: Number(row.type),
      body: row.body,
      extra: row.extra,
      edited: (state & messageState.edited) !== 0,
      recalled: (state & messageState.recalled) !== 0,
      mentions: row.mentions?.split(",") ?? [],
      replyTo: row.reply_to ?? 0n,
      reactions: hasReactions
        ? this.sql.reactions
            .all(row.id, me)
            .map(({ reaction, count, mine }) => ({ reaction, count: Number(count), mine: mine === 1n }))
        : [],
      ...(hasMedia(row.state) && { media: mediaField(this.media.ofMessage(row.id)) }),
    };
  }

  nameOf(account: bigint, names: Map<bigint, string>): string {
    return names.getOrInsertComputed(account, (number) => this.sql.accountName.get(number)?.name ?? "");
  }

  /** The account's conversation that a message is in, if it is in one of its: the partner, or minus the group. */
  private otherOf(me: bigint, id: bigint): bigint | undefined {
    const place = id > 0n && id <= idMax ? this.sql.place.get(id) : null;
    if (place === null) return undefined;
    return place.inbox < 0n || place.inbox !== me ? place.inbox : place.sender;
  }

  private rows(scope: Scope, from: HistoryQuery["from"], limit: number, thread: bigint): Page {
    const { messages } = this;
    switch (from.at) {
      case "newest": {
        const older = taken(messages.below(scope, idMax, thread), limit + 1);
        return { rows: older.slice(0, limit).toReversed(), hasBefore: older.length > limit, hasAfter: false };
      }
      case "before": {
        const older = taken(messages.below(scope, from.id, thread), limit + 1);
        const hasAfter = taken(messages.above(scope, from.id - 1n, thread), 1).length > 0;
        return { rows: older.slice(0, limit).toReversed(), hasBefore: older.length > limit, hasAfter };
      }
      case "after": {
        const newer = taken(messages.above(scope, from.id, thread), limit + 1);
        // No message has the largest id, and SQLite no number above it.
        const end = from.id < idMax ? from.id + 1n : idMax;
        const hasBefore = taken(messages.below(scope, end, thread), 1).length > 0;
        return { rows: newer.slice(0, limit), hasBefore, hasAfter: newer.length > limit };
      }
      case "around": {
        const half = Math.floor(limit / 2);
        const newer = taken(messages.above(scope, from.id - 1n, thread), limit - half + 1);
        const older = taken(messages.below(scope, from.id, thread), half + 1);
        const rows = [...older.slice(0, half).toReversed(), ...newer.slice(0, limit - half)];
        return { rows, hasBefore: older.length > half, hasAfter: newer.length > limit - half };
      }
    }
  }
}

function taken<T>(stream: Iterable<T>, count: number): T[] {
  const found: T[] = [];
  for (const item of stream) {
    found.push(item);
    if (found.length === count) break;
  }
  return found;
}
