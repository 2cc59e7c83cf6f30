// pkt.Session of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface Session {
  channelId: string;
  gateId: string;
  account: string;
  zone: string;
  isp: string;
  remoteIP: string;
  device: string;
  app: string;
  tags: string[];
  /** The features of LoginReq that the gateway knows; first-version if it knows none. */
  features: string[];
}

export const Session: MessageType<Session> = [
  ["channelId", string],
  ["gateId", string],
  ["account", string],
  ["zone", string],
  ["isp", string],
  ["remoteIP", string],
  ["device", string],
  ["app", string],
  ["tags", string, "repeated"],
  ["features", string, "repeated"],
];
