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
  [1, "Code", uint32],
  [2, "Error", string],
  [3, "serviceId", string],
  [4, "incarnation", string],
  [5, "nonce", bytes],
  [6, "proof", bytes],
  [7, "state", LinkState],
  [8, "address", string],
];
