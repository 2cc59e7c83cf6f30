// The contract of a store for webhooks: the endpoints of apps, what has been delivered to them, and the log as they
// are told it. A stored message is itself what is queued: an endpoint has a position in the log, and nothing is
// written twice.
//
// Invariants:
// - Everything up to an endpoint's position was accepted by its receiver, or is in one of its batches.
// - Only the process that holds the lease moves positions and changes batches that wait (`save` tells it otherwise).
// - A purge does not pass the position of an endpoint for the first `protectedMs` of what it has not been told; what it
//   deletes then is counted as lost.

import type { OfAccount } from "./people.ts";

/** What an endpoint may be told, in the order of the log, or (accounts) from memory. */
export const hookEvents = [
  "message.stored",
  "message.undelivered",
  "message.edited",
  "message.recalled",
  "group.changed",
  "account.online",
  "account.offline",
] as const;
export type HookEvent = (typeof hookEvents)[number];

/** What an endpoint may be asked before it happens. */
export const hookQuestions = ["before.send", "before.group"] as const;
export type HookQuestion = (typeof hookQuestions)[number];

/** How long the log is kept for an endpoint that has not been told it, whatever the retention says. */
export const protectedMs = 7 * 86_400_000;
/** Letters, digits, `-` and `_`: the name of an endpoint within its app. */
export const endpointNameRule = /^[A-Za-z0-9_-]{1,40}$/;

/** An endpoint as an operator or a back end sets it. */
export interface EndpointSettings {
  readonly app: string;
  readonly name: string;
  readonly url: string;
  /** `whsec_` and base64, as Standard Webhooks writes secrets. */
  readonly secret: string;
  readonly events: readonly (HookEvent | HookQuestion)[];
  /** What happens to what it is asked about when it does not answer: true lets it pass. */
  readonly isFailOpen: boolean;
}

export interface Endpoint extends EndpointSettings {
  /** Of the sequence of messages: no later endpoint has it, whatever its name. */
  readonly id: bigint;
  /** Changes with every setting; of the same sequence. */
  readonly version: bigint;
  /** By lanes: what follows these ids has not been told yet. */
  readonly positions: Readonly<Record<Lane, bigint>>;
  /** Events that were deleted before they were told. */
  readonly lost: number;
}

/** The log as it is, and the messages that nobody has received, each at a pace of its own. */
export type Lane = "log" | "undelivered";

/**
 * A list of events, frozen when it is first sent. `open`: it is sent again until it is accepted, and others wait.
 * `aside`: its conversation alone waits. `dead`: it is not sent again unless an operator replays it.
 */
export interface Batch {
  /** The value of `webhook-id`, the same at every attempt. */
  readonly webhookId: string;
  readonly endpoint: bigint;
  readonly lane: Lane;
  readonly state: "open" | "aside" | "dead";
  /** References of events, as a lane writes them; without commas. */
  readonly refs: readonly string[];
  /** Of a batch aside: whose events wait behind it; '' if none do. */
  readonly conversation: string;
  /** Of an open batch: the endpoint's position when it is accepted. */
  readonly upTo: bigint;
  /** Attempts that have failed. */
  readonly attempts: number;
  /** When the next attempt is due, in milliseconds since 1970: at most as a hint, because clocks leap. */
  readonly dueMs: number;
  /** Why the last attempt failed; '' if there was none. */
  readonly reason: string;
}

export type HookChange =
  | { readonly change: "move"; readonly endpoint: bigint; readonly lane: Lane; readonly position: bigint }
  /** Adds a batch, or replaces the one of the same endpoint and webhookId. */
  | { readonly change: "put"; readonly batch: Batch }
  | { readonly change: "drop"; readonly endpoint: bigint; readonly webhookId: string }
  | { readonly change: "lose"; readonly endpoint: bigint; readonly events: number };

/** Who delivers. `beat` changes while the holder lives; '' is nobody. */
export interface HookLease {
  readonly holder: string;
  readonly beat: bigint;
}

/** What is looked at every second. */
export interface HookLook {
  /** Changes when an endpoint is set, removed or replayed to. */
  readonly version: string;
  /** Whether there are any endpoints. */
  readonly isUsed: boolean;
  readonly lease: HookLease;
}

/** An event of the log. */
export interface HookRecord {
  /** Of the message or entry; it is also the event's reference. */
  readonly id: bigint;
  readonly event: HookEvent;
  readonly app: string;
  /** Events of one conversation are told in their order. */
  readonly conversation: string;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** The event's data, as JSON text. */
  readonly data: string;
}

export interface HookQuery {
  readonly after: bigint;
  /** Of messages and of entries. */
  readonly limit: number;
  readonly apps: readonly string[];
  readonly hasMessages: boolean;
  /** Edits, recalls, changes of groups. */
  readonly hasEntries: boolean;
}

export interface HookPage {
  /** In the order of ids. */
  readonly records: readonly HookRecord[];
  /** Everything up to this id was read. */
  readonly upTo: bigint;
  /** There is more to read now. */
  readonly isMore: boolean;
}

/** Somebody who should have received a message. */
export interface Receiver extends OfAccount {
  readonly messageId: bigint;
  readonly isMentioned: boolean;
  /** A device of the account has acknowledged this message, or a later one. */
  readonly hasAcknowledged: boolean;
}

/** A batch that was given up. */
export interface DeadLetter {
  readonly webhookId: string;
  readonly events: number;
  readonly attempts: number;
  readonly reason: string;
}

/** What is read to tell endpoints what happens. */
export interface HookReads {
  /** The batches of an endpoint that wait, in the order in which they were put. */
  waiting(endpoint: bigint): Promise<readonly Batch[]>;
  page(query: HookQuery): Promise<HookPage>;
  /** Events by their ids, as they are now; those that were deleted are missing. */
  records(ids: readonly bigint[]): Promise<readonly HookRecord[]>;
  /**
   * Who should have received these messages: not the sender, none who muted the conversation, none of a group of more
   * than `membersMax`.
   */
  receivers(messageIds: readonly bigint[], membersMax: number): Promise<readonly Receiver[]>;
}

/**
 * The same reads, with answers for another thread: `deserialize` of bun:jsc makes values of the bytes. To pass them on
 * costs next to nothing, whatever is in them.
 */
export type SerializedReads = {
  readonly [Name in keyof HookReads]: (...words: Parameters<HookReads[Name]>) => Promise<SharedArrayBuffer>;
};

/** The file of a store, which another thread of its process may open, too. */
export interface HookFile {
  readonly path: string;
  /** Of what the store has open (databaseIdentity): by now another file may be at the path, or beside it. */
  readonly identity: string;
}

export interface HookStore extends HookReads {
  readonly serialized: SerializedReads;
  /** What another thread opens to read by itself (hook-reads.ts); undefined: there is none. */
  file(): Promise<HookFile | undefined>;

  /** Cheap: it is asked every second. */
  look(): Promise<HookLook>;
  endpoints(): Promise<readonly Endpoint[]>;
  /**
   * Creates an endpoint, which is told what is stored from now on, or replaces the settings of the one of this app and
   * name. `full`: the store has `endpointsMax`.
   */
  set(settings: EndpointSettings): Promise<{ readonly result: "created" | "changed" | "full" }>;
  /** Removes an endpoint with its batches; false if there is none. */
  remove(app: string, name: string): Promise<boolean>;

  /** Takes or keeps the lease, if it still is as it was `seen`; the lease now, whoever has it. */
  lease(holder: string, seen: HookLease): Promise<HookLease>;
  /** Commits the changes together; false, and nothing is changed, if somebody else has the lease. */
  save(holder: string, changes: readonly HookChange[]): Promise<boolean>;
  /** The batches that were given up, the oldest first, at most `limit`. */
  dead(app: string, name: string, limit: number): Promise<readonly DeadLetter[]>;
  /** Sends dead batches again, all or the one of this id; how many. */
  replay(app: string, name: string, webhookId?: string): Promise<number>;
}
