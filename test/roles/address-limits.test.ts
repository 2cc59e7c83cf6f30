import { describe, expect, test } from "bun:test";
import type { LimitValues } from "../../src/base/limits/table.ts";
import { AddressLimits } from "../../src/roles/gateway/address-limits.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";

const stranger = "192.0.2.1";

function limited(values: Partial<LimitValues> = {}, connectionsMax = 1_000_000) {
  const clock = { nowMs: 5_000 };
  const limits = testLimits(values);
  const addresses = new AddressLimits(connectionsMax, limits, clock);
  /** Signs in by a connection of its own, which ends at once. */
  const passes = (address = stranger): boolean => {
    if (!addresses.enter(address)) return false;
    const isAdmitted = addresses.signIn(address);
    addresses.leave(address);
    return isAdmitted;
  };
  return { addresses, limits, clock, passes };
}

const entries = (addresses: AddressLimits, count: number, address = stranger): boolean[] =>
  Array.from({ length: count }, () => addresses.enter(address));

bound("connectionsPerAddress", {
  at: () => {
    const { addresses } = limited({ connectionsPerAddress: 3 });
    expect(entries(addresses, 3)).toEqual([true, true, true]);
    expect(addresses.enter("192.0.2.2")).toBe(true);
  },
  above: () => {
    const { addresses, limits } = limited({ connectionsPerAddress: 3 });
    expect(entries(addresses, 4)).toEqual([true, true, true, false]);
    expect(limits.reached.get("connectionsPerAddress")).toBe(1);
    expect(limits.use("connectionsPerAddress")).toBe(3);
    addresses.leave(stranger);
    expect(addresses.enter(stranger)).toBe(true);
  },
});

bound("signInsPerSecondPerAddress", {
  at: () => {
    const { passes } = limited({ signInsPerSecondPerAddress: 5 });
    expect(Array.from({ length: 5 }, () => passes())).toEqual([true, true, true, true, true]);
    expect(passes("192.0.2.2")).toBe(true);
  },
  above: () => {
    const { passes, limits, clock } = limited({ signInsPerSecondPerAddress: 5 });
    expect(Array.from({ length: 1_000 }, () => passes()).filter(Boolean)).toHaveLength(5);
    expect(limits.reached.get("signInsPerSecondPerAddress")).toBe(995);
    clock.nowMs += 1_000;
    expect(Array.from({ length: 1_000 }, () => passes()).filter(Boolean)).toHaveLength(5);
  },
});

describe("limits by address", () => {
  test("do not count loopback, in any of its spellings", () => {
    const { addresses, passes } = limited({ connectionsPerAddress: 1, signInsPerSecondPerAddress: 1 });
    for (const address of ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]) {
      expect(entries(addresses, 3, address)).toEqual([true, true, true]);
      expect([passes(address), passes(address)]).toEqual([true, true]);
    }
    expect(addresses.size).toBe(0);
  });

  test("count a network of IPv6 as one address", () => {
    const { addresses, passes } = limited({ connectionsPerAddress: 2, signInsPerSecondPerAddress: 1 });
    expect([passes("2001:db8::1"), passes("2001:db8:0:0:9::1"), passes("2001:db8:0:1::1")]).toEqual([
      true,
      false,
      true,
    ]);
    expect(["2001:db8::1", "2001:db8::2", "2001:db8::3"].map((address) => addresses.enter(address))).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("hold all addresses together to what the process has descriptors for", () => {
    const { addresses } = limited({}, 2);
    expect([addresses.enter("127.0.0.1"), addresses.enter(stranger), addresses.enter("192.0.2.2")]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("forget an address that has left once its allowance is full again, and not before", () => {
    const { addresses, clock, passes } = limited({ signInsPerSecondPerAddress: 2 });
    for (let host = 0; host < 200; host++) passes(`198.51.100.${host}`);
    expect(addresses.size).toBe(200);
    clock.nowMs += 900;
    passes("198.51.100.7");
    expect(addresses.size).toBe(200);
    clock.nowMs += 100;
    addresses.enter("127.0.0.1");
    // It signed in again meanwhile.
    expect(addresses.size).toBe(1);
    clock.nowMs += 1_000;
    addresses.enter("127.0.0.1");
    expect(addresses.size).toBe(0);
  });

  test("charge for more work than an allowance has left; the debt is a second's allowance at most", () => {
    const { addresses, clock, passes } = limited({ signInsPerSecondPerAddress: 4 });
    addresses.enter(stranger);
    addresses.chargeSignIn(stranger);
    expect([passes(), passes()]).toEqual([true, true]);
    for (let time = 0; time < 100; time++) addresses.chargeSignIn(stranger);
    addresses.leave(stranger);
    clock.nowMs += 1_000;
    expect([passes(), addresses.size]).toEqual([false, 1]);
    clock.nowMs += 250;
    expect([passes(), passes()]).toEqual([true, false]);
    clock.nowMs += 2_000;
    addresses.enter("127.0.0.1");
    expect(addresses.size).toBe(0);
  });

  test("forget at once an address that never signed in", () => {
    const { addresses } = limited();
    addresses.enter(stranger);
    addresses.leave(stranger);
    expect(addresses.size).toBe(0);
  });

  test("keep an address that came back while it was to be forgotten", () => {
    const { addresses, clock, passes } = limited({ connectionsPerAddress: 1 });
    passes();
    addresses.enter(stranger);
    clock.nowMs += 2_000;
    expect(addresses.enter(stranger)).toBe(false);
    addresses.leave(stranger);
    expect(addresses.size).toBe(0);
  });
});
