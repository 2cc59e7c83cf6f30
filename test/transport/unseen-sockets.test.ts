// Sockets that an HTTP server has accepted and whose request has not come: found by the kernel's word, and ended when
// they are too old or too many.

import { afterEach, describe, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type FoundSocket, SocketFinder } from "../../src/transport/kernel-sockets.ts";
import { type SeenConnection, type UnseenBound, UnseenSockets, UnseenWatch } from "../../src/transport/unseen-watch.ts";
import { until } from "../../scripts/harness/until.ts";

const bounds = {
  ageMsMax: 10_000,
  socketsMax: 100,
  socketsPerAddressMax: 10,
  unidentifiedBytesMax: 100_000,
  descriptorsMax: 1_000,
  descriptorsReserved: 100,
  quotaOf: (address: string) => (address === "127.0.0.1" ? undefined : address),
};

/** A socket of the peer with this port. */
const found = (port: number, address = "192.0.2.1"): FoundSocket => ({
  descriptor: port,
  address,
  peer: `${address}:${port}`,
});
const several = (count: number, from = 1, address?: string): FoundSocket[] =>
  Array.from({ length: count }, (_, index) => found(from + index, address));
const ended = (doomed: Map<FoundSocket, UnseenBound>): [number, UnseenBound][] =>
  [...doomed].map(([{ descriptor }, bound]) => [descriptor, bound]);

describe("of sockets without a request", () => {
  test("those are ended that were found a whole age ago, however often they send a byte", () => {
    const sockets = new UnseenSockets(bounds);
    expect(ended(sockets.judge([found(1)], 0, 0))).toEqual([]);
    expect(ended(sockets.judge([found(1), found(2)], 0, 9_999))).toEqual([]);
    expect(ended(sockets.judge([found(1), found(2)], 0, 10_000))).toEqual([[1, "age"]]);
  });

  test("a port that is used again is another socket", () => {
    const sockets = new UnseenSockets(bounds);
    sockets.judge([found(1)], 0, 0);
    sockets.judge([], 0, 5_000);
    expect(ended(sockets.judge([found(1)], 0, 12_000))).toEqual([]);
  });

  test("an address keeps as many as it may have, the newest, and this machine as many as it likes", () => {
    const sockets = new UnseenSockets(bounds);
    const local = several(50, 1_000, "127.0.0.1");
    sockets.judge(several(3), 0, 0);
    expect(ended(sockets.judge([...several(10), ...local], 0, 1))).toEqual([]);
    expect(ended(sockets.judge([...several(12), ...local], 0, 2))).toEqual([
      [1, "socketsPerAddress"],
      [2, "socketsPerAddress"],
    ]);
  });

  test("all together are bounded, the oldest go first", () => {
    const sockets = new UnseenSockets(bounds);
    const local = several(101, 1, "127.0.0.1");
    sockets.judge(local.slice(50), 0, 0);
    expect(ended(sockets.judge(local.slice(1), 0, 1))).toEqual([]);
    expect(ended(sockets.judge(local, 0, 2))).toEqual([[51, "sockets"]]);
  });

  test("as many go as descriptors are missing, those counted that go anyhow", () => {
    const sockets = new UnseenSockets(bounds);
    sockets.judge([found(7)], 0, 0);
    const doomed = sockets.judge([found(7), ...several(5, 20, "127.0.0.1")], 3, 10_000);
    expect(ended(doomed)).toEqual([
      [7, "age"],
      [20, "descriptors"],
      [21, "descriptors"],
    ]);
  });
});

const servers: Server[] = [];
const sockets: Socket[] = [];
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

/** A server, the port it listens at, and what it has accepted. */
async function serve(host: string): Promise<{ port: number; accepted: Socket[] }> {
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => {});
    accepted.push(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens at a port");
  return { port: (address satisfies AddressInfo).port, accepted };
}

async function connected(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port });
  sockets.push(socket);
  socket.on("error", () => {});
  await new Promise<void>((resolve) => socket.on("connect", resolve));
  return socket;
}

describe.each(["127.0.0.1", "::1"])("on %s the kernel's word", (host) => {
  const shown = (port: number | undefined): string => (host === "::1" ? `[::1]:${port}` : `${host}:${port}`);

  test("names the peers of what was accepted at a port, listed or counted through, and of nothing else", async () => {
    const { port, accepted } = await serve(host);
    const other = await serve(host);
    await connected(host, other.port);
    const clients = [await connected(host, port), await connected(host, port)];
    await until(() => accepted.length === 2 && other.accepted.length === 1, "three connections");
    const finder = await SocketFinder.open();
    const peers = new Set(clients.map(({ localPort }) => shown(localPort)));
    const descriptorsMax = 1_000;
    for (const listed of [finder?.acceptedAt(port), finder?.acceptedAt(port, () => true, descriptorsMax)])
      expect(new Set(listed?.map(({ peer }) => peer))).toEqual(peers);
  });

  test("ends the one that is meant", async () => {
    const { port, accepted } = await serve(host);
    const [first, second] = [await connected(host, port), await connected(host, port)];
    await until(() => accepted.length === 2, "two connections");
    const finder = await SocketFinder.open();
    const ends: string[] = [];
    first.on("close", () => ends.push("first"));
    second.on("close", () => ends.push("second"));
    for (const socket of finder?.acceptedAt(port) ?? [])
      if (socket.peer === shown(second.localPort)) finder?.end(socket);
    await until(() => ends.length > 0, "an end");
    expect(ends).toEqual(["second"]);
  });
});

/** A server with clients, and a watch whose clock runs fast; `known` are the clients whose request has come. */
async function watched(count: number, known: number, unidentifiedCount = 0) {
  const { port, accepted } = await serve("127.0.0.1");
  const clients = await Promise.all(Array.from({ length: count }, () => connected("127.0.0.1", port)));
  await until(() => accepted.length === clients.length, "all connections");
  let nowMs = 0;
  const met: UnseenBound[] = [];
  /** Ports of clients that have sent too much. */
  const excessive: (number | undefined)[] = [];
  const seen = clients.slice(0, known);
  const connectionOf = ({ localPort = 0 }: Socket, index: number): SeenConnection => ({
    peer: `127.0.0.1:${localPort}`,
    peerPort: localPort,
    isUnidentified: index < unidentifiedCount,
    sentTooMuch: () => void excessive.push(localPort),
  });
  const all = seen.map(connectionOf);
  const connections = { inUse: known, unidentifiedCount, all: () => all };
  const watch = new UnseenWatch(port, connections, {
    ...bounds,
    descriptorsMax: 1_000_000,
    met: (bound) => met.push(bound),
    nowMs: () => (nowMs += 500),
  });
  return { clients, seen, met, excessive, watch };
}

test("a watch ends those whose request does not come, and no other", async () => {
  const low = openSync("/dev/null", "r");
  const { clients, seen, met, watch } = await watched(60, 10);
  closeSync(low);
  const taken: number[] = [];
  const areEnded = (): boolean => {
    // The watch does not look above a free descriptor; what comes next takes it, as a new connection does.
    taken.push(openSync("/dev/null", "r"));
    return clients.filter(({ destroyed }) => destroyed).length >= 50;
  };
  await until(areEnded, "the end of the silent ones");
  for (const descriptor of taken) closeSync(descriptor);
  watch.stop();
  expect(seen.filter(({ destroyed }) => destroyed)).toEqual([]);
  expect(new Set(met)).toEqual(new Set(["age"]));
});

test("a watch ends, of many strangers, those who have sent too much of anything, and no known one", async () => {
  const { clients, excessive, watch } = await watched(40, 40, 39);
  for (const index of [3, 7, 39]) clients[index]?.write(Buffer.alloc(bounds.unidentifiedBytesMax + 1));
  clients[5]?.write(Buffer.alloc(bounds.unidentifiedBytesMax));
  await until(() => excessive.length >= 2, "the end of two");
  await Bun.sleep(300);
  watch.stop();
  expect(new Set(excessive)).toEqual(new Set([clients[3]?.localPort, clients[7]?.localPort]));
});
