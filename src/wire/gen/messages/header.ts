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
  [1, "command", string],
  [2, "channelId", string],
  [3, "sequence", uint32],
  [4, "flag", int32],
  [5, "status", int32],
  [6, "dest", string],
  [7, "meta", Meta, "repeated"],
  [15, "ticket", fixed32],
];
