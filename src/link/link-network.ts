// The transports of links between services: TCP or TLS between processes, memory within one. All begin with the same
// handshake.

import { handshakeAnswerBytesMax, handshakeBytesMax, linkFrameBytesMax } from "../base/limits/fixed.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { RareLog } from "../base/rare-log.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { SocketAddress } from "../transport/address.ts";
import { isLoopbackAddress } from "../transport/address-ranges.ts";
import { Admission } from "../transport/admission.ts";
import type { Flusher } from "../transport/flusher.ts";
import type { MemoryNetwork } from "../transport/memory.ts";
import { dialTcp, listenTcp } from "../transport/tcp.ts";
import type { NodeTls } from "../transport/tls/node-tls.ts";
import type {
  Acceptor,
  Connection,
  FrameHandler,
  Server,
  TransportObserver,
  TransportOptions,
} from "../transport/transport.ts";

/** Of the address of a node that takes links over TLS only. */
const tlsScheme = "tls://";
const noAuthorities = "links over TLS need the authorities of the cluster (--node-ca)";
const connectMsMax = 2_000;
/** The frames of any kind that a peer may send before the end of its handshake, which takes two. */
const handshakeFramesMax = 64;
/** Refused connections, which may take some seconds to end. */
const endingMax = 64;

/** Opens a connection to a link address and makes its handler. Rejects if it cannot connect. */
export type Dial = (address: string, handlerOf: (connection: Connection) => FrameHandler) => Promise<Connection>;

/** Accepts and dials the links of a process. */
export interface LinkNetwork {
  /** Accepts links; `advertised` is the address at which others dial it. Throws if the address cannot be bound. */
  listen(acceptor: Acceptor, observer: TransportObserver): { readonly server: Server; readonly advertised: string };
  dial(observer: TransportObserver): Dial;
}

/** The options of a transport for links. */
interface LinkTransport {
  readonly writeWaitMs: number;
  readonly wheel: TimerWheel;
  readonly flusher: Flusher;
  readonly limits: Limits;
}

/** How a process takes and dials links over TCP. */
interface TcpLinkParts {
  readonly transport: LinkTransport;
  /** Where it listens. */
  readonly address: SocketAddress;
  /** Where others reach it; its host defaults to the bound one. */
  readonly advertise: (bound: string) => string;
  /** Undefined: links are in plain text. */
  readonly tls?: NodeTls | undefined;
  readonly rareLog: Pick<RareLog, "warn">;
}

/**
 * Links over TCP, or over TLS with certificates on both sides. The address of a node that requires TLS is
 * `tls://host:port`, of any other `host:port`; proofs of the cluster key cover it as it is written.
 *
 * A node that requires TLS dials nothing else, whatever an address says: the registry cannot talk it out of it. A node
 * that accepts plain text announces itself as before, takes both, and dials TLS where an address asks for it. So a
 * running cluster changes in two rounds of restarts: first all accept, then all require.
 */
export class TcpLinkNetwork implements LinkNetwork {
  private readonly parts: TcpLinkParts;

  /** @throws if there is a certificate, but nothing to verify others by: links would be in plain text. */
  constructor(parts: TcpLinkParts) {
    if (parts.tls !== undefined && parts.tls.links === undefined) throw new Error(noAuthorities);
    this.parts = parts;
  }

  listen(acceptor: Acceptor, observer: TransportObserver): { server: Server; advertised: string } {
    const { transport, address, advertise, tls, rareLog } = this.parts;
    const server = listenTcp(address, acceptor, {
      ...linkOptions(transport, observer),
      admission: handshakeAdmission(transport.limits),
      ...(tls && {
        tls: tls.links,
        acceptsPlain: !tls.isRequired,
        peerRefused: (reason, remoteAddress) =>
          rareLog.warn("a process that dialled this node was refused", { reason, remoteAddress }),
      }),
    });
    const advertised = advertise(server.address);
    try {
      tls?.requireName(advertised);
      tls?.requireBothPurposes();
    } catch (error) {
      server.stopAccepting();
      throw error;
    }
    return { server, advertised: tls?.isRequired === true ? `${tlsScheme}${advertised}` : advertised };
  }

  dial(observer: TransportObserver): Dial {
    const { transport, tls } = this.parts;
    const options = dialOptions(transport, observer);
    return (address, handlerOf) => dialLink(address, handlerOf, options, tls);
  }
}

/**
 * Dials `host:port` or `tls://host:port`.
 * @param tls undefined: only plain text can be dialled.
 * @throws (rejects) if the address is malformed, the peer cannot be reached or verified, or a certificate is missing.
 */
export async function dialLink(
  address: string,
  handlerOf: (connection: Connection) => FrameHandler,
  options: TransportOptions,
  tls: Pick<NodeTls, "dialler" | "isRequired"> | undefined,
): Promise<Connection> {
  const isSecure = address.startsWith(tlsScheme);
  const target = parseTarget(isSecure ? address.slice(tlsScheme.length) : address);
  if (target === undefined) throw new Error(`${JSON.stringify(address)} is not host:port or tls://host:port`);
  if (isSecure && tls === undefined)
    throw new Error(`${address} takes links over TLS only; give this process --node-cert, --node-key and --node-ca`);
  const dialTls = isSecure || tls?.isRequired === true ? tls?.dialler : undefined;
  if (dialTls === undefined && (isSecure || tls?.isRequired === true)) throw new Error(noAuthorities);
  return dialTcp(target, handlerOf, { ...options, connectTimeoutMs: connectMsMax, dialTls });
}

/** Links within one process. An address is the name of its owner. */
export class MemoryLinkNetwork implements LinkNetwork {
  private readonly transport: LinkTransport;
  private readonly network: MemoryNetwork;
  private readonly name: string;

  constructor(transport: LinkTransport, network: MemoryNetwork, name: string) {
    this.transport = transport;
    this.network = network;
    this.name = name;
  }

  listen(acceptor: Acceptor, observer: TransportObserver): { server: Server; advertised: string } {
    const server = this.network.listen(this.name, acceptor, linkOptions(this.transport, observer));
    return { server, advertised: this.name };
  }

  dial(observer: TransportObserver): Dial {
    const options = dialOptions(this.transport, observer);
    return (address, handlerOf) => this.network.dial(address, this.name, handlerOf, options);
  }
}

/** Bounds the connections of a link port that are in their handshake. */
export function handshakeAdmission(limits: Limits): Admission {
  const { handshakes, handshakesPerAddress } = limits.values;
  const admission = new Admission({
    connectionsMax: Number.POSITIVE_INFINITY,
    overflowMax: 0,
    unidentifiedMax: handshakes,
    unidentifiedPerAddressMax: handshakesPerAddress,
    endingMax,
    // Nodes of a cluster often share a network: each address counts by itself.
    quotaOf: (address) => (isLoopbackAddress(address) ? undefined : address),
    met: (bound, remoteAddress) => {
      if (bound === "unidentified") limits.met("handshakes", { remoteAddress });
      else if (bound === "unidentifiedPerAddress") limits.met("handshakesPerAddress", { remoteAddress });
    },
  });
  limits.measure("handshakes", () => admission.unidentifiedCount);
  limits.measure("handshakesPerAddress", () => admission.unidentifiedOfOneAddress);
  return admission;
}

function linkOptions(transport: LinkTransport, observer: TransportObserver): TransportOptions {
  const { limits, writeWaitMs, wheel, flusher } = transport;
  return {
    writeWaitMs,
    wheel,
    flusher,
    observer,
    // Until the end of the handshake; then the bounds of links apply.
    unidentifiedFrameBytesMax: handshakeBytesMax,
    framesAtOnce: handshakeFramesMax,
    frameBytesMax: linkFrameBytesMax,
    unsentBytesMax: limits.values.unsentBytesPerLink,
    closeWhenSlow: false,
    readWaitMs: limits.values.linkSilenceMs,
    met: (bound, remoteAddress) => {
      if (bound === "unsentBytes") limits.met("unsentBytesPerLink", { remoteAddress });
      else if (bound === "silence") limits.met("linkSilenceMs", { remoteAddress });
    },
  };
}

function dialOptions(transport: LinkTransport, observer: TransportObserver): TransportOptions {
  return { ...linkOptions(transport, observer), unidentifiedFrameBytesMax: handshakeAnswerBytesMax };
}

function parseTarget(address: string): SocketAddress | undefined {
  const [, bracketed, plain, digits = ""] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port === 0 || port > 65_535 ? undefined : { host, port };
}
