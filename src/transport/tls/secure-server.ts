// TLS on accepted TCP connections: a connection is made when its handshake has succeeded. The platform's upgradeTLS
// does it on the server's side, too, by three options that its types do not declare:
//
//   isServer           the handshake of a server
//   initialData        bytes that were read before, for example behind a header of the PROXY protocol
//   tls.secureContext  a context that is parsed already, instead of PEM
//
// Order of events: first bytes -> upgradeTLS -> `handshake` on the secure socket -> connection. The plain socket goes
// on to report what it reads, as ciphertext: that is counted during the handshake, and ignored afterwards.
//
// Memory. A peer that has sent nothing has no TLS state. A handshake counts as a stranger, ends after headWaitMs, and
// may send handshakeBytesMax.

import type { SocketHandler, TLSOptions } from "bun";
import { Deadline } from "../../base/timer-wheel.ts";
import { type CloseReason, closeProtocolFault } from "../../wire/close-reason.ts";
import type { Admitted } from "../admission.ts";
import type { ConnectionGroup, Member } from "../connection-group.ts";
import { looksLikeProxyHeader } from "../proxy-header.ts";
import type { SocketOwner, TcpSocket } from "../socket-owner.ts";
import { tcpHandlers } from "../tcp-connection.ts";
import type { Acceptor, TransportOptions } from "../transport.ts";
import type { TlsContext } from "./tls-context.ts";

/** How long a handshake may take from the first byte of the connection, in milliseconds. */
const handshakeWaitMsDefault = 10_000;
/** What a client may send before the handshake is done: one is below 4 KB without a client certificate. */
const handshakeBytesMax = 64 * 1024;
/** The first byte of a TLS connection: a record of the handshake (RFC 8446, section 5.1). */
const handshakeRecord = 22;

const plainText = closeProtocolFault("this port takes TLS only: connect with tls://");

/** The part of a listener that admits a connection once its handshake is done. */
interface Admitting {
  readonly tls: TlsContext;
  readonly options: TransportOptions;
  readonly group: ConnectionGroup;
  /** Creates the connection, which owns the socket from then on, and asks the acceptor. */
  admit(socket: TcpSocket, remoteAddress: string, acceptor: Acceptor): SocketOwner;
}

/** What upgradeTLS takes beyond its declared options. */
interface ServerUpgrade {
  readonly isServer: true;
  readonly initialData: Buffer;
  readonly tls: TLSOptions & { readonly secureContext: object };
  readonly data: SocketOwner;
  readonly socket: SocketHandler<SocketOwner | undefined>;
}

const secureHandlers: SocketHandler<SocketOwner | undefined> = {
  ...tcpHandlers,
  handshake(socket, isDone) {
    const { data: owner } = socket;
    if (!(owner instanceof Handshake)) return;
    try {
      owner.finished(socket, isDone);
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
  admitting: Admitting,
): SocketOwner {
  const handshake = new Handshake(socket, remoteAddress, acceptor, admitting);
  socket.data = handshake;
  handshake.begin();
  return handshake;
}

class Handshake extends Deadline implements SocketOwner, Member, Admitted {
  readonly remoteAddress: string;
  /** Nothing is written before there is a connection. */
  readonly unsentBytes = 0;
  private readonly socket: TcpSocket;
  private readonly acceptor: Acceptor;
  private readonly admitting: Admitting;
  private secure: TcpSocket | undefined;
  /** Bytes that wait for their turn, before the handshake begins. */
  private first: Buffer | undefined;
  private bytes = 0;
  /** The admission counts it. */
  private isCounted = false;
  private isOver = false;

  constructor(socket: TcpSocket, remoteAddress: string, acceptor: Acceptor, admitting: Admitting) {
    super();
    this.remoteAddress = remoteAddress;
    this.socket = socket;
    this.acceptor = acceptor;
    this.admitting = admitting;
  }

  begin(): void {
    const { group, options } = this.admitting;
    if (options.admission?.enter(this) === false) {
      this.isOver = true;
      this.socket.terminate();
      return;
    }
    this.isCounted = true;
    group.add(this);
    options.wheel.arm(this, options.headWaitMs ?? handshakeWaitMsDefault);
  }

  /** The plain socket's `data`; that of the secure one follows `handshake`, so it goes to the connection. */
  receive(chunk: Buffer): void {
    if (this.isOver) return;
    const { options } = this.admitting;
    options.admission?.heard(this);
    options.observer.bytesIn(chunk.length);
    this.bytes += chunk.length;
    if (this.bytes > handshakeBytesMax) this.refused("tls-handshake");
    else if (this.secure !== undefined) return;
    else if (this.first !== undefined) this.first = Buffer.concat([this.first, chunk]);
    else if (chunk[0] === handshakeRecord) this.take(chunk);
    else this.notTls(chunk);
  }

  /** The handshake has ended. */
  finished(secure: TcpSocket, isDone: boolean): void {
    if (this.isOver) return;
    if (!isDone) {
      this.refused("tls-handshake");
      return;
    }
    // Its successor takes its place in the admission, so none is evicted.
    this.uncount();
    this.socket.data = undefined;
    this.admitting.admit(secure, this.remoteAddress, this.acceptor);
    this.over();
  }

  flush(): void {}

  ended(): void {
    this.shed();
  }

  gone(): void {
    if (this.isOver) return;
    // A peer that sent nothing has only looked whether somebody listens.
    if (this.bytes > 0) this.admitting.options.observer.protocolFault("tls-handshake");
    this.over();
  }

  fail(bug: unknown): void {
    this.shed();
    this.admitting.options.observer.bug(bug);
  }

  /** The handshake was not done in time. */
  override expire(): void {
    try {
      this.refused("tls-handshake");
    } catch (bug) {
      this.fail(bug);
    }
  }

  /** Nothing can be said to the peer before the handshake is done. */
  close(_reason: CloseReason): void {
    this.shed();
  }

  evict(): void {
    this.shed();
  }

  shed(): void {
    if (this.isOver) return;
    this.over();
    (this.secure ?? this.socket).terminate();
  }

  /** Begins the handshake in a turn that has time for it: it costs as much as thousand frames. */
  private take(chunk: Buffer): void {
    const { strangerShare } = this.admitting.options;
    if (strangerShare === undefined) this.upgrade(chunk);
    else if (strangerShare.isFree) strangerShare.run(() => this.upgrade(chunk));
    else {
      this.first = chunk;
      this.socket.pause();
      const upgraded = strangerShare.later(() => {
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
    const { tls } = this.admitting;
    this.secure = startTls(this.socket, {
      isServer: true,
      initialData,
      tls: { secureContext: tls.native },
      data: this,
      socket: secureHandlers,
    });
  }

  /** Tells a client of the plain protocol what is wrong. */
  private notTls(chunk: Buffer): void {
    const { options } = this.admitting;
    if (looksLikeProxyHeader(chunk)) options.proxies?.headerOfStranger(this.remoteAddress);
    options.observer.protocolFault("plain-text");
    this.uncount();
    this.admitting.admit(this.socket, this.remoteAddress, { accept: () => plainText });
    this.over();
  }

  private refused(fault: string): void {
    this.admitting.options.observer.protocolFault(fault);
    this.shed();
  }

  private over(): void {
    if (this.isOver) return;
    this.isOver = true;
    const { group, options } = this.admitting;
    this.first = undefined;
    this.uncount();
    options.wheel.disarm(this);
    // A successor is in the group already.
    group.remove(this);
  }

  private uncount(): void {
    if (!this.isCounted) return;
    this.isCounted = false;
    this.admitting.options.admission?.leave(this);
  }
}

/** Returns the secure socket; undefined if the peer is gone, which `close` will say. */
function startTls(socket: TcpSocket, options: ServerUpgrade): TcpSocket | undefined {
  const pair: readonly TcpSocket[] | undefined = socket.upgradeTLS<SocketOwner | undefined>(options);
  return pair?.[1];
}
