// Where an outbox keeps what is not yet sent. Implementations: IndexedDB (browsers), a file (Bun, Node), memory.

import type { Media } from "../../wire/gen/messages/media.ts";

/** A message that waits. A plain object, which structured cloning keeps. */
export interface OutboxEntry {
  /** The server stores one message for each; at most 64 bytes. */
  readonly clientId: string;
  readonly toGroup: boolean;
  /** An account, or a group's id. */
  readonly dest: string;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly mentions: readonly string[];
  /** A message id in decimal; '' for none. */
  readonly replyTo: string;
  /** The files that it names; absent in entries of earlier versions. JSON has no numbers as their sizes. */
  readonly media?: readonly Media[];
  /** When it was added: milliseconds since 1970 by this machine's clock, but always later than the one before it. */
  readonly addedAt: number;
  /** When it was first sent, likewise; 0 if it was not. The server knows a clientId for 24 hours at least. */
  readonly triedAt: number;
  /** Why it failed for good; '' while it waits. */
  readonly failure: string;
}

export interface OutboxStorage {
  /** All entries in the order of `addedAt`. Called once, before everything else. */
  load(): Promise<readonly OutboxEntry[]>;
  /** Adds an entry, or replaces the one with its clientId in its place. Durable when it resolves. */
  put(entry: OutboxEntry): Promise<void>;
  /** Removes an entry; one that is not there is none. */
  remove(clientId: string): Promise<void>;
  /** Releases files and connections; the entries stay. Called once, when the client has ended. */
  close(): Promise<void>;
}

/** Whose outbox it is: each device of an account has its own. */
export interface OutboxOwner {
  /** The first of `lookup` and `url` of the client's options. */
  readonly server: string;
  readonly account: string;
  readonly device: string;
}

/** Opens the storage once the client knows whose it is: after the first sign-in. */
export type OpenOutbox = (owner: OutboxOwner) => OutboxStorage;
