// How much one address may take: connections at once and sign-ins a second. Loopback is exempt: it is where proxies,
// tests and benches live, and who is there can do worse.

import { connectionsPerAddressMax, signInsPerSecondPerAddress } from "../../base/limits/fixed.ts";
import { TokenBucket } from "../../base/token-bucket.ts";

interface AddressUse {
  connections: number;
  signIns: TokenBucket | undefined;
}

/** True for 127.0.0.0/8, ::1 and IPv4-mapped loopback. */
export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.") || address.startsWith("::ffff:127.");
}

/** Counts by address; an address without connections takes no memory. */
export class AddressLimits {
  private readonly uses = new Map<string, AddressUse>();
  private total = 0;
  private readonly connectionsMax: number;

  /** `connectionsMax`: of this process, over all addresses. */
  constructor(connectionsMax: number) {
    this.connectionsMax = connectionsMax;
  }

  /** Counts a new connection; false when the process or its address has too many: then it must be refused. */
  enter(address: string): boolean {
    if (this.total >= this.connectionsMax) return false;
    if (!isLoopback(address)) {
      const use = this.uses.get(address);
      if (use === undefined) this.uses.set(address, { connections: 1, signIns: undefined });
      else if (use.connections >= connectionsPerAddressMax) return false;
      else use.connections++;
    }
    this.total++;
    return true;
  }

  /** A connection that was let in has ended. */
  leave(address: string): void {
    this.total--;
    const use = this.uses.get(address);
    if (use === undefined) return;
    use.connections--;
    if (use.connections === 0) this.uses.delete(address);
  }

  /** False when this address has used up its sign-ins of this second. */
  signIn(address: string, nowMs: number): boolean {
    const use = this.uses.get(address);
    if (use === undefined) return true;
    use.signIns ??= new TokenBucket(signInsPerSecondPerAddress, signInsPerSecondPerAddress, nowMs);
    return use.signIns.take(nowMs);
  }
}
