// Who is at the other end; and where others reach what is bound: the address itself, or of everywhere one of this
// machine's.

import { expect, test } from "bun:test";
import type { NetworkInterfaceInfo } from "node:os";
import { advertisedAs, OwnAddressUnknown, peerAddress, reachableHost } from "../../src/transport/address.ts";

test("a peer without an address is gone, and one with an IPv4 address on a dual-stack socket is known by that", () => {
  for (const address of [undefined, ""]) expect(peerAddress(address)).toBeUndefined();
  expect(peerAddress("::ffff:10.0.0.1")).toBe("10.0.0.1");
  expect(peerAddress("::1")).toBe("::1");
});

const common = { netmask: "", mac: "", cidr: null };
const four = (address: string, internal = false): NetworkInterfaceInfo => ({
  ...common,
  address,
  family: "IPv4",
  internal,
});
const six = (address: string, scopeid: number): NetworkInterfaceInfo => ({
  ...common,
  address,
  family: "IPv6",
  internal: false,
  scopeid,
});
const unknown = (): never => {
  throw new Error("uv_interface_addresses returned Unknown system error 97");
};

test("what is bound to one address is reached there", () => {
  expect(reachableHost("10.0.0.5", unknown)).toBe("10.0.0.5");
});

test("of everywhere it is an outer address, of IPv4 before IPv6, never of one link only", () => {
  const lo = [four("127.0.0.1", true)];
  expect(reachableHost("0.0.0.0", () => ({ lo, eth0: [six("fd00::5", 0), four("10.0.0.5")] }))).toBe("10.0.0.5");
  expect(reachableHost("::", () => ({ lo, eth0: [six("fe80::5", 2), six("fd00::5", 0)] }))).toBe("fd00::5");
  expect(reachableHost("0.0.0.0", () => ({ lo }))).toBe("127.0.0.1");
});

test("a system that does not list its addresses is not asked where others suggest what to use", () => {
  const own = (host: string): string => reachableHost(host, unknown);
  expect(() => own("0.0.0.0")).toThrow(OwnAddressUnknown);
  expect(advertisedAs({ host: "10.0.0.5", port: undefined }, own)("0.0.0.0:8100")).toBe("10.0.0.5:8100");
});
