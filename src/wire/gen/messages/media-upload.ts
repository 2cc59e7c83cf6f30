// pkt.MediaUpload of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";

/** A file that is to be uploaded. */
export interface MediaUpload {
  /** What receivers are shown; without a path. */
  name: string;
  /** A media type without parameters, as in RFC 9110: image/png. */
  type: string;
  /** In bytes, exactly. */
  size: bigint;
}

export const MediaUpload: MessageType<MediaUpload> = [
  ["name", string],
  ["type", string],
  ["size", int64],
];
