// pkt.MediaTicketReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { MediaDownload } from "./media-download.ts";
import { MediaUpload } from "./media-upload.ts";

/** Exactly one of these. */
export interface MediaTicketReq {
  upload?: MediaUpload | undefined;
  download?: MediaDownload | undefined;
}

export const MediaTicketReq: MessageType<MediaTicketReq> = [
  ["upload", MediaUpload],
  ["download", MediaDownload],
];
