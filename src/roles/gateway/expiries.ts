// Ends connections when their tokens expire. A connection has no timer of its own, which would cost memory for each one
// that is idle: all of them are looked through every half minute or so, some in each tick, and those that expire soon
// are looked at in every tick. The wall clock, which tokens are signed by, is read once, when a token is shown; from
// then on the monotonic one counts what is left of it: a clock that is set signs nobody out, and keeps nobody in.

import { Deadline } from "../../base/timer-wheel.ts";
import { type CloseReason, CloseCode } from "../../wire/close-reason.ts";
import type { Channel } from "./channel.ts";
import { ChannelState } from "./channel-state.ts";
import type { GatewayState } from "./gateway-state.ts";

const tickMs = 500;
/** Until the next tick when one has left connections that are due. */
const soonerMs = 100;
/** What expires within this long is looked at in each tick: more than it takes to look through all. */
const soonSeconds = 90;
/** All are looked through in so many ticks; of few, this many in a tick. */
const ticksPerRound = 60;
const lookedMin = 1_024;
/** Connections that a tick ends: each has an answer to write and a session to sign out. */
const endedMax = 2_000;

const closeExpired: CloseReason = { code: CloseCode.Unauthorised, text: "the token has expired" };
const closeKeyGone: CloseReason = { code: CloseCode.Unauthorised, text: "the key of the token is good no longer" };
/** The end of a token whose key was taken away; none expires then. */
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

  /** Connections that are looked at in each tick. */
  get size(): number {
    return this.soon.size;
  }

  /** When a token that is shown now expires, on the monotonic clock; `exp` is its end in seconds since 1970. */
  endOf(exp: number): number {
    const { clock } = this.gateway;
    return clock.monotonicMs() / 1000 + (exp - clock.wallMs() / 1000);
  }

  /** A connection has signed in, or has shown a new token. */
  watch(channel: Channel): void {
    if (this.isSoon(channel)) this.soon.add(channel);
  }

  /** A connection's token is good no longer: it ends in one of the next ticks. */
  end(channel: Channel): void {
    channel.expiresAt = atOnce;
    this.soon.add(channel);
  }

  /** A connection has ended. */
  forget(channel: Channel): void {
    this.soon.delete(channel);
  }

  expire(): void {
    this.look();
    this.gateway.wheel.arm(this, this.endDue() ? tickMs : soonerMs);
  }

  private isSoon({ expiresAt }: Channel): boolean {
    return expiresAt - soonSeconds <= this.gateway.clock.monotonicMs() / 1000;
  }

  /** Looks through the next part of all connections. */
  private look(): void {
    const { channels } = this.gateway;
    this.round ??= channels.values();
    for (let left = Math.max(lookedMin, Math.ceil(channels.size / ticksPerRound)); left > 0; left--) {
      const { value: channel, done } = this.round.next();
      if (done === true) {
        this.round = undefined;
        return;
      }
      this.watch(channel);
    }
  }

  /** Ends what is due. False: there is more. */
  private endDue(): boolean {
    const now = this.gateway.clock.monotonicMs() / 1000;
    let ended = 0;
    for (const channel of this.soon) {
      // One that is signing in is looked at again when it has: its client gets an answer first.
      if (channel.state === ChannelState.Pending) continue;
      if (channel.expiresAt > now) {
        // It has shown a new token since.
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
