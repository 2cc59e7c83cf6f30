// The outbox's interface, for the implementation to come.

import type { Stored } from "../roost-client.ts";
import type { ChatMessage, Draft, Partner } from "./messenger-types.ts";

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
