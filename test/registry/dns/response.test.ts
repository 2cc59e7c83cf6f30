// Answers that must fit: over UDP what does not is cut and said to be, over TCP it comes whole. And what answers are
// kept for: turns among many records, and no more memory than there may be.

import { testLimits } from "../../support/limits.ts";
import { describe, expect, test } from "bun:test";
import { heapStats } from "bun:jsc";
import type { Instance } from "../../../src/registry/instance.ts";
import { parseQuery, type QueryView, Rcode } from "../../../src/registry/dns/query.ts";
import {
  addressRecord,
  authorityRecord,
  type ResourceRecord,
  serviceRecord,
} from "../../../src/registry/dns/record.ts";
import { ResponseWriter } from "../../../src/registry/dns/response-writer.ts";
import type { Finding } from "../../../src/registry/dns/finding.ts";
import { Random, testSeed } from "../../support/random.ts";
import { Asked } from "./ask.ts";
import { instanceOf } from "./fake-directory.ts";
import { optOf, queryOf, type Read, readAnswer } from "./messages.ts";

/** Instances of `login` with an address each. */
function logins(count: number): Instance[] {
  return Array.from({ length: count }, (_, at) =>
    instanceOf({ appid: "login", hostname: `login${at}`, addrs: [`tcp://10.0.${at >> 8}.${at & 255}:8100`] }),
  );
}

const targetOf = (text: string): string => text.split(" ").at(-1) ?? "";

describe("over UDP", () => {
  const asked = new Asked(logins(200));
  const over = (edns: number | undefined): { bytes: Buffer; read: Read } => {
    const bytes = asked.bytes(queryOf("_login._tcp.roost", "SRV", { edns }), "udp");
    return { bytes, read: readAnswer(bytes) };
  };

  test("an answer without EDNS has at most 512 bytes, and TC says that there is more", () => {
    const { bytes, read } = over(undefined);
    expect(bytes.length).toBeLessThanOrEqual(512);
    expect(bytes.length).toBeGreaterThan(400);
    expect(read).toMatchObject({ rcode: "NOERROR", isTruncated: true, authorities: [], additionals: [] });
    expect(read.answers.length).toBeGreaterThan(5);
    expect(optOf(read)).toBeUndefined();
  });

  test.each([
    [0, 512],
    [511, 512],
    [512, 512],
    [900, 900],
    [1232, 1232],
    [4096, 1232],
    [65_535, 1232],
  ])("an answer to who takes %p bytes has at most %p, with an OPT record", (declared, bytesMax) => {
    const { bytes, read } = over(declared);
    expect(bytes.length).toBeLessThanOrEqual(bytesMax);
    expect(bytes.length).toBeGreaterThan(bytesMax - 100);
    expect(read.isTruncated).toBe(true);
    expect(optOf(read)?.udpPayloadSize).toBe(1232);
  });

  test("a cut answer has whole records, each of the whole answer", () => {
    const whole = new Set(asked.ask("_login._tcp.roost", "SRV").answers);
    expect(whole.size).toBe(200);
    for (const edns of [undefined, 512, 700, 1000, 1232]) {
      const { answers } = over(edns).read;
      expect(new Set(answers).size).toBe(answers.length);
      expect(answers.filter((text) => !whole.has(text))).toEqual([]);
    }
  });

  test("addresses beside that have no room are left out unmarked, a target's all or none", () => {
    const asking = new Asked(
      logins(12).map((instance, at) => ({ ...instance, addrs: [...instance.addrs, `tcp://[2001:db8::${at}]:8100`] })),
    );
    const read = readAnswer(asking.bytes(queryOf("_login._tcp.roost", "SRV", { edns: 700 }), "udp"));
    expect(read).toMatchObject({ rcode: "NOERROR", isTruncated: false });
    expect(read.answers).toHaveLength(12);
    expect(read.additionals.length).toBeGreaterThan(0);
    expect(read.additionals.length).toBeLessThan(24);
    const types = Map.groupBy(read.additionals, (text) => text.split(" ")[0] ?? "");
    for (const records of types.values()) expect(records.map((text) => text.split(" ")[2])).toEqual(["A", "AAAA"]);
  });

  test("fits at every size, or says that it does not", () => {
    for (const count of [1, 5, 9, 12, 20])
      for (let edns = 512; edns <= 1300; edns += 13) {
        const asking = new Asked(logins(count));
        const bytes = asking.bytes(queryOf("_login._tcp.roost", "SRV", { edns }), "udp");
        const read = readAnswer(bytes);
        expect(bytes.length).toBeLessThanOrEqual(Math.min(edns, 1232));
        expect(read.isTruncated).toBe(read.answers.length < count);
      }
  });
});

describe("over TCP", () => {
  test("the whole answer comes, with all addresses", () => {
    const read = new Asked(logins(200)).ask("_login._tcp.roost", "SRV");
    expect(read).toMatchObject({ isTruncated: false });
    expect(new Set(read.answers.map(targetOf)).size).toBe(200);
    expect(read.additionals).toHaveLength(200);
  });

  test("of more than a message holds comes as much as there is room for", () => {
    const asked = new Asked(logins(5_000), { limits: testLimits({ dnsRecords: 4_096 }) });
    const bytes = asked.bytes(queryOf("_login._tcp.roost", "SRV", { edns: 1232 }), "tcp");
    expect(bytes.length).toBeLessThanOrEqual(65_535);
    expect(bytes.length).toBeGreaterThan(65_000);
    const read = readAnswer(bytes);
    expect(read.isTruncated).toBe(false);
    expect(optOf(read)).toBeDefined();
    const targets = read.answers.map(targetOf);
    expect(new Set(targets).size).toBe(targets.length);
    expect(targets.length).toBeGreaterThan(1_000);
  });

  test("owners far behind, where no pointer reaches, are written out", () => {
    const asked = new Asked(
      logins(600).map((instance, at) => ({ ...instance, addrs: [...instance.addrs, `tcp://[fd00::${at}]:8100`] })),
      { limits: testLimits({ dnsRecords: 600 }) },
    );
    const read = asked.ask("_login._tcp.roost", "SRV");
    expect(read.answers).toHaveLength(600);
    expect(read.additionals.length).toBeGreaterThan(1_100);
    for (const text of read.additionals) {
      const at = Number(/^login(\d+)\.node\.roost /.exec(text)?.[1]);
      expect([`10.0.${at >> 8}.${at & 255}`, `fd00::${at}`.replace(/::0$/, "::")]).toContain(targetOf(text));
    }
  });
});

describe("an answer's header", () => {
  const asked = new Asked(logins(1));

  test("repeats the id and RD, and never offers recursion", () => {
    for (const id of [0, 1, 0xffff, 1]) {
      const read = asked.ask("_login._tcp.roost", "SRV", { id, flags: 0 });
      expect([read.packet.id, read.packet.flag_rd, read.packet.flag_ra]).toEqual([id, false, false]);
      expect(asked.ask("_login._tcp.roost", "SRV", { id }).packet).toMatchObject({ id, flag_rd: true, flag_ra: false });
    }
  });

  test("of what can't be read stands alone", () => {
    const malformed = asked.bytes(Buffer.concat([queryOf("a.roost", "A", { id: 77 }), Buffer.from([1])]), "udp");
    expect(malformed.toString("hex")).toBe("004d81010000000000000000");
    const notify = asked.bytes(queryOf("a.roost", "A", { id: 77, flags: 0x2000 }), "udp");
    expect(notify.toString("hex")).toBe("004da0040000000000000000");
  });

  test("is not sent to answers and to fragments of a header", () => {
    expect(asked.responder.respond(queryOf("a.roost", "A", { flags: 0x8100 }), "udp")).toBeUndefined();
    expect(asked.responder.respond(Buffer.alloc(11), "tcp")).toBeUndefined();
  });
});

describe("EDNS", () => {
  const asked = new Asked(logins(1));

  test("of a version that is not known is answered with ours, and nothing else", () => {
    const read = asked.ask("_login._tcp.roost", "SRV", { edns: 1232, ednsVersion: 1 });
    expect(read).toMatchObject({ rcode: "NOERROR", isAuthoritative: false, answers: [], authorities: [] });
    // BADVERS is 16: the upper bits stand in the OPT record, the lower four in the header.
    expect(optOf(read)).toMatchObject({ extendedRcode: 1, ednsVersion: 0 });
  });

  test("repeats the DO bit", () => {
    expect(optOf(asked.ask("roost", "SOA", { edns: 1232, isDnssecOk: true }))?.flag_do).toBe(true);
    expect(optOf(asked.ask("roost", "SOA", { edns: 1232 }))?.flag_do).toBe(false);
  });

  test("comes with refusals, too", () => {
    const read = asked.ask("example.com", "A", { edns: 1232 });
    expect(read.rcode).toBe("REFUSED");
    expect(optOf(read)?.udpPayloadSize).toBe(1232);
  });
});

describe("many answers", () => {
  test("take turns at the beginning", () => {
    const asked = new Asked(logins(8));
    const first = new Map<string, number>();
    for (let at = 0; at < 800; at++) {
      const [answer = ""] = asked.ask("_login._tcp.roost", "SRV").answers;
      first.set(answer, (first.get(answer) ?? 0) + 1);
    }
    expect([...first.values()]).toEqual(Array.from({ length: 8 }, () => 100));
  });

  test("are kept in bounds, and stay right, however many names are asked for", () => {
    const asked = new Asked(logins(300));
    const random = new Random(testSeed("DNS answers to many names"));
    Bun.gc(true);
    const before = heapStats().objectCount;
    for (let at = 0; at < 80_000; at++) {
      const name = random.once(2) ? `nobody${random.u32()}.node.roost` : `login${random.below(300)}.node.roost`;
      const bytes = asked.bytes(queryOf(name, "A", { id: at & 0xffff }), "udp");
      const expected = name.startsWith("login") ? Rcode.NoError : Rcode.NxDomain;
      if (bytes.readUInt16BE(0) !== (at & 0xffff) || (bytes.readUInt8(3) & 0xf) !== expected) throw new Error(name);
    }
    Bun.gc(true);
    // Without a bound they are over 700,000.
    expect(heapStats().objectCount - before).toBeLessThan(350_000);
    for (let at = 0; at < 1_000; at++) {
      const parts = { edns: 512 + random.below(800), isDnssecOk: random.once(2) };
      asked.bytes(queryOf("_login._tcp.roost", "SRV", parts), random.once(2) ? "udp" : "tcp");
    }
    expect(asked.ask("_login._tcp.roost", "SRV").answers).toHaveLength(256);
  });

  test("are counted by their code, and what gets no answer as dropped", () => {
    const counted: (number | "dropped")[] = [];
    const metrics = {
      dnsAnswered: (rcode: number) => void counted.push(rcode),
      dnsDropped: () => void counted.push("dropped"),
    };
    const asked = new Asked(logins(1), {}, metrics);
    for (const name of ["login0.node.roost", "nobody.node.roost", "example.com"])
      asked.bytes(queryOf(name, "A"), "udp");
    asked.bytes(queryOf("a.roost", "A", { edns: 512, ednsVersion: 1 }), "udp");
    asked.responder.respond(Buffer.alloc(3), "udp");
    asked.bytes(Buffer.alloc(12), "udp");
    expect(counted).toEqual([0, 3, 5, 16, "dropped", 1]);
  });
});

describe("a written message", () => {
  const viewOf = (name: string): QueryView => {
    const query = parseQuery(queryOf(name, "SRV"));
    if (typeof query !== "object") throw new Error("not a query");
    return query;
  };
  const finding = (answers: readonly ResourceRecord[], authorities: readonly ResourceRecord[] = []): Finding => ({
    rcode: Rcode.NoError,
    answers,
    authorities,
  });

  test("that is cut has no addresses beside, though there be room", () => {
    const writer = new ResponseWriter({ domain: "roost", glue: (owner) => [addressRecord(owner, 5, "10.0.0.1")] });
    const long = Array.from({ length: 3 }, (_, at) => `${at}${".x".repeat(110)}.roost`);
    const targets = ["short.roost", ...long];
    const answers = targets.map((target) => serviceRecord("a.roost", 5, { target, port: 1, weight: 1 }));
    const bytes = writer.write(viewOf("a.roost"), finding(answers), 0, 512);
    expect(bytes.length).toBeLessThan(512 - 100);
    expect(readAnswer(bytes)).toMatchObject({ isTruncated: true, additionals: [] });
  });

  test("points to no name that was taken out again", () => {
    const glue = (target: string): ResourceRecord[] =>
      Array.from({ length: target === "many.roost" ? 60 : 1 }, () => addressRecord("other.roost", 5, "10.0.0.1"));
    const writer = new ResponseWriter({ domain: "roost", glue });
    const answers = ["many.roost", "few.roost"].map((target) =>
      serviceRecord("a.roost", 5, { target, port: 1, weight: 1 }),
    );
    const read = readAnswer(writer.write(viewOf("a.roost"), finding(answers), 0, 512));
    expect(read.additionals).toEqual(["other.roost 5 A 10.0.0.1"]);
  });

  test("names an owner by a pointer, and a record without room leaves nothing behind", () => {
    const query = viewOf("a.roost");
    const writer = new ResponseWriter({ domain: "roost", glue: () => [] });
    const target = `${"x".repeat(60)}.roost`;
    const answers = Array.from({ length: 9 }, (_, port) => serviceRecord("a.roost", 5, { target, port, weight: 1 }));
    const bytes = writer.write(query, finding(answers, [authorityRecord("roost", 5, "ns.roost", 1)]), 7, 512);
    const read = readAnswer(bytes);
    // Each takes a pointer, the fixed parts, and the target as it is.
    const recordBytes = 2 + 10 + 6 + (1 + 60 + 1 + 5 + 1);
    expect(read.answers).toHaveLength(Math.floor((512 - query.questionEnd) / recordBytes));
    expect(read.answers.map((text) => text.split(" ")[5])).toEqual(["7", "8", "0", "1", "2"]);
    expect(read.isTruncated).toBe(true);
    expect(bytes.length).toBe(query.questionEnd + read.answers.length * recordBytes + soaBytes(read));
    expect(bytes.readUInt16BE(query.questionEnd)).toBe(0xc00c);
  });
});

/** The authority as written: a pointer, the fixed parts, two names and five numbers. */
function soaBytes({ authorities }: Read): number {
  return authorities.length * (2 + 10 + (1 + 2 + 1 + 5 + 1) + (1 + 10 + 1 + 5 + 1) + 20);
}

test("one kept answer serves every spelling of a name, each under its own", () => {
  const asked = new Asked(logins(1));
  const names = ["login0.node.roost", "LOGIN0.node.ROOST", "LoGiN0.NoDe.rOoSt"];
  for (const name of [...names, ...names]) {
    const bytes = asked.bytes(queryOf(name, "A"), "udp");
    const { packet, answers } = readAnswer(bytes);
    expect(packet.questions?.map((question) => question.name)).toEqual([name]);
    expect(answers).toHaveLength(1);
  }
  // The type is no part of the name: 65 is 'A'.
  expect(asked.ask("login0.node.roost", 65).answers).toEqual([]);
  expect(asked.ask("login0.node.roost", 97).answers).toEqual([]);
});
