// The messenger's interface, for the implementations to come.

import type { RoostClient, Stored, TalkOptions } from "../roost-client.ts";
import type { ClientOptions } from "../client-options.ts";
import type { Handler, Handlers } from "../emitter.ts";
import type {
  ChatMessage,
  ConversationState,
  Draft,
  HistoryOptions,
  HistoryPage,
  MessengerEvents,
  Partner,
} from "./messenger-types.ts";
import type { OpenOutbox } from "./outbox-storage.ts";

export interface MessengerOptions extends Omit<ClientOptions, "on"> {
  /** Default: IndexedDB where there is one, memory elsewhere. `openFileOutbox(path)` keeps it in a file. */
  readonly outbox?: OpenOutbox;
  readonly on?: Handlers<MessengerEvents>;
}

/** The account's conversations: pinned ones first, each part by newest activity. Hidden ones are not in it. */
export interface ConversationList extends Iterable<ConversationState> {
  /** The loaded part; another array after each change. */
  readonly items: readonly ConversationState[];
  /** Whether the first page was read since the last sign-in. */
  readonly isReady: boolean;
  /** Resolves when the first page has been read. Rejects as requests do. */
  ready(): Promise<void>;
  readonly hasMore: boolean;
  /** Loads the next page, at most 100 conversations. */
  loadMore(): Promise<void>;
  /** Unread messages in the loaded conversations that are not muted. */
  readonly unread: number;
  get(partner: Partner): ConversationState | undefined;
}

/** The messages of a conversation that a view shows: loaded pages, what arrives, what changes, what is being sent. */
export interface Timeline {
  /** In the order of ids, those of the outbox last; another array after each change. */
  readonly messages: readonly ChatMessage[];
  readonly hasBefore: boolean;
  /** Loads an older page. */
  loadBefore(): Promise<void>;
  /** Called after each change, once a turn. Returns a function that ends it. */
  onChange(handler: () => void): () => void;
  /** Stops following the conversation. */
  close(): void;
}

export interface Conversation {
  readonly partner: Partner;
  /** What the list knows of it; undefined if it is not loaded. */
  readonly state: ConversationState | undefined;
  /** Pages, as `HistoryOptions` says; ends after the last one. */
  history(options?: HistoryOptions): AsyncIterableIterator<HistoryPage>;
  /** Opens a live view with the newest page (`limit` messages, default 50). Several may be open. */
  timeline(options?: { readonly limit?: number }): Promise<Timeline>;
  /** Puts a message into the outbox and returns it immediately; it is sent in order, and again until it is stored. */
  send(draft: Draft): ChatMessage;
  /** Marks as read up to a message, by default the last one. The list shows it at once. */
  markRead(upTo?: bigint): Promise<void>;
  pin(isPinned?: boolean): Promise<void>;
  mute(isMuted?: boolean): Promise<void>;
  /** Gone from the list until its next message. */
  hide(isHidden?: boolean): Promise<void>;
  /** Nothing up to a message, by default the last one, is shown to this account any more. */
  clear(upTo?: bigint): Promise<void>;
}

/** A RoostClient that knows conversations. `Messenger.connect(options)` makes one. */
export interface MessengerContract extends RoostClient {
  readonly conversations: ConversationList;
  /** The same object for the same partner. */
  conversation(partner: Partner): Conversation;
  /** Overwrites the text of an own message. Timelines show it at once, and the former one again if it is refused. */
  edit(messageId: bigint, draft: { readonly body: string; readonly extra?: string }, options?: TalkOptions): Promise<void>;
  recall(messageId: bigint): Promise<void>;
  react(messageId: bigint, reaction: string, isOn?: boolean): Promise<void>;
  /** Hides messages from this account, on all its devices; at most 200. */
  hideMessages(messageIds: readonly bigint[]): Promise<void>;
  /** Who has read a message of a group. */
  readers(
    messageId: bigint,
    page?: { readonly after?: string; readonly limit?: number },
  ): Promise<{ readonly count: number; readonly accounts: readonly string[]; readonly hasMore: boolean }>;
  /** Messages by id, those that this account may read. */
  messages(ids: readonly bigint[]): Promise<readonly ChatMessage[]>;
  /** What waits in the outbox, for one partner or for all. */
  pending(partner?: Partner): readonly ChatMessage[];
  /** Sends a failed message of the outbox again. */
  retry(clientId: string): void;
  /** Removes a message from the outbox. One that is being sent may be stored nevertheless. */
  discard(clientId: string): Promise<void>;
  on<Name extends keyof MessengerEvents>(name: Name, handler: Handler<MessengerEvents[Name]>): () => void;
}

/** The outbox as the messenger uses it. */
export interface OutboxContract {
  /** Loads what an earlier run left, and sends it. */
  start(): Promise<void>;
  /** Adds a message and returns it; each partner's are sent one after the other. */
  add(partner: Partner, draft: Draft): ChatMessage;
  pending(partner?: Partner): readonly ChatMessage[];
  retry(clientId: string): void;
  discard(clientId: string): Promise<void>;
  /** Signed in: sends what waits. */
  online(): void;
  close(): Promise<void>;
}

/** What an outbox needs. */
export interface OutboxOwnerContract {
  /** One try, as `RoostClient` talks; rejects like it. */
  send(partner: Partner, draft: Draft, clientId: string): Promise<Stored>;
  /** A message is stored (`stored` is then its id and time), has failed, was added or discarded. */
  changed(partner: Partner, message: ChatMessage, what: "added" | "stored" | "failed" | "discarded"): void;
  readonly account: string;
}
