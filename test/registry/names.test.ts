// Bounds on names, addresses and metadata, each at its edge.

import { expect, test } from "bun:test";
import {
  instanceAddressBytesMax,
  instanceAddressesMax,
  instanceMetadataBytesMax,
  instanceMetadataEntriesMax,
  registryNameBytesMax,
} from "../../src/base/limits/fixed.ts";
import { faultOfAddresses, faultOfMetadata, faultOfName } from "../../src/registry/names.ts";

test("a name may have 256 bytes of UTF-8, and no control characters", () => {
  expect(faultOfName("env", "")).toBeUndefined();
  expect(faultOfName("env", "é".repeat(registryNameBytesMax / 2))).toBeUndefined();
  expect(faultOfName("env", "é".repeat(registryNameBytesMax / 2) + "x")).toBe("env is longer than 256 bytes");
  for (const control of ["\n", "\0", "\u001f", "\u007f", "\u009b", "\u202e", "\u200b", "\ud800"])
    expect(faultOfName("zone", `a${control}b`)).toBe("zone holds control characters or invisible ones");
});

test("addresses are bounded in number and length, and have no control characters", () => {
  const many = Array.from({ length: instanceAddressesMax }, () => "x".repeat(instanceAddressBytesMax));
  expect(faultOfAddresses(many)).toBeUndefined();
  expect(faultOfAddresses([...many, "x"])).toBe("there are more than 32 addrs");
  expect(faultOfAddresses(["x".repeat(instanceAddressBytesMax + 1)])).toBe(
    "an element of addrs is longer than 512 bytes",
  );
  expect(faultOfAddresses(["tcp://a:1\r\n"])).toBe("an element of addrs holds control characters or invisible ones");
});

test("metadata are bounded in entries, and in bytes of keys and values together", () => {
  const entries = Array.from({ length: instanceMetadataEntriesMax }, (_, index) => [`k${index}`, "v"] as const);
  expect(faultOfMetadata(new Map(entries))).toBeUndefined();
  expect(faultOfMetadata(new Map([...entries, ["one more", ""]]))).toBe("metadata has more than 128 entries");
  const value = "é".repeat(instanceMetadataBytesMax / 2 - 1);
  expect(faultOfMetadata(new Map([["kk", value]]))).toBeUndefined();
  expect(faultOfMetadata(new Map([["kkk", value]]))).toBe("metadata is longer than 16384 bytes");
  for (const entry of [
    ["k", "\ud800"],
    ["\udc00", "v"],
  ] as const)
    expect(faultOfMetadata(new Map([entry]))).toBe("metadata holds half of a surrogate pair");
});
