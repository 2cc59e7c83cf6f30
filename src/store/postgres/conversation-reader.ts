// Reads conversations: histories, lists, and who has read a message. Like reader.ts, every
// statement names the life of the store.

import { lastBodyBytesMax, readersDays, readersGroupMax } from "../../base/limits/fixed.ts";
import {
  type ConversationInit,
  cutLast,
  encodeConversations,
  encodeHistory,
  type HistoryMessageFields,
  mediaField,
  unreadFields,
} from "../conversation-bodies.ts";
import type { ConversationsQuery, HistoryQuery, ReadersAnswer, ReadersQuery } from "../conversations.ts";
import type { Connections } from "./connection.ts";
import { mentionsOf } from "./log-reader.ts";
import { mediaIn } from "./media/postgres-media.ts";
import { messageState } from "./message-state.ts";
import { fromText, toText } from "./text.ts";

const dayMs = 86_400_000;
/** Characters, escaped (text.ts), that hold the bytes of a last message's body and show that there are more. */
const lastCharactersMax = 2 * lastBodyBytesMax + 2;
const allCharacters = 2 ** 31 - 1;

interface PageRow {
  readonly me: bigint;
  readonly ids: readonly bigint[] | null;
  readonly has_before: boolean;
  readonly has_after: boolean;
}
interface MessageRow {
  readonly id: bigint;
  readonly sender: string;
  readonly sent_ns: bigint;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly state: number;
  readonly mentions: string | null;
  readonly reply_to: bigint;
  readonly media: readonly string[] | null;
  /** As JSON: [reaction, count, is mine]. */
  readonly reactions: readonly string[];
  readonly account: string;
  readonly group_id: string;
}
interface ConversationRow {
  readonly me: bigint;
  readonly account: string;
  readonly group_id: string;
  readonly activity_id: bigint;
  readonly last_id: bigint;
  readonly is_pinned: boolean;
  readonly is_muted: boolean;
  readonly is_hidden: boolean;
  readonly read_id: bigint;
  readonly peer_read_id: bigint;
  readonly unread: bigint;
  readonly unread_mentions: bigint;
}
interface ReadersRow {
  readonly result: "found" | "notFound" | "forbidden" | "tooLarge" | "tooOld";
  readonly count: bigint;
  readonly accounts: readonly string[];
}

export class ConversationReader {
  private readonly connections: Connections;

  constructor(connections: Connections) {
    this.connections = connections;
  }

  async history(life: string, query: HistoryQuery): Promise<Uint8Array | "notFound"> {
    const { app, account, toGroup, dest, from, limit, thread } = query;
    const id = from.at === "newest" ? 0n : from.id;
    const [page] = await this.connections.run<PageRow[]>(
      (sql) => sql`
        SELECT me, ids, has_before, has_after FROM roost.history_page(
          ${toText(app)}, ${toText(account)}, ${toGroup}, ${toText(dest)}, ${from.at}, ${id}, ${limit}, ${thread})
        WHERE roost.require_life(${life})`,
    );
    if (page === undefined || page.ids === null) return "notFound";
    const messages = await this.messagesOf(life, page.me, page.ids);
    return encodeHistory(messages, { hasBefore: page.has_before, hasAfter: page.has_after });
  }

  async messages(life: string, app: string, account: string, messageIds: readonly bigint[]): Promise<Uint8Array> {
    const [page] = await this.connections.run<{ me: bigint; ids: readonly bigint[] }[]>(
      (sql) => sql`
        SELECT a.number AS me, roost.visible_of(a.number, ${sql.array([...messageIds], "BIGINT")}) AS ids
        FROM roost.account a
        WHERE roost.require_life(${life}) AND a.app = ${toText(app)} AND a.name = ${toText(account)}`,
    );
    if (page === undefined) return encodeHistory([]);
    return encodeHistory(await this.messagesOf(life, page.me, page.ids, { isNamed: true }));
  }

  async conversations(life: string, query: ConversationsQuery): Promise<Uint8Array> {
    const { app, account, before, limit, includeHidden } = query;
    const rows = await this.connections.run<ConversationRow[]>(
      (sql) => sql`
        SELECT a.number AS me, coalesce(o.name, '') AS account, coalesce(g.id, '') AS group_id, p.activity_id,
          p.last_id, p.is_pinned, p.is_muted, p.is_hidden, p.read_id, p.peer_read_id, p.unread, p.unread_mentions
        FROM roost.account a
        CROSS JOIN LATERAL roost.conversation_page(a.number, ${before}, ${limit}, ${includeHidden})
          WITH ORDINALITY AS p
        LEFT JOIN roost.account o ON o.number = p.other
        LEFT JOIN roost.chat_group g ON g.number = -p.other
        WHERE roost.require_life(${life}) AND a.app = ${toText(app)} AND a.name = ${toText(account)}
        ORDER BY p.ordinality`,
    );
    const hasMore = rows.filter((row) => !row.is_pinned).length > limit;
    if (hasMore) rows.pop();
    const [first] = rows;
    if (first === undefined) return encodeConversations([], false);
    const lastIds = rows.flatMap(({ last_id: id }) => (id > 0n ? [id] : []));
    const lasts = new Map<bigint, HistoryMessageFields>();
    for (const message of await this.messagesOf(life, first.me, lastIds, { charactersMax: lastCharactersMax })) {
      lasts.set(message.messageId, cutLast(message));
    }
    return encodeConversations(
      rows.map((row) => conversationOf(row, lasts.get(row.last_id))),
      hasMore,
    );
  }

  async readers(life: string, query: ReadersQuery): Promise<ReadersAnswer> {
    const { app, account, messageId, after, limit } = query;
    const [row] = await this.connections.run<ReadersRow[]>(
      (sql) => sql`
        SELECT result, count, accounts FROM roost.readers(
          ${toText(app)}, ${toText(account)}, ${messageId}, ${toText(after)}, ${limit + 1}, ${readersGroupMax},
          ${readersDays * dayMs})
        WHERE roost.require_life(${life})`,
    );
    if (row === undefined) return { result: "notFound" };
    if (row.result !== "found") return { result: row.result };
    return {
      result: "found",
      count: Number(row.count),
      accounts: row.accounts.slice(0, limit).map(fromText),
      hasMore: row.accounts.length > limit,
    };
  }

  /** Messages in the order of `ids`; `isNamed`: with their conversations as the account `me` names them. */
  private async messagesOf(
    life: string,
    me: bigint,
    ids: readonly bigint[],
    { charactersMax = allCharacters, isNamed = false } = {},
  ): Promise<HistoryMessageFields[]> {
    if (ids.length === 0) return [];
    const rows = await this.connections.run<MessageRow[]>(
      (sql) => sql`
        SELECT m.id, s.name AS sender, m.sent_ns, m.type, left(m.body, ${charactersMax}) AS body,
          left(m.extra, ${charactersMax}) AS extra,
          coalesce(m.state, 0)::integer AS state, m.mentions, coalesce(m.reply_to, 0) AS reply_to,
          ARRAY(
            SELECT json_build_array(c.reaction, c.accounts, (
              SELECT true FROM roost.reaction r
              WHERE r.message = m.id AND r.reaction = c.reaction AND r.account = ${me}::bigint) IS TRUE)::text
            FROM roost.reaction_count c WHERE c.message = m.id ORDER BY c.reaction
          ) AS reactions,
          CASE WHEN m.state & ${messageState.hasMedia} <> 0 THEN roost.media_of(m.id) END AS media,
          coalesce(o.name, '') AS account, coalesce(g.id, '') AS group_id
        FROM unnest(${sql.array([...ids], "BIGINT")}) WITH ORDINALITY AS t (id, position)
        JOIN roost.message m ON m.id = t.id
        JOIN roost.account s ON s.number = m.sender
        LEFT JOIN roost.account o ON o.number = CASE WHEN m.inbox = ${me}::bigint THEN m.sender
          ELSE m.inbox END
        LEFT JOIN roost.chat_group g ON g.number = -m.inbox
        WHERE roost.require_life(${life})
        ORDER BY t.position`,
    );
    return rows.map((row) => ({
      messageId: row.id,
      sender: fromText(row.sender),
      sendTime: row.sent_ns,
      type: row.type,
      body: fromText(row.body),
      extra: fromText(row.extra),
      edited: (row.state & messageState.edited) !== 0,
      recalled: (row.state & messageState.recalled) !== 0,
      mentions: [...mentionsOf(row.mentions)],
      replyTo: row.reply_to,
      reactions: row.reactions.map((json) => {
        const [reaction, count, mine]: [string, number, boolean] = JSON.parse(json);
        return { reaction: fromText(reaction), count, mine };
      }),
      ...(row.media !== null && { media: mediaField(mediaIn(row.media)) }),
      ...(isNamed && { account: fromText(row.account), group: fromText(row.group_id) }),
    }));
  }
}

function conversationOf(row: ConversationRow, last: HistoryMessageFields | undefined): ConversationInit {
  return {
    account: fromText(row.account),
    group: fromText(row.group_id),
    activityId: row.activity_id,
    ...(last !== undefined && { lastMessage: last }),
    ...unreadFields(Number(row.unread)),
    unreadMentions: Number(row.unread_mentions),
    readId: row.read_id,
    peerReadId: row.peer_read_id,
    pinned: row.is_pinned,
    muted: row.is_muted,
    hidden: row.is_hidden,
  };
}
