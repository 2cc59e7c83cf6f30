// Which names there are below the domain, and how hosts' names are distinguished from others.

import { describe, expect, test } from "bun:test";
import { addressLabel, type DnsName, parseName } from "../../../src/registry/dns/names.ts";
import { asciiLower } from "../../../src/registry/name-index.ts";
import { isHostName } from "../../../src/registry/dns/record.ts";

const parsed = (name: string): DnsName => parseName(name === "" ? [] : name.split("."));

describe("a name below the domain", () => {
  const cases: readonly (readonly [string, DnsName])[] = [
    ["", { kind: "apex" }],
    ["ns", { kind: "name-server" }],
    ["a.ns", { kind: "none" }],
    ["node", { kind: "ancestor" }],
    ["service", { kind: "ancestor" }],
    ["ADDR", { kind: "ancestor" }],
    ["gw1.node", { kind: "node", id: "gw1" }],
    ["Host.Example.NODE", { kind: "node", id: "Host.Example" }],
    ["login.service", { kind: "service", service: "login", protocol: undefined, zone: undefined }],
    ["infra.discovery.service", { kind: "service", service: "infra.discovery", protocol: undefined, zone: undefined }],
    ["_login._tcp", { kind: "service", service: "login", protocol: "tcp", zone: undefined }],
    ["_Login._TCP.Z1", { kind: "service", service: "Login", protocol: "tcp", zone: "z1" }],
    ["_infra.discovery._http.z1.eu", { kind: "service", service: "infra.discovery", protocol: "http", zone: "z1.eu" }],
    ["_a._b._tcp", { kind: "service", service: "a._b", protocol: "tcp", zone: undefined }],
    ["_login._tcp.node", { kind: "service", service: "login", protocol: "tcp", zone: "node" }],
    ["_._tcp", { kind: "none" }],
    ["_login._", { kind: "none" }],
    ["_", { kind: "none" }],
    ["_tcp", { kind: "ancestor" }],
    ["_tcp.z1", { kind: "zone", zone: "z1" }],
    ["discovery._tcp.z1", { kind: "ancestor" }],
    ["Z1", { kind: "zone", zone: "z1" }],
    ["z1.EU", { kind: "zone", zone: "z1.eu" }],
    ["0a000001.addr", { kind: "address", address: "10.0.0.1" }],
    ["FD00000000000000000000000000000A.addr", { kind: "address", address: "fd00:0000:0000:0000:0000:0000:0000:000a" }],
    ["0a00001.addr", { kind: "none" }],
    ["0a00000g.addr", { kind: "none" }],
    ["0a000001.0a000001.addr", { kind: "none" }],
  ];

  test.each(cases)("%p is read as what it asks for", (name, expected) => {
    expect(parsed(name)).toEqual(expected);
  });

  test("is invalid when a dot stands inside a label", () => {
    expect(parseName(["a.b", "service"])).toEqual({ kind: "none" });
    expect(parseName(["_login", "_tcp.z1"])).toEqual({ kind: "none" });
  });
});

test("an address has a label, and the label is that address's name", () => {
  for (const [address, label] of [
    ["10.0.0.1", "0a000001"],
    ["255.255.255.255", "ffffffff"],
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["fe80::", "fe800000000000000000000000000000"],
    ["2001:db8::8:800:200c:417a", "20010db80000000000080800200c417a"],
    ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    ["::ffff:10.0.0.1", "00000000000000000000ffff0a000001"],
  ] as const) {
    expect(addressLabel(address)).toBe(label);
    const name = parsed(`${label}.addr`);
    expect(name.kind === "address" && addressLabel(name.address)).toBe(label);
  }
});

test("only ASCII letters have two cases", () => {
  expect(asciiLower("AZaz_Ä\u212a")).toBe("azaz_Ä\u212a");
});

describe("a host's name", () => {
  test.each(["roost", "a.b.c", "a-b", "a_b", "_a", "1a", "10.0.0.x1", "a".repeat(63), `${"a.".repeat(126)}a`])(
    "may be %p",
    (name) => {
      expect(isHostName(name)).toBe(true);
    },
  );

  test.each([
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "-a",
    "a-",
    "A",
    "ä",
    "a b",
    "a:1",
    "10.0.0.1",
    "a.1",
    "a".repeat(64),
    `${"a.".repeat(126)}aa`,
  ])("is not %p", (name) => {
    expect(isHostName(name)).toBe(false);
  });
});
