// The live list of conversations. Pages come from the server; what happens while they are on their way is noted, and
// applied to what they bring: each record knows up to which message the server has counted. What cannot be computed
// is read anew, with the loaded part.

import { Command } from "../../wire/commands.ts";
import { ConversationListReq } from "../../wire/gen/messages/conversation-list-req.ts";
import { ConversationListResp } from "../../wire/gen/messages/conversation-list-resp.ts";
import { Disconnected, errorOf } from "../client-errors.ts";
import type { Emitter } from "../emitter.ts";
import type { Environment } from "../environment.ts";
import type { Ask } from "../ask.ts";
import { OnceATurn } from "../once-a-turn.ts";
import { Outcome } from "../outcome.ts";
import { Changes } from "./changes.ts";
import { ConversationRecord, type Settings } from "./conversation-record.ts";
import type { ChatMessage, ConversationState, MessengerEvents, Partner } from "./messenger-types.ts";
import { keyOf } from "./partner.ts";

/** Conversations a page. */
const pageSize = 100;
const firstPageSize = 50;
/** The pause after a reading of the list, in milliseconds. */
const pauseMs = 500;
/** The bound on updates that wait for a reading; beyond it, the list is read again after it. */
const notedMax = 10_000;

/** Returns whether the record knows everything afterwards; otherwise the list is read again. */
type Update = (record: ConversationRecord) => boolean | void;

interface ListOwner {
  /** Rejects with Disconnected, or if a request is refused for good. */
  readonly patientAsk: Ask;
  readonly environment: Environment;
  readonly notices: Emitter<MessengerEvents>;
  /** Messages with the changes that the server has not confirmed; undefined if they are not shown. */
  shown(partner: Partner, message: ChatMessage): ChatMessage | undefined;
  /** What is marked as read and not sent yet. */
  markedRead(key: string): bigint;
}

interface Noted {
  readonly key: string;
  readonly update: Update;
  readonly isNews: boolean;
}

/** The account's conversations: pinned ones first, each part by newest activity. Hidden ones are not in it. */
export class ConversationList implements Iterable<ConversationState> {
  private readonly owner: ListOwner;
  private records = new Map<string, ConversationRecord>();
  private readonly settings = new Changes<string, Settings>();
  private sorted: readonly ConversationState[] | undefined;
  /** For those who wait for the first page. */
  private readonly firstPage = new Outcome();
  /** Why there is none. */
  private failure: Error | undefined;
  private isOnline = false;
  private isRead = false;
  private more = false;
  /** Where the next page begins. */
  private lastId = 0n;
  /** The reading in progress. */
  private reading: Promise<void> | undefined;
  private isWanted = false;
  private isPausing = false;
  private noted: Noted[] | undefined;
  /** To be called when the list has been read. */
  private readonly queued: (() => void)[] = [];
  /** Conversations that belong to the list and are not loaded. */
  private readonly unknownKeys = new Set<string>();
  private readonly notes: OnceATurn<string>;

  constructor(owner: ListOwner) {
    this.owner = owner;
    this.notes = new OnceATurn(owner.environment, (keys) => void owner.notices.emit("conversationsChanged", { keys }));
  }

  /** The loaded part; another array after each change. */
  get items(): readonly ConversationState[] {
    this.sorted ??= [...this.records.values()]
      .map(({ state }) => this.withChanges(state))
      .filter(({ isHidden }) => !isHidden)
      .toSorted(inOrder);
    return this.sorted;
  }

  [Symbol.iterator](): Iterator<ConversationState> {
    return this.items[Symbol.iterator]();
  }

  /** Whether the first page was read since the last sign-in. */
  get isReady(): boolean {
    return this.isRead;
  }

  /** Resolves when the first page has been read. Rejects if it was refused, or the client has ended. */
  async ready(): Promise<void> {
    if (this.isRead) return;
    if (this.failure !== undefined) throw this.failure;
    await this.firstPage.next();
  }

  get hasMore(): boolean {
    return this.more;
  }

  /** Unread messages in the loaded conversations that are not muted. */
  get unread(): number {
    return this.items.reduce((sum, { unread, isMuted }) => sum + (isMuted ? 0 : unread), 0);
  }

  get(partner: Partner): ConversationState | undefined {
    const state = this.records.get(keyOf(partner))?.state;
    return state && this.withChanges(state);
  }

  /** Loads the next page, at most 100 conversations. */
  async loadMore(): Promise<void> {
    await this.ready();
    while (this.reading !== undefined) await this.reading;
    if (!this.more) return;
    await this.read(async () => {
      const { conversations, hasMore } = await this.page(this.lastId, pageSize);
      const added = conversations
        .map((listed) => new ConversationRecord(listed))
        .filter(({ state }) => !this.records.has(state.key));
      this.add(added, hasMore);
    });
  }

  /** Signed in, and the position in the log is known: reads the list anew. */
  start(): void {
    this.isOnline = true;
    this.readAgain();
  }

  stop(isForGood: boolean, error: Error): void {
    this.isOnline = this.isRead = false;
    this.failure = undefined;
    if (isForGood) this.settle(error);
  }

  /**
   * Reads the loaded part again; several calls within a short time are one reading. `done` is called after it, or a
   * later one if it fails.
   */
  readAgain(done?: () => void): void {
    if (done !== undefined) this.queued.push(done);
    this.isWanted = this.isOnline;
    if (!this.isOnline || this.reading !== undefined || this.isPausing) return;
    this.isWanted = false;
    this.read(() => this.replace()).catch((cause: unknown) => {
      // After Disconnected, the next sign-in reads.
      if (!(cause instanceof Disconnected)) this.settle(errorOf(cause));
    });
  }

  /**
   * Applies what has happened, to what is loaded and to what is on its way. `isNews`: a conversation that is not loaded
   * may belong to the list from now on.
   */
  update(partner: Partner, update: Update, isNews = false): void {
    const key = keyOf(partner);
    if (this.noted !== undefined) {
      if (this.noted.length < notedMax) this.noted.push({ key, update, isNews });
      else this.isWanted = true;
    }
    this.apply(key, update, isNews);
  }

  /** Whether a conversation shows a message as its last one, or may do so soon. */
  shows(id: bigint): boolean {
    return this.noted !== undefined || this.ofLast(id).length > 0;
  }

  /** A message looks different. */
  noteMessage(id: bigint): void {
    for (const key of this.ofLast(id)) this.note(key);
  }

  /** Shows settings before the server confirms them; returns a function that takes that away. */
  set(partner: Partner, change: Settings): () => void {
    const key = keyOf(partner);
    const takeAway = this.settings.add(key, change);
    this.note(key);
    return () => {
      takeAway();
      this.note(key);
    };
  }

  /** A conversation looks different: tells of it once a turn. */
  note(key: string): void {
    this.sorted = undefined;
    this.notes.add(key);
  }

  private ofLast(id: bigint): readonly string[] {
    return [...this.records].filter(([, { state }]) => state.lastMessage?.id === id).map(([key]) => key);
  }

  private apply(key: string, update: Update, isNews: boolean): void {
    const record = this.records.get(key);
    if (record === undefined) {
      if (isNews) {
        if (this.unknownKeys.size < pageSize) this.unknownKeys.add(key);
        this.readAgain();
      }
      return;
    }
    const before = record.state;
    if (update(record) === false) this.readAgain();
    if (record.state !== before) this.note(key);
  }

  /** One reading at a time. */
  private async read(pages: () => Promise<void>): Promise<void> {
    this.noted = [];
    const reading = pages();
    this.reading = reading.catch(() => undefined);
    try {
      await reading;
    } finally {
      this.noted = this.reading = undefined;
      this.isPausing = true;
      this.owner.environment.after(pauseMs, () => {
        this.isPausing = false;
        if (this.isWanted) this.readAgain();
      });
    }
  }

  private async replace(): Promise<void> {
    // All of them, where all were loaded.
    const isAll = this.records.size > 0 && !this.more;
    const wanted = isAll ? Infinity : Math.max(firstPageSize, this.records.size + this.unknownKeys.size);
    this.unknownKeys.clear();
    const { length } = this.queued;
    const listed: ConversationRecord[] = [];
    let hasMore = true;
    for (let before = 0n; hasMore && listed.length < wanted;) {
      const page = await this.page(before, Math.min(pageSize, wanted));
      listed.push(...page.conversations.map((conversation) => new ConversationRecord(conversation)));
      before = page.conversations.findLast(({ pinned }) => !pinned)?.activityId ?? 0n;
      hasMore = page.hasMore && before > 0n;
    }
    for (const key of this.records.keys()) this.note(key);
    this.records = new Map();
    this.lastId = 0n;
    this.add(listed, hasMore);
    this.isRead = true;
    this.settle();
    for (const done of this.queued.splice(0, length)) done();
  }

  private add(added: readonly ConversationRecord[], hasMore: boolean): void {
    this.more = hasMore;
    const keys = new Set<string>();
    for (const record of added) {
      const { key, isPinned, activityId } = record.state;
      keys.add(key);
      this.records.set(key, record);
      if (!isPinned && (this.lastId === 0n || activityId < this.lastId)) this.lastId = activityId;
      record.read(this.owner.markedRead(key));
      this.note(key);
    }
    const isAnew = keys.size === this.records.size;
    for (const { key, update, isNews } of this.noted ?? [])
      if (isAnew || keys.has(key)) this.apply(key, update, isNews);
  }

  private settle(failure?: Error): void {
    this.failure = failure;
    this.firstPage.settle(failure);
  }

  private page(before: bigint, limit: number): Promise<ConversationListResp> {
    return this.owner.patientAsk(
      Command.ConversationList,
      ConversationListReq,
      { before, limit },
      ConversationListResp,
    );
  }

  /** The same object for the same state. */
  private withChanges(state: ConversationState): ConversationState {
    const changes = this.settings.of(state.key);
    const lastMessage = state.lastMessage && this.owner.shown(state.partner, state.lastMessage);
    if (changes.length === 0 && lastMessage === state.lastMessage) return state;
    const shown: ConversationState = Object.assign({ ...state, lastMessage }, ...changes);
    return shown;
  }
}

function inOrder(one: ConversationState, other: ConversationState): number {
  return Number(other.isPinned) - Number(one.isPinned) || Number(other.activityId - one.activityId);
}
