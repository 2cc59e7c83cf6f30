// pkt.InnerHandshakeResponse of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bytes, string, uint32 } from "../../scalars.ts";
import { LinkState } from "./link-state.ts";

export interface InnerHandshakeResponse {
  Code: number;
  Error: string;
  serviceId: string;
  incarnation: string;
  nonce: Uint8Array;
  proof: Uint8Array;
  state?: LinkState | undefined;
  /** The address at which others dial the acceptor; sent to a dialler with a marked nonce. */
  address: string;
}

export const InnerHandshakeResponse: MessageType<InnerHandshakeResponse> = [
  ["Code", uint32],
  ["Error", string],
  ["serviceId", string],
  ["incarnation", string],
  ["nonce", bytes],
  ["proof", bytes],
  ["state", LinkState],
  ["address", string],
];
