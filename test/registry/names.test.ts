// Bounds on names, addresses and metadata, each at its edge.

import { expect, test } from "bun:test";
import { faultOfAddresses, faultOfMetadata, faultOfName, nameBounds } from "../../src/registry/names.ts";

test("a name may have 256 bytes of UTF-8, and no control characters", () => {
  expect(faultOfName("env", "", nameBounds)).toBeUndefined();
  expect(faultOfName("env", "é".repeat(nameBounds.registryNameBytes / 2), nameBounds)).toBeUndefined();
  expect(faultOfName("env", "é".repeat(nameBounds.registryNameBytes / 2) + "x", nameBounds)?.sentence).toBe(
    "env is longer than 256 bytes",
  );
  for (const control of ["\n", "\0", "\u001f", "\u007f", "\u009b", "\u202e", "\u200b", "\ud800"])
    expect(faultOfName("zone", `a${control}b`, nameBounds)?.sentence).toBe(
      "zone contains control or invisible characters",
    );
});

test("addresses are bounded in number and length, and have no control characters", () => {
  const many = Array.from({ length: nameBounds.instanceAddresses }, () => "x".repeat(nameBounds.instanceAddressBytes));
  expect(faultOfAddresses(many, nameBounds)).toBeUndefined();
  expect(faultOfAddresses([...many, "x"], nameBounds)?.sentence).toBe("there are more than 32 addrs");
  expect(faultOfAddresses(["x".repeat(nameBounds.instanceAddressBytes + 1)], nameBounds)?.sentence).toBe(
    "an element of addrs is longer than 512 bytes",
  );
  expect(faultOfAddresses(["tcp://a:1\r\n"], nameBounds)?.sentence).toBe(
    "an element of addrs contains control or invisible characters",
  );
});

test("metadata are bounded in entries, and in bytes of keys and values together", () => {
  const entries = Array.from({ length: nameBounds.instanceMetadataEntries }, (_, index) => [`k${index}`, "v"] as const);
  expect(faultOfMetadata(new Map(entries), nameBounds)).toBeUndefined();
  expect(faultOfMetadata(new Map([...entries, ["one more", ""]]), nameBounds)?.sentence).toBe(
    "metadata has more than 128 entries",
  );
  const value = "é".repeat(nameBounds.instanceMetadataBytes / 2 - 1);
  expect(faultOfMetadata(new Map([["kk", value]]), nameBounds)).toBeUndefined();
  expect(faultOfMetadata(new Map([["kkk", value]]), nameBounds)?.sentence).toBe("metadata is longer than 16384 bytes");
  for (const entry of [
    ["k", "\ud800"],
    ["\udc00", "v"],
  ] as const)
    expect(faultOfMetadata(new Map([entry]), nameBounds)?.sentence).toBe("metadata contains half of a surrogate pair");
});
