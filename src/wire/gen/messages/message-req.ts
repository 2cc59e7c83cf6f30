// pkt.MessageReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, int64, string } from "../../scalars.ts";

export interface MessageReq {
  type: number;
  body: string;
  extra: string;
  clientId: string;
  /** Accounts to draw the attention of, at most 50; "*" is everybody in the group. */
  mentions: string[];
  /** The message of the same conversation that this one answers; 0 if none. */
  replyTo: bigint;
  /** Ids of the sender's own finished uploads, at most 10. */
  media: string[];
}

export const MessageReq: MessageType<MessageReq> = [
  ["type", int32],
  ["body", string],
  ["extra", string],
  ["clientId", string],
  ["mentions", string, "repeated"],
  ["replyTo", int64],
  ["media", string, "repeated"],
];
