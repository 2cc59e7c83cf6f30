// Ends connections when their tokens expire. A timer for each connection would cost memory, so all connections are
// scanned about every half minute, some in each tick, and those that expire soon are checked in every tick. The wall
// clock is read only when a token is presented; from then on the monotonic clock counts the remaining time, so setting
// the clock neither signs anybody out nor extends a token.

import { Deadline } from "../../base/timer-wheel.ts";
import { type CloseReason, CloseCode } from "../../wire/close-reason.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import type { GatewayState } from "./gateway-state.ts";

const tickMs = 500;
/** The time to the next tick if this one left expired connections. */
const soonerMs = 100;
/** Tokens that expire within this time are checked in each tick. It is longer than a scan of all connections. */
const soonSeconds = 90;
/** The ticks of a scan of all connections, and the least connections scanned in a tick. */
const ticksPerRound = 60;
const scannedMin = 1_024;
/** The most connections that a tick ends: each costs an answer and a sign-out. */
const endedMax = 2_000;

const closeExpired: CloseReason = { code: CloseCode.Unauthorised, text: "the token has expired" };
const closeKeyGone: CloseReason = { code: CloseCode.Unauthorised, text: "the key of the token is good no longer" };
/** The expiry of a token whose key was removed. */
const atOnce = -Infinity;

/** The connections of one gateway that are about to expire. It is armed while the gateway serves clients. */
export class Expiries extends Deadline {
  private readonly gateway: GatewayState;
  private readonly soon = new Set<Channel>();
  private round: Iterator<Channel> | undefined;

  constructor(gateway: GatewayState) {
    super();
    this.gateway = gateway;
  }

  start(): void {
    this.gateway.wheel.arm(this, tickMs);
  }

  stop(): void {
    this.gateway.wheel.disarm(this);
  }

  /** The number of connections that are checked in each tick. */
  get size(): number {
    return this.soon.size;
  }

  /** Converts the `exp` of a token, in seconds since 1970, to seconds on the monotonic clock. */
  endOf(exp: number): number {
    const { clock } = this.gateway;
    return clock.monotonicMs() / 1000 + (exp - clock.wallMs() / 1000);
  }

  /** Watches a connection that has signed in or presented a new token. */
  watch(channel: Channel): void {
    if (this.isSoon(channel)) this.soon.add(channel);
  }

  /** Ends a connection, whose token is no longer valid, in one of the next ticks. */
  end(channel: Channel): void {
    channel.expiresAt = atOnce;
    this.soon.add(channel);
  }

  /** Removes a connection that has ended. */
  forget(channel: Channel): void {
    this.soon.delete(channel);
  }

  expire(): void {
    this.scan();
    this.gateway.wheel.arm(this, this.endDue() ? tickMs : soonerMs);
  }

  private isSoon({ expiresAt }: Channel): boolean {
    return expiresAt - soonSeconds <= this.gateway.clock.monotonicMs() / 1000;
  }

  /** Scans the next part of all connections. */
  private scan(): void {
    const { channels } = this.gateway;
    this.round ??= channels.values();
    for (let left = Math.max(scannedMin, Math.ceil(channels.size / ticksPerRound)); left > 0; left--) {
      const { value: channel, done } = this.round.next();
      if (done === true) {
        this.round = undefined;
        return;
      }
      this.watch(channel);
    }
  }

  /** Ends expired connections. Returns false if some are left. */
  private endDue(): boolean {
    const now = this.gateway.clock.monotonicMs() / 1000;
    let ended = 0;
    for (const channel of this.soon) {
      // A pending sign-in is answered first.
      if (channel.state === ChannelState.Pending) continue;
      if (channel.expiresAt > now) {
        // It has presented a new token since.
        if (!this.isSoon(channel)) this.soon.delete(channel);
        continue;
      }
      if (ended === endedMax) return false;
      ended++;
      this.soon.delete(channel);
      channel.connection.close(channel.expiresAt === atOnce ? closeKeyGone : closeExpired);
    }
    return true;
  }
}
