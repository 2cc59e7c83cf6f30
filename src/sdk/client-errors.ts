// What a request may end with besides its answer. Three kinds, because the three want different things of the caller.

import type { CloseReason } from "../wire/close-reason.ts";
import type { Status } from "../wire/gen/pkt_pb.ts";

/** The server answered, and the answer is no. `message` is the server's sentence for a person. */
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

/** No answer came in time. Whether the server did what was asked is unknown. */
export class RequestTimedOut extends Error {
  override readonly name = "RequestTimedOut";
  readonly command: string;

  constructor(command: string, timeoutMs: number) {
    super(`no answer to ${command} within ${timeoutMs} ms`);
    this.command = command;
  }
}

/** There is no connection, or it ended before the answer came. `reason` says why. */
export class Disconnected extends Error {
  override readonly name = "Disconnected";
  readonly reason: CloseReason;

  constructor(reason: CloseReason) {
    super(`disconnected: ${reason.code} ${reason.text}`);
    this.reason = reason;
  }
}

/** What was thrown, as an Error: anything can be, and not everything has a text. */
export function errorOf(cause: unknown): Error {
  if (cause instanceof Error) return cause;
  try {
    return new Error(String(cause));
  } catch {
    return new Error("something without a text was thrown");
  }
}

/** Lost connections, lost answers and failures of the server; never what the server has refused for good. */
export function isWorthRepeating(error: unknown): boolean {
  if (error instanceof RequestRefused) return error.isTransient || error.isSessionLost;
  return error instanceof Disconnected || error instanceof RequestTimedOut;
}
