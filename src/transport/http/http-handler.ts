// The interface of a handler of HTTP requests: it gets the head of a request, and returns an answer, a promise of one,
// or how it wants the body.

import type { GuardedRequest } from "./browser-guard.ts";
import type { HttpAnswer } from "./http-answer.ts";

/** A request as its handler sees it. */
export interface HttpRequest extends GuardedRequest {
  readonly method: string;
  readonly path: string;
  /** The part after the question mark; '' for none. */
  readonly query: string;
  /** The client's plain IP address. */
  readonly remoteAddress: string;
  /** The length of the head. */
  readonly headBytes: number;
  /**
   * Calls `gone` once if the connection ends before the request is answered, or if the client ends its side; an answer
   * that is ready then is still sent. For answers that may take long: further bytes of the client end the connection.
   */
  onGone(gone: () => void): void;
}

/** A handler's request for the body. */
export interface WantsBody {
  readonly bytesMax: number;
  /** Returns the answer to a body that is too long, which ends the connection. */
  readonly tooLong: () => HttpAnswer;
  readonly answer: (body: Buffer) => HttpAnswer | Promise<HttpAnswer>;
}

export type HttpHandler = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer> | WantsBody;
