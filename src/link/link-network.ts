// The ways on which links between services run: TCP between processes, memory inside of one. Both begin with the same
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
/** Frames of any kind that a peer may send before its handshake is over: it takes two. */
const handshakeFramesMax = 64;
/** Connections that have been told why they end, and may take some seconds to do so. */
const endingMax = 64;

/** Opens a connection to `host:port`; the handler is made with it. Rejects when nobody answers. */
export type Dial = (address: string, handlerOf: (connection: Connection) => FrameHandler) => Promise<Connection>;

/** Where a process takes links, and how it dials them. */
export interface LinkNetwork {
  /** Takes links; `advertised` is where others dial it. Throws when the address cannot be bound. */
  listen(acceptor: Acceptor, observer: TransportObserver): { readonly server: Server; readonly advertised: string };
  dial(observer: TransportObserver): Dial;
}

/** What every link needs of a transport. */
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

/** Links inside of one process. Addresses are the names of their owners. */
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

/** Counts the connections of a link port whose handshakes are not over. */
export function handshakeAdmission(limits: Limits): Admission {
  const { handshakes, handshakesPerAddress } = limits.values;
  const admission = new Admission({
    connectionsMax: Number.POSITIVE_INFINITY,
    overflowMax: 0,
    strangersMax: handshakes,
    strangersPerAddressMax: handshakesPerAddress,
    endingMax,
    // Nodes of a cluster often share a network: each address counts alone.
    quotaOf: (address) => (isLoopbackAddress(address) ? undefined : address),
    met: (bound, remoteAddress) => {
      if (bound === "strangers") limits.met("handshakes", { remoteAddress });
      else if (bound === "strangersPerAddress") limits.met("handshakesPerAddress", { remoteAddress });
    },
  });
  limits.measure("handshakes", () => admission.strangerCount);
  limits.measure("handshakesPerAddress", () => admission.strangersOfOneAddress);
  return admission;
}

function linkOptions(transport: LinkTransport, observer: TransportObserver): TransportOptions {
  const { limits, writeWaitMs, wheel, flusher } = transport;
  return {
    ...{ writeWaitMs, wheel, flusher, observer },
    // Until the handshake is over; then each side takes what a link may carry.
    strangerFrameBytesMax: handshakeBytesMax,
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
  return { ...linkOptions(transport, observer), strangerFrameBytesMax: handshakeAnswerBytesMax };
}

function parseTarget(address: string): SocketAddress | undefined {
  const [, bracketed, plain, digits = ""] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(address) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port === 0 || port > 65_535 ? undefined : { host, port };
}
