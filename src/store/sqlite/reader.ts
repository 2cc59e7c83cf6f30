// The reading connection: the offline index, contents, groups. Every answer is from one snapshot of the file. The
// offline index reads the runs of the log's index, oldest first, and then its memtable; in each it merges the account's
// inbox, its groups and its sent messages.

import type { Database } from "bun:sqlite";
import { memberChangesMax } from "../../base/limits/fixed.ts";
import { type Content, encodeContents } from "../../wire/message-contents.ts";
import type { StoredRevocation } from "../../wire/revocations.ts";
import { idMax } from "../snowflake.ts";
import { type GroupMember, type MemberEvent, type Membership, membershipOf } from "../store.ts";
import { mergeAscending, type IdStream } from "./index/id-merge.ts";
import type { LogIndex, PostingSource } from "./index/log-index.ts";
import { Marks } from "./marks.ts";
import type { Ownership } from "./ownership.ts";
import { lists, receivedKey, sentKey, type List } from "./index/posting.ts";
import { indexSlots, type DetailAnswer, type Request } from "./protocol.ts";
import { readRevocations } from "./revocations.ts";

type IndexRequest = Extract<Request, { kind: "index" }>;
type ContentsRequest = Extract<Request, { kind: "contents" }>;

/** Ascending ids that an account may see: those under a key inside the open interval (from, until). */
interface Series {
  readonly list: List;
  readonly key: number;
  readonly from: bigint;
  readonly until: bigint;
}
interface IndexRow {
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly sent_ns: bigint;
}
interface MessageRow {
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly type: bigint;
  readonly body: string;
  readonly extra: string;
}
interface GroupRow {
  readonly number: bigint;
  readonly name: string;
  readonly avatar: string;
  readonly introduction: string;
  readonly owner: string;
  readonly closed: bigint;
  readonly created_ms: bigint;
  readonly version: bigint;
  readonly member_count: bigint;
}

export class Reader {
  private readonly db: Database;
  private readonly logIndex: LogIndex;
  private readonly ownership: Ownership | undefined;
  private readonly marks: Marks;
  private readonly sql;

  /** `logIndex` has the lists received and sent. Without `ownership` the store's owner is not checked. */
  constructor(db: Database, logIndex: LogIndex, ownership?: Ownership) {
    this.db = db;
    this.ownership = ownership;
    this.logIndex = logIndex;
    this.marks = new Marks(db);
    this.sql = {
      // Numbers are not cached across snapshots: the store may have been replaced.
      account: db.prepare<{ number: bigint }, [string, string]>(
        "SELECT number FROM account WHERE app = ? AND name = ?",
      ),
      acked: db.prepare<{ acked: bigint }, [bigint, string]>(
        "SELECT acked FROM cursor WHERE account = ? AND device = ?",
      ),
      windows: db.prepare<{ group: bigint; from_id: bigint; until_id: bigint | null }, [bigint, bigint]>(
        `SELECT "group", from_id, until_id FROM member WHERE account = ?1 AND (until_id IS NULL OR until_id > ?2)`,
      ),
      oldest: db.prepare<{ id: bigint }, []>("SELECT id FROM message ORDER BY id LIMIT 1"),
      last: db.prepare<{ last_id: bigint }, []>("SELECT last_id FROM sequence"),
      indexRow: db.prepare<IndexRow, [bigint]>("SELECT inbox, sender, sent_ns FROM message WHERE id = ?"),
      accountName: db.prepare<{ name: string }, [bigint]>("SELECT name FROM account WHERE number = ?"),
      groupId: db.prepare<{ id: string }, [bigint]>(`SELECT id FROM "group" WHERE number = ?`),
      message: db.prepare<MessageRow, [bigint]>("SELECT inbox, sender, type, body, extra FROM message WHERE id = ?"),
      window: db.prepare<{ one: bigint }, [bigint, bigint, bigint]>(
        `SELECT 1 AS one FROM member
         WHERE account = ?1 AND "group" = ?2 AND from_id < ?3 AND (until_id IS NULL OR until_id > ?3) LIMIT 1`,
      ),
      group: db.prepare<GroupRow, [string, string]>(
        `SELECT g.number, g.name, g.avatar, g.introduction, a.name AS owner, g.closed, g.created_ms, g.version,
                g.member_count
         FROM "group" g JOIN account a ON a.number = g.owner WHERE g.app = ? AND g.id = ?`,
      ),
      isMember: db.prepare<{ one: bigint }, [bigint, bigint]>(
        `SELECT 1 AS one FROM member WHERE "group" = ? AND account = ? AND until_id IS NULL`,
      ),
      members: db.prepare<{ account: string; alias: string; avatar: string; joined_ms: bigint }, [bigint]>(
        `SELECT a.name AS account, m.alias, m.avatar, m.joined_ms
         FROM member m JOIN account a ON a.number = m.account
         WHERE m."group" = ? AND m.until_id IS NULL ORDER BY m.number`,
      ),
      memberNames: db.prepare<{ account: string; joined: bigint | null }, [bigint, bigint]>(
        `SELECT a.name AS account, CASE WHEN m.from_id > ?2 THEN m.from_id END AS joined
         FROM member m JOIN account a ON a.number = m.account
         WHERE m."group" = ?1 AND m.until_id IS NULL ORDER BY m.number`,
      ),
      // By until_id (member_past): few have left any group since.
      leavers: db.prepare<{ account: string; from_id: bigint; until_id: bigint }, [bigint, bigint]>(
        `SELECT a.name AS account, m.from_id, m.until_id FROM member m JOIN account a ON a.number = m.account
         WHERE m.until_id > ?2 AND +m."group" = ?1 ORDER BY m.until_id DESC LIMIT ${memberChangesMax + 1}`,
      ),
    };
  }

  claimAs(fingerprints: readonly string[]): void {
    this.ownership?.claimAs(fingerprints);
  }

  /** See Store.index; returns the numbers and texts of each entry as in protocol.ts. */
  index(request: IndexRequest): { numbers: BigInt64Array<ArrayBuffer>; texts: string[] } {
    return this.indexSnapshot(() => {
      const me = this.numberOf(request.app, request.account);
      if (me === undefined) return { numbers: new BigInt64Array(0), texts: [] };
      const asked = BigInt(request.after);
      // A cursor above the last id stems from before the store was restored from a backup.
      const isKnown = asked > 0n && asked <= (this.sql.last.get()?.last_id ?? 0n);
      const after = isKnown ? asked : this.start(me, request.device);
      const numbers: bigint[] = [];
      const texts: string[] = [];
      const accounts = new Map<bigint, string>();
      const groups = new Map<bigint, string>();
      const nameOf = (account: bigint): string => this.sql.accountName.get(account)?.name ?? "";
      const idOf = (group: bigint): string => this.sql.groupId.get(group)?.id ?? "";
      for (const id of this.candidates(me, after, request)) {
        const row = this.sql.indexRow.get(id);
        if (row === null) continue;
        // A message that one sent to a group is also in the group's window: only the former counts. A message to
        // oneself is also in the inbox: it is shown once, as received.
        const isSent = row.sender === me && row.inbox !== me;
        if (isSent && !request.includeSent) continue;
        const other = row.inbox < 0n || !isSent ? row.sender : row.inbox;
        numbers.push(id, isSent ? 1n : 0n, row.sent_ns);
        texts.push(
          accounts.getOrInsertComputed(other, nameOf),
          row.inbox < 0n ? groups.getOrInsertComputed(-row.inbox, idOf) : "",
        );
        if (numbers.length >= request.limit * indexSlots) break;
      }
      return { numbers: BigInt64Array.from(numbers), texts };
    });
  }

  follow(): void {
    this.indexSnapshot(() => undefined);
  }

  contents(request: ContentsRequest): Uint8Array<ArrayBuffer> {
    const contents = this.snapshot(() => {
      const me = this.numberOf(request.app, request.account);
      const found: Content[] = [];
      if (me === undefined) return found;
      for (const messageId of request.messageIds.map(BigInt)) {
        const row = this.sql.message.get(messageId);
        if (row === null) continue;
        const mayRead =
          row.sender === me ||
          row.inbox === me ||
          (row.inbox < 0n && this.sql.window.get(me, -row.inbox, messageId) !== null);
        if (mayRead) found.push({ messageId, type: Number(row.type), body: row.body, extra: row.extra });
      }
      return found;
    });
    return encodeContents(contents);
  }

  detail(app: string, groupId: string, asker: string): DetailAnswer {
    return this.snapshot(() => {
      const group = this.sql.group.get(app, groupId);
      if (group === null || group.member_count === 0n) return { result: "notFound" };
      const me = this.numberOf(app, asker);
      if (me === undefined || this.sql.isMember.get(group.number, me) === null) return { result: "forbidden" };
      const members: GroupMember[] = this.sql.members.all(group.number).map((row) => ({
        account: row.account,
        alias: row.alias,
        avatar: row.avatar,
        joinTime: row.joined_ms / 1000n,
      }));
      return {
        result: "found",
        detail: {
          id: groupId,
          name: group.name,
          avatar: group.avatar,
          introduction: group.introduction,
          owner: group.owner,
          createdAt: group.created_ms / 1000n,
          closed: group.closed !== 0n,
          members,
        },
      };
    });
  }

  membership(app: string, groupId: string, since = idMax): Membership | undefined {
    return this.snapshot(() => {
      const group = this.sql.group.get(app, groupId);
      if (group === null || group.member_count === 0n) return undefined;
      const events: MemberEvent[] = [];
      const accounts = this.sql.memberNames.all(group.number, since).map(({ account, joined }) => {
        if (joined !== null) events.push({ account, isMember: true, version: joined });
        return account;
      });
      for (const { account, from_id, until_id } of this.sql.leavers.all(group.number, since)) {
        events.push({ account, isMember: false, version: until_id });
        if (from_id > since) events.push({ account, isMember: true, version: from_id });
      }
      return membershipOf(group.version, accounts, events, since);
    });
  }

  revocations(after: bigint, limit: number): StoredRevocation[] {
    return this.snapshot(() => readRevocations(this.db, after, limit));
  }

  private numberOf(app: string, name: string): bigint | undefined {
    return this.sql.account.get(app, name)?.number;
  }

  private start(me: bigint, device: string): bigint {
    return this.sql.acked.get(me, device)?.acked ?? this.marks.indexStart();
  }

  /** Ascending ids that may belong to the answer, including deleted messages. */
  private *candidates(me: bigint, after: bigint, request: IndexRequest): Generator<bigint, void, void> {
    const series = this.series(me, after, request.includeSent);
    // Many streams are read in small chunks: most groups are quiet.
    const chunk = Math.max(16, Math.ceil(request.limit / (series.length + 1)));
    const oldest = this.sql.oldest.get()?.id ?? idMax;
    for (const { source, after: from } of this.logIndex.sources(after < oldest ? oldest - 1n : after)) {
      yield* mergeAscending(streams(source, from, series, chunk));
    }
  }

  private series(me: bigint, after: bigint, includeSent: boolean): Series[] {
    const series: Series[] = [{ list: lists.received, key: receivedKey(me), from: after, until: idMax }];
    if (includeSent) series.push({ list: lists.sent, key: sentKey(me), from: after, until: idMax });
    for (const { group, from_id, until_id } of this.sql.windows.all(me, after)) {
      series.push({ list: lists.received, key: receivedKey(-group), from: from_id, until: until_id ?? idMax });
    }
    return series;
  }

  /** A snapshot of the log in which the index covers all of it. */
  private indexSnapshot<T>(work: () => T): T {
    try {
      this.logIndex.begin();
      return this.snapshot(() => {
        this.logIndex.follow();
        return work();
      });
    } finally {
      this.logIndex.end();
    }
  }

  private snapshot<T>(work: () => T): T {
    this.db.run("BEGIN");
    try {
      this.ownership?.require();
      return work();
    } finally {
      if (this.db.inTransaction) this.db.run("ROLLBACK");
    }
  }
}

/** Returns the parts of the series above `after` that are in one source. */
function streams(source: PostingSource, after: bigint, series: readonly Series[], chunk: number): IdStream[] {
  const found: IdStream[] = [];
  for (const { list, key, from, until } of series) {
    if (!source.mayHave(list, key)) continue;
    found.push({
      after: from > after ? from : after,
      chunk,
      next: (last, count) => source.idsBetween(list, key, last, until, count),
    });
  }
  return found;
}
