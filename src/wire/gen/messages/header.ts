// pkt.Header of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { fixed32, int32, string, uint32 } from "../../scalars.ts";
import type { Flag } from "./flag.ts";
import type { Status } from "./status.ts";
import { Meta } from "./meta.ts";

export interface Header {
  command: string;
  channelId: string;
  sequence: number;
  flag: Flag;
  status: Status;
  dest: string;
  meta: Meta[];
  /**
   * Between a gateway and a service only: the gateway's slot for this request, which the response echoes. Ignored from
   * clients, and removed before a packet goes to a client.
   */
  ticket: number;
}

export const Header: MessageType<Header> = [
  ["command", string],
  ["channelId", string],
  ["sequence", uint32],
  ["flag", int32],
  ["status", int32],
  ["dest", string],
  ["meta", Meta, "repeated"],
  undefined,
  undefined,
  undefined,
  undefined,
  undefined,
  undefined,
  undefined,
  ["ticket", fixed32],
];
