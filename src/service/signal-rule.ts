// What a signal may be, whether an account sends it to a conversation or a back end to an app.

import { signalBodyBytesMax, signalKindBytesMax } from "../base/limits/fixed.ts";
import { Status } from "../wire/gen/pkt_pb.ts";
import { Refusal } from "./refusal.ts";

/** Throws InvalidPacketBody for the kind, PayloadTooLarge for the body. */
export function checkSignal(kind: string, body: string): void {
  if (kind === "" || Buffer.byteLength(kind) > signalKindBytesMax || /\p{Cc}/u.test(kind))
    throw new Refusal(
      Status.InvalidPacketBody,
      `kind must have 1 to ${signalKindBytesMax} bytes without control characters`,
    );
  if (Buffer.byteLength(body) > signalBodyBytesMax)
    throw new Refusal(Status.PayloadTooLarge, `a signal's body has at most ${signalBodyBytesMax} bytes`);
}
