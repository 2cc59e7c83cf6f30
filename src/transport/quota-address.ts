// The address under which limits by address count a peer.

import { isLoopbackAddress } from "./address-ranges.ts";

/** 16-bit groups of the IPv6 network of one customer (RFC 6177): limits by single addresses would have no effect. */
const networkGroups = 4;

/**
 * Returns an IPv4 address unchanged, and the first 64 bits of an IPv6 address: `2001:db8:0:7::/64`. Other text, such as
 * a name of the memory network, is returned unchanged.
 */
export function quotaAddress(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail === undefined) return `${groups.slice(0, networkGroups).join(":")}::/64`;
  // The number of groups that `::` stands for.
  const after = tail === "" ? 0 : tail.split(":").length;
  for (let left = 8 - groups.length - after; left > 0 && groups.length < networkGroups; left--) groups.push("0");
  const all = tail === "" ? groups : [...groups, ...tail.split(":")];
  return `${all.slice(0, networkGroups).join(":")}::/64`;
}

/** Returns the same for a peer, and an empty string for one on this machine, which has no limit by address. */
export function peerQuota(address: string): string {
  return isLoopbackAddress(address) ? "" : quotaAddress(address);
}
