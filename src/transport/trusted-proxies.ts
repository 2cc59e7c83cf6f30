// The proxies and load balancers in front of the clients' listeners. The client address that they report counts for
// every limit and for the session. The report of anybody else is ignored and logged, at most once a minute and kind: an
// unknown proxy makes all of its clients one address.

import type { BlockList } from "node:net";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { RareLog } from "../base/rare-log.ts";
import { holdsAddress } from "./address-ranges.ts";
import { forwardedAddress } from "./forwarded-for.ts";

/** The shortest time between two log lines of one kind, in milliseconds. */
const sayMs = 60_000;

export class TrustedProxies {
  /** Undefined: no proxy is trusted. */
  private readonly ranges: BlockList | undefined;
  private readonly log: RareLog;

  constructor(ranges: BlockList | undefined, log: Log, clock: Pick<Clock, "monotonicMs">) {
    this.ranges = ranges;
    this.log = new RareLog(log, clock, sayMs);
  }

  /** True if the address is a proxy. Over TCP its connections begin with a header of the PROXY protocol. */
  trusts(address: string): boolean {
    return this.ranges !== undefined && holdsAddress(this.ranges, address);
  }

  /** Returns the client's address of an HTTP request. `forwardedFor`: all X-Forwarded-For lines, joined by commas. */
  clientOf(remote: string, forwardedFor: string | null): string {
    if (this.ranges === undefined || !this.trusts(remote)) {
      if (forwardedFor !== null)
        this.log.warn("X-Forwarded-For is ignored: its sender is not in --trusted-proxies", { remoteAddress: remote });
      return remote;
    }
    const client = forwardedAddress(remote, forwardedFor, this.ranges);
    if (client === remote) {
      this.log.warn(
        forwardedFor === null
          ? "a trusted proxy sends no X-Forwarded-For: all of its clients count as its own address"
          : "a trusted proxy sends an X-Forwarded-For without a client's address: it counts as its own",
        { remoteAddress: remote },
      );
    }
    return client;
  }

  /** A TCP connection of a peer that is not a proxy began with a PROXY protocol header. */
  headerOfOther(address: string): void {
    this.log.warn("a PROXY protocol header is refused: its sender is not in --trusted-proxies", {
      remoteAddress: address,
    });
  }

  /** A connection of a proxy was refused. */
  badHeader(address: string, fault: string): void {
    this.log.warn("a connection over TCP of a trusted proxy is refused", { remoteAddress: address, fault });
  }
}
