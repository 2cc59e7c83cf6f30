// pkt.Conversation of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int64, string, uint32 } from "../../scalars.ts";
import { HistoryMessage } from "./history-message.ts";

export interface Conversation {
  /** The partner, or the group. */
  account: string;
  group: string;
  /** The last message, or the own join: what the list is ordered by. */
  activityId: bigint;
  lastMessage?: HistoryMessage | undefined;
  /** Counted up to 1,000; then atLeast. */
  unread: number;
  atLeast: boolean;
  /** Messages among them that mention the account. */
  unreadMentions: number;
  /** How far the account has read. */
  readId: bigint;
  /** How far the partner of a direct conversation has read. */
  peerReadId: bigint;
  pinned: boolean;
  muted: boolean;
  hidden: boolean;
}

export const Conversation: MessageType<Conversation> = [
  ["account", string],
  ["group", string],
  ["activityId", int64],
  ["lastMessage", HistoryMessage],
  ["unread", uint32],
  ["atLeast", bool],
  ["unreadMentions", uint32],
  ["readId", int64],
  ["peerReadId", int64],
  ["pinned", bool],
  ["muted", bool],
  ["hidden", bool],
];
