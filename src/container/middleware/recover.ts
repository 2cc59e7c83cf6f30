// The outermost middleware: what a handler throws becomes one status here. A bug answers SystemException to its one
// request and is logged with its stack: a request that finds a bug must not cost the others their connections.

import type { Log } from "../../base/log.ts";
import { StoreUnavailable } from "../../store/store.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import type { Context } from "../context.ts";
import { refusalOf } from "../refusal.ts";
import type { Middleware } from "../router.ts";

/** Answers a failed request; used where a handler finishes outside of the chain, too (the talk pipeline). */
export function failRequest(context: Context, error: unknown, log: Log): void {
  const refusal = refusalOf(error);
  if (refusal === undefined) {
    log.error("a request failed by a bug", {
      command: context.command,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    context.refuse(Status.SystemException, "the server failed, try again");
    return;
  }
  if (error instanceof StoreUnavailable) {
    log.warn("the message store is unavailable", { command: context.command, cause: error.message });
  }
  context.refuse(refusal.status, refusal.message);
}

/** Turns what `next` throws or rejects with into a response. */
export function recover(log: Log): Middleware {
  return (next) => (context) => {
    try {
      const pending = next(context);
      return pending?.catch((error: unknown) => failRequest(context, error, log));
    } catch (error) {
      failRequest(context, error, log);
    }
  };
}
