// How a client finds a gateway: the lookup file, the caller's address behind proxies, and the choice by slots. The
// hashes in the comments are CRC-32 by another implementation.

import { VirtualTime } from "../sim/virtual-time.ts";
import { PublicGateways } from "../../src/registry/lookup/public-gateways.ts";
import { systemClock } from "../../src/base/clock.ts";
import { describe, expect, test } from "bun:test";
import type { BlockList } from "node:net";
import { BadFile } from "../../src/base/json-file.ts";
import { type Instance, Status } from "../../src/registry/instance.ts";
import { callerAddress, type LookupAnswer, lookupGateways, schemesIn } from "../../src/registry/lookup/lookup.ts";
import { type LookupRules, parseLookupFile } from "../../src/registry/lookup/lookup-file.ts";
import { holdsAddress } from "../../src/transport/address-ranges.ts";
import { Random, testSeed } from "../support/random.ts";
import { FakeDirectory, instanceOf } from "./dns/fake-directory.ts";

const file = {
  regions: [
    {
      id: "eu",
      cidrs: ["10.0.0.0/8", "fd00::/8"],
      idcs: [
        { id: "fra", weight: 70 },
        { id: "ams", weight: 30 },
      ],
    },
    { id: "us", cidrs: ["20.0.0.0/8", "10.0.0.0/9"], idcs: [{ id: "nyc", weight: 1 }] },
  ],
  default: "us",
  trustedProxies: ["127.0.0.1/32", "172.16.0.0/12", "::1/128"],
};
const rules = parseLookupFile(JSON.stringify(file), "lookup.json");

function gateway(id: string, metadata: Readonly<Record<string, string>>, parts: Partial<Instance> = {}): Instance {
  return instanceOf({ appid: "wgateway", hostname: id, metadata: new Map(Object.entries(metadata)), ...parts });
}

/** `wss://g1.example` ... at the IDCs given, in an order that is none. */
function gatewaysAt(...idcs: string[]): Instance[] {
  return idcs
    .map((idc, index) => gateway(`g${index + 1}`, { domain: `wss://g${index + 1}.example`, "tag.IDC": idc }))
    .toReversed();
}

function gatewaysIn(instances: readonly Instance[] = []): PublicGateways {
  const directory = new FakeDirectory(instances);
  return new PublicGateways({ directory, revisions: directory, env: "prod", clock: systemClock });
}

function lookup(
  token: string,
  instances: readonly Instance[],
  parts: { address?: string; rules?: LookupRules; schemes?: ReadonlySet<string>; nowMs?: number } = {},
): LookupAnswer {
  const { address = "10.1.1.1", nowMs = 1_000 } = parts;
  const found = lookupGateways(token, address, parts.rules, gatewaysIn(instances), parts.schemes, nowMs);
  if ("reason" in found) throw new Error(found.reason);
  return found;
}

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
    // What no proxy writes was made up by whoever is left of the last trusted one.
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

describe("gateways", () => {
  const domains = (...numbers: number[]): string[] => numbers.map((number) => `wss://g${number}.example`);

  test("three begin at the slot of the token's hash and go all around", () => {
    const three = gatewaysAt("a", "b", "c");
    // crc32 mod 30 is 0, 15, 24, 27 and 0.
    expect(lookup("", three).domains).toEqual(domains(1, 2, 3));
    expect(lookup("🙂", three).domains).toEqual(domains(2, 3, 1));
    expect(lookup("gate01_alice_1", three).domains).toEqual(domains(3, 1, 2));
    expect(lookup("a", three).domains).toEqual(domains(3, 1, 2));
    expect(lookup("小明", three).domains).toEqual(domains(1, 2, 3));
  });

  test("are at most three of many, all of few", () => {
    // 3904355907 mod 50 is 7, mod 40 is 27, mod 20 is 7.
    expect(lookup("a", gatewaysAt("a", "a", "a", "a", "a")).domains).toEqual(domains(1, 2, 3));
    expect(lookup("a", gatewaysAt("a", "a", "a", "a")).domains).toEqual(domains(3, 4, 1));
    expect(lookup("a", gatewaysAt("a", "a")).domains).toEqual(domains(1, 2));
    expect(lookup("a", gatewaysAt("a")).domains).toEqual(domains(1));
  });

  test("spread over tokens in even shares", () => {
    const first = new Map<string, number>();
    const four = gatewaysAt("a", "a", "a", "a");
    for (let at = 0; at < 4_000; at++) {
      const [domain = ""] = lookup(`token ${at}`, four).domains;
      first.set(domain, (first.get(domain) ?? 0) + 1);
    }
    expect([...first.keys()].toSorted()).toEqual(domains(1, 2, 3, 4));
    for (const count of first.values()) {
      expect(count).toBeGreaterThan(800);
      expect(count).toBeLessThan(1_200);
    }
  });

  test("come with the registry's time and the caller's region", () => {
    const one = gatewaysAt("fra");
    expect(lookup("a", one, { nowMs: 1_700_000_000_999 })).toEqual({
      utc: 1_700_000_000,
      location: "",
      domains: domains(1),
    });
    expect(lookup("a", one, { rules, address: "10.1.1.1" }).location).toBe("eu");
    expect(lookup("a", one, { rules, address: "fd12::1" }).location).toBe("eu");
    expect(lookup("a", one, { rules, address: "::ffff:10.1.1.1" }).location).toBe("eu");
    expect(lookup("a", one, { rules, address: "20.1.1.1" }).location).toBe("us");
    expect(lookup("a", one, { rules, address: "30.1.1.1" }).location).toBe("us");
    expect(lookup("a", one, { rules, address: "not an address" }).location).toBe("us");
    expect(Math.abs(Date.now() / 1_000 - timeOf(lookupGateways("a", "", rules, gatewaysIn(one))))).toBeLessThan(60);
  });

  test("are those of the IDC whose weight slots hold the token's hash", () => {
    const mixed = gatewaysAt("fra", "ams", "nyc", "fra", "ams");
    // crc32 mod 100 is 7 and 84; mod 20 it is 7 and 4.
    expect(lookup("a", mixed, { rules }).domains).toEqual(domains(1, 4));
    expect(lookup("gate01_alice_1", mixed, { rules }).domains).toEqual(domains(2, 5));
    expect(lookup("a", mixed, { rules, address: "20.0.0.1" }).domains).toEqual(domains(3));
  });

  test("of an IDC with weight zero are given to nobody while there are others", () => {
    const idcs = [
      { id: "off", weight: 0 },
      { id: "on", weight: 3 },
      { id: "end", weight: 0 },
    ];
    const parsed = parseLookupFile(JSON.stringify({ regions: [{ id: "eu", cidrs: [], idcs }], default: "eu" }), "f");
    for (let at = 0; at < 100; at++)
      expect(lookup(`${at}`, gatewaysAt("off", "on", "end"), { rules: parsed }).domains).toEqual(domains(2));
  });

  test("of other IDCs serve a client whose IDC has none", () => {
    expect(lookup("gate01_alice_1", gatewaysAt("fra", "nyc"), { rules }).domains.toSorted()).toEqual(domains(1, 2));
    expect(lookup("a", [gateway("g1", { domain: "wss://g1.example" })], { rules }).domains).toEqual(domains(1));
  });

  test("that are leaving are given only when no other is there", () => {
    const leaving = gateway("g1", { domain: "wss://g1.example", "tag.IDC": "fra", state: "leaving" });
    const adult = gateway("g2", { domain: "wss://g2.example", "tag.IDC": "fra", state: "adult" });
    const elsewhere = gateway("g3", { domain: "wss://g3.example", "tag.IDC": "ams" });
    expect(lookup("a", [leaving, adult, elsewhere], { rules }).domains).toEqual(domains(2));
    expect(lookup("a", [leaving, elsewhere], { rules }).domains).toEqual(domains(3));
    expect(lookup("a", [leaving, elsewhere]).domains).toEqual(domains(3));
    expect(lookup("a", [leaving], { rules }).domains).toEqual(domains(1));
  });

  test("whose links have broken are given only when there is nothing else", () => {
    const [one, two, three] = [1, 2, 3].map((at) => gateway(`g${at}`, { domain: `wss://g${at}.example` }));
    const leaving = gateway("g3", { domain: "wss://g3.example", state: "leaving" });
    const node = (appid: string, gone: string): Instance => gateway(`node of ${gone}`, { gone }, { appid });
    if (one === undefined || two === undefined || three === undefined) throw new Error("three gateways");
    expect(lookup("a", [one, two, three, node("chat", "g1")]).domains.toSorted()).toEqual(domains(2, 3));
    expect(lookup("a", [one, two, three, node("chat", "g1"), node("login", "g2,g9")]).domains).toEqual(domains(3));
    // One that leaves is better than one that is gone.
    expect(lookup("a", [one, leaving, node("chat", "g1")]).domains).toEqual(domains(3));
    expect(lookup("a", [one, two, node("chat", "g1,g2")]).domains.toSorted()).toEqual(domains(1, 2));
    // Nobody else knows.
    for (const appid of ["wgateway", "shop"])
      expect(lookup("a", [one, two, node(appid, "g1")]).domains.toSorted()).toEqual(domains(1, 2));
    const waiting = gateway("node", { gone: "g1" }, { appid: "chat", status: Status.Waiting });
    expect(lookup("a", [one, two, waiting]).domains.toSorted()).toEqual(domains(1, 2));
  });

  test("are of the schemes that were asked for", () => {
    const mixed = [
      gateway("g1", { domain: "ws://g1.example", "tag.IDC": "fra" }),
      gateway("g2", { domain: "WSS://g2.example", "tag.IDC": "ams" }),
      gateway("g3", { domain: "tcp://g3.example:1", "tag.IDC": "fra" }, { appid: "tgateway" }),
      gateway("g4", { domain: "g4.example" }),
    ];
    const of = (query: string): string[] =>
      lookup("a", mixed, { ...(schemesIn(query) && { schemes: schemesIn(query) ?? new Set() }) }).domains.toSorted();
    expect(of("scheme=ws")).toEqual(["ws://g1.example"]);
    expect(of("scheme=wss")).toEqual(["WSS://g2.example"]);
    for (const query of ["scheme=ws,wss", "scheme=WSS&scheme=ws", "a=b&scheme=x,,ws,wss,\u0000"])
      expect([query, of(query)]).toEqual([query, ["WSS://g2.example", "ws://g1.example"]]);
    expect(of("scheme=tcp")).toEqual(["tcp://g3.example:1"]);
    for (const query of ["", "scheme=", "scheme=%00", "x=ws", "%"])
      expect([query, of(query).length]).toEqual([query, 3]);
    const none = lookupGateways("a", "", undefined, gatewaysIn(mixed), new Set(["ftp"]));
    expect(none).toEqual({ reason: "no gateway is up at ftp" });
    // A distant one of the scheme is better than a near one of another.
    expect(lookup("a", mixed, { rules, schemes: new Set(["wss"]) }).domains).toEqual(["WSS://g2.example"]);
  });

  test("that stay of one scheme do not hide those that leave of another", () => {
    const mixed = [
      gateway("g1", { domain: "ws://g1.example", state: "leaving" }),
      gateway("g1", { domain: "tcp://g1.example:1" }, { appid: "tgateway" }),
    ];
    expect(lookup("a", mixed, { schemes: new Set(["ws"]) }).domains).toEqual(["ws://g1.example"]);
  });

  test("behind one domain count once, and one that stays keeps the domain", () => {
    const both = [
      gateway("g1", { domain: "wss://g1.example", state: "leaving" }),
      gateway("g2", { domain: "wss://g1.example" }),
      gateway("g3", { domain: "wss://g3.example" }),
    ];
    expect(lookup("a", both).domains).toEqual(domains(1, 3));
  });

  test("are ordered by the bytes of their ids, over both services", () => {
    const named = (id: string, appid: string): Instance => gateway(id, { domain: id }, { appid });
    // As bytes U+FF5E stands before U+1F642, in UTF-16 after it.
    const ids = ["B", "a", "b", "～", "🙂"];
    const instances = ids.map((id, index) => named(id, index % 2 === 0 ? "tgateway" : "wgateway"));
    for (const list of [instances, instances.toReversed()])
      expect([lookup("", list).domains, lookup("gate01_alice_1", list).domains]).toEqual([
        ["B", "a", "b"],
        // 4246332684 mod 50 is 34.
        ["～", "🙂", "B"],
      ]);
  });

  test("are UP, of this env, and have a domain", () => {
    const none = [
      gateway("g1", { domain: "wss://g1.example" }, { status: Status.Waiting }),
      gateway("g2", { domain: "wss://g2.example" }, { env: "dev" }),
      gateway("g3", {}),
      gateway("g4", { domain: " " }),
      gateway("g5", { domain: "wss://g5.example" }, { appid: "login" }),
    ];
    const reason = { reason: "no gateway is up" };
    expect(lookupGateways("a", "10.1.1.1", rules, gatewaysIn(none))).toEqual(reason);
    expect(lookupGateways("a", "10.1.1.1", undefined, gatewaysIn())).toEqual(reason);
  });
});

function timeOf(found: LookupAnswer | { readonly reason: string }): number {
  return "reason" in found ? NaN : found.utc;
}

describe("the list of gateways", () => {
  const directory = new FakeDirectory(gatewaysAt("fra", "ams"));
  const time = new VirtualTime();
  let reads = 0;
  const counting = {
    instances: (env: string, appid: string, mask: number) => {
      reads++;
      return directory.instances(env, appid, mask);
    },
  };
  const gateways = new PublicGateways({
    ...{ directory: counting, revisions: directory, env: "prod" },
    clock: time.clock(0),
  });

  test("is read once a change of its own, and once a second, whoever asks how often", () => {
    for (let asked = 0; asked < 1_000; asked++) {
      lookupGateways(`token ${asked}`, "10.1.1.1", rules, gateways);
      directory.touch("prod", "chat");
    }
    // Each reading asks for gateways of both kinds, and for those who know their links.
    expect(reads).toBe(4);
    directory.touch("prod", "tgateway");
    gateways.urls(undefined);
    expect(reads).toBe(8);
    time.advance(999);
    for (const scheme of ["ws", "wss", "tcp", "x"]) gateways.urls(undefined, new Set([scheme]));
    expect(reads).toBe(8);
    time.advance(1);
    gateways.urls(undefined);
    expect(reads).toBe(12);
  });

  test("shows a change at once", () => {
    directory.replace(gatewaysAt("fra", "ams", "fra"));
    expect(gateways.urls(undefined)).toEqual(["wss://g1.example", "wss://g2.example", "wss://g3.example"]);
    expect(gateways.urls("fra")).toEqual(["wss://g1.example", "wss://g3.example"]);
    expect(gateways.urls("nowhere")).toHaveLength(3);
    directory.replace([]);
    expect(gateways.urls("fra")).toEqual([]);
  });
});
