// DNS over TCP on real sockets: queries that come cut, in heaps or too slowly end nothing but their own connection.

import { testLimits } from "../../support/limits.ts";
import { afterEach, describe, expect, test } from "bun:test";
import { until } from "../../../scripts/harness/until.ts";
import { FakeDirectory } from "./fake-directory.ts";
import { queryOf, readAnswer } from "./messages.ts";
import { instances, cleanups, serve, Client, framed, srv, one } from "./server-support.ts";

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
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
