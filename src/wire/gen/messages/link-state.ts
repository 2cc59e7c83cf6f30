// pkt.LinkState of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, string, uint32 } from "../../scalars.ts";

/** The state of a service, which it sends over its links in the body of a basic ping. */
export interface LinkState {
  /** Requests under way plus connections, for selection of the least loaded service. */
  load: number;
  /**
   * Readiness: a service that is not ready, or is leaving, receives nothing. Also encoded when false, because a ping
   * with an empty body carries no state and is answered.
   */
  isReady?: boolean | undefined;
  /**
   * The identities of its stores (32 hexadecimal digits), and their locations for people. Empty if it has no such
   * store, does not know it yet, or is an older version.
   */
  messages: string;
  messagesPlace: string;
  sessions: string;
  sessionsPlace: string;
}

export const LinkState: MessageType<LinkState> = [
  ["load", uint32],
  ["isReady", bool, "optional"],
  ["messages", string],
  ["messagesPlace", string],
  ["sessions", string],
  ["sessionsPlace", string],
];
