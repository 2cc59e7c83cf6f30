// The bounds of clients' connections, as options of their transports, and the log lines of bounds that are reached.

import { linkFrameBytesMax } from "../../base/limits/fixed.ts";
import type { Limits } from "../../base/limits/limits.ts";
import type { LimitName } from "../../base/limits/table.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { RareLog } from "../../base/rare-log.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import type { ClientSettings } from "../settings.ts";
import type { TurnShare } from "../../base/turn-share.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import { isLoopbackAddress } from "../../transport/address-ranges.ts";
import { Admission, type AdmissionBound } from "../../transport/admission.ts";
import type { Member } from "../../transport/connection-group.ts";
import type { Flusher } from "../../transport/flusher.ts";
import { quotaAddress } from "../../transport/quota-address.ts";
import { shedLargest } from "../../transport/shed-largest.ts";
import type { TransportBound, TransportOptions } from "../../transport/transport.ts";
import { TrustedProxies } from "../../transport/trusted-proxies.ts";
import type { Pages } from "../../transport/page-requests.ts";
import type { UnseenBound, UnseenBounds } from "../../transport/unseen-watch.ts";

/** Connections above the number that the descriptors allow, which are accepted only to be refused with a reason. */
const overflowMax = 32;
/** Descriptors that sockets without a request never take: fewer than `connectionsMax` leaves for everything else. */
const descriptorsReserved = 100;
/** An HTTP request, and the overhead of frames. */
const requestBytesMax = 32 * 1024;
/** Some thousand frames without a request; a peer with a round trip of 100 ms can send ten times as much a second. */
const receiveBufferBytes = 32 * 1024;
/** The shortest time between two log lines about descriptors, in milliseconds. */
const sayMs = 60_000;

/** The bound on a client's silence is an option, --read-wait. */
const limitOf: Readonly<Record<Exclude<TransportBound, "silence">, LimitName>> = {
  frames: "framesPerSecond",
  frameBytes: "frameBytes",
  unidentifiedFrameBytes: "signInFrameBytes",
  unsentBytes: "unsentBytes",
};

const limitOfUnseen: Readonly<Record<Exclude<UnseenBound, "age" | "descriptors">, LimitName>> = {
  sockets: "pendingConnections",
  socketsPerAddress: "pendingConnectionsPerAddress",
};

const limitOfAdmission: Readonly<Record<Exclude<AdmissionBound, "connections">, LimitName>> = {
  unidentified: "pendingConnections",
  unidentifiedPerAddress: "pendingConnectionsPerAddress",
};

/** Returns the bounds of one connection. */
export function clientBounds(
  limits: Limits,
): Pick<
  TransportOptions,
  | "frameBytesMax"
  | "unidentifiedFrameBytesMax"
  | "framesPerSecond"
  | "framesAtOnce"
  | "receiveBufferBytes"
  | "unsentBytesMax"
  | "met"
> {
  const { frameBytes, signInFrameBytes, framesPerSecond, framesAtOnce, unsentBytes } = limits.values;
  return {
    frameBytesMax: frameBytes,
    unidentifiedFrameBytesMax: Math.min(signInFrameBytes, frameBytes),
    framesPerSecond,
    framesAtOnce,
    receiveBufferBytes,
    unsentBytesMax: unsentBytes,
    met: (bound, remoteAddress) => {
      if (bound !== "silence") limits.met(limitOf[bound], { remoteAddress });
    },
  };
}

/** Returns the quota of an address; undefined for loopback and for proxies, which have many clients behind them. */
const quotaBehind =
  (proxies: TrustedProxies) =>
  (address: string): string | undefined =>
    isLoopbackAddress(address) || proxies.trusts(address) ? undefined : quotaAddress(address);

/** Counts the connections of all client listeners. `connectionsMax`: the number that the descriptors allow. */
export function clientAdmission(
  limits: Limits,
  connectionsMax: number,
  proxies: TrustedProxies,
  rareLog: RareLog,
): Admission {
  const { pendingConnections, pendingConnectionsPerAddress } = limits.values;
  const admission = new Admission({
    connectionsMax,
    overflowMax,
    unidentifiedMax: pendingConnections,
    unidentifiedPerAddressMax: pendingConnectionsPerAddress,
    quotaOf: quotaBehind(proxies),
    met: (bound, remoteAddress) => {
      if (bound === "connections") {
        rareLog.warn("the open files of this process allow no further connection: raise its limit (ulimit -n)", {
          connections: connectionsMax,
          remoteAddress,
        });
      } else limits.met(limitOfAdmission[bound], { remoteAddress });
    },
  });
  limits.measure("pendingConnections", () => admission.unidentifiedCount);
  limits.measure("pendingConnectionsPerAddress", () => admission.unidentifiedOfOneAddress);
  return admission;
}

/** Bounds the sockets of WebSocket listeners that have sent no request, like connections that have not signed in. */
function unseenBounds(
  limits: Limits,
  { loginWaitMs, wheel }: { readonly loginWaitMs: number; readonly wheel: TimerWheel },
  {
    descriptors,
    proxies,
    log,
    rareLog,
  }: {
    readonly descriptors: number;
    readonly proxies: TrustedProxies;
    readonly log: Log;
    readonly rareLog: RareLog;
  },
): UnseenBounds {
  const { pendingConnections, pendingConnectionsPerAddress, signInFrameBytes } = limits.values;
  return {
    ageMsMax: loginWaitMs,
    socketsMax: pendingConnections,
    socketsPerAddressMax: pendingConnectionsPerAddress,
    descriptorsMax: descriptors,
    descriptorsReserved,
    unidentifiedBytesMax: requestBytesMax + 2 * signInFrameBytes,
    quotaOf: quotaBehind(proxies),
    nowMs: () => wheel.nowMs,
    met(bound, ended) {
      if (bound === "age") log.debug("connections without a request were ended", { ended });
      else if (bound === "descriptors") {
        rareLog.warn("connections without a request were ended: they took the open files of this process (ulimit -n)", {
          ended,
        });
      } else limits.met(limitOfUnseen[bound], { ended });
    },
  };
}

/**
 * Bounds the unsent bytes of all clients together. They are measured after a flush, so that no message pays for it.
 */
export function boundUnsent(
  limits: Limits,
  {
    flusher,
    wheel,
    connections,
  }: {
    readonly flusher: Flusher;
    readonly wheel: TimerWheel;
    readonly connections: () => Iterable<Member>;
  },
): void {
  const { unsentBytesInAll } = limits.values;
  const waiting = (): number[] => Array.from(connections(), ({ unsentBytes }) => unsentBytes);
  limits.measure("unsentBytes", () => waiting().reduce((most, bytes) => Math.max(most, bytes), 0));
  limits.measure("unsentBytesInAll", () => waiting().reduce((sum, bytes) => sum + bytes, 0));
  let fruitlessMs = -1;
  flusher.watch(unsentBytesInAll, () => {
    // The buffers may belong to links, or be larger than their content: finding that out once a tick is enough.
    if (wheel.nowMs === fruitlessMs) return;
    const { ended, bytes } = shedLargest(connections(), unsentBytesInAll);
    if (ended > 0) limits.met("unsentBytesInAll", { ended, bytes });
    else fruitlessMs = wheel.nowMs;
  });
}

/** Returns the options of the transports that clients connect to. */
export function clientTransport(
  parts: ClientSettings & {
    readonly wheel: TimerWheel;
    readonly flusher: Flusher;
    readonly metrics: ServiceMetrics;
    readonly pages?: Pages | undefined;
  },
  {
    limits,
    log,
    clock,
    descriptors,
    connectionsMax,
  }: {
    readonly limits: Limits;
    readonly log: Log;
    readonly clock: Pick<Clock, "monotonicMs">;
    /** The bound on open files of the process. */
    readonly descriptors: number;
    readonly connectionsMax: number;
  },
  { unidentifiedShare }: { readonly unidentifiedShare: TurnShare },
): TransportOptions {
  const { wheel, flusher, metrics, readWaitMs, writeWaitMs } = parts;
  const proxies = new TrustedProxies(parts.trustedProxies, log, clock);
  const rareLog = new RareLog(log, clock, sayMs);
  return {
    ...clientBounds(limits),
    readWaitMs,
    writeWaitMs,
    wheel,
    flusher,
    proxies,
    unidentifiedShare,
    tls: parts.tls?.context,
    pages: parts.pages,
    hasOwnPage: parts.web,
    origins: parts.allowOrigins,
    originRefused: (origin, remoteAddress) =>
      rareLog.warn("a web page was refused: its origin is not in --allow-origins", { origin, remoteAddress }),
    sentFrameBytesMax: linkFrameBytesMax,
    closeWhenSlow: true,
    headWaitMs: parts.loginWaitMs,
    unseen: unseenBounds(limits, parts, { descriptors, proxies, log, rareLog }),
    observer: metrics,
    admission: clientAdmission(limits, connectionsMax, proxies, rareLog),
  };
}
