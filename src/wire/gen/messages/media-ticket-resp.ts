// pkt.MediaTicketResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { MediaTicket } from "./media-ticket.ts";

export interface MediaTicketResp {
  tickets: MediaTicket[];
}

export const MediaTicketResp: MessageType<MediaTicketResp> = [
  ["tickets", MediaTicket, "repeated"],
];
