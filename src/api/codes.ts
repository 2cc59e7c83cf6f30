// What became of a request, in the codes of Connect (https://connectrpc.com/docs/protocol#error-codes): the one table
// of the protocol's statuses, and what any error means to a back end.

import { Code, ConnectError } from "@connectrpc/connect";
import type { Answer } from "../service/call-context.ts";
import { refusalOf } from "../service/refusal.ts";
import { Status } from "../wire/gen/pkt_pb.ts";

const codes: ReadonlyMap<Status, Code> = new Map([
  [Status.NoDestination, Code.InvalidArgument],
  [Status.InvalidPacketBody, Code.InvalidArgument],
  [Status.InvalidCommand, Code.InvalidArgument],
  [Status.PayloadTooLarge, Code.InvalidArgument],
  [Status.Unauthorized, Code.PermissionDenied],
  [Status.Forbidden, Code.PermissionDenied],
  [Status.NotFound, Code.NotFound],
  // The store is away, or a bug, which is counted: both may be tried again.
  [Status.SystemException, Code.Unavailable],
  [Status.ServiceUnavailable, Code.Unavailable],
  [Status.NotImplemented, Code.Unimplemented],
  [Status.RateLimited, Code.ResourceExhausted],
  [Status.SessionNotFound, Code.FailedPrecondition],
]);

/** The code of a status other than Success. */
function codeOf(status: Status): Code {
  return codes.get(status) ?? Code.Internal;
}

/** The error of an answer that is not Success. */
export function errorOf({ status, sentence, isConflict }: Answer): ConnectError {
  return new ConnectError(sentence, isConflict ? Code.AlreadyExists : codeOf(status));
}

/** What a back end is told of an error; undefined: it is a bug. */
export function knownError(error: unknown): ConnectError | undefined {
  if (error instanceof ConnectError) return error;
  const refusal = refusalOf(error);
  return refusal && new ConnectError(refusal.message, codeOf(refusal.status));
}

export function invalid(sentence: string): ConnectError {
  return new ConnectError(sentence, Code.InvalidArgument);
}
