// Bounds on names, addresses and metadata, each at its edge.

import { limitTable } from "../../src/base/limits/table.ts";
import { expect, test } from "bun:test";
import { faultOfAddresses, faultOfMetadata, faultOfName } from "../../src/registry/names.ts";

test("a name may have 256 bytes of UTF-8, and no control characters", () => {
  expect(faultOfName("env", "")).toBeUndefined();
  expect(faultOfName("env", "é".repeat(limitTable.registryNameBytes.initial / 2))).toBeUndefined();
  expect(faultOfName("env", "é".repeat(limitTable.registryNameBytes.initial / 2) + "x")).toBe("env is longer than 256 bytes");
  for (const control of ["\n", "\0", "\u001f", "\u007f"])
    expect(faultOfName("zone", `a${control}b`)).toBe("zone holds control characters");
});

test("addresses are bounded in number and length, and have no control characters", () => {
  const many = Array.from({ length: limitTable.instanceAddresses.initial }, () => "x".repeat(limitTable.instanceAddressBytes.initial));
  expect(faultOfAddresses(many)).toBeUndefined();
  expect(faultOfAddresses([...many, "x"])).toBe("there are more than 32 addrs");
  expect(faultOfAddresses(["x".repeat(limitTable.instanceAddressBytes.initial + 1)])).toBe(
    "an element of addrs is longer than 512 bytes",
  );
  expect(faultOfAddresses(["tcp://a:1\r\n"])).toBe("an element of addrs holds control characters");
});

test("metadata are bounded in entries, and in bytes of keys and values together", () => {
  const entries = Array.from({ length: limitTable.instanceMetadataEntries.initial }, (_, index) => [`k${index}`, "v"] as const);
  expect(faultOfMetadata(new Map(entries))).toBeUndefined();
  expect(faultOfMetadata(new Map([...entries, ["one more", ""]]))).toBe("metadata has more than 128 entries");
  const value = "é".repeat(limitTable.instanceMetadataBytes.initial / 2 - 1);
  expect(faultOfMetadata(new Map([["kk", value]]))).toBeUndefined();
  expect(faultOfMetadata(new Map([["kkk", value]]))).toBe("metadata is longer than 16384 bytes");
});
