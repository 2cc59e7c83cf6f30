// pkt.MediaDownload of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

export interface MediaDownload {
  /** A message that the caller may read. */
  messageId: bigint;
  /** One of its files; empty: all of them. */
  id: string;
}

export const MediaDownload: MessageType<MediaDownload> = [
  ["messageId", int64],
  ["id", string],
];
