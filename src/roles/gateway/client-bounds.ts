// The bounds of clients' connections, as their transports are told of them, and what is said when one is reached.

import type { Limits } from "../../base/limits/limits.ts";
import type { LimitName } from "../../base/limits/table.ts";
import type { Log } from "../../base/log.ts";
import { RareLog } from "../../base/rare-log.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import { isLoopbackAddress } from "../../transport/address-ranges.ts";
import { Admission, type AdmissionBound } from "../../transport/admission.ts";
import type { Member } from "../../transport/connection-group.ts";
import type { Flusher } from "../../transport/flusher.ts";
import { quotaAddress } from "../../transport/quota-address.ts";
import { shedLargest } from "../../transport/shed-largest.ts";
import type { TransportBound, TransportOptions } from "../../transport/transport.ts";
import type { TrustedProxies } from "../../transport/trusted-proxies.ts";

/** Connections above those that the descriptors allow, which are only there to be told so. */
const overflowMax = 32;
/** The shortest time between two log lines about descriptors, in milliseconds. */
const sayMs = 60_000;

/** How long a client may be silent is an option of its own, --read-wait. */
const limitOf: Readonly<Record<Exclude<TransportBound, "silence">, LimitName>> = {
  frames: "framesPerSecond",
  frameBytes: "frameBytes",
  strangerFrameBytes: "signInFrameBytes",
  unsentBytes: "unsentBytes",
};

const limitOfAdmission: Readonly<Record<Exclude<AdmissionBound, "connections">, LimitName>> = {
  strangers: "pendingConnections",
  strangersPerAddress: "pendingConnectionsPerAddress",
};

/** What one connection may take. */
export function clientBounds(
  limits: Limits,
): Pick<
  TransportOptions,
  "frameBytesMax" | "strangerFrameBytesMax" | "framesPerSecond" | "framesAtOnce" | "unsentBytesMax" | "met"
> {
  const { frameBytes, signInFrameBytes, framesPerSecond, framesAtOnce, unsentBytes } = limits.values;
  return {
    frameBytesMax: frameBytes,
    strangerFrameBytesMax: Math.min(signInFrameBytes, frameBytes),
    framesPerSecond,
    framesAtOnce,
    unsentBytesMax: unsentBytes,
    met: (bound, remoteAddress) => {
      if (bound !== "silence") limits.met(limitOf[bound], { remoteAddress });
    },
  };
}

/** Counts the connections of all listeners for clients. `connectionsMax`: what the process has descriptors for. */
export function clientAdmission(limits: Limits, connectionsMax: number, proxies: TrustedProxies, log: Log): Admission {
  const { pendingConnections, pendingConnectionsPerAddress } = limits.values;
  const rareLog = new RareLog(log, sayMs);
  const admission = new Admission({
    connectionsMax,
    overflowMax,
    strangersMax: pendingConnections,
    strangersPerAddressMax: pendingConnectionsPerAddress,
    // A proxy's own address stands for many clients until its request or its header has been read.
    quotaOf: (address) => (isLoopbackAddress(address) || proxies.trusts(address) ? undefined : quotaAddress(address)),
    met: (bound, remoteAddress) => {
      if (bound === "connections") {
        rareLog.warn("the open files of this process allow no further connection: raise its limit (ulimit -n)", {
          connections: connectionsMax,
          remoteAddress,
        });
      } else limits.met(limitOfAdmission[bound], { remoteAddress });
    },
  });
  limits.measure("pendingConnections", () => admission.strangerCount);
  limits.measure("pendingConnectionsPerAddress", () => admission.strangersOfOneAddress);
  return admission;
}

/** Bounds what waits unsent for all clients together, by what is in use after a flush: nothing is counted per message. */
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
    // The buffers may be those of links, or larger than what is in them: once a tick is enough to find that out.
    if (wheel.nowMs === fruitlessMs) return;
    const { ended, bytes } = shedLargest(connections(), unsentBytesInAll);
    if (ended > 0) limits.met("unsentBytesInAll", { ended, bytes });
    else fruitlessMs = wheel.nowMs;
  });
}
