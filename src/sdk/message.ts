// A message as the application sees it, built from a push or from an index entry and its content.

import type { Media } from "../wire/gen/messages/media.ts";
import type { MessageContent } from "../wire/gen/messages/message-content.ts";
import type { MessageIndex } from "../wire/gen/messages/message-index.ts";
import type { MessagePush } from "../wire/gen/messages/message-push.ts";

export interface Message {
  /** Increases in the order in which messages are stored; needs 63 bits. */
  readonly id: bigint;
  readonly sender: string;
  /** The recipient of a direct message; '' for a group message. */
  readonly receiver: string;
  /** The group's id; '' for a direct message. */
  readonly group: string;
  /** 1 text, 2 image, 3 voice, 4 video, or the application's own. */
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  /** Nanoseconds since 1970. */
  readonly sendTime: bigint;
  /** Whether the message was read from the index rather than pushed to this connection. */
  readonly isOffline: boolean;
  /** Whose attention it draws, and the message that it answers (0n: none). Empty but for a Messenger. */
  readonly mentions: readonly string[];
  readonly replyTo: bigint;
  /** The files that it names, likewise. */
  readonly media: readonly Media[];
}

/** `dest` comes from the header: the group, or the recipient of a direct message. */
export function pushedMessage(push: MessagePush, dest: string, isGroup: boolean): Message {
  const { messageId: id, sender, type, body, extra, sendTime, mentions, replyTo, media } = push;
  return {
    id,
    sender,
    receiver: isGroup ? "" : dest,
    group: isGroup ? dest : "",
    type,
    body,
    extra,
    sendTime,
    isOffline: false,
    mentions,
    replyTo,
    media,
  };
}

export function indexedMessage(entry: MessageIndex, content: MessageContent, account: string): Message {
  const { messageId: id, group, accountB, sendTime, mentions, replyTo, media } = entry;
  const isSent = entry.direction === 1;
  return {
    id,
    sender: isSent ? account : accountB,
    receiver: group !== "" ? "" : isSent ? accountB : account,
    group,
    type: content.type,
    body: content.body,
    extra: content.extra,
    sendTime,
    isOffline: true,
    mentions,
    replyTo,
    media,
  };
}
