// The reading connection: the offline index (log-reader.ts), contents, groups, conversations (conversations/). Every
// answer is from one snapshot of the file.

import type { Database } from "bun:sqlite";
import { memberChangesMax } from "../../base/limits/fixed.ts";
import { encodeContents } from "../../wire/message-contents.ts";
import { idMax } from "../snowflake.ts";
import type { AccountState, ConversationName, ReadersAnswer } from "../conversations.ts";
import { type GroupMember, type LogPage, type MemberEvent, type Membership, membershipOf } from "../store.ts";
import { read } from "./back-end/answers.ts";
import { AppClips } from "./bulk/app-clips.ts";
import { BulkReader, isBulkRead } from "./bulk/bulk-reader.ts";
import type { BackEndAnswer, BackEndRead } from "./back-end/calls.ts";
import type { LogIndex } from "./index/log-index.ts";
import { LogReader } from "./log-reader.ts";
import { GroupReader } from "./groups/group-reader.ts";
import { type AccountNumbers, secondsOf } from "./groups/group-rows.ts";
import { MediaReader } from "./media/media-reader.ts";
import type { Ownership } from "./ownership.ts";
import type { DetailAnswer, Request } from "./protocol.ts";
import { AccountReader } from "./conversations/account-reader.ts";
import { ContentReader } from "./conversations/content-reader.ts";
import { HistoryReader } from "./conversations/history-reader.ts";
import { ListReader } from "./conversations/list-reader.ts";
import { ReadMarks } from "./conversations/read-marks.ts";
import { UnreadReader } from "./conversations/unread-reader.ts";
import { type Scope, VisibleMessages } from "./conversations/visible.ts";
import { answerOf } from "./people/answers.ts";
import { PeopleReader } from "./people/people-reader.ts";
import type { PeopleAnswer, PeopleQuestion, PinnedQuestion } from "./people/questions.ts";
import { prepareIsMember } from "./member-lookups.ts";

type IndexRequest = Extract<Request, { kind: "index" }>;
type EntriesRequest = Extract<Request, { kind: "entries" }>;
type HistoryRequest = Extract<Request, { kind: "history" }>;
type ContentsRequest = Extract<Request, { kind: "contents" }>;

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

/** A HistoryResp or ConversationListResp without anything. Each answer has its own bytes: they are transferred. */
const emptyBody = (): Uint8Array<ArrayBuffer> => new Uint8Array(0);

export class Reader {
  private readonly db: Database;
  private readonly logIndex: LogIndex;
  private readonly ownership: Ownership | undefined;
  private readonly log: LogReader;
  private readonly bulk: BulkReader;
  private readonly texts: ContentReader;
  private readonly clips: AppClips;
  private readonly visible: VisibleMessages;
  readonly histories: HistoryReader;
  readonly media: MediaReader;
  readonly numbers: AccountNumbers;
  private readonly lists: ListReader;
  private readonly accounts: AccountReader;
  private readonly marks: ReadMarks;
  readonly groups: GroupReader;
  readonly persons: PeopleReader;
  private readonly sql;

  /**
   * `path` is the log's; `logIndex` has the lists received and sent. Without `ownership` the store's owner is not
   * checked.
   */
  constructor(db: Database, path: string, logIndex: LogIndex, ownership?: Ownership) {
    this.db = db;
    this.ownership = ownership;
    this.logIndex = logIndex;
    const media = new MediaReader(db);
    this.media = media;
    this.log = new LogReader(db, logIndex, media);
    this.texts = new ContentReader(db, logIndex);
    this.clips = new AppClips(db);
    this.marks = new ReadMarks(path, db);
    this.visible = new VisibleMessages(db, logIndex);
    this.histories = new HistoryReader(db, this.visible, media);
    const numbers = { findAccount: (app: string, name: string) => this.numberOf(app, name) };
    this.numbers = numbers;
    this.groups = new GroupReader(db, numbers);
    const { visible: messages, histories: history, marks } = this;
    this.persons = new PeopleReader(db, { numbers, haveTalked: (one, other) => this.haveTalked(one, other), marks });
    this.accounts = new AccountReader(db, this.marks, this.persons, logIndex);
    const unread = new UnreadReader(db, logIndex);
    this.lists = new ListReader(db, { lookups: logIndex, messages, history, marks, unread, people: this.persons });
    this.bulk = new BulkReader(db, logIndex, this.log, {
      marks,
      activityOf: (me, other) => this.activityOf(this.visible.scope(me, other)),
    });
    this.sql = {
      // Numbers are not cached across snapshots: the store may have been replaced.
      account: db.prepare<{ number: bigint }, [string, string]>(
        "SELECT number FROM account WHERE app = ? AND name = ?",
      ),
      group: db.prepare<GroupRow, [string, string]>(
        `SELECT g.number, g.name, g.avatar, g.introduction, a.name AS owner, g.closed, g.created_ms, g.version,
                g.member_count
         FROM "group" g JOIN account a ON a.number = g.owner WHERE g.app = ? AND g.id = ?`,
      ),
      isMember: prepareIsMember(db),
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

  /** The watermark of the app of the snapshot. */
  get clippedTo(): bigint {
    return this.logIndex.clippedTo;
  }

  claimAs(fingerprints: readonly string[]): void {
    this.ownership?.claimAs(fingerprints);
  }

  /** See Store.index; returns the numbers and texts of each entry as in protocol.ts. */
  index(request: IndexRequest): { numbers: BigInt64Array<ArrayBuffer>; texts: string[] } {
    return this.indexSnapshot(request.app, () => {
      const me = this.numberOf(request.app, request.account);
      return me === undefined ? { numbers: new BigInt64Array(0), texts: [] } : this.log.index(me, request);
    });
  }

  /** See Store.entries. */
  entries(request: EntriesRequest): LogPage {
    return this.indexSnapshot(request.app, () =>
      this.log.entries(this.numberOf(request.app, request.account), request),
    );
  }

  /** See ConversationStore.history; undefined if the account never had such a conversation. */
  history({ from, limit, thread, ...conversation }: HistoryRequest): Uint8Array<ArrayBuffer> | undefined {
    return this.indexSnapshot(conversation.app, () => {
      const scope = this.scopeOf(conversation);
      if (scope === undefined) return undefined;
      const start = from.at === "newest" ? from : { at: from.at, id: BigInt(from.id) };
      const page = this.histories.page(scope, { from: start, limit, thread: BigInt(thread) });
      return page.length > 0 || this.exists(scope) ? page : undefined;
    });
  }

  /** See ConversationStore.messages. */
  messages({ app, account, messageIds }: Extract<Request, { kind: "messages" }>): Uint8Array<ArrayBuffer> {
    return this.snapshot(app, () => {
      const me = this.numberOf(app, account);
      return me === undefined ? emptyBody() : this.histories.byIds(me, messageIds.map(BigInt));
    });
  }

  /** See ConversationStore.conversations. */
  conversations(request: Extract<Request, { kind: "conversations" }>): Uint8Array<ArrayBuffer> {
    this.marks.refresh();
    return this.indexSnapshot(request.app, () => {
      const me = this.numberOf(request.app, request.account);
      return me === undefined ? emptyBody() : this.lists.page(me, { ...request, before: BigInt(request.before) });
    });
  }

  /** The newest message that an account sees in a conversation, or its join: 0n if there is neither. */
  activity(conversation: Extract<Request, { kind: "activity" }>): bigint | undefined {
    return this.indexSnapshot(conversation.app, () => {
      const scope = this.scopeOf(conversation);
      return scope && (this.activityOf(scope) ?? (this.exists(scope) ? 0n : undefined));
    });
  }

  private activityOf(scope: Scope | undefined): bigint | undefined {
    return scope && this.lists.activity(scope)?.id;
  }

  accountState(app: string, account: string, since: bigint, limit: number): AccountState {
    return this.snapshot(app, () => {
      const me = this.numberOf(app, account) ?? 0n;
      return this.accounts.state(me, since, limit);
    });
  }

  readers(
    { app, account, messageId, after, limit }: Extract<Request, { kind: "readers" }>,
    nowNs: bigint,
  ): ReadersAnswer {
    this.marks.refresh();
    return this.snapshot(app, () => {
      const me = this.numberOf(app, account);
      if (me === undefined) return { result: "notFound" };
      return this.accounts.readers(me, BigInt(messageId), { after, limit }, nowNs);
    });
  }

  /** See questions.ts. */
  people(question: PeopleQuestion, nowMs: number): PeopleAnswer {
    const answer = (): PeopleAnswer => answerOf(question, nowMs, this);
    const needsIndex = question.ask === "mayTalk" || question.ask === "watchable" || question.ask === "pairs";
    const app = "app" in question ? question.app : "";
    return needsIndex ? this.indexSnapshot(app, answer) : this.snapshot(app, answer);
  }

  /** See GroupStore.pinned. */
  pinned(query: PinnedQuestion): Uint8Array<ArrayBuffer> | undefined {
    return this.indexSnapshot(query.app, () => {
      const scope = this.scopeOf(query);
      const ids = scope && this.groups.pinned(scope.me, scope.other);
      if (scope === undefined || ids === undefined) return undefined;
      return ids.length > 0 || this.exists(scope) ? this.histories.byIds(scope.me, ids) : undefined;
    });
  }

  /** Closes the file of cursors; the next request opens what is there then. */
  closeReads(): void {
    this.marks.close();
  }

  follow(): void {
    this.indexSnapshot("", () => undefined);
  }

  contents({ app, account, messageIds }: ContentsRequest): Uint8Array<ArrayBuffer> {
    const contents = this.snapshot(app, () => {
      const me = this.numberOf(app, account);
      return me === undefined ? [] : this.texts.of(me, messageIds.map(BigInt));
    });
    return encodeContents(contents);
  }

  detail(app: string, groupId: string, asker: string): DetailAnswer {
    return this.snapshot(app, () => {
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
    return this.snapshot(app, () => {
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

  backEnd(call: BackEndRead, nowMs: number): BackEndAnswer {
    if (!isBulkRead(call)) return this.snapshot("", () => read(this.db, call));
    if (call.call === "export") this.marks.refresh();
    return this.indexSnapshot(call.call === "export" ? call.query.app : "", () =>
      this.bulk.read(call, secondsOf(nowMs)),
    );
  }

  /** Undefined if the account never was in the group, or there is no such account or group. See `exists`. */
  private scopeOf({ app, account, toGroup, dest }: ConversationName & { app: string; account: string }) {
    const me = this.numberOf(app, account);
    const other = toGroup ? this.sql.group.get(app, dest)?.number : this.numberOf(app, dest);
    if (me === undefined || other === undefined) return undefined;
    return this.visible.scope(me, toGroup ? -other : other);
  }

  /** Whether there is such a conversation, although its account sees nothing of it. */
  private exists({ me, other }: Scope): boolean {
    return other < 0n || this.haveTalked(me, other);
  }

  private haveTalked(one: bigint, other: bigint): boolean {
    const [a, b] = [Number(one), Number(other)];
    return this.logIndex.countPair(a, b, 0n, 1) > 0 || this.logIndex.countPair(b, a, 0n, 1) > 0;
  }

  private numberOf(app: string, name: string): bigint | undefined {
    return this.sql.account.get(app, name)?.number;
  }

  /** A snapshot of the log in which the index covers all of it. */
  private indexSnapshot<T>(app: string, work: () => T): T {
    try {
      this.logIndex.begin();
      return this.snapshot(app, () => {
        this.logIndex.follow();
        return work();
      });
    } finally {
      this.logIndex.end();
    }
  }

  /** Nothing up to the app's watermark is read. */
  private snapshot<T>(app: string, work: () => T): T {
    this.db.run("BEGIN");
    try {
      this.ownership?.require();
      this.logIndex.clippedTo = this.clips.read(app);
      return work();
    } finally {
      if (this.db.inTransaction) this.db.run("ROLLBACK");
    }
  }
}
