// Who takes what Bun tells of a TCP socket: a connection, or what stands in its place until its client's address is known.

import type { Socket } from "bun";

/** Bun's callbacks of one socket. */
export interface SocketOwner {
  receive(chunk: Buffer): void;
  flush(): void;
  /** The peer sends no more, and Bun ends our side when this returns. */
  ended(): void;
  gone(): void;
  /** One of these has thrown. */
  fail(bug: unknown): void;
}

/** `data` is unset until `open` returned, and on a socket that came too late. */
export type TcpSocket = Socket<SocketOwner | undefined>;
