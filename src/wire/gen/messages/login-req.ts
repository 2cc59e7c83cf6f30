// pkt.LoginReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { string } from "../../scalars.ts";

export interface LoginReq {
  token: string;
  isp: string;
  zone: string;
  tags: string[];
  device: string;
  /** Features of the client beyond the first version of this protocol. */
  features: string[];
}

export const LoginReq: MessageType<LoginReq> = [
  ["token", string],
  ["isp", string],
  ["zone", string],
  ["tags", string, "repeated"],
  ["device", string],
  ["features", string, "repeated"],
];
