// pkt.InnerHandshakeReq of proto/pkt.proto. Written by scripts/generate; do not edit.

import type { MessageType } from "../../message-type.ts";
import { bytes, string } from "../../scalars.ts";

/**
 * Links between services: the dialler identifies itself, then proves that it knows the cluster's key; in between the
 * acceptor does the same (src/link/handshake.ts). The dialler's last message carries the proof only. During a change of
 * keys a cluster has several: the first message lists hints of four bytes for at most 16 keys of the dialler
 * (src/auth/link-proof.ts), and the acceptor chooses the key that both prove. Old diallers send no hints.
 */
export interface InnerHandshakeReq {
  ServiceId: string;
  serviceName: string;
  incarnation: string;
  nonce: Uint8Array;
  proof: Uint8Array;
  keys: Uint8Array[];
  /** In the last message: why the dialler declines the link, which the proof then covers. Empty if it accepts. */
  declined: string;
  /** In the first message of a dialler with a marked nonce: the address that it dialled, which all proofs then cover. */
  address: string;
}

export const InnerHandshakeReq: MessageType<InnerHandshakeReq> = [
  ["ServiceId", string],
  ["serviceName", string],
  ["incarnation", string],
  ["nonce", bytes],
  ["proof", bytes],
  ["keys", bytes, "repeated"],
  ["declined", string],
  ["address", string],
];
