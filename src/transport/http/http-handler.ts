// What an HTTP server asks of whoever answers its requests: a handler sees a request's head, and answers it, at once or later,
// or says first that it wants the body.

import type { GuardedRequest } from "./browser-guard.ts";
import type { HttpAnswer } from "./http-answer.ts";

/** A request as its handler sees it. */
export interface HttpRequest extends GuardedRequest {
  readonly method: string;
  readonly path: string;
  /** Behind the question mark; '' for none. */
  readonly query: string;
  /** The client's plain IP address. */
  readonly remoteAddress: string;
  /** Bytes of its head. */
  readonly headBytes: number;
  /**
   * Calls back once if the connection ends before the request is answered, or if the client ends its side: an answer that
   * is there at once is sent then, to a client that still reads. For answers that may be long in coming: what the client
   * sends meanwhile ends the connection, too.
   */
  onGone(gone: () => void): void;
}

/** A handler wants to see the body before it answers. */
export interface WantsBody {
  readonly bytesMax: number;
  /** The answer to a body that is too long; it ends the connection. */
  readonly tooLong: () => HttpAnswer;
  readonly answer: (body: Buffer) => HttpAnswer | Promise<HttpAnswer>;
}

export type HttpHandler = (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer> | WantsBody;
