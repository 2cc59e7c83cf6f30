import { describe, expect, test } from "bun:test";
import { isIP } from "node:net";
import { listOfRanges, parseRange } from "../../src/transport/address-ranges.ts";
import { forwardedAddress } from "../../src/transport/forwarded-for.ts";
import { Random, testSeed } from "../support/random.ts";

const trusted = listOfRanges(
  ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"].map(parseRange).filter((range) => range !== undefined),
);
const behind = (header: string | null, remote = "10.0.0.2"): string => forwardedAddress(remote, header, trusted);

describe("the address behind a proxy", () => {
  test("is the socket's own without the header, and when the socket's is not trusted", () => {
    expect(behind(null)).toBe("10.0.0.2");
    expect(behind("198.51.100.7", "192.0.2.1")).toBe("192.0.2.1");
    expect(behind("198.51.100.7", "::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(behind("198.51.100.7", "127.0.0.2")).toBe("127.0.0.2");
  });

  test.each([
    ["198.51.100.7", "198.51.100.7"],
    ["6.6.6.6, 198.51.100.7", "198.51.100.7"],
    ["6.6.6.6,198.51.100.7 ,10.9.9.9,\t10.0.0.3", "198.51.100.7"],
    ["198.51.100.7:4711", "198.51.100.7"],
    ["2001:DB8:0::7", "2001:db8::7"],
    ["[2001:db8::7]", "2001:db8::7"],
    ["[2001:db8::7]:4711", "2001:db8::7"],
    ["::ffff:198.51.100.7", "198.51.100.7"],
    ["[::FFFF:c633:6407]:1", "198.51.100.7"],
    ["198.51.100.7, fd00::1", "198.51.100.7"],
    ["198.51.100.7, ::ffff:10.0.0.9", "198.51.100.7"],
    ["10.1.1.1, 10.2.2.2", "10.1.1.1"],
  ])("in %p is the right-most one that is not trusted: %p", (header, expected) => {
    expect(behind(header)).toBe(expected);
  });

  test.each([
    "",
    ",",
    "198.51.100.7,",
    "unknown",
    "198.51.100.7, unknown",
    "198.51.100.7, 999.1.1.1",
    "198.51.100.7:port",
    "198.51.100.7:123456",
    "[198.51.100.7",
    "fe80::1%eth0",
    "198.51.100.7;10.0.0.3",
    `${" ".repeat(200)}198.51.100.7`,
    "1".repeat(10_000),
  ])("is the proxy's own where the header's end is no address: %p", (header) => {
    expect(behind(header)).toBe("10.0.0.2");
  });

  test("is that of the last trusted proxy whose own word is an address", () => {
    expect(behind("198.51.100.7, nonsense, 10.0.0.9")).toBe("10.0.0.9");
    expect(behind(", 10.0.0.9")).toBe("10.0.0.9");
  });

  test("is loopback only behind a proxy on loopback: another machine's loopback would escape every limit", () => {
    expect(behind("127.0.0.1")).toBe("10.0.0.2");
    expect(behind("198.51.100.7, ::1")).toBe("10.0.0.2");
    expect(behind("127.0.0.9", "127.0.0.1")).toBe("127.0.0.9");
    expect(behind("127.0.0.1, 10.0.0.5", "127.0.0.1")).toBe("10.0.0.5");
  });

  test("is found at the end of a thousand addresses; behind 64 trusted ones the search ends", () => {
    const thousand = Array.from({ length: 1_000 }, (_, at) => `192.0.2.${at % 250}`).join(", ");
    expect(behind(`${thousand}, 198.51.100.7`)).toBe("198.51.100.7");
    const proxies = (count: number): string => ", 10.0.0.9".repeat(count);
    expect(behind(`198.51.100.7${proxies(63)}`)).toBe("198.51.100.7");
    expect(behind(`198.51.100.7${proxies(64)}`)).toBe("10.0.0.9");
    expect(behind(`198.51.100.7${proxies(100_000)}`)).toBe("10.0.0.9");
  });

  test("is an address whatever the header, and never one that an untrusted hop wrote", () => {
    const random = new Random(testSeed("X-Forwarded-For"));
    const pieces = [
      "6.6.6.6",
      "10.0.0.9",
      "fd00::1",
      ",",
      " ",
      ":",
      "[",
      "]",
      "%",
      "1",
      "::",
      ".",
      "x",
      "127.0.0.1",
    ] as const;
    for (let turn = 0; turn < 20_000; turn++) {
      const noise = Array.from({ length: random.below(12) }, () => random.pick(pieces)).join("");
      if (isIP(behind(noise)) === 0) throw new Error(`no address: ${noise}`);
      expect(behind(`${noise}, 198.51.100.7, 10.0.0.3`)).toBe("198.51.100.7");
    }
  });
});
