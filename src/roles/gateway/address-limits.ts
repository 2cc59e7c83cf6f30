// The quotas of an address: concurrent connections, and sign-ins a second. Loopback is exempt: it serves proxies, tests
// and benchmarks, and a local user can do worse. An IPv6 network of 64 bits counts as one address.
//
// The use of an address outlasts its connections: otherwise each reconnect would restore the full allowance. It is
// forgotten when the allowance is full again, after a second (two if in debt), so memory is bounded by the addresses
// that signed in within that time.

import type { Limits } from "../../base/limits/limits.ts";
import { TokenBucket } from "../../base/token-bucket.ts";
import { isLoopbackAddress } from "../../transport/address-ranges.ts";
import { quotaAddress } from "../../transport/quota-address.ts";

/** The time in which an empty allowance becomes full, in milliseconds. */
const refillMs = 1_000;

interface AddressUse {
  connections: number;
  signIns: TokenBucket | undefined;
  /** The time at which `signIns` is full without further sign-ins. */
  fullMs: number;
  /** It is in `refilling`. */
  isRefilling: boolean;
}

/** Counts connections and sign-ins by address. */
export class AddressLimits {
  private readonly uses = new Map<string, AddressUse>();
  /** Addresses without connections whose allowance was not full, ordered by `dueMs`. */
  private readonly refilling: { readonly address: string; readonly dueMs: number }[] = [];
  private total = 0;
  private readonly connectionsMax: number;
  private readonly limits: Limits;
  private readonly clock: { readonly nowMs: number };

  /** `connectionsMax` bounds the connections of all addresses together. */
  constructor(connectionsMax: number, limits: Limits, clock: { readonly nowMs: number }) {
    this.connectionsMax = connectionsMax;
    this.limits = limits;
    this.clock = clock;
    limits.measure("connectionsPerAddress", () => this.mostConnections());
  }

  /** Counts a new connection. Returns false if the caller must refuse it: the process or the address has too many. */
  enter(address: string): boolean {
    this.forgetIdle();
    if (this.total >= this.connectionsMax) return false;
    if (!isLoopbackAddress(address)) {
      const quota = quotaAddress(address);
      const use = this.uses.get(quota);
      if (use === undefined)
        this.uses.set(quota, { connections: 1, signIns: undefined, fullMs: 0, isRefilling: false });
      else if (use.connections >= this.limits.values.connectionsPerAddress) {
        this.limits.met("connectionsPerAddress", { remoteAddress: address });
        return false;
      } else use.connections++;
    }
    this.total++;
    return true;
  }

  /** Removes the count of an admitted connection that has ended. */
  leave(address: string): void {
    this.total--;
    const quota = quotaAddress(address);
    const use = this.uses.get(quota);
    if (use === undefined) return;
    use.connections--;
    if (use.connections > 0) return;
    this.forget(quota, use);
  }

  /** Takes one sign-in from the allowance. Returns false if it is used up. */
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
    use.fullMs = Math.max(use.fullMs, nowMs + refillMs);
    return true;
  }

  /** Charges an address for the work of another sign-in, even if its allowance is used up: it is repaid later. */
  chargeSignIn(address: string): void {
    const use = this.uses.get(quotaAddress(address));
    if (use?.signIns === undefined) return;
    const { nowMs } = this.clock;
    use.signIns.charge(nowMs, 1, this.limits.values.signInsPerSecondPerAddress);
    // The debt is at most another second's allowance.
    use.fullMs = nowMs + 2 * refillMs;
  }

  /** The number of addresses in memory, for tests. */
  get size(): number {
    return this.uses.size;
  }

  private isFull({ signIns, fullMs }: AddressUse): boolean {
    return signIns === undefined || fullMs <= this.clock.nowMs;
  }

  /** Removes an address without connections, now or when its allowance is full. */
  private forget(address: string, use: AddressUse): void {
    if (this.isFull(use)) this.uses.delete(address);
    else if (!use.isRefilling) {
      use.isRefilling = true;
      this.refilling.push({ address, dueMs: use.fullMs });
    }
  }

  private forgetIdle(): void {
    const { nowMs } = this.clock;
    let due = 0;
    for (const { address, dueMs } of this.refilling) {
      if (dueMs > nowMs) break;
      due++;
      const use = this.uses.get(address);
      if (use === undefined) continue;
      use.isRefilling = false;
      // It may have connected and left again since.
      if (use.connections === 0) this.forget(address, use);
    }
    if (due > 0) this.refilling.splice(0, due);
  }

  private mostConnections(): number {
    let most = 0;
    for (const { connections } of this.uses.values()) most = Math.max(most, connections);
    return most;
  }
}
