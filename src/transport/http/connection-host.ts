// What a connection needs of its server: the bounds of all connections together, and the time.

import type { BodyParts, HttpAnswer } from "./http-answer.ts";
import type { HttpHandler } from "./http-handler.ts";
import type { LongHeads } from "./long-heads.ts";

/** The phase of a connection. */
export type Phase =
  /** No byte of a request has arrived since the last answer. */
  | "idle"
  /** A head has begun, or the connection is new. */
  | "head"
  | "body"
  /** The handler has the request. */
  | "answering"
  | "sending"
  /** The last answer is sent; further bytes of the client are dropped, so that it reads the answer. */
  | "lingering"
  | "closed";

export interface ConnectionHost<Connection> {
  readonly headBytesMax: number;
  readonly handler: HttpHandler;
  /** The answer to a request that met a bug. */
  readonly bugAnswer: HttpAnswer;
  /** The time in the format of a Date field. */
  date(): string;
  /** The connection has entered its phase: sets the deadline. */
  entered(connection: Connection): void;
  /** The bytes kept of unfinished requests have changed by `by`; may end connections. */
  kept(connection: Connection, by: number): void;
  /** True if these parts of an answer may wait for the client; false if a bound is reached. */
  mayHold(connection: Connection, parts: BodyParts): boolean;
  hold(connection: Connection, parts: BodyParts): void;
  release(connection: Connection, parts: BodyParts): void;
  /** Bytes that long answers may still write in this turn of the event loop; at 0 or less they wait. */
  turnBytesLeft: number;
  /** Calls `drained` of the connection in a later turn. */
  waitForTurn(connection: Connection): void;
  readonly longHeads: LongHeads;
  /** Queues the connection until its long head may be read. */
  waitToRead(connection: Connection): void;
  /** A head was too long. */
  headTooLong(connection: Connection): void;
  bug(error: unknown): void;
}
