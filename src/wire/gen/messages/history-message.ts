// pkt.HistoryMessage of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bool, int32, int64, string } from "../../scalars.ts";
import { Media } from "./media.ts";
import { Reaction } from "./reaction.ts";

/** A message as it is now. */
export interface HistoryMessage {
  messageId: bigint;
  sender: string;
  /** When it was stored, in nanoseconds since 1970. */
  sendTime: bigint;
  /** What the body is, as clients agree on; 1 is a plain text. */
  type: number;
  body: string;
  extra: string;
  edited: boolean;
  /** A recalled message has no text, mentions or reactions. */
  recalled: boolean;
  mentions: string[];
  /** The message that it answers; 0 if none. */
  replyTo: bigint;
  reactions: Reaction[];
  /** Of a conversation's last message: body was cut, and extra left out. */
  cut: boolean;
  /** Only where messages were asked for by id: the conversation. */
  account: string;
  group: string;
  media: Media[];
}

export const HistoryMessage: MessageType<HistoryMessage> = [
  ["messageId", int64],
  ["sender", string],
  ["sendTime", int64],
  ["type", int32],
  ["body", string],
  ["extra", string],
  ["edited", bool],
  ["recalled", bool],
  ["mentions", string, "repeated"],
  ["replyTo", int64],
  ["reactions", Reaction, "repeated"],
  ["cut", bool],
  ["account", string],
  ["group", string],
  ["media", Media, "repeated"],
];
