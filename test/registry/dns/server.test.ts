// The DNS server on real sockets: what comes cut, in heaps, too slowly, too often or as nonsense ends nothing but its
// own connection.

import { testLimits } from "../../support/limits.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { afterEach, describe, expect, test } from "bun:test";
import { createConnection, type Socket } from "node:net";
import { Resolver } from "node:dns/promises";
import { silentLog } from "../../../src/base/log.ts";
import { ContainedBugs } from "../../../src/observe/contained-bugs.ts";
import { type DnsOptions, type DnsServer, startDns } from "../../../src/registry/dns/server.ts";
import { until } from "../../../scripts/harness/until.ts";
import { Random, testSeed } from "../../support/random.ts";
import { FakeDirectory, instanceOf } from "./fake-directory.ts";
import { queryOf, type Read, readAnswer } from "./messages.ts";

const host = "127.0.0.1";
const instances = Array.from({ length: 200 }, (_, at) =>
  instanceOf({ appid: "login", hostname: `login${at}`, addrs: [`tcp://10.0.0.${at}:8100`] }),
);

/** What is ended after each test. */
const cleanups: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function serve(options: Partial<DnsOptions> = {}): Promise<{ server: DnsServer; port: number }> {
  const server = await startDns({
    address: { host, port: 0 },
    domain: "roost",
    env: "prod",
    ttlSeconds: 5,
    directory: new FakeDirectory(instances),
    limits: testLimits(),
    log: silentLog,
    bugs: new ContainedBugs(silentLog, systemClock),
    ...options,
  });
  cleanups.push(() => server.stop());
  return { server, port: Number(server.address.slice(server.address.lastIndexOf(":") + 1)) };
}

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

/** A TCP connection to the server, with the messages that came. */
class Client {
  readonly socket: Socket;
  bytes = Buffer.alloc(0);
  isClosed = false;
  hasEnded = false;

  constructor(port: number) {
    this.socket = createConnection({ host, port, allowHalfOpen: true, noDelay: true });
    this.socket.on("data", (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
    });
    this.socket.on("end", () => {
      this.hasEnded = true;
    });
    this.socket.on("close", () => {
      this.isClosed = true;
    });
    // A connection that the server refuses may end in a reset.
    this.socket.on("error", () => undefined);
    cleanups.push(() => void this.socket.destroy());
  }

  /** The whole messages that have come. */
  get answers(): Buffer[] {
    const answers: Buffer[] = [];
    for (let at = 0; at + 2 <= this.bytes.length;) {
      const end = at + 2 + this.bytes.readUInt16BE(at);
      if (end > this.bytes.length) break;
      answers.push(this.bytes.subarray(at + 2, end));
      at = end;
    }
    return answers;
  }

  async answer(): Promise<Read> {
    await until(() => this.answers.length > 0, "an answer");
    return readAnswer(this.answers[0] ?? Buffer.alloc(0));
  }
}

/** A message after its length. */
function framed(...messages: Buffer[]): Buffer {
  return Buffer.concat(
    messages.flatMap((message) => [Buffer.from([message.length >> 8, message.length & 0xff]), message]),
  );
}

const srv = (id: number): Buffer => queryOf("_login._tcp.roost", "SRV", { id });
const one = (id: number): Buffer => queryOf("login1.node.roost", "A", { id });

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

  test("does not start at an address that is taken, nor for a domain that is none", async () => {
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
  test("beyond its rate a network is told to come over TCP, no longer than it asked, or gets nothing", async () => {
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

  test("type ANY is told to come over TCP, where it is answered", async () => {
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

describe("over TCP", () => {
  test("several queries in one write are answered, in order", async () => {
    const { port } = await serve();
    const client = new Client(port);
    client.socket.write(framed(...Array.from({ length: 50 }, (_, id) => (id % 2 === 0 ? one(id) : srv(id)))));
    await until(() => client.answers.length === 50, "50 answers");
    expect(client.answers.map((bytes) => bytes.readUInt16BE(0))).toEqual(Array.from({ length: 50 }, (_, id) => id));
    expect(readAnswer(client.answers[49] ?? Buffer.alloc(0)).answers).toHaveLength(200);
  });

  test("a query may be cut anywhere", async () => {
    const { port } = await serve();
    const bytes = framed(one(1), one(2));
    for (let cut = 1; cut < bytes.length; cut++) {
      const client = new Client(port);
      client.socket.write(bytes.subarray(0, cut));
      // So that the first part is on its way before the rest is written, and mostly read alone.
      await new Promise<void>((resolve) => void client.socket.write("", () => setImmediate(resolve)));
      client.socket.write(bytes.subarray(cut));
      await until(() => client.answers.length === 2, `two answers after a cut at ${cut}`);
      client.socket.destroy();
    }
  });

  test("a query may come byte by byte", async () => {
    const { port } = await serve();
    const client = new Client(port);
    for (const byte of framed(one(1))) {
      client.socket.write(Buffer.from([byte]));
      await Bun.sleep(1);
    }
    expect((await client.answer()).answers).toEqual(["login1.node.roost 5 A 10.0.0.1"]);
  });

  test("who ends its side still gets all answers, and then the end", async () => {
    const { port } = await serve();
    const client = new Client(port);
    client.socket.end(framed(...Array.from({ length: 20 }, (_, id) => srv(id))));
    await until(() => client.hasEnded, "the end");
    expect(client.answers).toHaveLength(20);
  });

  test("what gets no answer is skipped", async () => {
    const { port } = await serve();
    const client = new Client(port);
    client.socket.write(framed(queryOf("a.roost", "A", { flags: 0x8000 }), one(3)));
    expect((await client.answer()).packet.id).toBe(3);
  });

  test("what is malformed is answered, and the connection lives", async () => {
    const { port } = await serve();
    const client = new Client(port);
    client.socket.write(framed(Buffer.alloc(12), one(3)));
    await until(() => client.answers.length === 2, "two answers");
    expect(client.answers.map((bytes) => readAnswer(bytes).rcode)).toEqual(["FORMERR", "NOERROR"]);
  });

  test.each([0, 1, 11, 4_097, 65_535])(
    "a length of %p ends the connection, after the answers before it",
    async (length) => {
      const { port } = await serve();
      const client = new Client(port);
      client.socket.write(
        Buffer.concat([framed(one(1)), Buffer.from([length >> 8, length & 0xff]), Buffer.alloc(20), framed(one(2))]),
      );
      await until(() => client.hasEnded || client.isClosed, "the end");
      expect(client.answers.map((bytes) => bytes.readUInt16BE(0))).toEqual([1]);
    },
  );

  test("a length that is more than what comes waits for the rest, and gets nothing", async () => {
    const { port } = await serve({ tcpTimes: { idleMsMax: 60, sweepMs: 10 } });
    const client = new Client(port);
    client.socket.write(Buffer.concat([Buffer.from([0, 200]), one(1)]));
    await until(() => client.isClosed || client.hasEnded, "the connection is closed");
    expect(client.bytes).toHaveLength(0);
  });

  test("a connection without a whole query is closed, even while bytes come; one with queries stays", async () => {
    const { port } = await serve({ tcpTimes: { idleMsMax: 500, sweepMs: 20 } });
    const silent = new Client(port);
    const slow = new Client(port);
    const busy = new Client(port);
    slow.socket.write(Buffer.from([0x0f]));
    let id = 0;
    await until(() => {
      busy.socket.write(framed(one(++id)));
      slow.socket.write(Buffer.from([0]));
      return [silent, slow].every(({ hasEnded, isClosed }) => hasEnded || isClosed);
    }, "the idle ones are closed");
    const asked = id;
    await until(() => busy.answers.length === asked, "all answers");
    expect(busy.isClosed || busy.hasEnded).toBe(false);
    expect(silent.bytes.length + slow.bytes.length).toBe(0);
  });

  test("connections that ask now and then keep nobody out: the longest silent one makes room", async () => {
    const limits = testLimits({ dnsConnections: 3 });
    const { port } = await serve({ limits, tcpTimes: { idleMsMax: 60_000, sweepMs: 1_000 } });
    const clients = [new Client(port), new Client(port), new Client(port)];
    for (const [id, client] of clients.entries()) {
      client.socket.write(framed(one(id)));
      await until(() => client.answers.length === 1, "it is served");
    }
    clients[0]?.socket.write(framed(one(7)));
    await until(() => clients[0]?.answers.length === 2, "the first asks again");
    const next = new Client(port);
    next.socket.write(framed(one(8)));
    await until(() => next.answers.length === 1, "one more is served");
    await until(
      () => clients[1]?.isClosed === true || clients[1]?.hasEnded === true,
      "the longest silent one is closed",
    );
    for (const client of [clients[0], clients[2], next]) {
      const before = client?.answers.length ?? 0;
      client?.socket.write(framed(one(9)));
      await until(() => client?.answers.length === before + 1, "the others are still served");
    }
    expect(limits.reached.get("dnsConnections")).toBe(1);
  });

  test("a heap of queries on one connection lets others in between", async () => {
    const order: string[] = [];
    const directory = new FakeDirectory(instances);
    const instancesNamed = directory.instancesNamed.bind(directory);
    directory.instancesNamed = (env, hostname, countMax) => {
      order.push(hostname);
      return instancesNamed(env, hostname, countMax);
    };
    const { port } = await serve({ directory });
    const [heap, other] = [new Client(port), new Client(port)];
    heap.socket.write(framed(one(1)));
    other.socket.write(framed(one(1)));
    await until(() => heap.answers.length + other.answers.length === 2, "both are connected");
    // Names that do not exist, of which no answer is kept.
    const count = 20_000;
    heap.socket.write(framed(...Array.from({ length: count }, (_, id) => queryOf("heap.node.roost", "A", { id }))));
    await until(() => order.includes("heap"), "the heap is begun");
    other.socket.write(framed(queryOf("other.node.roost", "A")));
    await until(() => other.answers.length === 2, "the other one is answered");
    expect(order.filter((hostname) => hostname === "heap").length).toBeLessThan(count);
    await until(() => heap.answers.length === count + 1, "all are answered");
    expect(heap.answers.slice(1).map((bytes) => bytes.readUInt16BE(0))).toEqual(
      Array.from({ length: count }, (_, id) => id),
    );
  });

  test("to who does not read only a few answers are made, until it reads", async () => {
    let answered = 0;
    const { port } = await serve({ metrics: { dnsAnswered: () => void answered++, dnsDropped() {} } });
    const answerBytes = await sizeOfAnswer(port);
    const count = Math.ceil((64 * 1024 * 1024) / answerBytes);
    const client = new Client(port);
    client.socket.pause();
    answered = 0;
    client.socket.write(framed(...Array.from({ length: count }, () => srv(1))));
    // More than the server would keep unread, if it went on reading.
    const short = Array.from({ length: 60_000 }, () => one(1));
    client.socket.write(framed(...short));
    await until(() => answered > 0, "the first answers");
    for (let before = -1; before !== answered;) {
      before = answered;
      await Bun.sleep(50);
    }
    // What the kernel takes, and one batch.
    expect(answered * answerBytes).toBeLessThan(32 * 1024 * 1024);
    let receivedBytes = 0;
    client.socket.removeAllListeners("data");
    client.socket.on("data", (chunk: Buffer) => {
      receivedBytes += chunk.length;
    });
    client.socket.resume();
    const shortBytes = 2 + one(1).length + 16;
    await until(() => receivedBytes === count * answerBytes + short.length * shortBytes, "every answer");
  });
});

async function sizeOfAnswer(port: number): Promise<number> {
  const client = new Client(port);
  client.socket.write(framed(srv(1)));
  await client.answer();
  return client.bytes.length;
}

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
