// The DNS server on real sockets, over UDP and TCP: it limits each network's rate, and nonsense does not end it.

import { testLimits } from "../../support/limits.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { afterEach, describe, expect, test } from "bun:test";
import { Resolver } from "node:dns/promises";
import { silentLog } from "../../../src/base/log.ts";
import { ContainedBugs } from "../../../src/observe/contained-bugs.ts";
import { until } from "../../../scripts/harness/until.ts";
import { Random, testSeed } from "../../support/random.ts";
import { FakeDirectory } from "./fake-directory.ts";
import { queryOf, type Read, readAnswer } from "./messages.ts";
import { host, instances, cleanups, serve, Client, framed, srv, one } from "./server-support.ts";

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

/** A UDP socket connected to the server, with what came. */
async function overUdp(port: number) {
  const received: Buffer[] = [];
  const socket = await Bun.udpSocket({
    connect: { hostname: host, port },
    binaryType: "buffer",
    socket: { data: (_, bytes) => void received.push(bytes) },
  });
  cleanups.push(() => socket.close());
  return {
    received,
    send: (bytes: Buffer) => socket.send(bytes),
    /** Asks under a fresh id until an answer to it comes: a datagram may be lost. */
    async ask(query: Buffer): Promise<Read> {
      let found: Buffer | undefined;
      for (let tries = 0; tries < 5 && found === undefined; tries++) {
        socket.send(query);
        const endMs = performance.now() + 1_000;
        while (found === undefined && performance.now() < endMs) {
          await Bun.sleep(1);
          found = received.find((bytes) => bytes.length >= 2 && bytes.readUInt16BE(0) === query.readUInt16BE(0));
        }
      }
      if (found === undefined) throw new Error("no answer");
      return readAnswer(found);
    },
  };
}

describe("a DNS server", () => {
  test("answers on one port over UDP and TCP; what is cut over UDP comes whole over TCP", async () => {
    const { server, port } = await serve();
    expect(server.address).toBe(`${host}:${port}`);
    const udp = await overUdp(port);
    const cut = await udp.ask(srv(7));
    expect(cut.isTruncated).toBe(true);
    expect(cut.answers.length).toBeLessThan(200);
    const client = new Client(port);
    client.socket.write(framed(srv(8)));
    const whole = await client.answer();
    expect(whole.isTruncated).toBe(false);
    expect(whole.answers).toHaveLength(200);
  });

  test("is understood by the platform's resolver", async () => {
    const { server } = await serve();
    const resolver = new Resolver();
    resolver.setServers([server.address]);
    expect(await resolver.resolve4("login7.node.roost")).toEqual(["10.0.0.7"]);
    expect(await resolver.resolveSrv("_login._tcp.z1.roost")).toHaveLength(200);
    await expect(resolver.resolve4("nobody.node.roost")).rejects.toMatchObject({ code: "ENOTFOUND" });
  });

  test("does not start at a taken address, nor for an invalid domain", async () => {
    const { port } = await serve();
    await expect(serve({ address: { host, port } })).rejects.toThrow();
    await expect(serve({ domain: "no domain" })).rejects.toThrow("is not a domain");
  });

  test("that stopped answers nobody, and its port is free", async () => {
    const { server, port } = await serve();
    const client = new Client(port);
    client.socket.write(framed(one(1)));
    await client.answer();
    await server.stop();
    await until(() => client.isClosed || client.hasEnded, "the connection's end");
    const again = await serve({ address: { host, port } });
    expect(again.port).toBe(port);
  });

  test("survives a bug behind it: the query costs its answer, and the next one is answered", async () => {
    const directory = new FakeDirectory(instances);
    const told: string[] = [];
    const bugs = new ContainedBugs({ ...silentLog, error: (sentence) => void told.push(sentence) }, systemClock);
    const { port } = await serve({ directory, bugs });
    const instancesNamed = directory.instancesNamed.bind(directory);
    directory.instancesNamed = () => {
      throw new Error("a bug");
    };
    const udp = await overUdp(port);
    const client = new Client(port);
    udp.send(one(1));
    client.socket.write(framed(one(1)));
    await until(() => bugs.count("dns") === 2, "both are counted");
    expect(told).toEqual(["a DNS query was left unanswered by a bug"]);
    directory.instancesNamed = instancesNamed;
    expect((await udp.ask(one(2))).answers).toHaveLength(1);
    client.socket.write(framed(one(2)));
    expect((await client.answer()).packet.id).toBe(2);
    expect(udp.received).toHaveLength(1);
  });
});

describe("over UDP", () => {
  test("a network beyond its rate is sent to TCP in no more bytes than it sent, or gets nothing", async () => {
    const limits = testLimits();
    const allowances = ["answer", "cut", "nothing"] as const;
    let asked = 0;
    let dropped = 0;
    const rate = { take: () => allowances[asked++ % 3] ?? "answer" };
    const metrics = { dnsAnswered() {}, dnsDropped: () => void dropped++ };
    const { port } = await serve({ rate, limits, metrics });
    const udp = await overUdp(port);
    const query = queryOf("_login._tcp.roost", "SRV", { id: 2, edns: 1232 });
    udp.send(srv(1));
    await until(() => udp.received.length === 1, "an answer");
    udp.send(query);
    await until(() => udp.received.length === 2, "a cut one");
    udp.send(srv(3));
    await until(() => dropped === 1, "none");
    const [whole, cut] = udp.received.map(readAnswer);
    expect(whole?.answers.length).toBeGreaterThan(0);
    expect(cut).toMatchObject({ isTruncated: true, rcode: "NOERROR", answers: [], authorities: [] });
    expect([cut?.packet.id, udp.received[1]?.length]).toEqual([2, query.length]);
    expect(limits.reached.get("dnsAnswersPerSecond")).toBe(2);
    // What is no query gets nothing then, either.
    asked = 1;
    udp.send(Buffer.alloc(12));
    await until(() => dropped === 2, "nor noise");
    expect(udp.received).toHaveLength(2);
  });

  test("type ANY is sent to TCP, where it is answered", async () => {
    const { port } = await serve();
    const udp = await overUdp(port);
    const query = queryOf("login1.node.roost", "ANY", { id: 5, edns: 1232 });
    expect(await udp.ask(query)).toMatchObject({ isTruncated: true, answers: [] });
    expect(udp.received[0]?.length).toBe(query.length);
    const client = new Client(port);
    client.socket.write(framed(query));
    expect((await client.answer()).answers).toEqual(["login1.node.roost 5 SRV 0 1 8100 login1.node.roost"]);
  });
});

/** Queries with a few bytes changed, cut or added, and bytes that never were one. */
function hostile(random: Random): Buffer {
  const names = ["_login._tcp.z1.roost", "login1.node.roost", "0a000001.addr.roost", "roost", "a.b.c.roost"] as const;
  if (random.once(4)) return random.bytes(random.below(200));
  const edns = random.once(2) ? random.below(0x10000) : undefined;
  let bytes = queryOf(random.pick(names), random.below(260), { id: random.below(0x10000), edns });
  for (let changes = random.below(4); changes > 0; changes--) bytes[random.below(bytes.length)] = random.u32();
  if (random.once(5)) bytes = bytes.subarray(0, random.below(bytes.length + 1));
  return random.once(5) ? Buffer.concat([bytes, random.bytes(random.below(40))]) : bytes;
}

describe("nonsense", () => {
  test("of 20,000 datagrams leaves the server answering", async () => {
    const random = new Random(testSeed("hostile DNS datagrams"));
    const told: string[] = [];
    const { port } = await serve({ log: { ...silentLog, error: (sentence) => void told.push(sentence) } });
    const udp = await overUdp(port);
    for (let sent = 0; sent < 20_000; sent++) {
      udp.send(hostile(random));
      // So that the kernel's buffers overflow seldom, and most are read.
      if (sent % 100 === 99) await Bun.sleep(0);
    }
    const answered = udp.received.length;
    expect(answered).toBeGreaterThan(5_000);
    expect(udp.received.every((bytes) => bytes.length >= 12 && (bytes.readUInt8(2) & 0x80) !== 0)).toBe(true);
    udp.received.length = 0;
    expect((await udp.ask(one(0x1234))).rcode).toBe("NOERROR");
    expect(told).toEqual([]);
  });

  test("over TCP, in frames and as it comes, leaves the server answering", async () => {
    const random = new Random(testSeed("hostile DNS streams"));
    const told: string[] = [];
    const { port } = await serve({ log: { ...silentLog, error: (sentence) => void told.push(sentence) } });
    const framing = new Client(port);
    let sent = 0;
    for (; sent < 5_000; sent++) {
      const message = hostile(random);
      if (message.length >= 12) framing.socket.write(framed(message));
    }
    framing.socket.write(framed(one(0x4321)));
    await until(() => framing.answers.at(-1)?.readUInt16BE(0) === 0x4321, "the last is answered");
    for (let round = 0; round < 100; round++) {
      const client = new Client(port);
      client.socket.end(Buffer.concat([framed(one(1)), random.bytes(random.below(3_000))]));
      await until(() => client.hasEnded || client.isClosed, "the end");
      expect(client.answers[0]?.readUInt16BE(0)).toBe(1);
      client.socket.destroy();
    }
    const last = new Client(port);
    last.socket.write(framed(one(2)));
    expect((await last.answer()).rcode).toBe("NOERROR");
    expect(told).toEqual([]);
  });
});
