// TLS on accepted TCP connections: a connection is made when its handshake (start-tls.ts) has succeeded.
//
// Memory. A peer that has sent nothing has no TLS state. A handshake counts as an unidentified connection, ends after
// headWaitMs, and may send handshakeBytesMax.

import type { SocketHandler } from "bun";
import { CloseCode, type CloseReason, closeProtocolFault } from "../../wire/close-reason.ts";
import { type Admitting, PendingConnection } from "../pending-connection.ts";
import { looksLikeProxyHeader } from "../proxy-header.ts";
import type { SocketOwner, TcpSocket } from "../socket-owner.ts";
import { tcpHandlers } from "../tcp-connection.ts";
import type { Acceptor } from "../transport.ts";
import { failureOf, isVerified } from "./peer-verification.ts";
import { beginsTls, handshakeBytesMax, type SecuredPair, startTls } from "./start-tls.ts";
import type { TlsContext } from "./tls-context.ts";

const plainText = closeProtocolFault("this port takes TLS only: connect with tls://");

/** A listener with TLS. */
interface Secured extends Admitting {
  readonly tls: TlsContext;
}

const secureHandlers: SocketHandler<SocketOwner | undefined> = {
  ...tcpHandlers,
  handshake(socket, isDone, error) {
    const { data: owner } = socket;
    if (!(owner instanceof Handshake)) return;
    try {
      owner.finished(socket, isDone, error);
    } catch (bug) {
      owner.fail(bug);
    }
  },
};

/** Waits for the TLS handshake of an accepted socket, and owns the socket until then. */
export function awaitHandshake(
  socket: TcpSocket,
  remoteAddress: string,
  acceptor: Acceptor,
  secured: Secured,
): SocketOwner {
  const handshake = new Handshake(socket, remoteAddress, acceptor, secured);
  handshake.begin();
  return handshake;
}

class Handshake extends PendingConnection {
  private readonly acceptor: Acceptor;
  private readonly secured: Secured;
  private pair: SecuredPair<SocketOwner> | undefined;
  /** Bytes that wait for their turn, before the handshake begins. */
  private first: Buffer | undefined;
  private bytes = 0;

  constructor(socket: TcpSocket, remoteAddress: string, acceptor: Acceptor, secured: Secured) {
    super(socket, remoteAddress, secured);
    this.acceptor = acceptor;
    this.secured = secured;
  }

  /** The plain socket's `data`; that of the secure one follows `handshake`, so it goes to the connection. */
  receive(chunk: Buffer): void {
    if (this.isOver) return;
    const { options } = this.secured;
    options.admission?.heard(this);
    const isPlain = this.bytes === 0 && !beginsTls(chunk);
    // A plain connection counts its own bytes.
    if (!(isPlain && options.acceptsPlain === true)) options.observer.bytesIn(chunk.length);
    this.bytes += chunk.length;
    // The end of the handshake and what follows it may be in this chunk; both are read before the next turn.
    if (this.bytes > handshakeBytesMax) setImmediate(() => this.tooLong());
    if (this.pair !== undefined) return;
    if (this.first !== undefined) this.first = Buffer.concat([this.first, chunk]);
    else if (isPlain) this.notTls(chunk);
    else this.take(chunk);
  }

  /** The handshake has ended. `error` says what is wrong with it or with the peer's certificate. */
  finished(secure: TcpSocket, isDone: boolean, error: Error | null): void {
    if (this.isOver) return;
    const { tls, options } = this.secured;
    // A handshake with a certificate that cannot be verified is done, too.
    if (tls.isMutual && !(isDone && isVerified(secure))) {
      options.peerRefused?.(failureOf(error), this.remoteAddress);
      if (isDone) this.tellRefusal(secure, failureOf(error, { whose: "your" }));
      else this.refused("tls-peer");
      return;
    }
    if (!isDone) {
      this.refused("tls-handshake");
      return;
    }
    const connection = this.succeed(secure, this.remoteAddress, this.acceptor);
    if (this.pair !== undefined) this.pair.plain.data = new BelowTls(connection);
  }

  ended(): void {
    this.shed();
  }

  gone(): void {
    if (this.isOver) return;
    // A peer that sent nothing has only looked whether somebody listens.
    if (this.bytes > 0) this.secured.options.observer.protocolFault("tls-handshake");
    this.over();
  }

  /** Nothing can be said to the peer before the handshake is done. */
  close(_reason: CloseReason): void {
    this.shed();
  }

  /** The handshake was not done in time. */
  protected override late(): void {
    this.refused("tls-handshake");
  }

  protected override terminate(): void {
    (this.pair?.secure ?? this.socket).terminate();
  }

  protected override over(): void {
    this.first = undefined;
    super.over();
  }

  /** Begins the handshake in a turn that has time for it: it costs as much as thousand frames. */
  private take(chunk: Buffer): void {
    const { unidentifiedShare } = this.secured.options;
    if (unidentifiedShare === undefined) this.upgrade(chunk);
    else if (unidentifiedShare.isFree) unidentifiedShare.run(() => this.upgrade(chunk));
    else {
      this.first = chunk;
      this.socket.pause();
      const upgraded = unidentifiedShare.later(() => {
        const { first } = this;
        if (this.isOver || first === undefined) return;
        this.first = undefined;
        this.upgrade(first);
        this.socket.resume();
      });
      upgraded.catch((bug: unknown) => this.fail(bug));
    }
  }

  private upgrade(initialData: Buffer): void {
    const { tls } = this.secured;
    this.pair = startTls<SocketOwner>(this.socket, this, { initialData, tls, secureHandlers });
    // The handshake may have failed before the pair was known here.
    if (this.isOver) this.terminate();
  }

  /** Tells a client of the plain protocol what is wrong, unless it is welcome. */
  private notTls(chunk: Buffer): void {
    const { options } = this.secured;
    if (options.acceptsPlain === true) {
      const owner = this.succeed(this.socket, this.remoteAddress, this.acceptor);
      // A connection contains its own bugs.
      try {
        owner.receive(chunk);
      } catch (bug) {
        owner.fail(bug);
      }
      return;
    }
    if (looksLikeProxyHeader(chunk)) options.proxies?.headerOfOther(this.remoteAddress);
    options.observer.protocolFault("plain-text");
    this.succeed(this.socket, this.remoteAddress, { accept: () => plainText });
  }

  private tooLong(): void {
    if (!this.isOver) this.refused("tls-handshake");
  }

  /** Tells a peer, which has the session already, that its certificate is refused. */
  private tellRefusal(secure: TcpSocket, text: string): void {
    this.secured.options.observer.protocolFault("tls-peer");
    this.socket.data = undefined;
    const refusal = { code: CloseCode.Unauthorised, text };
    this.succeed(secure, this.remoteAddress, { accept: () => refusal });
  }

  private refused(fault: string): void {
    this.secured.options.observer.protocolFault(fault);
    this.shed();
  }
}

/** Owns the plain socket of a connection, whose secure socket reports all but the reads. */
class BelowTls implements SocketOwner {
  private readonly connection: SocketOwner;

  constructor(connection: SocketOwner) {
    this.connection = connection;
  }

  receive(chunk: Buffer): void {
    this.connection.receivedCiphertext(chunk.length);
  }

  receivedCiphertext(): void {}
  flush(): void {}
  ended(): void {}
  gone(): void {}

  fail(bug: unknown): void {
    this.connection.fail(bug);
  }
}
