// What a bug costs over DNS: a query its answer, or one connection its life.

import { testLimits } from "../../support/limits.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { Limits } from "../../../src/base/limits/limits.ts";
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { silentLog } from "../../../src/base/log.ts";
import { ContainedBugs } from "../../../src/observe/contained-bugs.ts";
import { startDns } from "../../../src/registry/dns/server.ts";
import { type DnsTcpTimes, listenDnsTcp, type Respond } from "../../../src/registry/dns/tcp.ts";
import { RawTcp } from "../../support/raw-tcp.ts";
import { until } from "../../../scripts/harness/until.ts";
import { FakeDirectory } from "./fake-directory.ts";
import { endings } from "../../support/endings.ts";
import { queryOf } from "./messages.ts";

const host = "127.0.0.1";
const bug = new Error("a bug");
const throwBug = (): never => {
  throw bug;
};
const cleanups = endings();

/** Answers over TCP by `respond`. */
function listen(respond: Respond, parts: { readonly limits?: Limits; readonly tcpTimes?: DnsTcpTimes } = {}) {
  const bugs = new ContainedBugs(silentLog, systemClock);
  const listener = listenDnsTcp({ host, port: 0 }, respond, { bugs, limits: testLimits(), ...parts });
  cleanups.push(() => listener.stop());
  const count = (): number => bugs.count("connection");
  return { port: listener.port, count };
}

function connectTo(port: number, allowHalfOpen = false) {
  const socket: Socket = createConnection({ host, port, allowHalfOpen, noDelay: true });
  const state = { socket, bytes: 0, isClosed: false };
  socket.on("data", (chunk) => (state.bytes += chunk.length));
  socket.on("close", () => (state.isClosed = true));
  socket.on("error", () => undefined);
  cleanups.push(() => void socket.destroy());
  return state;
}

/** A message that is answered with itself. */
const message = Buffer.concat([Buffer.from([0, 12]), Buffer.alloc(12, 7)]);

test("a bug while a query is read ends that connection alone", async () => {
  let isBroken = false;
  const { port, count } = listen((query) => (isBroken ? throwBug() : query));
  const [victim, witness] = [connectTo(port), connectTo(port)];
  victim.socket.write(message);
  witness.socket.write(message);
  await until(() => victim.bytes === message.length && witness.bytes === message.length, "both are answered");
  isBroken = true;
  victim.socket.write(message);
  await until(() => victim.isClosed, "the connection ends");
  isBroken = false;
  witness.socket.write(message);
  await until(() => witness.bytes === 2 * message.length, "the other one is answered");
  expect(count()).toBe(1);
});

test("a bug while a connection drains, or ends, ends that connection alone", async () => {
  const large = Buffer.alloc(60_000);
  let isBroken = false;
  let answered = 0;
  const { port, count } = listen(() => {
    answered++;
    return isBroken ? throwBug() : large;
  });
  const victim = connectTo(port, true);
  victim.socket.pause();
  // More than the kernel takes: it waits for the peer to read.
  for (let sent = 0; sent < 400; sent++) victim.socket.write(message);
  let before = -1;
  await until(async () => {
    before = answered;
    await Bun.sleep(50);
    return before === answered && answered > 0;
  }, "it has stopped to answer");
  isBroken = true;
  victim.socket.resume();
  await until(() => victim.isClosed, "the connection ends");
  expect(count()).toBe(1);
  isBroken = false;
  const next = connectTo(port);
  next.socket.write(message);
  await until(() => next.bytes > large.length, "the next one is answered");
});

test("a bug as a connection opens ends that connection alone", async () => {
  const limits = testLimits({ dnsConnections: 1 });
  limits.met = throwBug;
  const { port, count } = listen((query) => query, { limits });
  const first = connectTo(port);
  first.socket.write(message);
  await until(() => first.bytes === message.length, "the first is answered");
  const second = connectTo(port);
  await until(() => second.isClosed, "the second is closed");
  first.socket.write(message);
  await until(() => first.bytes === 2 * message.length, "the first goes on");
  expect(count()).toBe(1);
});

test("peers that have reset before they were accepted take no places", async () => {
  const limits = testLimits({ dnsConnections: 2 });
  const { port, count } = listen((query) => query, { limits, tcpTimes: { idleMsMax: 60_000, sweepMs: 60_000 } });
  for (let peers = 0; peers < 20; peers++) new RawTcp(port, "127.1.2.3").reset();
  const next = connectTo(port);
  next.socket.write(message);
  await until(() => next.bytes === message.length, "the next one is answered");
  expect(count()).toBe(0);
  expect(limits.reached.size).toBe(0);
});

test("peers that reset while their answers are written leave no connection behind", async () => {
  // In a process of its own, or the peers would do nothing while it answers.
  const file = (path: string): string => JSON.stringify(import.meta.resolve(path));
  const script = `
    const { listenDnsTcp } = await import(${file("../../../src/registry/dns/tcp.ts")});
    const { ContainedBugs } = await import(${file("../../../src/observe/contained-bugs.ts")});
    const { silentLog } = await import(${file("../../../src/base/log.ts")});
    const { testLimits } = await import(${file("../../support/limits.ts")});
    const tcpTimes = { idleMsMax: 3_600_000, sweepMs: 3_600_000 };
    const { systemClock } = await import(${file("../../../src/base/clock.ts")});
    const bugs = new ContainedBugs(silentLog, systemClock);
    const options = { limits: testLimits({ dnsConnections: 1_000 }), bugs, tcpTimes };
    // Slow enough for a peer to be gone when its answer is written.
    const respond = (query) => {
      for (const endMs = performance.now() + 1; performance.now() < endMs;);
      return query;
    };
    console.log(listenDnsTcp({ host: "127.0.0.1", port: 0 }, respond, options).port);
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  cleanups.push(() => child.kill("SIGKILL"));
  const { value } = await child.stdout.getReader().read();
  const port = Number(new TextDecoder().decode(value));
  const descriptors = (): number => readdirSync(`/proc/${child.pid}/fd`).length;
  const before = descriptors();
  for (let round = 0; round < 10; round++) {
    const peers = Array.from({ length: 20 }, () => new RawTcp(port, "127.1.2.3"));
    await until(() => descriptors() >= before + peers.length, "all are accepted");
    for (const peer of peers) {
      peer.write(Buffer.concat([message, message, message]));
      if (round % 2 === 0) peer.shutdown();
      peer.reset();
    }
    await until(() => descriptors() <= before, "all are closed");
  }
});

test("a bug beside the answer to a datagram is counted, and the next one is answered", async () => {
  const bugs = new ContainedBugs(silentLog, systemClock);
  let isBroken = true;
  const metrics = {
    dnsAnswered(): void {},
    dnsDropped: () => (isBroken ? throwBug() : undefined),
  };
  const server = await startDns({
    address: { host, port: 0 },
    domain: "roost",
    env: "prod",
    ttlSeconds: 5,
    directory: new FakeDirectory([]),
    limits: testLimits(),
    log: silentLog,
    bugs,
    metrics,
  });
  cleanups.push(() => server.stop());
  const received: Buffer[] = [];
  const socket = await Bun.udpSocket({
    connect: { hostname: host, port: Number(server.address.split(":")[1]) },
    binaryType: "buffer",
    socket: { data: (_, bytes) => void received.push(bytes) },
  });
  cleanups.push(() => socket.close());
  // What is no query is dropped, and counting that is where the bug is.
  await until(() => {
    socket.send(Buffer.from("x"));
    return bugs.count("dns") > 0;
  }, "it is met");
  isBroken = false;
  await until(() => {
    socket.send(queryOf("roost", "SOA"));
    return received.length > 0;
  }, "an answer");
});
