// The transports of links between services: TCP between processes, memory within one. Both begin with the same
// handshake.

import { handshakeAnswerBytesMax, handshakeBytesMax, linkFrameBytesMax } from "../base/limits/fixed.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { TimerWheel } from "../base/timer-wheel.ts";
import type { SocketAddress } from "../transport/address.ts";
import { isLoopbackAddress } from "../transport/address-ranges.ts";
import { Admission } from "../transport/admission.ts";
import type { Flusher } from "../transport/flusher.ts";
import type { MemoryNetwork } from "../transport/memory.ts";
import { dialTcp, listenTcp } from "../transport/tcp.ts";
import type {
  Acceptor,
  Connection,
  FrameHandler,
  Server,
  TransportObserver,
  TransportOptions,
} from "../transport/transport.ts";

const connectMsMax = 2_000;
/** The frames of any kind that a peer may send before the end of its handshake, which takes two. */
const handshakeFramesMax = 64;
/** Refused connections, which may take some seconds to end. */
const endingMax = 64;

/** Opens a connection to `host:port` and makes its handler. Rejects if it cannot connect. */
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

/** Links over TCP. `advertise`: where others reach it; its host defaults to the bound one. */
export class TcpLinkNetwork implements LinkNetwork {
  private readonly transport: LinkTransport;
  private readonly address: SocketAddress;
  private readonly advertise: (bound: string) => string;

  constructor(transport: LinkTransport, address: SocketAddress, advertise: (bound: string) => string) {
    this.transport = transport;
    this.address = address;
    this.advertise = advertise;
  }

  listen(acceptor: Acceptor, observer: TransportObserver): { server: Server; advertised: string } {
    const admission = handshakeAdmission(this.transport.limits);
    const server = listenTcp(this.address, acceptor, { ...linkOptions(this.transport, observer), admission });
    return { server, advertised: this.advertise(server.address) };
  }

  dial(observer: TransportObserver): Dial {
    const options = { ...dialOptions(this.transport, observer), connectTimeoutMs: connectMsMax };
    return async (address, handlerOf) => {
      const target = parseTarget(address);
      if (target === undefined) throw new Error(`${JSON.stringify(address)} is not host:port`);
      return dialTcp(target, handlerOf, options);
    };
  }
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
