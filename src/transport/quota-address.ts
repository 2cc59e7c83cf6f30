// What counts as one address where something is bounded by address.

import { isLoopbackAddress } from "./address-ranges.ts";

/** The groups of an IPv6 network that one customer is given (RFC 6177): a bound on single addresses would bound nothing. */
const networkGroups = 4;

/**
 * Returns an IPv4 address as it is, and of an IPv6 address the first 64 bits: `2001:db8:0:7::/64`. Of what is no address, a
 * name of the memory network for one, it returns the text.
 */
export function quotaAddress(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail === undefined) return `${groups.slice(0, networkGroups).join(":")}::/64`;
  // How many groups `::` stands for.
  const after = tail === "" ? 0 : tail.split(":").length;
  for (let left = 8 - groups.length - after; left > 0 && groups.length < networkGroups; left--) groups.push("0");
  const all = tail === "" ? groups : [...groups, ...tail.split(":")];
  return `${all.slice(0, networkGroups).join(":")}::/64`;
}

/** The same of a peer, and '' of one on this machine, which has no bound of its own. */
export function peerQuota(address: string): string {
  return isLoopbackAddress(address) ? "" : quotaAddress(address);
}
