// Who delivers: one process of those that share a store. The lease is a row with a holder and a number that the holder
// raises. Whoever sees that number stand still for `takeOverMs` takes the lease; the holder stops before that, when it
// could not raise it for `leaseMs`. Both measure with their own monotonic clocks, so that no step of a wall clock and
// no difference between two machines takes a lease from a process that lives. A process that was frozen longer finds
// out when it saves: the store refuses it.

import type { HookLease, HookStore } from "../store/hooks.ts";
import type { HookPace } from "./pace.ts";

export class LeaseKeeper {
  private readonly store: Pick<HookStore, "lease">;
  readonly holder: string;
  private readonly pace: HookPace;
  private readonly monotonicMs: () => number;
  private seen: HookLease | undefined;
  private seenMs = 0;
  private renewedMs = -Infinity;

  /** `holder`: random, for the life of the process. */
  constructor(store: Pick<HookStore, "lease">, holder: string, pace: HookPace, monotonicMs: () => number) {
    this.store = store;
    this.holder = holder;
    this.pace = pace;
    this.monotonicMs = monotonicMs;
  }

  /** Whether this process may deliver now. */
  get isHeld(): boolean {
    return this.seen?.holder === this.holder && this.monotonicMs() - this.renewedMs < this.pace.leaseMs;
  }

  /** Takes what was read; renews the lease or takes it, if that is due. */
  async look(lease: HookLease): Promise<void> {
    const beganMs = this.monotonicMs();
    if (this.seen?.holder !== lease.holder || this.seen.beat !== lease.beat) this.see(lease, beganMs);
    const isFree = lease.holder === "" || beganMs - this.seenMs >= this.pace.takeOverMs;
    if (lease.holder !== this.holder && !isFree) return;
    const next = await this.store.lease(this.holder, lease);
    this.see(next, this.monotonicMs());
    // From before it was asked for: others may have seen it since then.
    if (next.holder === this.holder) this.renewedMs = beganMs;
  }

  /** The store has said that somebody else has it. */
  lost(): void {
    this.renewedMs = -Infinity;
  }

  /** Gives it to whoever wants it. */
  async release(): Promise<void> {
    const { seen } = this;
    if (seen?.holder === this.holder) await this.store.lease("", seen);
    this.lost();
  }

  private see(lease: HookLease, nowMs: number): void {
    this.seen = lease;
    this.seenMs = nowMs;
  }
}
