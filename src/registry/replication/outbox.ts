// The queue for one destination: a node of our zone, or another zone. It holds entries, not changes: an entry is sent
// in its current state. So the queue is never longer than the table, whatever happens while the destination is away,
// and sending twice or in another order is harmless.

import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { Entry, EntryState } from "../table/entry.ts";
import {
  type NodeInfo,
  type PeerFailure,
  type PeerNetwork,
  type Renewal,
  type Replicated,
  renewalsPerMessage,
  statesPerMessage,
} from "./peer-messages.ts";
import type { Cancel, Timers } from "../../base/timers.ts";

/** Renewals are collected for this long: they are many, and none is urgent. */
const renewalsWaitMs = 1_000;
const retryMsMin = 100;
const retryMsMax = 5_000;

/** The node, as an outbox uses it. */
export interface OutboxHost {
  readonly parts: {
    readonly clock: Clock;
    readonly timers: Timers;
    readonly random: Random;
    readonly network: PeerNetwork;
  };
  info(): NodeInfo;
  /** Handles a destination's answer or failure. */
  answered(address: string, reply: Replicated | PeerFailure): void;
  /** Merges newer states of a destination. */
  learn(states: readonly EntryState[]): void;
}

export class Outbox {
  private readonly host: OutboxHost;
  private readonly isSpread: boolean;
  /** Returns the node to send to; undefined while none exists. */
  private readonly target: () => string | undefined;
  private readonly states = new Set<Entry>();
  private readonly renewals = new Set<Entry>();
  private planned: { cancel: Cancel; atMs: number } | undefined;
  private isSending = false;
  /** Entries whose states are under way. */
  private sending: readonly Entry[] = [];
  private failures = 0;
  private isClosed = false;

  constructor(host: OutboxHost, isSpread: boolean, target: () => string | undefined) {
    this.host = host;
    this.isSpread = isSpread;
    this.target = target;
  }

  /** Queued entries. */
  get size(): number {
    return this.states.size + this.renewals.size;
  }

  /** True if nothing is queued or under way, or the destination does not answer. */
  get isSettled(): boolean {
    return this.failures > 0 || (!this.isSending && this.size === 0);
  }

  /** Reports whether an entry's state is queued for, or under way to, a destination that answers. */
  isSendingTo(entry: Entry): boolean {
    return this.failures === 0 && (this.states.has(entry) || this.sending.includes(entry));
  }

  /** Queues an entry with a new state. */
  pushState(entry: Entry): void {
    if (this.isClosed) return;
    this.renewals.delete(entry);
    this.states.add(entry);
    this.plan(0);
  }

  /** Queues a renewal. */
  pushRenewal(entry: Entry): void {
    if (this.isClosed || this.states.has(entry)) return;
    this.renewals.add(entry);
    this.plan(this.renewals.size >= renewalsPerMessage ? 0 : renewalsWaitMs);
  }

  /** Ends the back-off: the destination has sent something. */
  wake(): void {
    if (this.failures === 0) return;
    this.failures = 0;
    this.replan();
  }

  close(): void {
    this.isClosed = true;
    this.planned?.cancel();
    this.states.clear();
    this.renewals.clear();
  }

  private plan(delayMs: number): void {
    // While one message is under way, the next one fills; after a failure, it waits for the retry.
    if (this.isSending || (this.failures > 0 && this.planned !== undefined)) return;
    const atMs = this.host.parts.clock.monotonicMs() + delayMs;
    if (this.planned !== undefined) {
      if (this.planned.atMs <= atMs) return;
      this.planned.cancel();
    }
    if (delayMs === 0) {
      const plan = { cancel: () => void (plan.isOff = true), atMs, isOff: false };
      this.planned = plan;
      this.host.parts.timers.soon(() => {
        if (!plan.isOff) this.send();
      });
    } else this.planned = { cancel: this.host.parts.timers.after(delayMs, () => this.send()), atMs };
  }

  private replan(): void {
    this.planned?.cancel();
    this.planned = undefined;
    if (this.states.size > 0) this.plan(0);
    else if (this.renewals.size > 0) this.plan(renewalsWaitMs);
  }

  private send(): void {
    this.planned = undefined;
    if (this.isSending || this.isClosed) return;
    const states = take(this.states, statesPerMessage);
    const renewed = take(this.renewals, renewalsPerMessage).filter(({ instance }) => instance !== undefined);
    if (states.length === 0 && renewed.length === 0) {
      // All of these were cancelled meanwhile; more may follow.
      this.replan();
      return;
    }
    const address = this.target();
    if (address === undefined) {
      this.failed(states, renewed);
      return;
    }
    const nowMs = this.host.parts.clock.monotonicMs();
    this.isSending = true;
    this.sending = states;
    this.host.parts.network.replicate(
      address,
      {
        kind: "replicate",
        node: this.host.info(),
        isSpread: this.isSpread,
        states: states.map((entry) => entry.state(nowMs)),
        renewals: renewed.map((entry) => renewalOf(entry, nowMs)),
      },
      (reply) => {
        this.isSending = false;
        this.sending = [];
        if (this.isClosed) return;
        this.host.answered(address, reply);
        if (reply.kind === "failed") {
          this.failed(states, renewed);
          return;
        }
        this.failures = 0;
        this.host.learn(reply.newer);
        for (const index of reply.wanted) {
          const entry = renewed[index];
          if (entry !== undefined && entry.isHeld) this.states.add(entry);
        }
        this.replan();
      },
    );
  }

  private failed(states: readonly Entry[], renewed: readonly Entry[]): void {
    for (const entry of states) if (entry.isHeld) this.states.add(entry);
    for (const entry of renewed) if (entry.isHeld && !this.states.has(entry)) this.renewals.add(entry);
    const backOffMs = Math.min(retryMsMin * 2 ** this.failures, retryMsMax);
    // Half fixed, half random, so that nodes which lost the same peer do not all retry at once.
    const delayMs = backOffMs / 2 + ((this.host.parts.random.uint32() / 2 ** 32) * backOffMs) / 2;
    this.failures++;
    this.planned?.cancel();
    this.planned = {
      cancel: this.host.parts.timers.after(delayMs, () => this.send()),
      atMs: this.host.parts.clock.monotonicMs() + delayMs,
    };
  }
}

function renewalOf(entry: Entry, nowMs: number): Renewal {
  return {
    identity: entry.identity,
    dirty: entry.dirty,
    ageMs: Math.max(0, Math.round(nowMs - entry.touchedAtMs)),
  };
}

/** Removes up to `count` entries, and returns those that are still held and may be sent. */
function take(from: Set<Entry>, count: number): Entry[] {
  const taken: Entry[] = [];
  for (const entry of from) {
    if (taken.length >= count) break;
    from.delete(entry);
    if (entry.isHeld && !entry.isStale) taken.push(entry);
  }
  return taken;
}
