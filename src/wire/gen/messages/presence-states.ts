// pkt.PresenceStates of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { PresenceState } from "./presence-state.ts";

/** The answer to presence.watch, and the push `presence.changed`. */
export interface PresenceStates {
  states: PresenceState[];
}

export const PresenceStates: MessageType<PresenceStates> = [
  ["states", PresenceState, "repeated"],
];
