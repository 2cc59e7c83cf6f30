// The errors of requests. There are three kinds, because callers treat them differently.

import type { CloseReason } from "../wire/close-reason.ts";
import type { Status } from "../wire/gen/messages/status.ts";

/** What `Disconnected` and the event `offline` say, and its codes (proto/README.md, section 7). */
export { CloseCode, type CloseReason } from "../wire/close-reason.ts";

/** The server refused the request. `message` is the server's explanation for a person. */
export class RequestRefused extends Error {
  override readonly name = "RequestRefused";
  readonly command: string;
  readonly status: Status;

  constructor(command: string, status: Status, sentence: string) {
    super(sentence === "" ? `${command} was refused with status ${status}` : sentence);
    this.command = command;
    this.status = status;
  }

  /** The server failed, and the same request may succeed later (status 300 to 399). */
  get isTransient(): boolean {
    return this.status >= 300 && this.status < 400;
  }

  /** The session is lost: sign in again (400 and above). */
  get isSessionLost(): boolean {
    return this.status >= 400;
  }
}

/** No response arrived in time. Whether the server executed the request is unknown. */
export class RequestTimedOut extends Error {
  override readonly name = "RequestTimedOut";
  readonly command: string;

  constructor(command: string, timeoutMs: number) {
    super(`no answer to ${command} within ${timeoutMs} ms`);
    this.command = command;
  }
}

/** There is no connection, or it ended before the response arrived; `reason` says why. */
export class Disconnected extends Error {
  override readonly name = "Disconnected";
  readonly reason: CloseReason;

  constructor(reason: CloseReason) {
    super(`disconnected: ${reason.code} ${reason.text}`);
    this.reason = reason;
  }
}

/** Converts a thrown value to an Error. Not every value can be converted to a string. */
export function errorOf(cause: unknown): Error {
  if (cause instanceof Error) return cause;
  try {
    return new Error(String(cause));
  } catch {
    return new Error("a value without a string representation was thrown");
  }
}

/** Reports whether to retry: after lost connections, lost responses and transient failures, not after a refusal. */
export function isWorthRepeating(error: unknown): boolean {
  if (error instanceof RequestRefused) return error.isTransient || error.isSessionLost;
  return error instanceof Disconnected || error instanceof RequestTimedOut;
}
