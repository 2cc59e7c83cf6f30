// The messages that somebody has not received, for a service that wakes phones: the receiver has no live session, or
// its devices have not acknowledged the message for a while, because phones die with their connections half open.
//
// It is looked up here, behind the log, many messages at once, and never in a talk's way. What waits to be
// acknowledged is in memory; the lane's position stays before it, so that after a crash it is looked up again, and an
// event may come twice. An endpoint that is told of stored messages, too, is told of each of them first.

import { fromBinary } from "@bufbuild/protobuf";
import type { Clock } from "../base/clock.ts";
import type { Sessions } from "../session/sessions.ts";
import type { Endpoint, HookReads, HookRecord, Receiver } from "../store/hooks.ts";
import type { Store } from "../store/store.ts";
import { ConversationListRespSchema } from "../wire/gen/pkt_pb.ts";
import { eventText, type LaneEvent, type LaneRead, type LaneSource } from "./lane-source.ts";
import { type LogWindow, pageMax } from "./log-window.ts";

/** Nobody is woken for what is older. */
const ageMsMax = 3_600_000;
/** Nobody in a larger group is. */
const wokenMembersMax = 1_000;
/** Messages of groups whose receivers are looked up at once: each may have `wokenMembersMax`. */
const groupsLooked = 10;
/** Events that wait to be told or to be acknowledged; then the log is read no further. */
const heldMax = 20_000;
/** Of a batch, for how many events unread messages are counted. */
const countedMax = 200;
/** Among this many of an account's newest conversations is the one of a message that has just come. */
const conversationsLooked = 20;

interface Held extends Receiver {
  readonly record: HookRecord;
  /** By the monotonic clock: when it has to be acknowledged. */
  readonly dueMs: number;
}

interface Ready extends LaneEvent {
  /** Of the message, for all of its receivers. */
  readonly ofMessage: string;
}

interface UndeliveredParts {
  readonly store: HookReads;
  readonly conversations: Pick<Store, "conversations">;
  readonly sessions: Pick<Sessions, "locate">;
  readonly clock: Pick<Clock, "wallMs" | "monotonicMs">;
  readonly acknowledgeMs: number;
  /** Whether the endpoint knows the message of a conversation. */
  readonly isKnown: (conversation: string, messageId: bigint) => boolean;
}

export class UndeliveredSource implements LaneSource {
  private readonly endpoint: Endpoint;
  private readonly window: LogWindow;
  private readonly parts: UndeliveredParts;
  /** The log was looked through up to there. */
  private scanned: bigint | undefined;
  /** In the order of messages: each waits the same time. */
  private waiting: Held[] = [];
  private ready: Ready[] = [];

  constructor(endpoint: Endpoint, window: LogWindow, parts: UndeliveredParts) {
    this.endpoint = endpoint;
    this.window = window;
    this.parts = parts;
  }

  async read(position: bigint): Promise<LaneRead> {
    this.scanned ??= position;
    await this.judgeDue();
    const isMore = this.held < heldMax && (await this.lookFurther(this.scanned));
    const upTo = this.floor();
    const known = this.ready.filter(({ ofMessage, position: id }) => this.parts.isKnown(ofMessage, id));
    const events = known.slice(0, pageMax).map((event) => ({ ...event, position: upTo }));
    return { events, upTo, isMore: isMore || known.length > events.length };
  }

  done(refs: readonly string[]): void {
    const told = new Set(refs);
    this.ready = this.ready.filter(({ ref }) => !told.has(ref));
  }

  async texts(refs: readonly string[]): Promise<readonly string[]> {
    const named = refs.map(parseRef);
    const records = await this.parts.store.records([...new Set(named.map(({ messageId }) => messageId))]);
    const byId = new Map(records.map((record) => [record.id, record]));
    const receivers = await this.receiversOf(records);
    return named.flatMap(({ messageId, account }, at) => {
      const record = byId.get(messageId);
      const isReceiver = receivers.has(refs[at] ?? "");
      return record === undefined || !isReceiver ? [] : [textOf(record, account, undefined)];
    });
  }

  /** Refs to who receives these messages as of now: a name may have become somebody else's, and members leave. */
  private async receiversOf(records: readonly HookRecord[]): Promise<ReadonlySet<string>> {
    const found = new Set<string>();
    for (let at = 0; at < records.length;) {
      const slice = sliceFrom(records, at);
      at += slice.length;
      const ids = slice.map(({ id }) => id);
      for (const { messageId, account } of await this.parts.store.receivers(ids, wokenMembersMax))
        found.add(refOf(messageId, account));
    }
    return found;
  }

  private get held(): number {
    return this.waiting.length + this.ready.length;
  }

  /** Everything up to there was received, or told. */
  private floor(): bigint {
    const first = [this.waiting[0]?.messageId, ...this.ready.map(({ position }) => position)].filter(
      (id) => id !== undefined,
    );
    return first.reduce((least, id) => (id - 1n < least ? id - 1n : least), this.scanned ?? 0n);
  }

  /** Reads on in the log; true if there is more. */
  private async lookFurther(scanned: bigint): Promise<boolean> {
    const page = await this.window.after(scanned);
    const youngestMs = this.parts.clock.wallMs() - ageMsMax;
    const records = page.records.filter(
      ({ event, app, atMs }) => event === "message.stored" && app === this.endpoint.app && atMs >= youngestMs,
    );
    for (let at = 0; at < records.length;) {
      const slice = sliceFrom(records, at);
      await this.partition(slice);
      at += slice.length;
      this.scanned = slice.at(-1)?.id ?? this.scanned;
      if (this.held >= heldMax) return false;
    }
    this.scanned = page.upTo;
    return page.isMore;
  }

  /** Tells of those who are not there; the others have time to acknowledge. */
  private async partition(records: readonly HookRecord[]): Promise<void> {
    const byId = new Map(records.map((record) => [record.id, record]));
    const receivers = await this.parts.store.receivers([...byId.keys()], wokenMembersMax);
    const missing = receivers.filter(({ hasAcknowledged }) => !hasAcknowledged);
    const isThere = await this.areThere(missing);
    const dueMs = this.parts.clock.monotonicMs() + this.parts.acknowledgeMs;
    const absent: Held[] = [];
    for (const [at, receiver] of missing.entries()) {
      const record = byId.get(receiver.messageId);
      if (record === undefined) continue;
      const held = { ...receiver, record, dueMs };
      if (isThere[at] === true) this.waiting.push(held);
      else absent.push(held);
    }
    await this.tell(absent);
  }

  private async judgeDue(): Promise<void> {
    const nowMs = this.parts.clock.monotonicMs();
    const later = this.waiting.findIndex(({ dueMs }) => dueMs > nowMs);
    const due = this.waiting.slice(0, later < 0 ? undefined : later).slice(0, pageMax);
    if (due.length === 0) return;
    const receivers = await this.parts.store.receivers(
      [...new Set(due.map(({ messageId }) => messageId))],
      wokenMembersMax,
    );
    const missing = new Set(
      receivers
        .filter(({ hasAcknowledged }) => !hasAcknowledged)
        .map(({ messageId, account }) => refOf(messageId, account)),
    );
    await this.tell(due.filter(({ messageId, account }) => missing.has(refOf(messageId, account))));
    this.waiting = this.waiting.slice(due.length);
  }

  private async areThere(receivers: readonly Receiver[]): Promise<readonly boolean[]> {
    const accounts = receivers.map(({ account }) => account);
    const located = accounts.length === 0 ? [] : await this.parts.sessions.locate(this.endpoint.app, accounts);
    return located.map((locations) => locations.length > 0);
  }

  private async tell(held: readonly Held[]): Promise<void> {
    const unread = new Map<string, Promise<number | undefined>>();
    for (const [at, { record, account, messageId }] of held.entries()) {
      const key = `${account},${record.conversation}`;
      const counting =
        at < countedMax ? unread.getOrInsertComputed(key, () => this.countUnread(account, record)) : undefined;
      this.ready.push({
        ref: refOf(messageId, account),
        conversation: key,
        ofMessage: record.conversation,
        position: messageId,
        text: textOf(record, account, await counting),
      });
    }
  }

  /** Undefined if the conversation is not among the account's newest ones. */
  private async countUnread(account: string, { data }: HookRecord): Promise<number | undefined> {
    const { group = "", from = "" }: { readonly group?: string; readonly from?: string } = JSON.parse(data);
    const query = { app: this.endpoint.app, account, before: 0n, limit: conversationsLooked, includeHidden: true };
    const encoded = await this.parts.conversations.conversations(query);
    const { conversations } = fromBinary(ConversationListRespSchema, encoded);
    return conversations.find((each) => (group === "" ? each.account === from : each.group === group))?.unread;
  }
}

/** Messages whose receivers are looked up together. */
function sliceFrom(records: readonly HookRecord[], at: number): readonly HookRecord[] {
  let groups = 0;
  let end = at;
  while (end < records.length && end - at < pageMax) {
    if (records[end]?.conversation.startsWith(",") === true && ++groups > groupsLooked) break;
    end++;
  }
  return records.slice(at, end);
}

function refOf(messageId: bigint, account: string): string {
  return `${messageId}/${account}`;
}

function parseRef(ref: string): { readonly messageId: bigint; readonly account: string } {
  const slash = ref.indexOf("/");
  return { messageId: BigInt(ref.slice(0, slash)), account: ref.slice(slash + 1) };
}

function textOf({ id, atMs, data }: HookRecord, account: string, unread: number | undefined): string {
  const { mentions = [] }: { readonly mentions?: readonly string[] } = JSON.parse(data);
  const mentioned = mentions.includes(account) || mentions.includes("*");
  const counted = unread === undefined ? "" : `,"unread":${unread}`;
  const shown = `{"account":${JSON.stringify(account)},"mentioned":${mentioned}${counted},"message":${data}}`;
  return eventText(refOf(id, account), "message.undelivered", atMs, shown);
}
