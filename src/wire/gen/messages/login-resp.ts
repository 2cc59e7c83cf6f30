// pkt.LoginResp of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface LoginResp {
  channelId: string;
  account: string;
  /** The requested features that this connection has. */
  features: string[];
}

export const LoginResp: MessageType<LoginResp> = [
  ["channelId", string],
  ["account", string],
  ["features", string, "repeated"],
];
