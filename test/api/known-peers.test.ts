// The connections of the API's listener that show no valid key: they are bounded, and nobody's with a key is.

import { afterEach, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { until } from "../../scripts/harness/until.ts";
import { KnownPeers, watchStrangers } from "../../src/api/known-peers.ts";
import { silentLog } from "../../src/base/log.ts";
import { bound } from "../support/bounds.ts";
import { endings } from "../support/endings.ts";
import { testLimits } from "../support/limits.ts";
import { ApiStage } from "./api-stage.ts";

const ends = endings();
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function stranger(port: number): Promise<Socket> {
  const socket = connect({ host: "127.0.0.1", port });
  sockets.push(socket);
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.on("connect", resolve));
  return socket;
}

const left = (all: readonly Socket[]): number => all.filter(({ closed }) => !closed).length;

/** Strangers at a server, once they are noticed. */
async function strangersAt(count: number, given: Parameters<typeof testLimits>[0]) {
  const limits = testLimits(given);
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hi") });
  ends.push(() => server.stop(true));
  // The watch looks below the first free descriptor: no hole may hide the strangers from it.
  const holes = Array.from({ length: 64 }, () => openSync("/dev/null", "r"));
  const clock = { monotonicMs: () => performance.now() };
  const quotaOf = (address: string): string => address;
  const watch = watchStrangers(server.port ?? 0, new KnownPeers(), { limits, log: silentLog, clock, quotaOf });
  ends.push(() => watch.stop());
  const all = await Promise.all(Array.from({ length: count }, () => stranger(server.port ?? 0)));
  const most = Math.min(count, limits.values.apiStrangers, limits.values.apiStrangersPerAddress);
  await until(() => watch.found === most, "it has looked");
  for (const hole of holes) closeSync(hole);
  return { all, limits, watch };
}

bound("apiStrangers", {
  at: async () => {
    const { all, limits } = await strangersAt(64, { apiStrangers: 64 });
    expect([left(all), limits.use("apiStrangers"), limits.reached.size]).toEqual([64, 64, 0]);
  },
  above: async () => {
    const { all, limits } = await strangersAt(65, { apiStrangers: 64 });
    await until(() => left(all) === 64, "one has ended");
    expect([limits.use("apiStrangers"), limits.reached.get("apiStrangers")]).toEqual([64, 1]);
  },
});

bound("apiStrangersPerAddress", {
  at: async () => {
    const { all, limits } = await strangersAt(48, { apiStrangersPerAddress: 48 });
    expect([left(all), limits.use("apiStrangersPerAddress"), limits.reached.size]).toEqual([48, 48, 0]);
  },
  above: async () => {
    const { all, limits } = await strangersAt(49, { apiStrangersPerAddress: 48 });
    await until(() => left(all) === 48, "one has ended");
    expect([limits.use("apiStrangersPerAddress"), limits.reached.get("apiStrangersPerAddress")]).toEqual([48, 1]);
  },
});

/** Sends a request with a key over a connection; resolves with the status line of the answer. */
async function asked(socket: Socket, key: string): Promise<string> {
  const answer = new Promise<string>((resolve) =>
    socket.once("data", (data) => resolve(data.toString("latin1").split("\r\n", 1)[0] ?? "")),
  );
  const body = '{"account":"ann"}';
  socket.write(
    `POST /roost.v1.Conversations/List HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  return answer;
}

test("strangers who come in numbers end each other, and no connection of a back end", async () => {
  const limits = testLimits({ apiStrangers: 32 });
  await using stage = await ApiStage.start({ limits });
  const port = Number(new URL(stage.url).port);
  const backEnds = await Promise.all(Array.from({ length: 40 }, () => stranger(port)));
  for (const socket of backEnds) expect(await asked(socket, stage.keys.all)).toBe("HTTP/1.1 200 OK");
  const strangers = await Promise.all(Array.from({ length: 80 }, () => stranger(port)));
  // A wrong key makes nobody known.
  const [liar] = strangers;
  if (liar === undefined) throw new Error("there are strangers");
  expect(await asked(liar, `rk_${"0".repeat(43)}`)).toContain("401");
  await until(() => left(strangers) === 32, "the others have ended");
  expect(left(backEnds)).toBe(40);
  for (const socket of backEnds) expect(await asked(socket, stage.keys.all)).toBe("HTTP/1.1 200 OK");
  expect(limits.use("apiStrangers")).toBe(32);
});

test("connections that have ended are known no longer", async () => {
  const known = new KnownPeers();
  const limits = testLimits();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request, to) {
      known.add(request, to);
      return new Response("hi");
    },
  });
  ends.push(() => server.stop(true));
  const clock = { monotonicMs: () => performance.now() };
  const watch = watchStrangers(server.port ?? 0, known, { limits, log: silentLog, clock });
  ends.push(() => watch.stop());
  const clients = await Promise.all(Array.from({ length: 10 }, () => stranger(server.port ?? 0)));
  for (const client of clients) {
    client.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await new Promise((resolve) => client.once("data", resolve));
  }
  expect(new Set(Array.from(known.all(), ({ peerPort }) => peerPort))).toEqual(
    new Set(clients.map(({ localPort = 0 }) => localPort)),
  );
  for (const client of clients.slice(1)) client.destroy();
  // It looks when there may be strangers.
  await Promise.all(Array.from({ length: 64 }, () => stranger(server.port ?? 0)));
  await until(() => known.size === 1, "they are forgotten");
});

test("back ends have a share of the descriptors: beyond, what was idle the longest counts as a stranger's", () => {
  const known = new KnownPeers(12);
  const from = (port: number): void =>
    known.add(new Request("http://x"), { requestIP: () => ({ address: "192.0.2.1", family: "IPv4", port }) });
  for (const port of [1, 2, 3, 1, 4]) from(port);
  expect(Array.from(known.all(), ({ peer }) => peer)).toEqual(["192.0.2.1:3", "192.0.2.1:1", "192.0.2.1:4"]);
});
