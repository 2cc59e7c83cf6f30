// What a connection of a simulated client needs of the client that it belongs to, and what people want of it.

import type { CommandName } from "../../src/wire/commands.ts";
import type { EntryKind } from "../../src/wire/gen/pkt_pb.ts";
import type { ConversationName } from "../../src/store/conversations.ts";
import type { Confirmed } from "./confirmed.ts";
import type { Known, PhoneDisk } from "./phone-disk.ts";
import type { Secrets } from "./secrets.ts";

/** Something that a person said. */
export interface Saying extends ConversationName {
  /** Its text and its clientId. */
  readonly name: string;
  readonly sender: string;
  readonly device: string;
  readonly mentions: readonly string[];
  readonly replyTo: bigint;
  /** When it was first sent; -1: not yet. */
  sentMs: number;
  answeredMs: number;
  attempts: number;
  /** The connection of the last attempt. */
  channelId: string;
  /** Undefined: not answered. 0n: refused. */
  messageId: bigint | undefined;
}

/** A change of membership that a person wants: its own, or, with the feature, another's. */
export interface Step {
  readonly group: string;
  readonly account: string;
  readonly isJoin: boolean;
  sentMs: number;
  answeredMs: number;
  attempts: number;
  /** It was refused, and so has changed nothing. */
  isVoid: boolean;
}

/** A change of a message, or of the account's own view, which is repeated until it is answered. */
export interface Wish {
  readonly command: CommandName;
  readonly body: Uint8Array;
  /** The message that an edit, a recall or a reaction is about, or that was read. */
  readonly messageId: bigint;
  /** Of an edit. */
  readonly text: string;
  /** Of what is read. */
  readonly name: ConversationName | undefined;
}

/** A push, in the order in which they came by one connection. */
export interface Pushed {
  readonly channelId: string;
  readonly messageId: bigint;
  readonly name: string;
  /** The group, or the sender. */
  readonly conversation: string;
}

/** The client that a connection belongs to. */
export interface ConnectionOwner {
  readonly account: string;
  readonly device: string;
  readonly label: string;
  readonly heedsHints: boolean;
  /** It does not hear of this push: a sabotage. */
  readonly losesEvent: () => boolean;
  readonly losesPresence: () => boolean;
  /** Whose presence it watches. */
  readonly watched: readonly string[];
  readonly secrets: Secrets;
  readonly disk: PhoneDisk;
  readonly confirmed: Confirmed;
  readonly hasFeature: boolean;
  readonly pushes: Pushed[];
  readonly outbox: Saying[];
  readonly steps: Step[];
  readonly wishes: Wish[];
  readonly nowMs: number;
  signedIn(channelId: string): void;
  got(message: Known): void;
  /** It has heard of an entry that is not a message. */
  learn(entryId: bigint, kind: EntryKind, refersTo: bigint): void;
  /** The server does what it must not do. */
  broken(what: string): void;
  /** Sends what waits. */
  flush(): void;
  ended(code: number): void;
}
