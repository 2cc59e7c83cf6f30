// The errors of the HTTP API: codes of Connect, and the statuses of HTTP with which Connect sends them
// (https://connectrpc.com/docs/protocol#error-codes).

interface ApiError {
  readonly status: number;
  /** What it means here, as a sentence. */
  readonly meaning: string;
}

/** Those that every method may answer. */
export const commonErrors: ReadonlyMap<string, ApiError> = new Map([
  [
    "invalid_argument",
    { status: 400, meaning: "The request has a field that is unknown, missing, out of bounds or no valid value." },
  ],
  ["unauthenticated", { status: 401, meaning: "There is no key, or it is unknown or revoked." }],
  [
    "permission_denied",
    { status: 403, meaning: "The key lacks the scope or belongs to another app, or the account has no right to it." },
  ],
  [
    "resource_exhausted",
    { status: 429, meaning: "Too many requests, and Retry-After says when to go on; or the body is over 4 MiB." },
  ],
  ["canceled", { status: 499, meaning: "The connection was closed before the answer." }],
  ["internal", { status: 500, meaning: "The server failed. Its log has the request's id." }],
  ["unimplemented", { status: 501, meaning: "This server has no such method, or not with its store." }],
  ["unavailable", { status: 503, meaning: "The server, or what it needs, is not there now. Send the request again." }],
  ["deadline_exceeded", { status: 504, meaning: "The time of Connect-Timeout-Ms was over before the answer." }],
]);

/** Those that methods name in the option `errors`. */
const otherErrors: ReadonlyMap<string, ApiError> = new Map([
  ["failed_precondition", { status: 400, meaning: "The state of what the request names does not allow it." }],
  ["not_found", { status: 404, meaning: "What the request names does not exist." }],
  ["already_exists", { status: 409, meaning: "The Idempotency-Key was used for another request." }],
  ["aborted", { status: 409, meaning: "Another request came first. The sentence says how to go on." }],
]);

/** All codes. */
export const errorCodes: readonly string[] = [...commonErrors.keys(), ...otherErrors.keys()];

/** What a code of the option `errors` means. Throws if it is none that errors.ts knows. */
export function otherError(code: string): ApiError {
  const error = otherErrors.get(code);
  if (error === undefined) throw new Error(`proto/api.proto: no such error ${code}; add it to errors.ts`);
  return error;
}
