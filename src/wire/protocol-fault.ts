// A violation of the protocol by a peer, which ends its connection. Not for requests that are merely refused.

import type { CloseReason } from "./close-reason.ts";

/** Thrown by decoders; `reason` is the content of the close frame. */
export class ProtocolFault extends Error {
  override readonly name = "ProtocolFault";
  readonly reason: CloseReason;

  constructor(reason: CloseReason) {
    super(reason.text);
    this.reason = reason;
  }
}
