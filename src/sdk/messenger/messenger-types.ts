// What the messenger shows of conversations, and what applications subscribe to. The protocol behind it is
// proto/README.md, section 5, "Conversations".

import type { ClientEvents, ClientOptions } from "../client-options.ts";
import type { Media } from "../../wire/gen/messages/media.ts";
import type { Handlers } from "../emitter.ts";
import type { Stored } from "../talk.ts";
import type { OpenOutbox } from "./outbox-storage.ts";

/** Whom one talks to: an account (oneself is one, too), or a group by its id. */
export type Partner = { readonly account: string } | { readonly group: string };

/** Who has answered a message with which sign. */
export interface ReactionCount {
  /** 1 to 32 bytes of UTF-8. */
  readonly reaction: string;
  readonly count: number;
  /** Whether this account is among them. */
  readonly isMine: boolean;
}

/** What is to be sent. */
export interface Draft {
  readonly body: string;
  /** 1 text (the default), 2 image, 3 voice, 4 video, or the application's own. */
  readonly type?: number;
  readonly extra?: string;
  /** At most 50 accounts of the conversation; `["*"]` is everybody in a group, for its owner. */
  readonly mentions?: readonly string[];
  /** A message of the same conversation. */
  readonly replyTo?: bigint;
  /** At most 10 uploads of this account, as `Files.upload` gives them. */
  readonly media?: readonly Media[];
}

/** A message as it is now. Immutable: a change makes another object, so that views compare by identity. */
export interface ChatMessage {
  /** 0n while it is in the outbox. */
  readonly id: bigint;
  /** Identifies a message of the outbox, and until it is shown from the server; '' otherwise. */
  readonly clientId: string;
  readonly sender: string;
  /** Nanoseconds since 1970, by the server; by this machine's clock while the message is in the outbox. */
  readonly sendTime: bigint;
  readonly type: number;
  /** '' once it is recalled. */
  readonly body: string;
  readonly extra: string;
  readonly mentions: readonly string[];
  /** 0n if it answers nothing. */
  readonly replyTo: bigint;
  /** The files that it names: `Files` downloads them. */
  readonly media: readonly Media[];
  readonly isEdited: boolean;
  readonly isRecalled: boolean;
  readonly reactions: readonly ReactionCount[];
  /** `sending`: in the outbox. `failed`: refused for good; `error` says why; retry or discard it. */
  readonly state: "sending" | "failed" | "stored";
  readonly error?: Error;
}

/** A conversation in the list. Immutable, like ChatMessage. */
export interface ConversationState {
  /** `u:account` or `g:group`: a key for views. */
  readonly key: string;
  readonly partner: Partner;
  /** The last message or one's own join: the order of the list. */
  readonly activityId: bigint;
  /**
   * Undefined if there is none that this account sees. A long body is cut at 512 bytes, and `extra` is left out,
   * where the list came from the server.
   */
  readonly lastMessage: ChatMessage | undefined;
  /** Messages of others above `readId`. */
  readonly unread: number;
  /** Whether there are more than `unread`: the server counts up to 1,000. */
  readonly isAtLeast: boolean;
  readonly unreadMentions: number;
  /** Read up to this message, on any device of this account. */
  readonly readId: bigint;
  /** What the partner has read; 0n in groups, and where the partner has read nothing. */
  readonly peerReadId: bigint;
  readonly isPinned: boolean;
  readonly isMuted: boolean;
  readonly isHidden: boolean;
}

/** A page of a history, its messages in the order of ids. */
export interface HistoryPage {
  readonly messages: readonly ChatMessage[];
  /** Whether there are messages before the first one. */
  readonly hasBefore: boolean;
  /** Whether there are messages after the last one. */
  readonly hasAfter: boolean;
}

export interface HistoryOptions {
  /** Messages a page: 1 to 200; default 50. */
  readonly limit?: number;
  /**
   * Where the first page is; at most one of them. By default, and with `before`, each page holds older messages than
   * the one before it; with `after`, newer ones. `around` gives a page with that message in its middle, and then older
   * ones.
   */
  readonly before?: bigint;
  readonly after?: bigint;
  readonly around?: bigint;
  /** Only this message and what answers it, directly or not. */
  readonly thread?: bigint;
}

/** The messages of a conversation that a view shows: loaded pages, what arrives, what changes, what is being sent. */
export interface Timeline {
  /** In the order of ids, those of the outbox last; another array after each change. */
  readonly messages: readonly ChatMessage[];
  /**
   * The same in parts: one whose messages have not changed stays the same array. For who shows very many messages, and
   * works only at what has changed. What waits in the outbox is the last part. None is empty.
   */
  readonly parts: readonly (readonly ChatMessage[])[];
  readonly hasBefore: boolean;
  /** Whether newer ones were forgotten: what comes is not shown then, until `loadAfter` has loaded those before it. */
  readonly hasAfter: boolean;
  /** Loads an older page. Rejects as requests do. */
  loadBefore(): Promise<void>;
  /** Loads a newer page. Rejects as requests do. */
  loadAfter(): Promise<void>;
  /**
   * Forgets what is neither between two loaded messages nor in a part with one of them; nothing while a page is on its
   * way. For a view that stays open: it keeps what is near the reader, and loads the rest again.
   */
  keep(from: bigint, to: bigint): void;
  /** Called after each change, once a turn. Returns a function that ends it. */
  onChange(handler: () => void): () => void;
  /** Stops following the conversation. */
  close(): void;
}

/** The events of a client, and those of conversations. */
export interface MessengerEvents extends ClientEvents {
  /** The list has changed: an item, its order, or what is loaded. Several changes of one turn are one event. */
  conversationsChanged: { readonly keys: ReadonlySet<string> };
  /** Somebody, on whatever device, has edited, recalled or reacted to a message. The text is in `message`. */
  messageChanged: {
    readonly partner: Partner;
    readonly kind: "edited" | "recalled" | "reacted";
    readonly actor: string;
    /** As it is now; undefined if this account does not see it any more. */
    readonly message: ChatMessage | undefined;
    readonly messageId: bigint;
  };
  /** A read cursor moved: of this account on another device, or of the partner. */
  read: { readonly partner: Partner; readonly account: string; readonly messageId: bigint };
  /** A message of the outbox is stored, as `stored` says, has failed, or was discarded. */
  outboxChanged: { readonly partner: Partner; readonly clientId: string; readonly stored: Stored | undefined };
  /** The outbox could not be read or written: messages are sent, but those that wait end with this process or page. */
  outboxFailed: { readonly error: Error };
}

/** The options of a client, and those of conversations. */
export interface MessengerOptions extends Omit<ClientOptions, "on"> {
  /**
   * Where messages wait that are not sent yet. Default: IndexedDB in browsers, memory elsewhere; `openFileOutbox(path)`
   * of file-outbox.ts keeps them in a file.
   */
  readonly outbox?: OpenOutbox;
  readonly on?: Handlers<MessengerEvents>;
}
