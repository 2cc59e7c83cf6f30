// pkt.Signal of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

/**
 * Something for who is online now: it is stored nowhere. Also the push `chat.signal`, where `sender` is set and
 * `account` is the sender's partner.
 */
export interface Signal {
  account: string;
  group: string;
  kind: string;
  body: string;
  sender: string;
}

export const Signal: MessageType<Signal> = [
  ["account", string],
  ["group", string],
  ["kind", string],
  ["body", string],
  ["sender", string],
];
