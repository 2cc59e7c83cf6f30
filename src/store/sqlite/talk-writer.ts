// Stores messages inside the writer's transaction: detects repetitions, checks rights, finds the previous message,
// inserts the row. Messages of the transaction are found in `batch` until it commits, and in the log's index from then
// on.

import { systemAccount } from "../../auth/names.ts";
import { outcome, type JobOf } from "../jobs.ts";
import { idMax, nodeOfId, type IdSequence } from "../snowflake.ts";
import { messageState } from "./conversations/tables.ts";
import type { EntryIds } from "./conversations/entry-ids.ts";
import { LastIds } from "./last-ids.ts";
import type { LogIndex } from "./index/log-index.ts";
import type { AppClips } from "./bulk/app-clips.ts";
import type { GroupParts } from "./groups/group-parts.ts";
import type { Names } from "./names.ts";
import { TalkExtrasWriter } from "./conversations/talk-extras.ts";
import { isSameClientId, keyedKey } from "./client-ids.ts";
import { lists, receivedKey, sentKey, type MessageKeys } from "./index/posting.ts";
import { prepareMember, secondsOf } from "./groups/group-rows.ts";
import type { Guards } from "./people/guards.ts";

type TalkJob = JobOf<"talk">;
/** An outcome and up to five numbers that belong to it. */
export type Outcome = readonly bigint[];

const forbidden: Outcome = [outcome.forbidden];
const notFound: Outcome = [outcome.notFound];
const conflict: Outcome = [outcome.conflict];
const unknown: Outcome = [outcome.unknown];
const muted: Outcome = [outcome.muted];
const forAdmins: Outcome = [outcome.forAdmins];
const unwilling: Outcome = [outcome.unwilling];
const needsPairs: Outcome = [outcome.needsPairs];

/** A message of an import. */
interface FormerMessage extends Pick<TalkJob, "type" | "body" | "extra" | "mentions" | "replyTo"> {
  /** The receiver's number, or minus the group's. */
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly sentNs: bigint;
}

interface GroupRow {
  readonly version: bigint;
  readonly member_count: bigint;
  readonly for_admins: bigint;
  readonly owner: bigint;
}

interface RepeatRow {
  readonly id: bigint;
  readonly inbox: bigint;
  readonly sender: bigint;
  readonly client_id: string | null;
  readonly type: bigint;
  readonly body: string;
  readonly extra: string;
  readonly sent_ns: bigint;
  readonly state: bigint | null;
}

/** Whether the message has another text than it was sent with: then its clientId and receiver make a repetition. */
function isChanged({ state }: RepeatRow): boolean {
  return ((state ?? 0n) & BigInt(messageState.edited | messageState.recalled)) !== 0n;
}

function isAsStored(row: RepeatRow, { type, body, extra }: TalkJob): boolean {
  return row.type === BigInt(type) && row.body === body && row.extra === extra;
}

export class TalkWriter {
  /** Messages up to this id are too old to be retried. */
  keyedUpTo = 0n;
  private readonly names: Names;
  private readonly index: LogIndex;
  private readonly entryIds: EntryIds;
  private readonly extras: TalkExtrasWriter;
  private lastIds = new LastIds();
  private readonly repeat;
  private readonly oldest;
  private readonly group;
  private readonly member;
  private readonly guards: Guards;
  private readonly clips: AppClips;
  private readonly insert;
  private batch: MessageKeys[] = [];
  private readonly batchKeyed = new Map<number, bigint[]>();
  private readonly batchLast = new Map<bigint, bigint>();
  /** The id of the oldest message, read once a transaction. */
  private oldestId: bigint | undefined;

  constructor(parts: Pick<GroupParts, "db" | "names" | "guards" | "clips">, index: LogIndex, entryIds: EntryIds) {
    const { db, names, guards, clips } = parts;
    this.names = names;
    this.guards = guards;
    this.clips = clips;
    this.index = index;
    this.entryIds = entryIds;
    this.extras = new TalkExtrasWriter(parts);
    this.repeat = db.prepare<RepeatRow, [bigint]>(
      "SELECT id, inbox, sender, client_id, type, body, extra, sent_ns, state FROM message WHERE id = ?",
    );
    this.oldest = db.prepare<{ id: bigint }, []>("SELECT id FROM message ORDER BY id LIMIT 1");
    this.group = db.prepare<GroupRow, [bigint]>(
      `SELECT version, member_count, for_admins, owner FROM "group" WHERE number = ?`,
    );
    this.member = prepareMember(db);
    this.insert = db.prepare<null, [bigint, bigint, bigint, number, string, string, bigint, string | null]>(
      "INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
  }

  /** Ids up to `ownAbove` belong to other writers, whatever their node number says. */
  write(job: TalkJob, ids: IdSequence, wallMs: number, sentNs: bigint, ownAbove: bigint): Outcome {
    const { app, sender: senderName, toGroup, dest, type, body, extra, clientId, toKnown } = job;
    const sender = this.names.account(app, senderName);
    const group = toGroup ? this.names.findGroup(app, dest) : undefined;
    if (toGroup && group === undefined) return notFound;
    const receiver = toGroup ? undefined : this.names.findAccount(app, dest);
    const isNew = group === undefined && receiver === undefined;
    if (isNew && toKnown) return unknown;
    // A talk that is refused makes no account: rows of accounts stay for ever, and only stored talks are charged.
    const known = group === undefined ? receiver : -group;
    const detail = group === undefined ? null : this.group.get(group);
    const version = detail?.version ?? 0n;

    // Before the rights: a repeated message is confirmed even if its sender has left the group since.
    const keyed = clientId === "" ? undefined : keyedKey(sender, clientId);
    if (keyed !== undefined) {
      const row = this.earlier(sender, clientId, keyed);
      if (row !== undefined) {
        const { inbox } = row;
        if (inbox !== known || !(isChanged(row) || isAsStored(row, job))) return conflict;
        const isOwn = row.id > ownAbove && nodeOfId(row.id) === ids.node;
        const repeated = isOwn ? outcome.repeated : outcome.repeatedElsewhere;
        const previousEntry = this.entryIds.newestBelow(inbox, row.id);
        return [repeated, row.id, row.sent_ns, this.shown(app, this.idBefore(inbox, row.id)), version, previousEntry];
      }
    }
    if (group !== undefined) {
      const refused = this.groupRefusal(group, detail, sender, senderName, wallMs);
      if (refused !== undefined) return refused;
    } else if (receiver !== undefined && receiver !== sender && this.guards.isGuarded(receiver)) {
      const isWilling = this.guards.mayReach(sender, receiver, "write", job.pairs?.[dest]);
      if (isWilling !== true) return isWilling === undefined ? needsPairs : unwilling;
    }
    const hasExtras = job.mentions !== undefined || job.replyTo !== undefined || job.media !== undefined;
    const refusal = hasExtras ? this.extras.refusal(job, sender, known) : undefined;
    if (refusal !== undefined) return [refusal];
    const inbox = known ?? this.names.account(app, dest);
    const id = ids.next(wallMs);
    const previous = this.shown(app, this.newestIn(inbox));
    this.insert.run(id, inbox, sender, type, body, extra, sentNs, clientId === "" ? null : clientId);
    if (hasExtras) this.extras.save(id, job, inbox);
    this.remember({ id, received: receivedKey(inbox), sent: sentKey(sender), keyed }, inbox);
    const stored = isNew ? outcome.storedForNew : outcome.stored;
    return [stored, id, sentNs, previous, version, this.entryIds.newestIn(inbox)];
  }

  /** Stores a message that was checked before, of another time, with the next id. */
  add(message: FormerMessage, ids: IdSequence, wallMs: number): bigint {
    const { inbox, sender, type, body, extra, sentNs, mentions, replyTo } = message;
    const id = ids.next(wallMs);
    this.insert.run(id, inbox, sender, type, body, extra, sentNs, null);
    if (mentions !== undefined || replyTo !== undefined) this.extras.save(id, message, inbox);
    this.remember({ id, received: receivedKey(inbox), sent: sentKey(sender), keyed: undefined }, inbox);
    return id;
  }

  /** The right to talk of rightInGroup, without its facts: this is on the path of every message to a group. */
  private groupRefusal(
    group: bigint,
    row: GroupRow | null,
    sender: bigint,
    senderName: string,
    wallMs: number,
  ): Outcome | undefined {
    if (row === null || row.member_count === 0n) return notFound;
    const member = this.member.get(group, sender);
    if (member === null) return senderName === systemAccount ? undefined : forbidden;
    if (member.muted_until > 0n && member.muted_until > secondsOf(wallMs)) return muted;
    return row.for_admins !== 0n && member.role === 0n && row.owner !== sender ? forAdmins : undefined;
  }

  /** At the start of a transaction: takes in the commits of other writers. */
  catchUp(): void {
    this.oldestId = undefined;
    // Skipped messages were flushed before this thread followed them: only the index has them.
    if (this.index.hasSkipped) this.lastIds = new LastIds();
    this.index.follow((message) => this.lastIds.set(message.received, message.id));
  }

  /** Whether this transaction stores a message. */
  get hasStored(): boolean {
    return this.batch.length > 0;
  }

  /** The store was replaced, so the cached ids are stale. */
  forgetInboxes(): void {
    this.lastIds = new LastIds();
  }

  /** Call after the commit. */
  committed(): void {
    for (const message of this.batch) {
      this.index.add(message);
      this.lastIds.set(message.received, message.id);
    }
    this.forget();
  }

  /** Call after a rollback: other accounts may get the numbers of those that were made. */
  rolledBack(): void {
    this.forget();
    this.guards.forgetPairs();
  }

  private forget(): void {
    this.batch = [];
    this.batchKeyed.clear();
    this.batchLast.clear();
  }

  private remember(message: MessageKeys, inbox: bigint): void {
    this.batch.push(message);
    this.batchLast.set(inbox, message.id);
    if (message.keyed === undefined) return;
    const ids = this.batchKeyed.get(message.keyed);
    if (ids === undefined) this.batchKeyed.set(message.keyed, [message.id]);
    else ids.push(message.id);
  }

  private earlier(sender: bigint, clientId: string, keyed: number): RepeatRow | undefined {
    const matching = (id: bigint): RepeatRow | undefined => {
      const row = this.repeat.get(id);
      if (row === null || row.sender !== sender) return undefined;
      return isSameClientId(row.client_id, sender, clientId) ? row : undefined;
    };
    for (const id of this.batchKeyed.get(keyed) ?? []) {
      const row = matching(id);
      if (row !== undefined) return row;
    }
    for (const id of this.index.keyedNewestFirst(keyed, this.keyedUpTo)) {
      const row = matching(id);
      if (row !== undefined) return row;
    }
    return undefined;
  }

  /** Returns the newest message of the inbox that still exists, or 0n. */
  private newestIn(inbox: bigint): bigint {
    const inBatch = this.batchLast.get(inbox);
    if (inBatch !== undefined) return inBatch;
    const key = receivedKey(inbox);
    let newest = this.lastIds.get(key);
    if (newest === undefined) {
      newest = this.index.newestBelow(lists.received, key, idMax);
      this.lastIds.set(key, newest);
    }
    return this.ifKept(newest);
  }

  private idBefore(inbox: bigint, id: bigint): bigint {
    const key = receivedKey(inbox);
    const inBatch = this.batch.findLast((message) => message.received === key && message.id < id);
    return inBatch?.id ?? this.ifKept(this.index.newestBelow(lists.received, key, id));
  }

  /** Returns 0n for messages that are behind the watermark of the app. */
  private shown(app: string, id: bigint): bigint {
    return id > this.clips.of(app) ? id : 0n;
  }

  /** Returns 0n for messages that the retention has deleted; the index may still list them. */
  private ifKept(id: bigint): bigint {
    if (id === 0n) return id;
    this.oldestId ??= this.oldest.get()?.id ?? idMax;
    return id >= this.oldestId ? id : 0n;
  }
}
