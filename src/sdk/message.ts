// A message as an application sees it, from a push or from index and content: both say the same.

import type { MessageContent, MessageIndex, MessagePush } from "../wire/gen/pkt_pb.ts";

export interface Message {
  /** Rises with the order in which messages were stored; needs all 63 bits. */
  readonly id: bigint;
  readonly sender: string;
  /** The account that a direct message went to; '' for a group's. */
  readonly receiver: string;
  /** The group's id; '' for a direct message. */
  readonly group: string;
  /** 1 text, 2 image, 3 voice, 4 video, or the application's own. */
  readonly type: number;
  readonly body: string;
  readonly extra: string;
  /** Nanoseconds since 1970. */
  readonly sendTime: bigint;
  /** True: found in the index and not pushed to this connection. */
  readonly isOffline: boolean;
}

/** `dest` is the header's: the group, or the account that a direct message went to. */
export function pushedMessage(push: MessagePush, dest: string, isGroup: boolean): Message {
  const { messageId: id, sender, type, body, extra, sendTime } = push;
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
  };
}

/** An index entry with its content. */
export function indexedMessage(entry: MessageIndex, content: MessageContent, account: string): Message {
  const { messageId: id, group, accountB, sendTime } = entry;
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
  };
}
