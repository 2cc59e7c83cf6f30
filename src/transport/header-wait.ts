// TCP connections of trusted proxies, until their PROXY protocol header has arrived. The acceptor is asked after it, so
// that limits by address count the client and not the proxy. The header is required: a receiver that guesses whether
// one is present believes anybody (https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt, section 2).
//
// Memory. Each holds at most proxyHeaderBytesMax bytes and the rest of one read, for at most headWaitMs. It counts as
// an unidentified connection of the proxy's address; the connection that replaces it counts as one at the client's.

import { type CloseReason, closeLoginWait, closeProtocolFault } from "../wire/close-reason.ts";
import { type Admitting, PendingConnection } from "./pending-connection.ts";
import { readProxyHeader } from "./proxy-header.ts";
import type { TcpSocket } from "./socket-owner.ts";
import type { Acceptor } from "./transport.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

/** A listener behind proxies. */
interface Proxied extends Admitting {
  readonly proxies: TrustedProxies;
  readonly acceptor: Acceptor;
}

/** Waits for the header of a new connection of a proxy, and owns the socket until then. */
export function awaitHeader(socket: TcpSocket, proxyAddress: string, proxied: Proxied): void {
  new HeaderWait(socket, proxyAddress, proxied).begin();
}

class HeaderWait extends PendingConnection {
  private readonly proxied: Proxied;
  private bytes: Buffer | undefined;

  constructor(socket: TcpSocket, proxyAddress: string, proxied: Proxied) {
    super(socket, proxyAddress, proxied);
    this.proxied = proxied;
  }

  receive(chunk: Buffer): void {
    const { proxies, options, acceptor } = this.proxied;
    const { observer } = options;
    options.admission?.heard(this);
    const bytes = this.bytes === undefined ? chunk : Buffer.concat([this.bytes, chunk]);
    this.bytes = bytes;
    const header = readProxyHeader(bytes);
    if (header === undefined) return;
    if ("fault" in header) {
      proxies.badHeader(this.remoteAddress, header.fault);
      observer.bytesIn(bytes.length);
      observer.protocolFault("proxy-header");
      this.close(closeProtocolFault(header.fault));
      return;
    }
    observer.bytesIn(header.bytes);
    const owner = this.succeed(this.socket, header.source ?? this.remoteAddress, acceptor);
    if (bytes.length === header.bytes) return;
    // A connection contains its own bugs.
    try {
      owner.receive(bytes.subarray(header.bytes));
    } catch (bug) {
      owner.fail(bug);
    }
  }

  ended(): void {
    this.over();
  }

  gone(): void {
    this.over();
  }

  /** Ends it like a refused connection. With TLS nothing can be said before a handshake, which is not waited for. */
  close(reason: CloseReason): void {
    if (this.proxied.options.tls === undefined) this.succeed(this.socket, this.remoteAddress, { accept: () => reason });
    else this.shed();
  }

  /** The header did not arrive in time. */
  protected override late(): void {
    this.close(closeLoginWait);
  }
}
