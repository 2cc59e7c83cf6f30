// pkt.MediaTicket of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { int64, string } from "../../scalars.ts";
import { Media } from "./media.ts";
import { MediaHeader } from "./media-header.ts";

/** What to request, of whatever server holds the files. */
export interface MediaTicket {
  media?: Media | undefined;
  /** PUT or GET. */
  method: string;
  /**
   * Relative, beginning with "/", to the address of the WebSocket listener or of the API where the server itself holds
   * the files.
   */
  url: string;
  /** Headers that the request must have. */
  headers: MediaHeader[];
  /** When the request has to have begun, in seconds since 1970. */
  expiresAt: bigint;
}

export const MediaTicket: MessageType<MediaTicket> = [
  ["media", Media],
  ["method", string],
  ["url", string],
  ["headers", MediaHeader, "repeated"],
  ["expiresAt", int64],
];
