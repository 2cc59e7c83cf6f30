// The connections that a request with a valid key has come over, or one for a file with a valid ticket. All others are
// strangers': the platform reports neither their beginning nor their end, so their number is bounded by what the kernel
// knows (transport/unseen-watch.ts), and those of back ends are not among them.

import { descriptorsMax } from "../base/descriptors.ts";
import type { Limits } from "../base/limits/limits.ts";
import type { Log } from "../base/log.ts";
import { RareLog } from "../base/rare-log.ts";
import { formatAddress, peerAddress } from "../transport/address.ts";
import { peerQuota } from "../transport/quota-address.ts";
import { type SeenConnection, UnseenWatch } from "../transport/unseen-watch.ts";
import type { Clock } from "../base/clock.ts";

/** From connecting to the first request with a valid key: what a slow client needs, and no more. */
const strangerMsMax = 30_000;
/** Descriptors that strangers never take. */
const descriptorsReserved = 100;
/** Where the system does not say how many there may be. */
const descriptorsUnknown = 1_000_000;
/** Of the descriptors, what back ends may have: beyond, those connections are strangers' that were idle the longest. */
const knownShare = 1 / 4;
/** About 200 bytes each. */
const knownMax = 20_000;
const sayMs = 60_000;

/** What a listener of the platform says of a request. */
type AddressOf = Pick<Bun.Server<unknown>, "requestIP">;

export class KnownPeers {
  /** By peer, those heard last at the end. */
  private readonly known = new Map<string, SeenConnection>();
  private readonly knownMax: number;

  /** `descriptors`: how many this process may open. */
  constructor(descriptors = descriptorsMax() ?? descriptorsUnknown) {
    this.knownMax = Math.min(knownMax, Math.max(1, Math.floor(descriptors * knownShare)));
  }

  /** A request has shown a key or a ticket. */
  add(request: Request, server: AddressOf): void {
    const found = server.requestIP(request);
    const address = peerAddress(found?.address);
    // It left while its request waited.
    if (found === null || address === undefined) return;
    const peer = formatAddress(address, found.port);
    const former = this.known.get(peer);
    if (former !== undefined) this.known.delete(peer);
    else if (this.known.size >= this.knownMax) {
      const [oldest] = this.known.keys();
      if (oldest !== undefined) this.known.delete(oldest);
    }
    this.known.set(peer, former ?? { peer, peerPort: found.port, isUnidentified: false, sentTooMuch: () => undefined });
  }

  get size(): number {
    return this.known.size;
  }

  all(): Iterable<SeenConnection> {
    return this.known.values();
  }

  gone({ peer }: SeenConnection): void {
    this.known.delete(peer);
  }
}

interface WatchParts {
  readonly limits: Limits;
  readonly log: Log;
  readonly clock: Pick<Clock, "monotonicMs">;
  /** Connections of other listeners of this process that may be many. Default: none. */
  readonly others?: (() => number) | undefined;
  /** Returns what an address counts as, '' for one without a bound. Default: `peerQuota`. */
  readonly quotaOf?: (address: string) => string;
}

/** Bounds the strangers of a listener until `stop`. */
export function watchStrangers(
  port: number,
  known: KnownPeers,
  { limits, log, clock, others = () => 0, quotaOf = peerQuota }: WatchParts,
): UnseenWatch {
  const { apiStrangers, apiStrangersPerAddress } = limits.values;
  const rareLog = new RareLog(log, clock, sayMs);
  const seen = {
    get inUse() {
      return known.size + others();
    },
    unidentifiedCount: 0,
    all: () => known.all(),
    gone: (peer: SeenConnection) => known.gone(peer),
  };
  const watch = new UnseenWatch(port, seen, {
    ageMsMax: strangerMsMax,
    socketsMax: apiStrangers,
    socketsPerAddressMax: apiStrangersPerAddress,
    descriptorsMax: descriptorsMax() ?? descriptorsUnknown,
    descriptorsReserved,
    unidentifiedBytesMax: Infinity,
    quotaOf: (address) => quotaOf(address) || undefined,
    nowMs: () => clock.monotonicMs(),
    met(bound, ended) {
      if (bound === "age") log.debug("connections of the API without a valid key were ended", { ended });
      else if (bound === "descriptors")
        rareLog.warn("connections of the API were ended: they took the open files of this process (ulimit -n)", {
          ended,
        });
      else limits.met(bound === "sockets" ? "apiStrangers" : "apiStrangersPerAddress", { ended });
    },
  });
  limits.measure("apiStrangers", () => watch.found);
  limits.measure("apiStrangersPerAddress", () => watch.foundOfOneAddress);
  return watch;
}
