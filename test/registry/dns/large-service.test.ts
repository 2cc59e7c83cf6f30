// What a large service and a busy registry cost DNS: a change costs those alone who ask for what has changed, a large
// service is read a few times within a TTL at most, and of too many endpoints some are drawn.

import { describe, expect, test } from "bun:test";
import { type Instance, Status } from "../../../src/registry/instance.ts";
import { bound } from "../../support/bounds.ts";
import { testLimits } from "../../support/limits.ts";
import { Asked } from "./ask.ts";
import { instanceOf } from "./fake-directory.ts";
import { queryOf } from "./messages.ts";

/** Instances of a service with an address each. */
function many(count: number, appid = "big", change: Partial<Instance> = {}): Instance[] {
  return Array.from({ length: count }, (_, at) =>
    instanceOf({
      appid,
      hostname: `${appid}${at}`,
      addrs: [`tcp://10.${at >> 16}.${(at >> 8) & 255}.${at & 255}:8100`],
      ...change,
    }),
  );
}

/** Notes which services are read as a whole. */
function readsOf(asked: Asked): string[] {
  const reads: string[] = [];
  const read = asked.directory.instances.bind(asked.directory);
  asked.directory.instances = (env, appid, mask) => {
    reads.push(appid);
    return read(env, appid, mask);
  };
  return reads;
}

const quarterMs = 1_250;
const srv = (appid: string): string => `_${appid}._tcp.roost`;

describe("a change of one service", () => {
  test("costs no other one a reading, nor its kept answers", () => {
    const asked = new Asked([...many(3, "big"), ...many(3, "small")]);
    const reads = readsOf(asked);
    const query = queryOf("small0.node.roost", "A");
    const before = asked.bytes(query, "udp");
    asked.ask(srv("small"), "SRV");
    for (let change = 0; change < 100; change++) {
      asked.directory.touch("prod", "big");
      expect(asked.ask(srv("small"), "SRV").answers).toHaveLength(3);
      expect(asked.bytes(query, "udp")).toBe(before);
    }
    expect(reads).toEqual(["small"]);
  });

  test("shows at once in its own answers, as long as it is not large", () => {
    const asked = new Asked(many(256));
    const reads = readsOf(asked);
    for (let change = 1; change <= 10; change++) {
      asked.directory.replace(many(256 - change));
      expect(asked.ask(srv("big"), "SRV").answers).toHaveLength(256 - change);
    }
    expect(reads).toHaveLength(10);
  });

  test("shows in the answers of others under the same id after a quarter of the TTL", () => {
    const [big] = many(1);
    if (big === undefined) throw new Error("there is one");
    const asked = new Asked([big]);
    expect(asked.ask(srv("big"), "SRV").answers).toEqual([`${srv("big")} 5 SRV 0 1 8100 big0.node.roost`]);
    // Another port, at which nobody of `big` answers.
    const namesake = instanceOf({ appid: "small", hostname: "big0", addrs: ["tcp://10.9.9.9:1"] });
    asked.directory.replace([big, namesake]);
    const revision = asked.directory.revisionOf.bind(asked.directory);
    asked.directory.revisionOf = (env, appid) => (appid === "big" ? 1 : revision(env, appid));
    asked.time.advance(quarterMs);
    expect(asked.ask(srv("big"), "SRV").answers).toEqual([`${srv("big")} 5 SRV 0 1 8100 0a000000.addr.roost`]);
  });
});

describe("a service of more endpoints than an answer may have", () => {
  test("is read once in a quarter of the TTL, however often it changes", () => {
    const asked = new Asked(many(300));
    const reads = readsOf(asked);
    for (let change = 0; change < 100; change++) {
      asked.directory.touch("prod", "big");
      asked.ask(srv("big"), "SRV");
      asked.ask("big.service.roost", "A");
      asked.ask(`_big._x${change}.roost`, "SRV");
    }
    expect(reads).toEqual(["big"]);
    asked.time.advance(quarterMs);
    asked.directory.touch("prod", "big");
    asked.ask(srv("big"), "SRV");
    asked.ask("big.service.roost", "A");
    expect(reads).toEqual(["big", "big"]);
  });

  test("is drawn anew after a quarter of the TTL, and not before, so that none is left out for long", () => {
    const asked = new Asked(many(1_000));
    const seen = new Set<string>();
    for (let round = 0; round < 40; round++) {
      const { answers } = asked.ask(srv("big"), "SRV");
      expect(answers).toHaveLength(256);
      expect(asked.ask(srv("big"), "SRV").answers.toSorted()).toEqual(answers.toSorted());
      for (const answer of answers) seen.add(answer);
      asked.time.advance(quarterMs);
    }
    expect(seen.size).toBeGreaterThan(990);
  });

  test("is gone as soon as its last instance is gone", () => {
    const asked = new Asked(many(300));
    asked.ask(srv("big"), "SRV");
    asked.directory.replace([]);
    expect(asked.ask(srv("big"), "SRV").rcode).toBe("NXDOMAIN");
  });

  test("has the few records of another kind all the same", () => {
    const few = instanceOf({ appid: "big", hostname: "v6", zone: "z9", addrs: ["udp://[2001:db8::1]:53"] });
    const waiting = instanceOf({ appid: "big", hostname: "w", zone: "z8", status: Status.Waiting });
    const asked = new Asked([...many(5_000), few, waiting]);
    expect(asked.ask("big.service.roost", "AAAA").answers).toEqual(["big.service.roost 5 AAAA 2001:db8::1"]);
    expect(asked.ask("_big._udp.roost", "SRV").answers).toEqual(["_big._udp.roost 5 SRV 0 1 53 v6.node.roost"]);
    expect(asked.ask("_big._udp.z9.roost", "SRV").answers).toHaveLength(1);
    expect(asked.ask("_big._tcp.z9.roost", "SRV")).toMatchObject({ rcode: "NOERROR", answers: [] });
    expect(asked.ask("_big._tcp.z8.roost", "SRV")).toMatchObject({ rcode: "NOERROR", answers: [] });
    expect(asked.ask("_big._tcp.z7.roost", "SRV").rcode).toBe("NXDOMAIN");
  });

  test("has as many TXT records as a message has room for", () => {
    const textsOf = (at: number): Map<string, string> =>
      new Map(Array.from({ length: 60 }, (_, key) => [`key${key}`, `${at}${"x".repeat(240)}`]));
    const asked = new Asked(many(400).map((instance, at) => ({ ...instance, metadata: textsOf(at) })));
    const { answers } = asked.ask("big.service.roost", "TXT");
    expect(answers.length).toBeGreaterThan(240);
    expect(answers.length).toBeLessThan(256);
    expect(new Set(answers).size).toBe(answers.length);
  });
});

test("an id under which very many live is no target, and is found all the same", () => {
  const crowd = Array.from({ length: 5_000 }, (_, at) =>
    instanceOf({ appid: `s${at}`, hostname: "crowd", addrs: [`tcp://10.1.${at >> 8}.${at & 255}:1`] }),
  );
  const asked = new Asked(crowd);
  expect(asked.ask("_s0._tcp.roost", "SRV").answers).toEqual(["_s0._tcp.roost 5 SRV 0 1 1 0a010000.addr.roost"]);
  expect(asked.ask("crowd.node.roost", "A").answers).toHaveLength(64);
});

test("names that do not exist take nobody's kept answers away", () => {
  const asked = new Asked(many(10));
  const query = queryOf("big0.node.roost", "A");
  const kept = asked.bytes(query, "udp");
  for (let at = 0; at < 100_000; at++) asked.bytes(queryOf(`nobody${at}.node.roost`, "A"), "udp");
  expect(asked.bytes(query, "udp")).toBe(kept);
});

test("answers that are asked for again and again stay kept, whatever else is asked for", () => {
  const asked = new Asked(many(3_000));
  const query = queryOf("big0.node.roost", "A");
  const kept = asked.bytes(query, "udp");
  // Each variant of a question has an answer of its own: far more than are kept.
  for (let at = 0; at < 60_000; at++) {
    const edns = 512 + 16 * (at % 45);
    asked.bytes(queryOf(`big${at % 3_000}.node.roost`, "TXT", { edns, isDnssecOk: at % 2 === 0 }), "udp");
    asked.bytes(queryOf(`big${at % 3_000}.node.roost`, "A", { edns }), "udp");
    if (at % 100 === 0) expect(asked.bytes(query, "udp")).toBe(kept);
  }
});

bound("dnsRecords", {
  at() {
    const limits = testLimits({ dnsRecords: 5 });
    const asked = new Asked(many(5), { limits });
    for (const type of ["SRV", "A"] as const) expect(asked.ask("big.service.roost", type).answers).toHaveLength(5);
    expect(limits.reached.size).toBe(0);
  },
  above() {
    const limits = testLimits({ dnsRecords: 5 });
    const addrs = Array.from({ length: 6 }, (_, at) => `tcp://10.0.0.${at}:${8_000 + at}`);
    const two = instanceOf({ appid: "two", hostname: "two", addrs });
    const asked = new Asked([...many(6, "big", { version: "1" }), two], { limits });
    for (const type of ["SRV", "A"] as const)
      for (const name of ["big.service.roost", "two.service.roost", "two.node.roost"])
        expect(asked.ask(name, type).answers).toHaveLength(5);
    expect(limits.reached.get("dnsRecords")).toBe(6);
  },
});
