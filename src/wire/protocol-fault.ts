// What a malformed peer causes: its connection ends with a reason. Never used for a request that is merely refused.

import type { CloseReason } from "./close-reason.ts";

/** Thrown by decoders; `reason` is what the close frame says. */
export class ProtocolFault extends Error {
  override readonly name = "ProtocolFault";
  readonly reason: CloseReason;

  constructor(reason: CloseReason) {
    super(reason.text);
    this.reason = reason;
  }
}
