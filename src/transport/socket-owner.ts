// The receiver of a TCP socket's events: a connection, or a HeaderWait until the client's address is known.

import type { Socket } from "bun";

/** Receives the callbacks of one socket. */
export interface SocketOwner {
  receive(chunk: Buffer): void;
  /** So many bytes of ciphertext were read; what they contain comes to `receive`, once a record is complete. */
  receivedCiphertext(bytes: number): void;
  flush(): void;
  /** The peer has ended its side, and Bun ends ours when this returns. */
  ended(): void;
  gone(): void;
  /** One of these has thrown. */
  fail(bug: unknown): void;
}

/** `data` is unset until `open` has returned, and on a socket that was opened too late. */
export type TcpSocket = Socket<SocketOwner | undefined>;
