// The offline index. It reads the runs of the log's index, oldest first, and then its memtable; in each it merges the
// account's inbox, its groups and its sent messages. For clients with the feature `conversations` it merges the entries
// that are not messages, too, from the table of entries.

import type { Database } from "bun:sqlite";
import { missedEntriesMax, windowsReadMax } from "../../base/limits/fixed.ts";
import { entryKind, type GroupEntryDetail } from "../conversations.ts";
import { detailOf } from "../group-entries.ts";
import { idMax } from "../snowflake.ts";
import type { LogEntry, LogPage } from "../store.ts";
import { chunked, mergeAscending, type IdStream } from "./index/id-merge.ts";
import type { LogIndex, PostingSource } from "./index/log-index.ts";
import { lists, receivedKey, sentKey, type List } from "./index/posting.ts";
import { Marks } from "./marks.ts";
import { hasMedia, type MediaReader } from "./media/media-reader.ts";
import { indexSlots, type Request } from "./protocol.ts";

type IndexRequest = Extract<Request, { kind: "index" }>;
type EntriesRequest = Extract<Request, { kind: "entries" }>;

/** Ascending ids that an account may see: those under a key inside the open interval (from, until). */
interface Series {
  readonly list: List;
  readonly key: number;
  readonly from: bigint;
  readonly until: bigint;
  /** Whose messages are passed over; 0 for nobody's. A sender may have filled its groups. */
  readonly withoutSender: number;
}
interface IndexRow {
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly sent_ns: bigint;
}
interface MessageRow extends IndexRow {
  readonly reply_to: bigint | null;
  readonly mentions: string | null;
  readonly state: bigint | null;
}
interface EntryRow {
  readonly kind: bigint;
  readonly inbox: bigint;
  readonly actor: bigint;
  readonly refers: bigint;
  readonly at_ns: bigint;
  readonly reaction: string;
  readonly is_off: bigint;
  readonly accounts: string | null;
  readonly count: bigint;
  readonly value: bigint;
}
interface WindowRow {
  readonly group: bigint;
  readonly from_id: bigint;
  readonly until_id: bigint | null;
}

const nothing = { mentions: [], replyTo: 0n, reaction: "", isOff: false } as const;

export class LogReader {
  private readonly logIndex: LogIndex;
  private readonly marks: Marks;
  private readonly media: MediaReader;
  private readonly sql;

  /** `logIndex` has the lists received and sent. */
  constructor(db: Database, logIndex: LogIndex, media: MediaReader) {
    this.logIndex = logIndex;
    this.media = media;
    this.marks = new Marks(db);
    this.sql = {
      acked: db.prepare<{ acked: bigint }, [bigint, string]>(
        "SELECT acked FROM cursor WHERE account = ? AND device = ?",
      ),
      windows: db.prepare<WindowRow, [bigint, bigint]>(
        `SELECT "group", from_id, until_id FROM member WHERE account = ?1 AND (until_id IS NULL OR until_id > ?2)`,
      ),
      formerStays: db.prepare<{ count: bigint }, [bigint, bigint]>(
        "SELECT count(*) AS count FROM member WHERE account = ? AND until_id > ?",
      ),
      // Of a dismissed group the row may be open still; no message is behind its end, but entries may be.
      entryWindows: db.prepare<WindowRow, [bigint, bigint]>(
        `SELECT m."group", m.from_id, ifnull(m.until_id, nullif(g.dismissed_id, 0)) AS until_id
         FROM member m JOIN "group" g ON g.number = m."group"
         WHERE m.account = ?1 AND (m.until_id IS NULL OR m.until_id > ?2)`,
      ),
      oldest: db.prepare<{ id: bigint }, []>("SELECT id FROM message ORDER BY id LIMIT 1"),
      last: db.prepare<{ last_id: bigint }, []>("SELECT last_id FROM sequence"),
      indexRow: db.prepare<IndexRow, [bigint]>("SELECT inbox, sender, sent_ns FROM message WHERE id = ?"),
      message: db.prepare<MessageRow, [bigint]>(
        "SELECT inbox, sender, sent_ns, reply_to, mentions, state FROM message WHERE id = ?",
      ),
      accountName: db.prepare<{ name: string }, [bigint]>("SELECT name FROM account WHERE number = ?"),
      groupId: db.prepare<{ id: string }, [bigint]>(`SELECT id FROM "group" WHERE number = ?`),
      newestEntry: db.prepare<{ id: bigint | null }, []>("SELECT max(id) AS id FROM entry"),
      entry: db.prepare<EntryRow, [bigint]>(
        "SELECT kind, inbox, actor, refers, at_ns, reaction, is_off, accounts, count, value FROM entry WHERE id = ?",
      ),
      entriesIn: db.prepare<{ id: bigint }, [bigint, bigint, bigint, number]>(
        "SELECT id FROM entry WHERE inbox = +? AND id > ? AND id < ? ORDER BY id LIMIT +?",
      ),
      entriesBy: db.prepare<{ id: bigint }, [bigint, bigint, number]>(
        "SELECT id FROM entry WHERE actor = +? AND inbox > 0 AND id > ? ORDER BY id LIMIT +?",
      ),
    };
  }

  /** See Store.index; returns the numbers and texts of each entry as in protocol.ts. */
  index(me: bigint, request: IndexRequest): { numbers: BigInt64Array<ArrayBuffer>; texts: string[] } {
    const asked = BigInt(request.after);
    // A cursor above the last id stems from before the store was restored from a backup.
    const isKnown = asked > 0n && asked <= this.lastId();
    const after = this.kept(isKnown ? asked : (this.acked(me, request.device) ?? this.marks.indexStart()));
    const numbers: bigint[] = [];
    const texts: string[] = [];
    const names = new Names(this.sql);
    for (const id of this.messages(me, after, request)) {
      const row = this.sql.indexRow.get(id);
      if (row === null) continue;
      // A message that one sent to a group is also in the group's window: only the former counts. A message to
      // oneself is also in the inbox: it is shown once, as received.
      const isSent = row.sender === me && row.inbox !== me;
      if (isSent && !request.includeSent) continue;
      const other = row.inbox < 0n || !isSent ? row.sender : row.inbox;
      numbers.push(id, isSent ? 1n : 0n, row.sent_ns);
      texts.push(names.account(other), row.inbox < 0n ? names.group(-row.inbox) : "");
      if (numbers.length >= request.limit * indexSlots) break;
    }
    return { numbers: BigInt64Array.from(numbers), texts };
  }

  /** See Store.entries; an account without a number has nothing. */
  entries(me: bigint | undefined, request: EntriesRequest): LogPage {
    const lastId = this.lastId();
    const asked = BigInt(request.after);
    if (asked > lastId) return { entries: [], lastId, isReset: true };
    if (me === undefined) return { entries: [], lastId, isReset: false };
    const after = this.kept(asked > 0n ? asked : (this.acked(me, request.device) ?? lastId));
    // Each of them is a stream of its own.
    const stays = this.sql.formerStays.get(me, after)?.count ?? 0n;
    if (stays > BigInt(windowsReadMax)) return { entries: [], lastId, isReset: true };
    const entries: LogEntry[] = [];
    const names = new Names(this.sql);
    let waiting = 0;
    let passedOver = 0;
    for (const id of this.merged(me, after, request)) {
      // What is beyond this page is only counted.
      const entry =
        entries.length < request.limit
          ? (this.messageEntry(me, id, request, names) ?? this.otherEntry(me, id, request, names))
          : null;
      // One's own entries may be any number, and are not asked for.
      const count = entry === undefined ? ++passedOver : ++waiting;
      if (count > missedEntriesMax) return { entries: [], lastId, isReset: true };
      if (entry) entries.push(entry);
    }
    return { entries, lastId, isReset: false };
  }

  private messageEntry(me: bigint, id: bigint, { includeSent }: EntriesRequest, names: Names): LogEntry | undefined {
    const row = this.sql.message.get(id);
    if (row === null) return undefined;
    const isSent = row.sender === me && row.inbox !== me;
    if (isSent && !includeSent) return undefined;
    return {
      ...nothing,
      messageId: id,
      direction: isSent ? 1 : 0,
      sendTime: row.sent_ns,
      otherAccount: names.account(row.inbox < 0n || !isSent ? row.sender : row.inbox),
      group: row.inbox < 0n ? names.group(-row.inbox) : "",
      kind: 0,
      refersTo: 0n,
      mentions: row.mentions?.split(",") ?? [],
      replyTo: row.reply_to ?? 0n,
      ...(hasMedia(row.state) && { media: this.media.ofMessage(id) }),
    };
  }

  private otherEntry(
    me: bigint,
    id: bigint,
    { includeEvents, includeSent }: EntriesRequest,
    names: Names,
  ): LogEntry | undefined {
    const row = includeEvents ? this.sql.entry.get(id) : null;
    if (row === null || (row.refers > 0n && row.refers <= this.logIndex.clippedTo)) return undefined;
    const isOwn = row.actor === me && row.inbox !== me;
    if (isOwn && !includeSent) return undefined;
    return {
      ...nothing,
      messageId: id,
      direction: isOwn ? 1 : 0,
      sendTime: row.at_ns,
      otherAccount: names.account(row.inbox < 0n || !isOwn ? row.actor : row.inbox),
      group: row.inbox < 0n ? names.group(-row.inbox) : "",
      kind: Number(row.kind),
      refersTo: row.refers,
      reaction: row.reaction,
      isOff: row.is_off === 1n,
      ...(row.kind >= BigInt(entryKind.groupCreated) && { detail: this.detail(row, names) }),
    };
  }

  private detail({ kind, accounts, count, value }: EntryRow, names: Names): GroupEntryDetail {
    return detailOf({
      kind: Number(kind),
      accounts: accounts?.split(",").map((number) => names.account(BigInt(number))) ?? [],
      count: Number(count),
      value,
    });
  }

  /** Not below the watermark of the app. */
  private kept(after: bigint): bigint {
    const { clippedTo } = this.logIndex;
    return after > clippedTo ? after : clippedTo;
  }

  private lastId(): bigint {
    return this.sql.last.get()?.last_id ?? 0n;
  }

  private acked(me: bigint, device: string): bigint | undefined {
    return this.sql.acked.get(me, device)?.acked;
  }

  /** Ascending ids of messages and of other entries that may belong to the answer. */
  private merged(me: bigint, after: bigint, request: EntriesRequest): Iterable<bigint> {
    const messages = this.messages(me, after, request);
    const hasEvents = request.includeEvents && (this.sql.newestEntry.get()?.id ?? 0n) > after;
    if (!hasEvents) return messages;
    return mergeAscending([chunked(messages, after), ...this.eventStreams(me, after, request.includeSent)]);
  }

  /** A member sees the entry that added it and the one that removed it: its window is closed for entries. */
  private eventStreams(me: bigint, after: bigint, includeSent: boolean): IdStream[] {
    const stream = (inbox: bigint, from: bigint, until: bigint): IdStream => ({
      after: from,
      chunk: 64,
      next: (last, count) => this.sql.entriesIn.all(inbox, last, until, count).map(({ id }) => id),
    });
    const streams = [stream(me, after, idMax)];
    if (includeSent) {
      const next = (last: bigint, count: number): bigint[] =>
        this.sql.entriesBy.all(me, last, count).map(({ id }) => id);
      streams.push({ after, chunk: 64, next });
    }
    for (const { group, from_id, until_id } of this.sql.entryWindows.all(me, after - 1n)) {
      const from = from_id - 1n > after ? from_id - 1n : after;
      streams.push(stream(-group, from, until_id === null ? idMax : until_id + 1n));
    }
    return streams;
  }

  /** Ascending ids above `after` of all messages that an account has sent or may see, including deleted ones. */
  idsOf(me: bigint, after: bigint, limit: number): Iterable<bigint> {
    return this.messages(me, after, { includeSent: true, limit });
  }

  /** Ascending ids above `after` of messages that an account has sent, and of direct ones to it. */
  *ownIdsOf(me: bigint, after: bigint, chunk: number): Generator<bigint, void, void> {
    const whole = { from: after, until: idMax, withoutSender: 0 };
    const series = [
      { list: lists.received, key: receivedKey(me), ...whole },
      { list: lists.sent, key: sentKey(me), ...whole },
    ];
    for (const { source, after: from } of this.logIndex.sources(after))
      yield* mergeAscending(streamsOf(source, from, series, chunk));
  }

  /** Ascending ids of messages that may belong to the answer, including deleted ones. */
  private *messages(
    me: bigint,
    after: bigint,
    { includeSent, limit }: Pick<IndexRequest, "includeSent" | "limit">,
  ): Generator<bigint, void, void> {
    const series = this.series(me, after, includeSent);
    // Many streams are read in small chunks: most groups are quiet.
    const chunk = Math.max(16, Math.ceil(limit / (series.length + 1)));
    const oldest = this.sql.oldest.get()?.id ?? idMax;
    for (const { source, after: from } of this.logIndex.sources(this.kept(after < oldest ? oldest - 1n : after))) {
      yield* mergeAscending(streamsOf(source, from, series, chunk));
    }
  }

  private series(me: bigint, after: bigint, includeSent: boolean): Series[] {
    const withoutSender = includeSent ? 0 : Number(me);
    const whole = { from: after, until: idMax, withoutSender: 0 };
    const series: Series[] = [{ list: lists.received, key: receivedKey(me), ...whole }];
    if (includeSent) series.push({ list: lists.sent, key: sentKey(me), ...whole });
    for (const { group, from_id, until_id } of this.sql.windows.all(me, after)) {
      const key = receivedKey(-group);
      series.push({ list: lists.received, key, from: from_id, until: until_id ?? idMax, withoutSender });
    }
    return series;
  }
}

interface NameStatements {
  readonly accountName: { get(number: bigint): { readonly name: string } | null };
  readonly groupId: { get(number: bigint): { readonly id: string } | null };
}

/** Names of accounts and groups by number, within one answer. */
class Names {
  private readonly accounts = new Map<bigint, string>();
  private readonly groups = new Map<bigint, string>();
  private readonly sql: NameStatements;

  constructor(sql: NameStatements) {
    this.sql = sql;
  }

  account(number: bigint): string {
    return this.accounts.getOrInsertComputed(number, () => this.sql.accountName.get(number)?.name ?? "");
  }

  group(number: bigint): string {
    return this.groups.getOrInsertComputed(number, () => this.sql.groupId.get(number)?.id ?? "");
  }
}

/** Returns the parts of the series above `after` that are in one source. */
function streamsOf(source: PostingSource, after: bigint, series: readonly Series[], chunk: number): IdStream[] {
  const found: IdStream[] = [];
  for (const { list, key, from, until, withoutSender } of series) {
    if (!source.mayHave(list, key)) continue;
    found.push({
      after: from > after ? from : after,
      chunk,
      next: (last, count) => source.idsBetween(list, key, last, until, count, withoutSender),
    });
  }
  return found;
}
