// pkt.KickoutNotify of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface KickoutNotify {
  channelId: string;
}

export const KickoutNotify: MessageType<KickoutNotify> = [
  ["channelId", string],
];
