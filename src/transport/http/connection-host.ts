// What a connection needs of its server: its bounds, which are those of all connections together, and the time.

import type { BodyParts, HttpAnswer } from "./http-answer.ts";
import type { HttpConnection } from "./http-connection.ts";
import type { HttpHandler } from "./http-handler.ts";
import type { LongHeads } from "./long-heads.ts";

/** What a connection is at. */
export type Phase =
  /** Nothing of a request has come since the last answer. */
  | "idle"
  /** A head has begun, or is waited for on a new connection. */
  | "head"
  | "body"
  /** The handler has the request. */
  | "answering"
  | "sending"
  /** The last answer is out; what the client still sends is dropped, so that it reads the answer. */
  | "lingering"
  | "closed";

/** What a connection needs of its server. */
export interface ConnectionHost {
  readonly headBytesMax: number;
  readonly handler: HttpHandler;
  /** The answer to a request that met a bug. */
  readonly bugAnswer: HttpAnswer;
  /** The time as a field Date shows it. */
  date(): string;
  /** Sets the deadline of a phase that has begun. */
  entered(connection: HttpConnection): void;
  /** The bytes that it keeps of unfinished requests have changed by so many. */
  kept(connection: HttpConnection, by: number): void;
  /** True if an answer's parts may wait on this connection; else its bound was reached. */
  mayHold(connection: HttpConnection, parts: BodyParts): boolean;
  hold(connection: HttpConnection, parts: BodyParts): void;
  release(connection: HttpConnection, parts: BodyParts): void;
  /** What long answers may still write in this turn of the event loop, in bytes; who finds nothing left waits. */
  turnBytesLeft: number;
  waitForTurn(connection: HttpConnection): void;
  readonly longHeads: LongHeads;
  /** Puts it with those whose long heads wait. */
  waitToRead(connection: HttpConnection): void;
  /** A head was too long. */
  headTooLong(connection: HttpConnection): void;
  bug(error: unknown): void;
}
