// A refused request: a status and a sentence for the client. The connection stays open. Handlers throw a Refusal or
// call `context.refuse`; the router turns every error into a response in one place.

import { MediaUnavailable } from "../media/media-place.ts";
import { SessionsUnavailable } from "../session/sessions.ts";
import { StoreUnavailable } from "../store/store.ts";
import { Status } from "../wire/gen/pkt_pb.ts";

/** Refuses a request. The client sees `message`, so it never contains data of others. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: Status;

  constructor(status: Status, sentence: string) {
    super(sentence);
    this.status = status;
  }
}

/** Turns an error into a refusal, for all handlers. Returns undefined for an unknown error, which is a bug. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof Refusal) return error;
  // The engine's message (paths, SQL) is for the log and not for clients.
  if (error instanceof StoreUnavailable)
    return new Refusal(Status.SystemException, "the message store is unavailable, try again");
  if (error instanceof MediaUnavailable)
    return new Refusal(Status.SystemException, "the store of files is unavailable, try again");
  if (error instanceof SessionsUnavailable)
    return new Refusal(Status.SystemException, "the session store is unavailable, try again");
  return undefined;
}
