// A lookup file names regions and their networks, and a caller belongs to one by its address, also behind proxies.

import { describe, expect, test } from "bun:test";
import type { BlockList } from "node:net";
import { BadFile } from "../../src/base/json-file.ts";
import { callerAddress } from "../../src/registry/lookup/lookup.ts";
import { parseLookupFile } from "../../src/registry/lookup/lookup-file.ts";
import { holdsAddress } from "../../src/transport/address-ranges.ts";
import { Random, testSeed } from "../support/random.ts";
import { file, rules } from "./lookup-support.ts";

describe("lookup file", () => {
  /** The file with one value changed, as text. */
  const changed = (change: object): string => JSON.stringify({ ...file, ...change });
  const regionWith = (change: object): string =>
    changed({ regions: [file.regions[0], { ...file.regions[1], ...change }] });

  test("reads regions, networks and shares", () => {
    expect(rules.regions.map(({ id, idcs, weightTotal }) => ({ id, idcs, weightTotal }))).toEqual([
      { id: "eu", idcs: [...(file.regions[0]?.idcs ?? [])], weightTotal: 100 },
      { id: "us", idcs: [{ id: "nyc", weight: 1 }], weightTotal: 1 },
    ]);
    expect(rules.defaultRegion.id).toBe("us");
  });

  test("trusted proxies may be left out, and a region may have no network of its own", () => {
    const regions = [{ id: "eu", cidrs: [], idcs: [{ id: "fra", weight: 1 }] }];
    const bare = parseLookupFile(JSON.stringify({ regions, default: "eu" }), "lookup.json");
    expect(holdsAddress(bare.trustedProxies, "127.0.0.1")).toBe(false);
    expect(bare.regions).toHaveLength(1);
  });

  const weights = (weight: unknown): string =>
    regionWith({
      idcs: [
        { id: "a", weight: 1 },
        { id: "b", weight },
      ],
    });
  const cidrs = (cidr: unknown): string => regionWith({ cidrs: ["1.0.0.0/8", cidr] });
  const many = <Item>(count: number, item: (index: number) => Item): Item[] =>
    Array.from({ length: count }, (_, at) => item(at));

  test.each([
    ["{", "lookup.json: expected JSON"],
    ["", "lookup.json: expected JSON"],
    ["[]", "lookup.json: expected an object"],
    ["null", "lookup.json: expected an object"],
    ["{}", "lookup.json: regions: expected a list"],
    [changed({ regions: [] }), "lookup.json: regions: expected at least one element"],
    [changed({ regions: [7] }), "lookup.json: regions[0]: expected an object"],
    [changed({ region: [] }), "lookup.json: region: unknown key"],
    ['{"__proto__": {}}', "lookup.json: __proto__: unknown key"],
    [regionWith({ weight: 1 }), "lookup.json: regions[1].weight: unknown key"],
    [regionWith({ idcs: [{ id: "a", weight: 1, tag: "" }] }), "lookup.json: regions[1].idcs[0].tag: unknown key"],
    [regionWith({ id: "" }), "lookup.json: regions[1].id: expected a non-empty string"],
    [regionWith({ id: 5 }), "lookup.json: regions[1].id: expected a non-empty string"],
    [regionWith({ id: "a\nb" }), "lookup.json: regions[1].id: it contains control or invisible characters"],
    [regionWith({ id: "x".repeat(257) }), "lookup.json: regions[1].id: it is longer than 256 bytes"],
    [regionWith({ id: "eu" }), 'lookup.json: regions[1].id: duplicate value "eu"'],
    [
      regionWith({
        idcs: [
          { id: "a", weight: 1 },
          { id: "a", weight: 2 },
        ],
      }),
      'lookup.json: regions[1].idcs[1].id: duplicate value "a"',
    ],
    [regionWith({ idcs: [] }), "lookup.json: regions[1].idcs: expected at least one element"],
    [regionWith({ idcs: [{ id: "a", weight: 0 }] }), "lookup.json: regions[1].idcs: the weights sum to zero"],
    [weights(-1), "lookup.json: regions[1].idcs[1].weight: expected a whole number from 0 to 1000000"],
    [weights(1.5), "lookup.json: regions[1].idcs[1].weight: expected a whole number from 0 to 1000000"],
    [weights(1_000_001), "lookup.json: regions[1].idcs[1].weight: expected a whole number from 0 to 1000000"],
    [weights("1"), "lookup.json: regions[1].idcs[1].weight: expected a whole number from 0 to 1000000"],
    [weights(undefined), "lookup.json: regions[1].idcs[1].weight: expected a whole number from 0 to 1000000"],
    [regionWith({ cidrs: undefined }), "lookup.json: regions[1].cidrs: expected a list"],
    ...[
      "10.0.0.0",
      "10.0.0.0/33",
      "10.0.0/8",
      "fd00::/129",
      "fd00::/",
      "/8",
      "10.0.0.0/-1",
      "10.0.0.0/8 ",
      "a/8",
      "fe80::1%eth0/64",
    ].map((cidr) => [
      cidrs(cidr),
      `lookup.json: regions[1].cidrs[1]: invalid value ${JSON.stringify(cidr)}: expected a CIDR, such as 10.0.0.0/8`,
    ]),
    [cidrs(7), "lookup.json: regions[1].cidrs[1]: expected a non-empty string"],
    [changed({ default: undefined }), "lookup.json: default: expected a non-empty string"],
    [changed({ default: "mars" }), 'lookup.json: default: unknown region "mars"'],
    [changed({ trustedProxies: "10.0.0.0/8" }), "lookup.json: trustedProxies: expected a list"],
    [
      changed({ trustedProxies: ["proxy"] }),
      'lookup.json: trustedProxies[0]: invalid value "proxy": expected a CIDR, such as 10.0.0.0/8',
    ],
    [
      changed({ trustedProxies: many(1_001, () => "10.0.0.0/8") }),
      "lookup.json: trustedProxies: expected at most 1000 elements",
    ],
    [changed({ regions: many(1_001, () => 0) }), "lookup.json: regions: expected at most 1000 elements"],
    [
      regionWith({ idcs: many(101, (at) => ({ id: `i${at}`, weight: 1 })) }),
      "lookup.json: regions[1].idcs: expected at most 100 elements",
    ],
    [
      regionWith({ cidrs: many(10_000, () => "10.0.0.0/8") }),
      "lookup.json: regions: expected at most 10000 CIDRs in all",
    ],
  ])("refuses a bad file and says where: %#", (text, sentence) => {
    expect(() => parseLookupFile(text, "lookup.json")).toThrow(new BadFile(sentence));
  });
});

describe("networks", () => {
  const networksOf = (...list: string[]): BlockList => {
    const regions = [{ id: "eu", cidrs: list, idcs: [{ id: "fra", weight: 1 }] }];
    return parseLookupFile(JSON.stringify({ regions, default: "eu" }), "lookup.json").defaultRegion.networks;
  };

  test("hold the addresses of their family, and IPv4 inside of IPv6", () => {
    const networks = networksOf("10.0.0.0/8", "fd00::/8");
    for (const inside of ["10.0.0.0", "10.255.255.255", "fd12::1", "::ffff:10.1.2.3", "::ffff:a01:203", "fd00::1%eth0"])
      expect([inside, holdsAddress(networks, inside)]).toEqual([inside, true]);
    for (const outside of ["9.255.255.255", "11.0.0.0", "fe00::1", "::ffff:11.1.2.3", "::10.1.2.3", "", "10.0.0", "x"])
      expect([outside, holdsAddress(networks, outside)]).toEqual([outside, false]);
  });

  test("of IPv4 inside of IPv6 hold IPv4", () => {
    expect(holdsAddress(networksOf("::ffff:10.0.0.0/104"), "10.1.2.3")).toBe(true);
    expect(holdsAddress(networksOf("::ffff:10.0.0.0/104"), "11.1.2.3")).toBe(false);
  });

  test("of every length hold exactly the addresses that begin like them", () => {
    const random = new Random(testSeed("networks of every length"));
    const families = [
      { bits: 32, textOf: (value: bigint) => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".") },
      {
        bits: 128,
        textOf: (value: bigint) =>
          value
            .toString(16)
            .padStart(32, "0")
            .replace(/(.{4})(?!$)/g, "$1:"),
      },
    ];
    for (const { bits, textOf } of families) {
      const network = BigInt(`0x${random.bytes(bits / 8).toString("hex")}`);
      for (let length = 0; length <= bits; length++) {
        const networks = networksOf(`${textOf(network)}/${length}`);
        for (let bit = 0; bit < bits; bit++) {
          // Differs from the network in one bit, the first one being the highest.
          const address = textOf(network ^ (1n << BigInt(bits - 1 - bit)));
          if (holdsAddress(networks, address) !== bit >= length) throw new Error(`${address} and /${length}`);
        }
        expect(holdsAddress(networks, textOf(network))).toBe(true);
      }
    }
  });
});

describe("a caller's address", () => {
  test("is the peer's without rules, without the header, and when the peer is no trusted proxy", () => {
    expect(callerAddress("127.0.0.1", "1.1.1.1", undefined)).toBe("127.0.0.1");
    expect(callerAddress("127.0.0.1", null, rules)).toBe("127.0.0.1");
    expect(callerAddress("127.0.0.2", "1.1.1.1", rules)).toBe("127.0.0.2");
    expect(callerAddress("::ffff:10.0.0.1", "1.1.1.1", rules)).toBe("10.0.0.1");
  });

  test.each([
    ["1.1.1.1", "1.1.1.1"],
    ["6.6.6.6, 1.1.1.1", "1.1.1.1"],
    ["6.6.6.6 ,1.1.1.1,172.16.0.9 , 172.31.0.1", "1.1.1.1"],
    ["1.1.1.1:4711", "1.1.1.1"],
    ["2001:DB8::1", "2001:db8::1"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["6.6.6.6, [2001:db8::1]:4711, ::1", "2001:db8::1"],
    ["::ffff:1.1.1.1", "1.1.1.1"],
    // All are trusted: the one that the first of them saw.
    ["172.16.0.1, 172.16.0.2", "172.16.0.1"],
    // What no proxy writes was made up by the sender left of the last trusted one.
    ["", "127.0.0.1"],
    ["1.1.1.1,", "127.0.0.1"],
    ["unknown", "127.0.0.1"],
    ["1.1.1.1, unknown, 172.16.0.2", "172.16.0.2"],
    ["1.1.1.1, 999.1.1.1", "127.0.0.1"],
  ])("behind trusted proxies is the right-most one that is not theirs: %p", (header, address) => {
    expect(callerAddress("127.0.0.1", header, rules)).toBe(address);
    expect(callerAddress("::ffff:127.0.0.1", header, rules)).toBe(address);
  });
});
