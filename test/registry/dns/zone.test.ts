// The domain tells "no such name" from "no data" and from "not ours", whatever the case of a name.

import { describe, expect, test } from "bun:test";
import { Asked } from "./ask.ts";
import { instanceOf } from "./fake-directory.ts";
import { login1, all, soa, registry } from "./zone-support.ts";

describe("the domain itself", () => {
  test("has a SOA, and its name server is the registry's nodes", () => {
    const asked = registry();
    expect(asked.ask("roost", "SOA").answers).toEqual([soa]);
    const read = asked.ask("roost", "NS");
    expect(read.answers).toEqual(["roost 5 NS ns.roost"]);
    expect(read.additionals).toEqual(["ns.roost 5 A 10.0.0.9"]);
    expect(asked.ask("ns.roost", "A").answers).toEqual(["ns.roost 5 A 10.0.0.9"]);
  });

  test("is served at the own address while the table lists no node, if it is one", () => {
    expect(new Asked([], { ownAddress: "10.0.0.7" }).ask("ns.roost", "A").answers).toEqual(["ns.roost 5 A 10.0.0.7"]);
    expect(new Asked([]).ask("ns.roost", "A")).toMatchObject({ rcode: "NOERROR", answers: [], authorities: [soa] });
  });

  test("may have several labels, capitals and a final dot", () => {
    const asked = new Asked(all, { domain: "IM.Example." });
    expect(asked.ask("login1.node.im.example", "A").answers).toEqual(["login1.node.im.example 5 A 10.0.0.1"]);
    expect(asked.ask("login1.node.example", "A").rcode).toBe("REFUSED");
  });

  test.each(["", ".", "a b", "-a", "10.0.0.1", "a..b", "ä", "a.".repeat(150)])("can't be %p", (domain) => {
    expect(() => new Asked([], { domain })).toThrow("is not a domain");
  });

  test.each([-1, 0.5, NaN, 2 ** 31])("has no TTL of %p", (ttlSeconds) => {
    expect(() => new Asked([], { ttlSeconds })).toThrow("whole number of seconds");
  });
});

describe("no data, with the SOA, is the answer", () => {
  test.each([
    ["login1.node.roost", "AAAA"],
    ["login1.node.roost", "NS"],
    ["login1.node.roost", "SOA"],
    ["login.service.roost", 15],
    ["_login._udp.z1.roost", "SRV"],
    ["roost", "A"],
    ["roost", "TXT"],
    ["ns.roost", "AAAA"],
    ["0a000001.addr.roost", "AAAA"],
    // Names with nothing of their own, above others.
    ["service.roost", "A"],
    ["node.roost", "A"],
    ["addr.roost", "A"],
    ["_tcp.roost", "A"],
    ["_tcp.z1.roost", "A"],
    ["Z1.roost", "A"],
    ["discovery._tcp.z1.roost", "A"],
    // All instances wait, but there are some.
    ["_chat._tcp.roost", "SRV"],
    ["_chat._tcp.z3.roost", "SRV"],
    ["chat.service.roost", "A"],
    ["chat1.node.roost", "A"],
    ["chat1.node.roost", "ANY"],
  ] as const)("for %p %p", (name, type) => {
    expect(registry().ask(name, type)).toMatchObject({
      rcode: "NOERROR",
      isAuthoritative: true,
      answers: [],
      authorities: [soa],
      additionals: [],
    });
  });
});

describe("no such name, with the SOA, is the answer", () => {
  test.each([
    "nobody.node.roost",
    "nothing.service.roost",
    "_nothing._tcp.roost",
    "_nothing._tcp.z1.roost",
    "_login._tcp.z3.roost",
    "_login._tcp.nowhere.roost",
    "_tcp.nowhere.roost",
    "nowhere.roost",
    "_._tcp.roost",
    "a.ns.roost",
    "0a00000g.addr.roost",
    // Of another env.
    "secret.service.roost",
    "dev1.node.roost",
    "_secret._tcp.z9.roost",
  ])("for %p", (name) => {
    for (const type of ["A", "SRV", "ANY", "TXT"] as const)
      expect(registry().ask(name, type)).toMatchObject({
        rcode: "NXDOMAIN",
        isAuthoritative: true,
        answers: [],
        authorities: [soa],
      });
  });

  test("for labels with dots, other bytes or none that anyone has", () => {
    for (const labels of [
      ["login1.node", "roost"],
      ["login.service", "roost"],
      [Buffer.from([0xff, 0]), "node", "roost"],
    ])
      expect(registry().ask(labels, "A").rcode).toBe("NXDOMAIN");
  });
});

describe("refused is", () => {
  test.each(["", "example.com", "com", "roost.com", "xroost", "login1.node.roos", "login1.node.roost.example"])(
    "%p, outside of the domain",
    (name) => {
      expect(registry().ask(name, "A")).toMatchObject({
        rcode: "REFUSED",
        isAuthoritative: false,
        answers: [],
        authorities: [],
        additionals: [],
      });
    },
  );

  test("a label that looks like a name in the domain", () => {
    expect(registry().ask(["login1.node.roost"], "A").rcode).toBe("REFUSED");
    expect(new Asked(all, { domain: "im.example" }).ask(["node", "im.example"], "A").rcode).toBe("REFUSED");
  });

  test("a transfer of the zone, and another class", () => {
    expect(registry().ask("roost", "AXFR").rcode).toBe("REFUSED");
    expect(registry().ask("roost", "IXFR").rcode).toBe("REFUSED");
    expect(registry().ask("login1.node.roost", "A", { class: 3 }).rcode).toBe("REFUSED");
  });
});

describe("upper and lower case", () => {
  test("are equal, and the question is echoed as it came", () => {
    const read = registry().ask("_LoGiN._TcP.z1.rOOst", "SRV");
    expect(read.packet.questions?.[0]?.name).toBe("_LoGiN._TcP.z1.rOOst");
    expect(read.answers).toEqual(["_LoGiN._TcP.z1.rOOst 5 SRV 0 7 8100 login1.node.roost"]);
    expect(registry().ask("LOGIN1.NODE.ROOST", "A").answers).toEqual(["LOGIN1.NODE.ROOST 5 A 10.0.0.1"]);
  });

  test("of a service's own name are found as they are written", () => {
    const named = instanceOf({ appid: "ChatRoom", hostname: "c1", zone: "EU", addrs: ["tcp://10.0.0.1:1"] });
    expect(registry([named]).ask("_ChatRoom._tcp.eu.roost", "SRV").answers).toHaveLength(1);
  });

  test("do not keep an id with capitals from having its name", () => {
    const read = registry([{ ...login1, hostname: "LOGIN1" }]).ask("_login._tcp.roost", "SRV");
    expect(read.answers).toEqual(["_login._tcp.roost 5 SRV 0 7 8100 login1.node.roost"]);
    expect(read.additionals).toEqual(["login1.node.roost 5 A 10.0.0.1"]);
  });
});

test("a node that does not yet know what there is fails, but still refuses what is not its own", () => {
  const asked = registry();
  asked.directory.isReadable = false;
  expect(asked.ask("login1.node.roost", "A")).toMatchObject({ rcode: "SERVFAIL", answers: [] });
  expect(asked.ask("example.com", "A").rcode).toBe("REFUSED");
  asked.directory.isReadable = true;
  expect(asked.ask("login1.node.roost", "A").answers).toHaveLength(1);
});

test("services are found in any case, and every branch of a dotted name exists", () => {
  const asked = new Asked([
    instanceOf({ appid: "Goim.Comet", hostname: "C1.example.com", zone: "eu.fra", addrs: ["tcp://10.0.0.1:80"] }),
  ]);
  expect(asked.ask("goim.COMET.service.roost", "A").answers).toHaveLength(1);
  for (const branch of ["comet.service.roost", "com.node.roost", "example.com.node.roost", "fra.roost"])
    expect(asked.ask(branch, "A")).toMatchObject({ rcode: "NOERROR", answers: [] });
  for (const stranger of ["met.service.roost", "om.node.roost", "goim.service.roost", "eu.roost"])
    expect(asked.ask(stranger, "A").rcode).toBe("NXDOMAIN");
});
