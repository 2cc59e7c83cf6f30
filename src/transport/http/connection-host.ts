// What a connection needs of its server: its bounds, which are those of all connections together, and the time.

import type { BodyParts, HttpAnswer } from "./http-answer.ts";
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
export interface ConnectionHost<Connection> {
  readonly headBytesMax: number;
  readonly handler: HttpHandler;
  /** The answer to a request that met a bug. */
  readonly bugAnswer: HttpAnswer;
  /** The time as a field Date shows it. */
  date(): string;
  /** Sets the deadline of a phase that has begun. */
  entered(connection: Connection): void;
  /** The bytes that it keeps of unfinished requests have changed by so many. */
  kept(connection: Connection, by: number): void;
  /** True if an answer's parts may wait on this connection; else its bound was reached. */
  mayHold(connection: Connection, parts: BodyParts): boolean;
  hold(connection: Connection, parts: BodyParts): void;
  release(connection: Connection, parts: BodyParts): void;
  /** What long answers may still write in this turn of the event loop, in bytes; who finds nothing left waits. */
  turnBytesLeft: number;
  waitForTurn(connection: Connection): void;
  readonly longHeads: LongHeads;
  /** Puts it with those whose long heads wait. */
  waitToRead(connection: Connection): void;
  /** A head was too long. */
  headTooLong(connection: Connection): void;
  bug(error: unknown): void;
}
