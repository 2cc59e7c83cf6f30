import { expect, test } from "bun:test";
import { peerQuota, quotaAddress } from "../../src/transport/quota-address.ts";

test("an IPv4 address counts alone, all of an IPv6 network of 64 bits as one", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::6", "2001:db8:1:2::/64"],
    ["2001:db8::6", "2001:db8:0:0::/64"],
    ["2001:db8::1:2:3:4:5", "2001:db8:0:1::/64"],
    ["2001::", "2001:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1:2:3:4", "fe80:0:0:0::/64"],
    ["chat-1", "chat-1"],
  ];
  for (const [address, counted] of cases) expect([address, quotaAddress(address)]).toEqual([address, counted]);
  expect(quotaAddress("2001:db8:0:1::9")).toBe(quotaAddress("2001:db8::1:ffff:0:0:1"));
});

test("a peer on this machine has no bound", () => {
  for (const [address, counted] of [
    ["127.0.0.1", ""],
    ["127.9.9.9", ""],
    ["::1", ""],
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
  ] as const)
    expect([address, peerQuota(address)]).toEqual([address, counted]);
});
