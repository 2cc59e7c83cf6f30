// A line carries packets to a server and back; what kind of connection it is made of is the dialler's business.

import type { CloseReason } from "../wire/close-reason.ts";

export interface Line {
  /** Queues one packet; the line owns its bytes from here on. Does nothing on a closed line. */
  send(packet: Uint8Array<ArrayBuffer>): void;
  /** Ends the line. Its sink hears nothing more. */
  close(reason: CloseReason): void;
}

/** Who hears what comes. Nothing is called before `dial` has returned. */
export interface LineSink {
  open(): void;
  /** One packet; the receiver owns the bytes. */
  packet(bytes: Uint8Array): void;
  /** The peer or the network ended the line: the last call. A line that could not be opened ends with 1006. */
  closed(reason: CloseReason): void;
}
