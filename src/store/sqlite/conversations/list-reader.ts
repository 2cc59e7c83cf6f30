// Pages of an account's conversations, as bodies of ConversationListResp. The order needs each conversation's newest
// message, which the index gives as an upper bound (the message may be cleared, hidden or deleted): conversations are
// taken by that bound, and put back when their activity turns out to be older.

import type { Database } from "bun:sqlite";
import { type ConversationInit, cutLast, encodeConversations, unreadFields } from "../../conversation-bodies.ts";
import type { ConversationsQuery } from "../../conversations.ts";
import { idMax } from "../../snowflake.ts";
import type { HistoryReader } from "./history-reader.ts";
import type { LogIndex } from "../index/log-index.ts";
import { isUnfinished } from "../member-lookups.ts";
import type { PeopleReader } from "../people/people-reader.ts";
import type { ReadMarks } from "./read-marks.ts";
import type { UnreadPage, UnreadReader } from "./unread-reader.ts";
import type { MessageRow, Scope, VisibleMessages } from "./visible.ts";

interface Setting {
  readonly other: bigint;
  readonly pinned: bigint;
  readonly muted: bigint;
  readonly hidden_id: bigint;
  readonly cleared_id: bigint;
}

/** A conversation on its way into a page. */
interface Candidate {
  readonly other: bigint;
  /** Its newest message is inside a window of the account. */
  readonly isOpen: boolean;
  /** Not less than the activity. */
  bound: bigint;
  found: Activity | undefined;
}

/** What a conversation is ordered by: its last visible message, or the own join. */
interface Activity {
  readonly id: bigint;
  readonly scope: Scope;
  readonly last: MessageRow | undefined;
}

/** A conversation of a page. */
interface Listed {
  readonly activity: Activity;
  readonly readId: bigint;
  /** Messages above it are unread. */
  readonly after: bigint;
}

export class ListReader {
  private readonly lookups: LogIndex;
  private readonly messages: VisibleMessages;
  private readonly history: HistoryReader;
  private readonly marks: ReadMarks;
  private readonly unread: UnreadReader;
  private readonly people: Pick<PeopleReader, "isBlocked">;
  private readonly sql;

  constructor(
    db: Database,
    parts: {
      lookups: LogIndex;
      messages: VisibleMessages;
      history: HistoryReader;
      marks: ReadMarks;
      unread: UnreadReader;
      people: Pick<PeopleReader, "isBlocked">;
    },
  ) {
    this.lookups = parts.lookups;
    this.messages = parts.messages;
    this.history = parts.history;
    this.marks = parts.marks;
    this.unread = parts.unread;
    this.people = parts.people;
    this.sql = {
      settings: db.prepare<Setting, [bigint]>(
        "SELECT other, pinned, muted, hidden_id, cleared_id FROM conversation WHERE account = ?",
      ),
      groups: db.prepare<{ group: bigint; joined: bigint; is_in: bigint }, [bigint]>(
        `SELECT "group", max(from_id) AS joined, max(until_id IS NULL) AS is_in
         FROM member WHERE account = ? GROUP BY "group" HAVING NOT ${isUnfinished('member."group"')}`,
      ),
      groupId: db.prepare<{ id: string }, [bigint]>(`SELECT id FROM "group" WHERE number = ?`),
    };
  }

  page(
    me: bigint,
    { before, limit, includeHidden }: Omit<ConversationsQuery, "app" | "account">,
  ): Uint8Array<ArrayBuffer> {
    const settings = new Map(this.sql.settings.all(me).map((setting) => [setting.other, setting]));
    const hidden = this.unread.hidden(me);
    const pinned = new Set(settings.values().flatMap(({ other, pinned: one }) => (one === 1n ? [other] : [])));
    const [kept, rest] = parted(this.candidates(me), pinned);
    const isShown = ({ id, scope }: Activity): boolean =>
      includeHidden || id > (settings.get(scope.other)?.hidden_id ?? 0n);
    const shown: Activity[] = [];
    if (before === 0n) {
      for (const { other, bound } of kept) {
        const activity = this.activityOf(me, other, bound);
        if (activity !== undefined && isShown(activity)) shown.push(activity);
      }
      shown.sort((one, two) => (one.id > two.id ? -1 : 1));
    }
    const end = before === 0n ? idMax : before;
    // Those of former pages, whose newest message is visible: nothing is read of them.
    const { oldestId } = this.lookups;
    const isOfFormerPage = ({ other, bound, isOpen }: Candidate): boolean =>
      bound >= end &&
      isOpen &&
      bound >= oldestId &&
      bound > (settings.get(other)?.cleared_id ?? 0n) &&
      !hidden.ids.has(bound);
    const left = before === 0n ? rest : rest.filter((candidate) => !isOfFormerPage(candidate));
    const others: Activity[] = [];
    for (const activity of this.newestFirst(me, left)) {
      if (activity.id >= end || !isShown(activity)) continue;
      others.push(activity);
      if (others.length > limit) break;
    }
    const listed = [...shown, ...others.slice(0, limit)].map((activity): Listed => {
      const { other, clearedTo } = activity.scope;
      const readId = this.marks.of(me, other);
      return { activity, readId, after: readId > clearedTo ? readId : clearedTo };
    });
    const names = new Map<bigint, string>();
    const afters = new Map(
      listed.flatMap(({ activity: { scope }, after }) =>
        scope.other > 0n && scope.other !== me ? [[Number(scope.other), after]] : [],
      ),
    );
    const unread = this.unread.page(me, { name: this.history.nameOf(me, names), hidden, afters });
    const conversations = listed.map((one) =>
      this.conversation(one, settings.get(one.activity.scope.other), unread, names),
    );
    const hasMore = others.length > limit;
    return encodeConversations(conversations, hasMore);
  }

  /** Everybody with whom the account has exchanged messages, and its groups, with bounds of their activity. */
  private candidates(me: bigint): Candidate[] {
    const found: Candidate[] = [];
    for (const [partner, last] of this.lookups.partners(Number(me)))
      found.push({ other: BigInt(partner), isOpen: true, bound: last, found: undefined });
    for (const { group, joined, is_in } of this.sql.groups.all(me)) {
      const newest = this.lookups.newestReceived(-group);
      const bound = newest > joined ? newest : joined;
      found.push({ other: -group, isOpen: is_in === 1n, bound, found: undefined });
    }
    return found;
  }

  /** Yields activities, the newest first. */
  private *newestFirst(me: bigint, candidates: Candidate[]): Generator<Activity, void, void> {
    candidates.sort((one, two) => (one.bound > two.bound ? -1 : 1));
    // Those whose activity turned out to be older than its bound; few.
    const late: Candidate[] = [];
    for (let at = 0; at < candidates.length || late.length > 0;) {
      const [first] = late;
      const next = candidates[at];
      const isLate = first !== undefined && (next === undefined || first.bound > next.bound);
      const candidate = isLate ? first : next;
      if (candidate === undefined) return;
      if (isLate) late.shift();
      else at++;
      candidate.found ??= this.activityOf(me, candidate.other, candidate.bound);
      const { found } = candidate;
      if (found === undefined) continue;
      if (found.id === candidate.bound) yield found;
      else {
        candidate.bound = found.id;
        const place = late.findIndex(({ bound }) => bound < found.id);
        late.splice(place < 0 ? late.length : place, 0, candidate);
      }
    }
  }

  /** `bound`: see Candidate. */
  private activityOf(me: bigint, other: bigint, bound: bigint): Activity | undefined {
    const scope = this.messages.scope(me, other);
    if (scope === undefined) return undefined;
    // Nearly always the newest message is visible, and nothing needs to be looked up.
    const newest = this.messages.visible(scope, bound);
    return newest === undefined ? this.activity(scope) : { id: bound, scope, last: newest };
  }

  /** Undefined: nothing of the conversation is to be seen. */
  activity(scope: Scope): Activity | undefined {
    const { other } = scope;
    let last: MessageRow | undefined;
    for (const row of this.messages.below(scope, idMax)) {
      last = row;
      break;
    }
    const joined = other < 0n ? (scope.windows.at(-1)?.from ?? 0n) : 0n;
    const lastId = last?.id ?? 0n;
    const id = lastId > joined ? lastId : joined;
    return id === 0n ? undefined : { id, scope, last };
  }

  /** Who blocks an account shows it no cursor. */
  private peerReadId(me: bigint, other: bigint): bigint {
    return this.people.isBlocked(other, me) ? 0n : this.marks.of(other, me);
  }

  private conversation(
    { activity: { id, scope, last }, readId, after }: Listed,
    setting: Setting | undefined,
    unread: UnreadPage,
    names: Map<bigint, string>,
  ): ConversationInit {
    const { me, other } = scope;
    return {
      ...(other < 0n
        ? { group: this.sql.groupId.get(-other)?.id ?? "" }
        : { account: this.history.nameOf(other, names), peerReadId: this.peerReadId(me, other) }),
      activityId: id,
      ...(last && { lastMessage: cutLast(this.history.message(last, me, names)) }),
      ...unreadFields(this.unread.messages(scope, after, unread)),
      unreadMentions: this.unread.mentions(scope, after, unread),
      readId,
      pinned: setting?.pinned === 1n,
      muted: setting?.muted === 1n,
      hidden: (setting?.hidden_id ?? 0n) >= id,
    };
  }
}

/** Those that are pinned, and the others. */
function parted(candidates: Candidate[], pinned: ReadonlySet<bigint>): readonly [Candidate[], Candidate[]] {
  if (pinned.size === 0) return [[], candidates];
  const isPinned = ({ other }: Candidate): boolean => pinned.has(other);
  return [candidates.filter(isPinned), candidates.filter((candidate) => !isPinned(candidate))];
}
