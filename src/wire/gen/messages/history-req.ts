// pkt.HistoryReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int32, int64, string } from "../../scalars.ts";

/** A conversation is named by an account or a group; exactly one of them is set. That holds for every message below. */
export interface HistoryReq {
  account: string;
  group: string;
  /** At most one of these. None: the newest messages. */
  before: bigint;
  after: bigint;
  around: bigint;
  /** 1 to 200; 0 is 50. */
  limit: number;
  /** Only the answers that lead to this message, and the message itself. */
  thread: bigint;
  /** Instead of all of the above: these messages, wherever they are, at most 200. */
  messageIds: bigint[];
}

export const HistoryReq: MessageType<HistoryReq> = [
  ["account", string],
  ["group", string],
  ["before", int64],
  ["after", int64],
  ["around", int64],
  ["limit", int32],
  ["thread", int64],
  ["messageIds", int64, "repeated"],
];
