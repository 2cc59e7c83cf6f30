// What the parts of a gateway share: its name, its connections by channel id, its links, its limits.

import type { TokenVerifier } from "../../auth/token.ts";
import type { Log } from "../../base/log.ts";
import type { TimerWheel } from "../../base/timer-wheel.ts";
import type { Links } from "../../container/links.ts";
import type { ServiceMetrics } from "../../observe/metrics.ts";
import { Interner } from "../../wire/interner.ts";
import type { AddressLimits } from "./address-limits.ts";
import type { Channel } from "./channel.ts";
import { SignOuts } from "./sign-outs.ts";

/** One gateway; an ordinary object, so that a process may hold several. */
export class Gateway {
  readonly channels = new Map<string, Channel>();
  readonly commands = new Interner();
  /** True from the start of a drain: requests are refused, connections too. */
  isDraining = false;
  /** Whom it is sending away: no further request of theirs is taken. Everybody, at the end of a drain. */
  readonly leaving = new Set<Channel>();
  private counter: number;

  readonly serviceId: string;
  readonly serviceIdBytes: Buffer;
  readonly links: Links<Channel>;
  readonly verifier: TokenVerifier;
  readonly wheel: TimerWheel;
  readonly limits: AddressLimits;
  readonly metrics: ServiceMetrics;
  readonly log: Log;
  readonly loginWaitMs: number;
  readonly signOuts: SignOuts;

  constructor(parts: {
    serviceId: string;
    links: Links<Channel>;
    verifier: TokenVerifier;
    wheel: TimerWheel;
    limits: AddressLimits;
    metrics: ServiceMetrics;
    log: Log;
    loginWaitMs: number;
  }) {
    this.serviceId = parts.serviceId;
    this.serviceIdBytes = Buffer.from(parts.serviceId);
    this.links = parts.links;
    this.verifier = parts.verifier;
    this.wheel = parts.wheel;
    this.limits = parts.limits;
    this.metrics = parts.metrics;
    this.log = parts.log;
    this.loginWaitMs = parts.loginWaitMs;
    this.signOuts = new SignOuts(parts.serviceId, ({ id, app, account }) =>
      this.links.choose("login", { channelId: id, app, account }),
    );
    // A restart begins above every number of the run before: 1,024 sign-ins a millisecond would have to be kept up.
    this.counter = Date.now() * 1024;
  }

  /** True when no further request of this connection is taken. */
  isLeaving(channel: Channel): boolean {
    return this.isDraining && this.leaving.has(channel);
  }

  /** A name for a connection that no other one ever has, restarts included. */
  nextChannelId(account: string): string {
    return `${this.serviceId}_${account}_${(this.counter++).toString(36)}`;
  }
}
