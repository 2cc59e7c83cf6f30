// The beginning of an HTTPS connection: until the TLS handshake is done it owns the socket. The HTTP connection exists
// already, as one without a request: it has its place, and the time for a request's head includes the handshake.

import type { Socket, SocketHandler } from "bun";
import type { TurnShare } from "../../base/turn-share.ts";
import { beginsTls, handshakeBytesMax, type SecuredPair, startTls } from "../tls/start-tls.ts";
import type { TlsContext } from "../tls/tls-context.ts";
import type { Phase } from "./connection-host.ts";

/** What a socket's events go to. */
export interface HttpSocketOwner {
  contain(work: () => void): void;
  received(chunk: Buffer): void;
  drained(): void;
  finished(): void;
  ended(): void;
}

export type HttpSocket = Socket<HttpSocketOwner | undefined>;

/** The HTTP connection. */
interface Entering extends HttpSocketOwner {
  readonly phase: Phase;
  /** Counts bytes of the handshake, which wait for its end, among those of unfinished requests. */
  handshaking(bytes: number): void;
  /** The handshake begins: the socket to use from now on. The accepted one has no effect any more. */
  upgraded(socket: HttpSocket): void;
  /** The handshake is done: the socket can be written to. */
  secured(): void;
  terminate(): void;
  /** Tells the client of plain text what is wrong, and ends the connection. */
  refusePlain(): void;
}

interface EntryParts {
  readonly tls: TlsContext;
  /** Whether a client may go on in plain text. */
  readonly acceptsPlain: boolean;
  /** Spreads the handshakes of all connections: each costs as much as a dozen requests. */
  readonly share: TurnShare;
}

export const httpHandlers = {
  data({ data: owner }, chunk) {
    owner?.contain(() => owner.received(chunk));
  },
  drain({ data: owner }) {
    owner?.contain(() => owner.drained());
  },
  end({ data: owner }) {
    owner?.contain(() => owner.finished());
  },
  close({ data: owner }) {
    owner?.contain(() => owner.ended());
  },
} satisfies SocketHandler<HttpSocketOwner | undefined>;

const secureHandlers: SocketHandler<HttpSocketOwner | undefined> = {
  ...httpHandlers,
  handshake(socket, isDone) {
    const { data: owner } = socket;
    if (owner instanceof SecureEntry) owner.contain(() => owner.shaken(socket, isDone));
  },
};

export class SecureEntry implements HttpSocketOwner {
  private readonly plain: HttpSocket;
  private readonly connection: Entering;
  private readonly parts: EntryParts;
  private pair: SecuredPair<HttpSocketOwner> | undefined;
  private bytes = 0;
  private isShaken = false;
  /** The beginning of a handshake that waits for its turn. */
  private first: Buffer | undefined;

  constructor(plain: HttpSocket, connection: Entering, parts: EntryParts) {
    this.plain = plain;
    this.connection = connection;
    this.parts = parts;
  }

  contain(work: () => void): void {
    this.connection.contain(work);
  }

  /** The plain socket's `data`; that of the secure one follows `handshake`, so it goes to the connection. */
  received(chunk: Buffer): void {
    const { bytes } = this;
    if (bytes === 0 && !beginsTls(chunk)) {
      this.takePlain(chunk);
      return;
    }
    this.bytes += chunk.length;
    if (bytes === 0) this.begin(chunk);
    else if (this.first !== undefined) this.first = Buffer.concat([this.first, chunk]);
    this.connection.handshaking(Math.min(chunk.length, Math.max(0, handshakeBytesMax - bytes)));
    // The end of the handshake and what follows it may be in this chunk; both are read before the next turn.
    if (this.bytes > handshakeBytesMax) setImmediate(() => this.contain(() => this.tooLong()));
  }

  /** The handshake has ended. */
  shaken(secure: HttpSocket, isDone: boolean): void {
    if (!isDone) {
      this.connection.terminate();
      return;
    }
    if (this.pair !== undefined) this.pair.plain.data = undefined;
    this.isShaken = true;
    this.connection.secured();
    secure.data = this.connection;
  }

  drained(): void {
    // Nothing is written before the handshake is done.
  }

  finished(): void {
    this.connection.terminate();
  }

  ended(): void {
    this.first = undefined;
    this.connection.ended();
  }

  private tooLong(): void {
    if (!this.isShaken) this.connection.terminate();
  }

  private begin(chunk: Buffer): void {
    const { share } = this.parts;
    if (share.isFree) {
      share.run(() => this.start(chunk));
      return;
    }
    this.first = chunk;
    this.plain.pause();
    void share.later(() =>
      this.contain(() => {
        const { first } = this;
        if (first === undefined || this.connection.phase === "closed") return;
        this.first = undefined;
        this.start(first);
        this.plain.resume();
      }),
    );
  }

  private start(initialData: Buffer): void {
    this.pair = startTls<HttpSocketOwner>(this.plain, this, { initialData, tls: this.parts.tls, secureHandlers });
    if (this.pair === undefined) return;
    // The handshake may have failed before the pair was known here.
    if (this.connection.phase === "closed") this.pair.secure.terminate();
    else this.connection.upgraded(this.pair.secure);
  }

  private takePlain(chunk: Buffer): void {
    this.plain.data = this.connection;
    if (this.parts.acceptsPlain) this.connection.received(chunk);
    else this.connection.refusePlain();
  }
}
