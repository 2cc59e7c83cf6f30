// A transport carries packets to a server and back; what kind of connection it is made of is the dialler's business.

import type { CloseReason } from "../wire/close-reason.ts";

export interface Transport {
  /** Queues one packet; the transport owns its bytes from here on. Does nothing on a closed transport. */
  send(packet: Uint8Array<ArrayBuffer>): void;
  /** Ends the transport. Its sink hears nothing more. */
  close(reason: CloseReason): void;
}

/** Who hears what comes. Nothing is called before `dial` has returned. */
export interface TransportSink {
  open(): void;
  /** One packet; the receiver owns the bytes. */
  packet(bytes: Uint8Array): void;
  /** The peer or the network ended the transport: the last call. A transport that could not be opened ends with 1006. */
  closed(reason: CloseReason): void;
}
