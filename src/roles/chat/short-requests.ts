// Bounds the requests of commands that carry no text of a message: most are short.

import { Refusal } from "../../service/refusal.ts";
import type { Middleware } from "../../service/router.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";

/** The longest of the short ones have 200 ids of ten bytes and a name, or a profile. */
const requestBytesMax = 4 * 1024;

/** Refuses a longer request with PayloadTooLarge, before it is decoded, queued or passed to the store. */
export function shortRequests(bytesMax: number = requestBytesMax): Middleware {
  return (next) => (context) => {
    if (context.bodyBytes > bytesMax)
      throw new Refusal(Status.PayloadTooLarge, `the body of this request has at most ${bytesMax} bytes`);
    return next(context);
  };
}
