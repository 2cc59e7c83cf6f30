// How much one address may take: connections at once and sign-ins a second. Loopback is exempt: it is where proxies,
// tests and benches live, and who is there can do worse. An IPv6 network of 64 bits counts as one address.
//
// What an address has used is remembered for longer than its connections: otherwise one that connects, signs in and
// leaves, again and again, would have its whole allowance each time. It is forgotten once its allowance is full again,
// which takes a second: memory is bounded by the addresses that signed in within that time.

import type { Limits } from "../../base/limits/limits.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import { isLoopbackAddress } from "../../transport/address-ranges.ts";
import { quotaAddress } from "../../transport/quota-address.ts";

/** How long an allowance of a second's sign-ins takes to be full again, in milliseconds. */
const refillMs = 1_000;

interface AddressUse {
  connections: number;
  signIns: TokenBucket | undefined;
  /** Moment from which `signIns` is full if nobody signs in. */
  fullMs: number;
  /** It stands in `waning`. */
  isWaning: boolean;
}

/** Counts by address; an address without connections takes no memory, a second later. */
export class AddressLimits {
  private readonly uses = new Map<string, AddressUse>();
  /** Addresses that had no connection left and a bucket that was not full, in the order in which they are due. */
  private readonly waning: { readonly address: string; readonly dueMs: number }[] = [];
  private total = 0;
  private readonly connectionsMax: number;
  private readonly limits: Limits;
  private readonly clock: { readonly nowMs: number };

  /** `connectionsMax`: of this process, over all addresses. */
  constructor(connectionsMax: number, limits: Limits, clock: { readonly nowMs: number }) {
    this.connectionsMax = connectionsMax;
    this.limits = limits;
    this.clock = clock;
    limits.measure("connectionsPerAddress", () => this.mostConnections());
  }

  /** Counts a new connection; false when the process or its address has too many: then it must be refused. */
  enter(address: string): boolean {
    this.forgetIdle();
    if (this.total >= this.connectionsMax) return false;
    if (!isLoopbackAddress(address)) {
      const quota = quotaAddress(address);
      const use = this.uses.get(quota);
      if (use === undefined) this.uses.set(quota, { connections: 1, signIns: undefined, fullMs: 0, isWaning: false });
      else if (use.connections >= this.limits.values.connectionsPerAddress) {
        this.limits.met("connectionsPerAddress", { remoteAddress: address });
        return false;
      } else use.connections++;
    }
    this.total++;
    return true;
  }

  /** A connection that was let in has ended. */
  leave(address: string): void {
    this.total--;
    const quota = quotaAddress(address);
    const use = this.uses.get(quota);
    if (use === undefined) return;
    use.connections--;
    if (use.connections > 0) return;
    this.forget(quota, use);
  }

  /** False when this address has used up its sign-ins of this second. */
  signIn(address: string): boolean {
    const use = this.uses.get(quotaAddress(address));
    if (use === undefined) return true;
    const { nowMs } = this.clock;
    const { signInsPerSecondPerAddress } = this.limits.values;
    use.signIns ??= new TokenBucket(signInsPerSecondPerAddress, signInsPerSecondPerAddress, nowMs);
    if (!use.signIns.take(nowMs)) {
      this.limits.met("signInsPerSecondPerAddress", { remoteAddress: address });
      return false;
    }
    use.fullMs = nowMs + refillMs;
    return true;
  }

  /** Addresses that are remembered, for tests. */
  get size(): number {
    return this.uses.size;
  }

  private isFull({ signIns, fullMs }: AddressUse): boolean {
    return signIns === undefined || fullMs <= this.clock.nowMs;
  }

  /** Forgets an address without connections, now or when its allowance is full. */
  private forget(address: string, use: AddressUse): void {
    if (this.isFull(use)) this.uses.delete(address);
    else if (!use.isWaning) {
      use.isWaning = true;
      this.waning.push({ address, dueMs: use.fullMs });
    }
  }

  private forgetIdle(): void {
    const { nowMs } = this.clock;
    let due = 0;
    for (const { address, dueMs } of this.waning) {
      if (dueMs > nowMs) break;
      due++;
      const use = this.uses.get(address);
      if (use === undefined) continue;
      use.isWaning = false;
      // It may have come back, and left again.
      if (use.connections === 0) this.forget(address, use);
    }
    if (due > 0) this.waning.splice(0, due);
  }

  private mostConnections(): number {
    let most = 0;
    for (const { connections } of this.uses.values()) most = Math.max(most, connections);
    return most;
  }
}
