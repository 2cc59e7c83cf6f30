// A refused request: a status and a sentence for the client. The connection lives. Handlers throw it or call
// `context.refuse`; the router turns it, and every other error, into one response in one place.

import { SessionsUnavailable } from "../session/sessions.ts";
import { StoreUnavailable } from "../store/store.ts";
import { Status } from "../wire/gen/pkt_pb.ts";

/** Why a request is not served; `message` is shown to the client, so it never carries another's data. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: Status;

  constructor(status: Status, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** The one place where an error becomes a status. Undefined: not an error we know, so a bug. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  // The engine's own words (paths, SQL) are for the log, not for a client.
  if (error instanceof StoreUnavailable)
    return new Refusal(Status.SystemException, "the message store is unavailable, try again");
  if (error instanceof SessionsUnavailable)
    return new Refusal(Status.SystemException, "the session store is unavailable, try again");
  return undefined;
}
