// A transport carries packets to a server and back; `dial` chooses its kind.

import type { CloseReason } from "../wire/close-reason.ts";

export interface Transport {
  /** Queues a packet and takes ownership of its bytes. Does nothing on a closed transport. */
  send(packet: Uint8Array<ArrayBuffer>): void;
  /** Ends the transport without a further call to its sink. */
  close(reason: CloseReason): void;
}

/** Receives a transport's events. No method is called before `dial` returns. */
export interface TransportSink {
  open(): void;
  /** One packet; the receiver owns the bytes. */
  packet(bytes: Uint8Array): void;
  /** The peer or the network ended the transport: the last call. A failed dial ends with 1006. */
  closed(reason: CloseReason): void;
}
