// What engines answer about conversations, encoded: bodies of HistoryResp and ConversationListResp (proto/pkt.proto).

import { lastBodyBytesMax, unreadMax } from "../base/limits/fixed.ts";
import type { Conversation } from "../wire/gen/messages/conversation.ts";
import { ConversationListResp } from "../wire/gen/messages/conversation-list-resp.ts";
import { HistoryResp } from "../wire/gen/messages/history-resp.ts";
import type { MediaItem } from "./media.ts";
import { encodeMessage } from "../wire/message-codec.ts";
import type { MessageInit } from "../wire/message-type.ts";

/** The fields of Media. */
interface HistoryMedia extends Omit<MediaItem, "size"> {
  readonly size: bigint;
}

/** A message as it is now; the fields of HistoryMessage. */
export interface HistoryMessageFields {
  readonly messageId: bigint;
  readonly sender: string;
  /** Nanoseconds since 1970. */
  readonly sendTime: bigint;
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  readonly edited: boolean;
  readonly recalled: boolean;
  readonly mentions: string[];
  readonly replyTo: bigint;
  readonly reactions: { readonly reaction: string; readonly count: number; readonly mine: boolean }[];
  readonly cut?: boolean;
  readonly media?: HistoryMedia[];
  /** The conversation, where messages were asked for by id. */
  readonly account?: string;
  readonly group?: string;
}
export type ConversationInit = MessageInit<Conversation>;

export function encodeHistory(
  messages: readonly HistoryMessageFields[],
  more: { readonly hasBefore: boolean; readonly hasAfter: boolean } = { hasBefore: false, hasAfter: false },
): Uint8Array<ArrayBuffer> {
  return encodeMessage(HistoryResp, { messages: [...messages], ...more });
}

export function encodeConversations(
  conversations: readonly ConversationInit[],
  hasMore: boolean,
): Uint8Array<ArrayBuffer> {
  return encodeMessage(ConversationListResp, { conversations: [...conversations], hasMore });
}

/** The field of a message with these files. */
export function mediaField(items: readonly MediaItem[]): HistoryMedia[] {
  return items.map((item) => ({ ...item, size: BigInt(item.size) }));
}

/** Cuts a conversation's last message: its body above `lastBodyBytesMax`, between code points, and its extra. */
export function cutLast(message: HistoryMessageFields): HistoryMessageFields {
  const { body, extra } = message;
  const bytes = Buffer.from(body);
  if (bytes.length <= lastBodyBytesMax && extra === "") return message;
  let end = Math.min(bytes.length, lastBodyBytesMax);
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return { ...message, body: bytes.toString("utf8", 0, end), extra: "", cut: true };
}

/** The fields of a count of unread messages, which stops at `unreadMax`. */
export function unreadFields(count: number): { readonly unread: number; readonly atLeast: boolean } {
  return { unread: count, atLeast: count >= unreadMax };
}
