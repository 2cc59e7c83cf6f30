import { describe, expect, test } from "bun:test";
import {
  canonicalAddress,
  hasHostBits,
  holdsAddress,
  isLoopbackAddress,
  isLoopbackHost,
  listOfRanges,
  parseRange,
} from "../../src/transport/address-ranges.ts";

function rangeOf(text: string) {
  const range = parseRange(text);
  if (range === undefined) throw new Error(`${text} is a range`);
  return range;
}

describe("a range of addresses", () => {
  test.each([
    "10.0.0.0",
    "10.0.0.0/33",
    "fd00::/129",
    "10.0.0/8",
    "10.0.0.0/",
    "10.0.0.0/-1",
    "proxy/8",
    " 10.0.0.0/8",
  ])("is not %p", (text) => {
    expect(parseRange(text)).toBeUndefined();
  });

  test.each([
    ["10.0.0.0/8", false],
    ["10.0.0.1/8", true],
    ["10.0.0.1/32", false],
    ["0.0.0.0/0", false],
    ["0.0.0.1/0", true],
    ["128.0.0.0/1", false],
    ["255.255.255.254/31", false],
    ["255.255.255.255/31", true],
    ["::/0", false],
    ["fd00::/8", false],
    ["fd00::1/8", true],
    ["::1/128", false],
    ["2001:db8:0:0:8000::/65", false],
    ["2001:db8:0:0:8000::/64", true],
    ["1:2:3:4:5:6:7:8/128", false],
    ["1:2:3:4:5:6:7:8/127", false],
    ["1:2:3:4:5:6:7:9/127", true],
    ["::ffff:10.0.0.0/104", false],
    ["::ffff:10.0.0.1/104", true],
  ])("%p has bits beyond its prefix: %p", (text, expected) => {
    expect(hasHostBits(rangeOf(text))).toBe(expected);
  });

  test("holds its own addresses and no invalid text", () => {
    const ranges = listOfRanges([rangeOf("10.0.0.0/8"), rangeOf("fd00::/8")]);
    expect(["10.255.0.1", "::ffff:10.0.0.1", "fd12::1"].map((address) => holdsAddress(ranges, address))).toEqual([
      true,
      true,
      true,
    ]);
    const outside = ["11.0.0.1", "::ffff:11.0.0.1", "fe00::1", "", "10.0.0", "unknown"];
    expect(outside.filter((address) => holdsAddress(ranges, address))).toEqual([]);
  });
});

describe("an address", () => {
  test.each([
    ["192.0.2.1", "192.0.2.1"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8::0001", "2001:db8::1"],
    ["::FFFF:192.0.2.1", "192.0.2.1"],
    ["::ffff:c000:201", "192.0.2.1"],
    ["::ffff:0:0", "0.0.0.0"],
    ["::ffff:255.255.255.255", "255.255.255.255"],
    ["::", "::"],
  ])("%p has the one spelling %p", (text, expected) => {
    expect(canonicalAddress(text)).toBe(expected);
  });

  test.each(["", "192.0.2.01", "192.0.2.1 ", "192.0.2.256", "1.2.3", "fe80::1%eth0", "unknown", "[::1]", "::1::"])(
    "is not %p",
    (text) => {
      expect(canonicalAddress(text)).toBeUndefined();
    },
  );

  test("is loopback in 127.0.0.0/8 and as ::1, and nowhere else", () => {
    expect(["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"].every(isLoopbackAddress)).toBe(true);
    expect(["128.0.0.1", "12.7.0.1", "::2", "127.example", ""].filter(isLoopbackAddress)).toEqual([]);
  });

  test("is a loopback host also in the spelling of URLs, with brackets", () => {
    expect(["localhost", "127.1", "::1", "[::1]", "[0:0::1]"].filter((host) => !isLoopbackHost(host))).toEqual([]);
    expect(["example.com", "10.0.0.1", "::2", "[::2]", "[[::1]]", ""].filter(isLoopbackHost)).toEqual([]);
  });
});
