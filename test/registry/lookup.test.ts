// A client finds a gateway by its token's hash. The hashes in the comments are CRC-32 by another implementation.

import { VirtualTime } from "../sim/virtual-time.ts";
import { PublicGateways } from "../../src/registry/lookup/public-gateways.ts";
import { describe, expect, test } from "bun:test";
import { type Instance, Status } from "../../src/registry/instance.ts";
import { type LookupAnswer, lookupGateways, schemesIn } from "../../src/registry/lookup/lookup.ts";
import { parseLookupFile } from "../../src/registry/lookup/lookup-file.ts";
import { FakeDirectory, instanceOf } from "./dns/fake-directory.ts";
import { rules, gatewaysIn, lookup } from "./lookup-support.ts";

function gateway(id: string, metadata: Readonly<Record<string, string>>, parts: Partial<Instance> = {}): Instance {
  return instanceOf({ appid: "wgateway", hostname: id, metadata: new Map(Object.entries(metadata)), ...parts });
}

/** `wss://g1.example` ... at the IDCs given, in no particular order. */
function gatewaysAt(...idcs: string[]): Instance[] {
  return idcs
    .map((idc, index) => gateway(`g${index + 1}`, { domain: `wss://g${index + 1}.example`, "tag.IDC": idc }))
    .toReversed();
}

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
    directory: counting,
    revisions: directory,
    env: "prod",
    clock: time.clock(0),
  });

  test("is read once a change of its own, and once a second, however often callers ask", () => {
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
