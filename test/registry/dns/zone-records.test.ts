// Records of the registry's domain are made of its table: SRV, A, AAAA, TXT and CNAME.

import { systemClock } from "../../../src/base/clock.ts";
import { testLimits } from "../../support/limits.ts";
import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../src/base/random.ts";
import { type Instance, Status } from "../../../src/registry/instance.ts";
import { DnsZone } from "../../../src/registry/dns/zone.ts";
import { FakeDirectory, instanceOf } from "./fake-directory.ts";
import { metadata, login1, login2, all, soa, registry } from "./zone-support.ts";

describe("SRV", () => {
  test("names the instances of a service in one zone, with their addresses beside", () => {
    const read = registry().ask("_login._tcp.z1.roost", "SRV");
    expect(read).toMatchObject({ rcode: "NOERROR", isAuthoritative: true, isTruncated: false, authorities: [] });
    expect(read.answers).toEqual(["_login._tcp.z1.roost 5 SRV 0 7 8100 login1.node.roost"]);
    expect(read.additionals).toEqual(["login1.node.roost 5 A 10.0.0.1"]);
  });

  test("names those of all zones when it is asked for none, and under .service", () => {
    const targets = ["0 1 8100 login2.node.roost", "0 7 8100 login1.node.roost"];
    const read = registry().ask("_login._tcp.roost", "SRV");
    expect(read.answers.toSorted()).toEqual(targets.map((target) => `_login._tcp.roost 5 SRV ${target}`));
    expect(read.additionals.toSorted()).toEqual(["login1.node.roost 5 A 10.0.0.1", "login2.node.roost 5 A 10.0.0.2"]);
    const answers = registry().ask("login.service.roost", "SRV").answers.toSorted();
    expect(answers).toEqual(targets.map((target) => `login.service.roost 5 SRV ${target}`));
  });

  test("gives for a protocol the addresses with that scheme, for tcp all but those of udp", () => {
    const ports = (name: string): string[] =>
      registry()
        .ask(name, "SRV")
        .answers.map((text) => text.split(" ")[5] ?? "")
        .toSorted();
    expect(ports("_wgateway._ws.roost")).toEqual(["8000"]);
    expect(ports("_wgateway._http.roost")).toEqual(["8001"]);
    expect(ports("_wgateway._udp.roost")).toEqual(["9000"]);
    expect(ports("_wgateway._tcp.roost")).toEqual(["8000", "8001"]);
    expect(ports("wgateway.service.roost")).toEqual(["8000", "8001", "9000"]);
    expect(ports("_wgateway._grpc.roost")).toEqual([]);
  });

  test("names an address by itself when the id's name also has addresses at which nobody answers on that port", () => {
    const read = registry().ask("_wgateway._tcp.roost", "SRV");
    expect(read.answers.toSorted()).toEqual([
      "_wgateway._tcp.roost 5 SRV 0 1 8000 0a000003.addr.roost",
      "_wgateway._tcp.roost 5 SRV 0 1 8001 20010db8000000000000000000000003.addr.roost",
    ]);
    expect(read.additionals.toSorted()).toEqual([
      "0a000003.addr.roost 5 A 10.0.0.3",
      "20010db8000000000000000000000003.addr.roost 5 AAAA 2001:db8::3",
    ]);
  });

  test("names an address by itself when the id can't be a host's name, or would mean another thing", () => {
    for (const hostname of ["host:8100", "-x", "_x", "_x._y", "ä", "a..b", "x".repeat(64)]) {
      const read = registry([{ ...login1, hostname }]).ask("_login._tcp.z1.roost", "SRV");
      expect(read.answers).toEqual(["_login._tcp.z1.roost 5 SRV 0 7 8100 0a000001.addr.roost"]);
      expect(read.additionals).toEqual(["0a000001.addr.roost 5 A 10.0.0.1"]);
    }
  });

  test("every target below the domain has the addresses that stand beside", () => {
    const asked = registry([...all, { ...login1, hostname: "a.b" }, { ...login1, hostname: "_c" }]);
    for (const name of ["login.service.roost", "wgateway.service.roost", "infra.discovery.service.roost"]) {
      const { answers, additionals } = asked.ask(name, "SRV");
      const targets = new Set(answers.map((text) => text.split(" ").at(-1) ?? ""));
      expect(targets.size).toBeGreaterThan(0);
      const direct = [...targets].flatMap((target) => [
        ...asked.ask(target, "A").answers,
        ...asked.ask(target, "AAAA").answers,
      ]);
      expect(direct.toSorted()).toEqual(additionals.toSorted());
    }
  });

  test("points to names of elsewhere without their addresses", () => {
    for (const host of ["Chat.example.com", "chat.example.com."]) {
      const read = registry([{ ...login1, addrs: [`tcp://${host}:1`] }]).ask("_login._tcp.roost", "SRV");
      expect(read.answers).toEqual(["_login._tcp.roost 5 SRV 0 7 1 chat.example.com"]);
      expect(read.additionals).toEqual([]);
    }
  });

  test("knows the ports of the web, and leaves out what has no port or no host", () => {
    const addrs = [
      "https://10.0.0.1",
      "ws://10.0.0.1",
      "tcp://10.0.0.1",
      "nonsense",
      "",
      "tcp://",
      "tcp://a b:1",
      "tcp://a_.-:1",
    ];
    const { answers } = registry([{ ...login1, addrs }]).ask("_login._tcp.roost", "SRV");
    expect(new Set(answers.map((text) => text.split(" ")[5]))).toEqual(new Set(["443", "80"]));
  });

  test("has weights from 0 to 65535", () => {
    const weights = [
      ["0", 0],
      ["65535", 65_535],
      ["70000", 65_535],
      ["1e99", 65_535],
      ["-3", 0],
      ["2.9", 2],
      ["", 1],
      ["x", 1],
    ] as const;
    for (const [text, weight] of weights) {
      const instance = { ...login1, metadata: metadata({ weight: text }) };
      expect(registry([instance]).ask("_login._tcp.roost", "SRV").answers).toEqual([
        `_login._tcp.roost 5 SRV 0 ${weight} 8100 login1.node.roost`,
      ]);
    }
  });

  test("names one target and port once", () => {
    const twice = { ...login1, addrs: ["tcp://10.0.0.1:1", "grpc://10.0.0.1:1"] };
    expect(registry([twice]).ask("_login._tcp.roost", "SRV").answers).toHaveLength(1);
    const weighing = (weight: string): Instance => ({
      ...login1,
      hostname: `h:${weight}`,
      metadata: metadata({ weight }),
    });
    expect(registry([weighing("4"), weighing("9")]).ask("_login._tcp.roost", "SRV").answers).toEqual([
      "_login._tcp.roost 5 SRV 0 4 8100 0a000001.addr.roost",
    ]);
  });
});

describe("A and AAAA", () => {
  test("show IPv4 inside of IPv6 as what it is", () => {
    const mapped = instanceOf({ appid: "mapped", hostname: "m1", addrs: ["tcp://[::ffff:10.0.0.7]:80"] });
    const asked = registry([mapped]);
    expect(asked.ask("mapped.service.roost", "A").answers).toEqual(["mapped.service.roost 5 A 10.0.0.7"]);
    expect(asked.ask("mapped.service.roost", "AAAA").answers).toEqual([]);
    expect(asked.ask("_mapped._tcp.roost", "SRV").additionals).toEqual(["m1.node.roost 5 A 10.0.0.7"]);
  });

  test("are the addresses of a service, of a service in a zone, and of one instance", () => {
    const asked = registry();
    expect(asked.ask("login.service.roost", "A").answers.toSorted()).toEqual([
      "login.service.roost 5 A 10.0.0.1",
      "login.service.roost 5 A 10.0.0.2",
    ]);
    expect(asked.ask("_login._tcp.z2.roost", "A").answers).toEqual(["_login._tcp.z2.roost 5 A 10.0.0.2"]);
    expect(asked.ask("gw1.node.roost", "A").answers).toEqual(["gw1.node.roost 5 A 10.0.0.3"]);
    expect(asked.ask("gw1.node.roost", "AAAA").answers).toEqual(["gw1.node.roost 5 AAAA 2001:db8::3"]);
    expect(asked.ask("_wgateway._http.roost", "AAAA").answers).toHaveLength(1);
    expect(asked.ask("_wgateway._http.roost", "A")).toMatchObject({ rcode: "NOERROR", answers: [] });
  });

  test("of two services under one id are both given", () => {
    const asked = registry([login1, instanceOf({ appid: "chat", hostname: "LOGIN1", addrs: ["tcp://10.0.0.8:1"] })]);
    expect(asked.ask("login1.node.roost", "A").answers.toSorted()).toEqual([
      "login1.node.roost 5 A 10.0.0.1",
      "login1.node.roost 5 A 10.0.0.8",
    ]);
  });
});

describe("TXT", () => {
  test("says the version, the zone and the metadata of each instance, a string in each record", () => {
    const asked = registry();
    const texts = ["state=adult", "version=1.2", "weight=7", "zone=z1"];
    const of = (owner: string): string[] => asked.ask(owner, "TXT").answers.toSorted();
    for (const owner of ["login1.node.roost", "_login._tcp.z1.roost"])
      expect(of(owner)).toEqual(texts.map((text) => `${owner} 5 TXT ${text}`));
    expect(of("_login._udp.z1.roost")).toEqual([]);
    expect(of("login.service.roost")).toEqual([...texts, "zone=z2"].map((text) => `login.service.roost 5 TXT ${text}`));
  });

  test("says once what several instances say", () => {
    const twice = ["a", "b"].map((hostname) => instanceOf({ appid: "twice", hostname, addrs: ["tcp://10.0.0.1:1"] }));
    expect(registry(twice).ask("twice.service.roost", "TXT").answers).toEqual(["twice.service.roost 5 TXT zone=z1"]);
  });

  test("leaves out what is longer than a string may be", () => {
    const long = {
      ...login1,
      version: "",
      metadata: metadata({ a: "x".repeat(253), b: "y".repeat(254), c: "ä".repeat(126) }),
    };
    expect(registry([long]).ask("login1.node.roost", "TXT").answers.toSorted()).toEqual([
      `login1.node.roost 5 TXT a=${"x".repeat(253)}`,
      `login1.node.roost 5 TXT c=${"ä".repeat(126)}`,
      "login1.node.roost 5 TXT zone=z1",
    ]);
  });
});

describe("CNAME", () => {
  /** An instance whose addresses name a host. */
  const named = (hostname: string, ...addrs: string[]): Instance => instanceOf({ appid: "shop", hostname, addrs });
  const alias = "shop1.node.roost 5 CNAME shop.example.com";

  test("is all that the id of an instance which names a host has, whatever is asked for", () => {
    const asked = registry([named("shop1", "http://Shop.Example.com.:80", "https://shop.example.com")]);
    for (const type of ["A", "AAAA", "CNAME", "TXT", "SRV", "ANY", "NS", 99] as const)
      expect(asked.ask("shop1.node.roost", type)).toMatchObject({
        rcode: "NOERROR",
        answers: [alias],
        additionals: [],
      });
  });

  test("is not beside addresses, nor one of several names", () => {
    const mixed = named("shop1", "http://shop.example.com:80", "http://10.0.0.1:80");
    const asked = registry([mixed, named("shop2", "http://a.example.com", "http://b.example.com")]);
    expect(asked.ask("shop1.node.roost", "A").answers).toEqual(["shop1.node.roost 5 A 10.0.0.1"]);
    expect(asked.ask("shop1.node.roost", "CNAME")).toMatchObject({ rcode: "NOERROR", answers: [] });
    for (const type of ["A", "CNAME"] as const)
      expect(asked.ask("shop2.node.roost", type)).toMatchObject({ rcode: "NOERROR", answers: [] });
    expect(asked.ask("shop2.node.roost", "TXT").answers).toEqual(["shop2.node.roost 5 TXT zone=z1"]);
  });

  test("counts all instances that are up under an id", () => {
    const one = named("shop1", "http://shop.example.com:80");
    const shared = (addrs: string[], status: Instance["status"] = Status.Up): Instance =>
      instanceOf({ appid: "pay", hostname: "shop1", addrs, status });
    const answersOf = (other: Instance): readonly string[] =>
      registry([one, other]).ask("shop1.node.roost", "A").answers;
    expect(answersOf(shared(["http://shop.example.com:81"]))).toEqual([alias]);
    expect(answersOf(shared(["http://pay.example.com"], Status.Waiting))).toEqual([alias]);
    expect(answersOf(shared(["http://pay.example.com"]))).toEqual([]);
    expect(answersOf(shared(["http://10.0.0.7:80"]))).toEqual(["shop1.node.roost 5 A 10.0.0.7"]);
  });

  test("is never a service's, whose SRV records name the host themselves", () => {
    const asked = registry([named("shop1", "http://shop.example.com:80")]);
    const record = "5 SRV 0 1 80 shop.example.com";
    expect(asked.ask("_shop._tcp.z1.roost", "SRV").answers).toEqual([`_shop._tcp.z1.roost ${record}`]);
    expect(asked.ask("shop.service.roost", "SRV").answers).toEqual([`shop.service.roost ${record}`]);
    for (const type of ["A", "CNAME"] as const)
      expect(asked.ask("shop.service.roost", type)).toMatchObject({ rcode: "NOERROR", answers: [] });
  });

  test("leads to no name of this domain, and to nothing that is no host's name", () => {
    const hosts = [
      "shop1.node.roost",
      "roost",
      "ns.roost",
      "x.addr.roost",
      "a_b-.example",
      "a%20b",
      `${"a".repeat(64)}.b`,
    ];
    for (const host of hosts) {
      const asked = registry([named("shop1", `http://${host}:80`)]);
      expect(asked.ask("shop1.node.roost", "A")).toMatchObject({ rcode: "NOERROR", answers: [] });
    }
    expect(registry([named("shop1", "http://notroost:80")]).ask("shop1.node.roost", "A").answers).toEqual([
      "shop1.node.roost 5 CNAME notroost",
    ]);
  });
});

describe("ANY", () => {
  test("is answered with one type's records", () => {
    expect(registry().ask("_login._tcp.z1.roost", "ANY").answers).toEqual([
      "_login._tcp.z1.roost 5 SRV 0 7 8100 login1.node.roost",
    ]);
    expect(registry().ask("roost", "ANY").answers).toEqual([soa]);
    expect(registry().ask("0a000001.addr.roost", "ANY").answers).toEqual(["0a000001.addr.roost 5 A 10.0.0.1"]);
  });
});

test("an answer changes with the table, at once", () => {
  const asked = registry();
  expect(asked.ask("_login._tcp.z1.roost", "SRV").answers).toHaveLength(1);
  asked.directory.replace([login2]);
  expect(asked.ask("_login._tcp.z1.roost", "SRV").rcode).toBe("NXDOMAIN");
  expect(asked.ask("login1.node.roost", "A").rcode).toBe("NXDOMAIN");
  asked.directory.replace([{ ...login1, addrs: ["tcp://10.0.0.77:1"] }]);
  expect(asked.ask("_login._tcp.z1.roost", "SRV").additionals).toEqual(["login1.node.roost 5 A 10.0.0.77"]);
});

test("glue is given of targets below the domain only", () => {
  const directory = new FakeDirectory(all);
  const zone = new DnsZone({
    domain: "roost",
    env: "prod",
    ttlSeconds: 5,
    directory,
    ownAddress: undefined,
    random: seededRandom(1),
    clock: systemClock,
    limits: testLimits(),
  });
  expect(zone.glue("login1.node.roost").map(({ owner }) => owner)).toEqual(["login1.node.roost"]);
  for (const target of ["login1.node.example", "xroost", "roost", "nobody.node.roost", "login.service.roost"])
    expect(zone.glue(target)).toEqual([]);
});
