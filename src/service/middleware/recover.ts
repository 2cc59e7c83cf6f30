// The outermost middleware: turns what a handler throws into a status. A bug fails its own request with
// SystemException, is counted, and is logged with its stack; other requests and connections are unaffected.

import type { RareLog } from "../../base/rare-log.ts";
import { MediaUnavailable } from "../../media/media-place.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import { StoreUnavailable } from "../../store/store.ts";
import { Status } from "../../wire/gen/pkt_pb.ts";
import type { Context } from "../context.ts";
import { refusalOf } from "../refusal.ts";
import type { Middleware } from "../router.ts";

/** The log and the metrics of failed requests. */
interface FailureWitness {
  readonly rareLog: RareLog;
  readonly metrics: Pick<ServiceMetrics, "bug">;
}

/**
 * Answers a failed request; handlers that finish outside of the chain (the talk pipeline) call it, too. Never throws: a
 * bug while answering ends what the request came over.
 */
export function failRequest(context: Context, error: unknown, { rareLog, metrics }: FailureWitness): void {
  try {
    const refusal = refusalOf(error);
    if (refusal === undefined) {
      metrics.bug(error, "request", { command: context.command });
      context.refuse(Status.SystemException, "the server failed, try again");
      return;
    }
    if (error instanceof StoreUnavailable) {
      rareLog.warn("the message store is unavailable", { command: context.command, cause: error.message });
    }
    if (error instanceof MediaUnavailable)
      rareLog.warn("the store of files is unavailable", { command: context.command, cause: error.message });
    context.refuse(refusal.status, refusal.message);
  } catch (bug) {
    context.fail(bug);
  }
}

/** Turns what `next` throws or rejects with into a response. */
export function recover(witness: FailureWitness): Middleware {
  return (next) => (context) => {
    try {
      const pending = next(context);
      return pending?.catch((error: unknown) => failRequest(context, error, witness));
    } catch (error) {
      failRequest(context, error, witness);
    }
  };
}
