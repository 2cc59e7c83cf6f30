// TCP connections of trusted proxies, until their PROXY protocol header has come. The acceptor is asked behind it, so that
// every limit by address counts the client and not the proxy. The header is required: a receiver that guesses whether one
// is there believes whoever sends one (the protocol's section 2).
//
// Memory. At most proxyHeaderBytesMax bytes and the rest of one read are held for each, for at most headerWaitMs; beyond
// headerWaitsMax of them the one that has waited for the longest time is dropped.

import { Deadline } from "../base/timer-wheel.ts";
import { type CloseReason, closeLoginWait, closeProtocolFault } from "../wire/close-reason.ts";
import type { ConnectionGroup } from "./connection-group.ts";
import { readProxyHeader } from "./proxy-header.ts";
import type { SocketOwner, TcpSocket } from "./socket-owner.ts";
import type { Acceptor, TransportOptions } from "./transport.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

/** What a listener does once it is known whose a connection is. */
export interface Admitting {
  readonly options: TransportOptions;
  readonly group: ConnectionGroup;
  readonly acceptor: Acceptor;
  /** Makes the connection, which owns the socket from then on, and asks about it. */
  admit(socket: TcpSocket, remoteAddress: string, acceptor: Acceptor): SocketOwner;
}

/** Those that wait at one listener. */
export class HeaderWaits {
  readonly proxies: TrustedProxies;
  readonly admission: Admitting;
  /** The one that has waited for the longest time first. */
  private readonly waits = new Set<HeaderWait>();

  constructor(proxies: TrustedProxies, admission: Admitting) {
    this.proxies = proxies;
    this.admission = admission;
  }

  /** Takes a connection that a proxy has just made. */
  begin(socket: TcpSocket, proxyAddress: string): void {
    const { waits, proxies, admission } = this;
    const [oldest] = waits;
    if (waits.size >= proxies.headerWaitsMax) oldest?.drop();
    const wait = new HeaderWait(this, socket, proxyAddress);
    socket.data = wait;
    waits.add(wait);
    admission.group.add(wait);
    admission.options.wheel.arm(wait, proxies.headerWaitMs);
  }

  /** It waits no more. Its successor, if there is one, has joined the group before. */
  over(wait: HeaderWait): void {
    this.admission.options.wheel.disarm(wait);
    this.waits.delete(wait);
    this.admission.group.remove(wait);
  }
}

/** One of them. */
class HeaderWait extends Deadline implements SocketOwner {
  private readonly all: HeaderWaits;
  private readonly socket: TcpSocket;
  private readonly proxyAddress: string;
  private bytes: Buffer | undefined;
  /** Nothing is written before there is a connection. */
  readonly unsentBytes = 0;

  constructor(all: HeaderWaits, socket: TcpSocket, proxyAddress: string) {
    super();
    this.all = all;
    this.socket = socket;
    this.proxyAddress = proxyAddress;
  }

  receive(chunk: Buffer): void {
    const bytes = this.bytes === undefined ? chunk : Buffer.concat([this.bytes, chunk]);
    this.bytes = bytes;
    const header = readProxyHeader(bytes);
    if (header === undefined) return;
    const { proxies, admission } = this.all;
    const { observer } = admission.options;
    if ("fault" in header) {
      proxies.badHeader(this.proxyAddress, header.fault);
      observer.bytesIn(bytes.length);
      observer.protocolFault("proxy-header");
      this.close(closeProtocolFault(header.fault));
      return;
    }
    observer.bytesIn(header.bytes);
    const owner = this.admit(header.source ?? this.proxyAddress, admission.acceptor);
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
    this.all.over(this);
  }

  gone(): void {
    this.all.over(this);
  }

  fail(bug: unknown): void {
    this.drop();
    this.all.admission.options.observer.bug(bug);
  }

  /** The header did not come in time. */
  override expire(): void {
    try {
      this.close(closeLoginWait);
    } catch (bug) {
      this.fail(bug);
    }
  }

  /** Ends it as a connection that is refused. */
  close(reason: CloseReason): void {
    this.admit(this.proxyAddress, { accept: () => reason });
  }

  /** Ends it without a word. */
  drop(): void {
    this.all.over(this);
    this.socket.terminate();
  }

  shed(): void {
    this.drop();
  }

  private admit(remoteAddress: string, acceptor: Acceptor): SocketOwner {
    const owner = this.all.admission.admit(this.socket, remoteAddress, acceptor);
    this.all.over(this);
    return owner;
  }
}
