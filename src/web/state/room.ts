// The open conversation: what is loaded of it, what is being written, and how far the reader has come.

import { type ReadonlySignal, batch, computed, signal } from "@preact/signals";
import { errorOf } from "../../sdk/client-errors.ts";
import type { Community } from "../../sdk/community/community.ts";
import type {
  ChatMessage,
  Conversation,
  ConversationState,
  Draft,
  Messenger,
  Partner,
  Timeline,
} from "../../sdk/messenger/messenger.ts";
import { Quotes } from "./quotes.ts";
import { Rows } from "./rows.ts";

/** Messages of a page: as many as the server gives. */
const pageSize = 200;
/** The bounds on pages that are read to come to the first unread message, and to one that is answered. */
const unreadPagesMax = 6;
const jumpPagesMax = 50;
/** The bound on parts that are kept, of at most a page each, and how many stay on either side of what is read. */
const partsMax = 16;
const partsAround = 5;
/** Above all ids. */
const idMax = 1n << 63n;
/** The pause between two marks of what was read, in milliseconds. */
const markMs = 300;

/** The account that sees it. */
interface RoomOwner {
  readonly client: Messenger;
  readonly community: Community;
  readonly me: string;
  /** The state of a conversation in the list. */
  stateOf(key: string): ConversationState | undefined;
}

export class Room {
  readonly partner: Partner;
  readonly key: string;
  /** The messages that are loaded, as the timeline has them. */
  readonly parts = signal<Timeline["parts"]>([]);
  readonly phase = signal<"loading" | "ready" | "failed">("loading");
  readonly hasBefore = signal(false);
  /** Whether newer ones were forgotten, as the reader is far from them. */
  readonly hasAfter = signal(false);
  readonly isLoadingMore = signal(false);
  /** What is answered, and what is edited; at most one of them. */
  readonly reply = signal<ChatMessage | undefined>(undefined);
  readonly edited = signal<ChatMessage | undefined>(undefined);
  /** The message to which the list is to jump; 0n: none. */
  readonly wanted = signal(0n);
  readonly typists = signal<readonly string[]>([]);
  /** Why the last action failed; '' if it did not. */
  readonly fault = signal("");
  /** What the other one has read; 0n if that is not known. */
  readonly peerReadId: ReadonlySignal<bigint>;
  /** Messages of others that were not seen yet, also where they are not loaded. */
  readonly newBelow: ReadonlySignal<number>;
  /** What was read when it was opened, if there was something unread. */
  readonly readId: bigint | undefined;
  readonly rows: Rows;
  private readonly chat: RoomOwner;
  private readonly quotes: Quotes;
  private readonly seenId = signal(0n);
  private timeline: Timeline | undefined;
  private isClosed = false;
  private isMarking = false;

  constructor(chat: RoomOwner, partner: Partner, key: string) {
    this.chat = chat;
    this.partner = partner;
    this.key = key;
    this.quotes = new Quotes(chat.client);
    const state = this.conversation.state;
    this.readId = state !== undefined && state.unread > 0 ? state.readId : undefined;
    this.seenId.value = state?.readId ?? 0n;
    this.rows = new Rows(chat.me, this.readId);
    this.peerReadId = computed(() => chat.stateOf(key)?.peerReadId ?? 0n);
    this.newBelow = computed(() => chat.stateOf(key)?.unread ?? 0);
    this.typists.value = chat.community.typists(partner);
  }

  get conversation(): Conversation {
    return this.chat.client.conversation(this.partner);
  }

  /** Loads the newest messages, down to the first unread one. After a failure it may be called again. */
  async load(): Promise<void> {
    if (this.timeline !== undefined || this.isClosed) return;
    this.phase.value = "loading";
    try {
      const timeline = await this.conversation.timeline({ limit: pageSize });
      if (this.isClosed) return timeline.close();
      this.timeline = timeline;
      const isShort = (): boolean => this.readId !== undefined && (timeline.parts[0]?.[0]?.id ?? 0n) > this.readId;
      for (let pages = 0; pages < unreadPagesMax && timeline.hasBefore && isShort(); pages++)
        await timeline.loadBefore();
      this.follow(timeline);
      this.phase.value = "ready";
    } catch {
      this.timeline?.close();
      this.timeline = undefined;
      this.phase.value = "failed";
      this.showPending();
    }
  }

  /** What waits to be sent is shown without the messages before it, too. */
  showPending(): void {
    if (this.timeline === undefined)
      this.parts.value = [this.chat.client.pending(this.partner)].filter(({ length }) => length > 0);
  }

  /** The last message that fits. */
  last(fits: (message: ChatMessage) => boolean): ChatMessage | undefined {
    return this.parts.value.flat().findLast(fits);
  }

  /** Loads older messages, or newer ones that were forgotten: a page if there is one, or all up to a message. */
  async loadMore(isNewer: boolean, wanted = 0n): Promise<void> {
    this.isLoadingMore.value = true;
    try {
      for (let pages = wanted > 0n ? jumpPagesMax : 1; pages > 0 && this.loaded(wanted) === undefined; pages--) {
        if (!(isNewer ? this.hasAfter : this.hasBefore).peek()) break;
        await (isNewer ? this.timeline?.loadAfter() : this.timeline?.loadBefore());
        this.show();
      }
    } catch (error) {
      this.fault.value = errorOf(error).message;
    } finally {
      this.isLoadingMore.value = false;
    }
  }

  /** Shows the newest messages instead of what is loaded, where they were forgotten. */
  toEnd(): Promise<void> {
    return this.attempt(async () => {
      const newest = await this.conversation.timeline({ limit: pageSize });
      this.timeline?.close();
      this.follow(newest);
    });
  }

  /** The reader is at this message: of very many, those far from it are forgotten. They come again with the reader. */
  near(id: bigint): void {
    const parts = this.parts.peek();
    const at = this.partOf(id);
    if (at < 0 || parts.length <= partsMax) return;
    const firstOf = (part: number): bigint => parts[part]?.[0]?.id ?? 0n;
    this.timeline?.keep(firstOf(at - partsAround), firstOf(at + partsAround) || idMax);
  }

  /** A message, for which others are loaded if need be; undefined if it does not come. */
  async reach(id: bigint): Promise<ChatMessage | undefined> {
    await this.loadMore(this.partOf(id) >= 0, id);
    return this.loaded(id);
  }

  /** The reader has seen a message, and those before it. */
  seen(id: bigint): void {
    if (id <= this.seenId.peek()) return;
    this.seenId.value = id;
    if (this.isMarking) return;
    this.isMarking = true;
    setTimeout(() => {
      this.isMarking = false;
      this.conversation.markRead(this.seenId.peek()).catch(() => undefined);
    }, markMs);
  }

  /** Sends what was written, with files if there are some, or changes what is edited. */
  send(body: string, mentions: readonly string[], files?: Pick<Draft, "media" | "extra" | "type">): void {
    const { value: edited } = this.edited;
    const { value: reply } = this.reply;
    batch(() => {
      this.edited.value = this.reply.value = undefined;
      if (edited !== undefined) void this.attempt(this.chat.client.edit(edited.id, { body, extra: edited.extra }));
      else
        void this.attempt(
          async () => void this.conversation.send({ ...files, body, mentions, replyTo: reply?.id ?? 0n }),
        );
      this.showPending();
    });
  }

  /** The next message answers this one. */
  answer(message: ChatMessage): void {
    batch(() => {
      this.edited.value = undefined;
      this.reply.value = message;
    });
  }

  /** What is written next replaces the text of this own message. */
  change(message: ChatMessage): void {
    batch(() => {
      this.reply.value = undefined;
      this.edited.value = message;
    });
  }

  /** Leaves what is answered or edited. */
  cancel(): void {
    batch(() => {
      this.edited.value = this.reply.value = undefined;
    });
  }

  /** A message that another one answers: undefined while it is on its way, null if this account does not see it. */
  messageOf(id: bigint): ChatMessage | null | undefined {
    return this.loaded(id) ?? this.quotes.of(id);
  }

  recall(message: ChatMessage): void {
    void this.attempt(this.chat.client.recall(message.id));
  }

  /** Adds a reaction, or takes it back if this account has given it. */
  react({ id, reactions }: ChatMessage, sign: string): void {
    const isMine = reactions.some(({ reaction, isMine: mine }) => mine && reaction === sign);
    void this.attempt(this.chat.client.react(id, sign, !isMine));
  }

  /** Shows why a piece of work fails. */
  async attempt(work: Promise<unknown> | (() => Promise<unknown>)): Promise<void> {
    this.fault.value = "";
    try {
      await (typeof work === "function" ? work() : work);
    } catch (error) {
      this.fault.value = errorOf(error).message;
    }
  }

  close(): void {
    this.isClosed = true;
    // What waits to be sent until the edit has ended is sent now.
    this.edited.value = undefined;
    this.timeline?.close();
  }

  private follow(timeline: Timeline): void {
    this.timeline = timeline;
    if (this.isClosed) return timeline.close();
    timeline.onChange(() => this.show());
    this.show();
  }

  /** Also when a page has come for a timeline that was there before. */
  private show(): void {
    const { timeline } = this;
    if (timeline === undefined) return;
    batch(() => {
      this.parts.value = timeline.parts;
      this.hasBefore.value = timeline.hasBefore;
      this.hasAfter.value = timeline.hasAfter;
    });
  }

  private loaded(id: bigint): ChatMessage | undefined {
    return this.parts.value[this.partOf(id)]?.find((message) => message.id === id);
  }

  /** Which part has a stored message, or would have it; -1 if it is older than all. */
  private partOf(id: bigint): number {
    return this.parts.value.findLastIndex(([first]) => first !== undefined && first.id > 0n && first.id <= id);
  }
}
