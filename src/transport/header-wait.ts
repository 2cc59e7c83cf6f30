// TCP connections of trusted proxies, until their PROXY protocol header has arrived. The acceptor is asked after it, so
// that limits by address count the client and not the proxy. The header is required: a receiver that guesses whether
// one is present believes anybody (https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt, section 2).
//
// Memory. Each holds at most proxyHeaderBytesMax bytes and the rest of one read, for at most headWaitMs. It counts as a
// stranger at the proxy's address; the connection that replaces it counts as one at the client's.

import { Deadline } from "../base/timer-wheel.ts";
import { type CloseReason, closeLoginWait, closeProtocolFault } from "../wire/close-reason.ts";
import type { Admitted } from "./admission.ts";
import type { ConnectionGroup, Member } from "./connection-group.ts";
import { readProxyHeader } from "./proxy-header.ts";
import type { SocketOwner, TcpSocket } from "./socket-owner.ts";
import type { Acceptor, TransportOptions } from "./transport.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

/** How long the header may take, in milliseconds. */
const headWaitMsDefault = 10_000;

/** The part of a listener that admits a connection once its client is known. */
interface Admitting {
  readonly proxies: TrustedProxies;
  readonly options: TransportOptions;
  readonly group: ConnectionGroup;
  readonly acceptor: Acceptor;
  /** Creates the connection, which owns the socket from then on, and asks the acceptor. */
  admit(socket: TcpSocket, remoteAddress: string, acceptor: Acceptor): SocketOwner;
}

/** Waits for the header of a new connection of a proxy, and owns the socket until then. */
export function awaitHeader(socket: TcpSocket, proxyAddress: string, admitting: Admitting): void {
  const wait = new HeaderWait(socket, proxyAddress, admitting);
  socket.data = wait;
  wait.begin();
}

class HeaderWait extends Deadline implements SocketOwner, Member, Admitted {
  readonly remoteAddress: string;
  /** Nothing is written before there is a connection. */
  readonly unsentBytes = 0;
  private readonly socket: TcpSocket;
  private readonly admitting: Admitting;
  private bytes: Buffer | undefined;
  /** The admission counts it. */
  private isCounted = false;

  constructor(socket: TcpSocket, proxyAddress: string, admitting: Admitting) {
    super();
    this.remoteAddress = proxyAddress;
    this.socket = socket;
    this.admitting = admitting;
  }

  begin(): void {
    const { group, options } = this.admitting;
    if (options.admission?.enter(this) === false) {
      this.socket.terminate();
      return;
    }
    this.isCounted = true;
    group.add(this);
    options.wheel.arm(this, options.headWaitMs ?? headWaitMsDefault);
  }

  receive(chunk: Buffer): void {
    this.admitting.options.admission?.heard(this);
    const bytes = this.bytes === undefined ? chunk : Buffer.concat([this.bytes, chunk]);
    this.bytes = bytes;
    const header = readProxyHeader(bytes);
    if (header === undefined) return;
    const { proxies, options, acceptor } = this.admitting;
    const { observer } = options;
    if ("fault" in header) {
      proxies.badHeader(this.remoteAddress, header.fault);
      observer.bytesIn(bytes.length);
      observer.protocolFault("proxy-header");
      this.close(closeProtocolFault(header.fault));
      return;
    }
    observer.bytesIn(header.bytes);
    const owner = this.admit(header.source ?? this.remoteAddress, acceptor);
    if (bytes.length === header.bytes) return;
    // A connection contains its own bugs.
    try {
      owner.receive(bytes.subarray(header.bytes));
    } catch (bug) {
      owner.fail(bug);
    }
  }

  flush(): void {}

  ended(): void {
    this.over();
  }

  gone(): void {
    this.over();
  }

  fail(bug: unknown): void {
    this.shed();
    this.admitting.options.observer.bug(bug);
  }

  /** The header did not arrive in time. */
  override expire(): void {
    try {
      this.close(closeLoginWait);
    } catch (bug) {
      this.fail(bug);
    }
  }

  /** Ends it like a refused connection. */
  close(reason: CloseReason): void {
    this.admit(this.remoteAddress, { accept: () => reason });
  }

  evict(): void {
    this.shed();
  }

  /** Ends it without a close frame. */
  shed(): void {
    this.over();
    this.socket.terminate();
  }

  private admit(remoteAddress: string, acceptor: Acceptor): SocketOwner {
    // Its successor takes its place in the admission, so none is evicted.
    this.uncount();
    const owner = this.admitting.admit(this.socket, remoteAddress, acceptor);
    this.over();
    return owner;
  }

  private over(): void {
    const { group, options } = this.admitting;
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
