// The limits of the registry's HTTP and of the monitor, each at its value and one above. Addresses are those of
// loopback, each of which counts as one here.

import { afterEach, expect, test } from "bun:test";
import type { LimitName } from "../../../src/base/limits/table.ts";
import { Metrics } from "../../../src/observe/metrics.ts";
import { startMonitor } from "../../../src/observe/monitor.ts";
import { connectionsOfOne } from "../../../src/registry/http/server.ts";
import { bound } from "../../support/bounds.ts";
import { testLimits } from "../../support/limits.ts";
import { RawTcp } from "../../support/raw-tcp.ts";
import {
  askUrl,
  chat1,
  encode,
  endAll,
  endLater,
  eventually,
  RawConnection,
  type Reply,
  serveRegistry,
  type Values,
} from "./support.ts";

afterEach(endAll);

const kib = 1024;
const mib = 1024 * kib;

type Given = Parameters<typeof serveRegistry>[1];

/** A registry with these limits, in which every address of loopback counts. */
function serve(given: Given) {
  const registry = serveRegistry(undefined, given, (address) => address);
  const { url, limits, port } = registry;
  const post = (endpoint: string, values: Values): Promise<Reply> =>
    askUrl(`${url}/discovery/${endpoint}`, { method: "POST", body: encode(values) });
  const get = (endpoint: string, values: Values = {}): Promise<Reply> =>
    askUrl(`${url}/discovery/${endpoint}?${encode(values)}`);
  const register = (change: Values = {}): Promise<Reply> =>
    post("register", { ...chat1, status: "1", addrs: "tcp://a:1", ...change });
  /** A client at an address of loopback that sends this, and does not read. */
  const send = (text: string, source = "127.0.0.1"): RawTcp => {
    const client = new RawTcp(port, source);
    endLater(async () => client.close());
    client.write(Buffer.from(text));
    return client;
  };
  const reached = (name: LimitName): number => limits.reached.get(name) ?? 0;
  return { ...registry, post, get, register, send, reached };
}

const head = (line: string, ...fields: string[]): string =>
  `${line} HTTP/1.1\r\n${["host: localhost", ...fields].join("\r\n")}\r\n\r\n`;
const pollHead = (...appids: string[]): string =>
  head(
    `GET /discovery/polls?env=prod&hostname=h&${encode({ appid: appids, latest_timestamp: appids.map(() => "0") })}`,
  );

/** Metadata of about 16 KiB. */
const large = JSON.stringify({ a: "x".repeat(8_000), b: "y".repeat(8_000) });

/** Registers instances of about 16 KiB each. */
async function fill({ register }: ReturnType<typeof serve>, appid: string, count: number): Promise<void> {
  for (let index = 0; index < count; index++)
    expect((await register({ appid, hostname: `h${index}`, metadata: large })).code).toBe(0);
}

const open = (port: number): Promise<RawConnection> => RawConnection.open({ port });

/** The limit is 16; so many connections are opened, each of which asks once and stays. */
async function connectionsOf(count: number) {
  const registry = serve({ registryConnections: 16 });
  const connections: RawConnection[] = [];
  for (let index = 0; index < count; index++) {
    const connection = await open(registry.port);
    connection.write(head("GET /health"));
    await connection.until('"ready":true');
    connections.push(connection);
  }
  return { connections, ...registry };
}

bound("registryConnections", {
  at: async () => {
    const { connections, reached } = await connectionsOf(16);
    expect(connections.some(({ isClosed }) => isClosed)).toBe(false);
    expect(reached("registryConnections")).toBe(0);
  },
  above: async () => {
    const { connections, reached } = await connectionsOf(17);
    await connections[0]?.untilClosed();
    expect(connections.filter(({ isClosed }) => isClosed)).toHaveLength(1);
    expect(reached("registryConnections")).toBe(1);
  },
});

async function connectionsOfAddress(count: number) {
  const registry = serve({ registryConnectionsPerAddress: 2 });
  for (let index = 0; index < count; index++) registry.send("", "127.1.1.1");
  await eventually("two are there", () => registry.limits.use("registryConnections") === 2);
  return registry;
}

bound("registryConnectionsPerAddress", {
  at: async () => {
    const { reached, limits } = await connectionsOfAddress(2);
    expect([reached("registryConnectionsPerAddress"), limits.use("registryConnectionsPerAddress")]).toEqual([0, 2]);
  },
  above: async () => {
    const { reached, url } = await connectionsOfAddress(3);
    await eventually("one is turned away", () => reached("registryConnectionsPerAddress") === 1);
    expect((await askUrl(`${url}/health`)).status).toBe(200);
  },
});

bound("registryHeadMs", {
  at: async () => {
    const { port } = serve({ registryHeadMs: 8_000 });
    const connection = await open(port);
    connection.write("GET /health HTTP/1.1\r\n");
    await Bun.sleep(300);
    connection.write("host: localhost\r\n\r\n");
    await connection.until('"ready":true');
  },
  above: async () => {
    const { port, reached } = serve({ registryHeadMs: 500 });
    const connection = await open(port);
    connection.write("GET /health HTTP/1.1\r\nx: ");
    const timer = setInterval(() => connection.write("x"), 100);
    await connection.untilClosed();
    clearInterval(timer);
    expect(connection.text).toStartWith("HTTP/1.1 408 ");
    expect(reached("registryHeadMs")).toBe(1);
  },
});

bound("registryBodyMs", {
  at: async () => {
    const { port } = serve({ registryBodyMs: 8_000 });
    const body = encode({ ...chat1, status: "1", addrs: "tcp://a:1" });
    const connection = await open(port);
    connection.write(head("POST /discovery/register", `content-length: ${body.length}`) + body.slice(0, 5));
    await Bun.sleep(300);
    connection.write(body.slice(5));
    await connection.until('"code":0');
  },
  above: async () => {
    const { port, reached } = serve({ registryBodyMs: 500 });
    const connection = await open(port);
    connection.write(head("POST /discovery/register", "content-length: 100000"));
    const timer = setInterval(() => connection.write("x"), 100);
    await connection.untilClosed();
    clearInterval(timer);
    expect(connection.text).toStartWith("HTTP/1.1 408 ");
    expect(reached("registryBodyMs")).toBe(1);
  },
});

/** A request for health whose head is so many bytes long. */
const healthOf = (bytes: number): string => {
  const padded = (pad: number): string => head("GET /health", `x: ${"x".repeat(pad)}`);
  return padded(bytes - padded(0).length);
};

bound("registryHeadBytes", {
  at: async () => {
    const connection = await open(serve({ registryHeadBytes: 8 * kib }).port);
    connection.write(healthOf(8 * kib));
    await connection.until('"ready":true');
  },
  above: async () => {
    const { port, reached } = serve({ registryHeadBytes: 8 * kib });
    const connection = await open(port);
    connection.write(healthOf(8 * kib + 1));
    await connection.untilClosed();
    expect(connection.text).toStartWith("HTTP/1.1 431 ");
    expect(reached("registryHeadBytes")).toBe(1);
  },
});

const formOf = (bytes: number): string =>
  `${encode({ ...chat1, status: "1", addrs: "tcp://a:1" })}&pad=`.padEnd(bytes, "x");

bound("registryBodyBytes", {
  at: async () => {
    const { url } = serve({ registryBodyBytes: kib });
    expect((await askUrl(`${url}/discovery/register`, { method: "POST", body: formOf(kib) })).code).toBe(0);
  },
  above: async () => {
    const { url, reached } = serve({ registryBodyBytes: kib });
    expect((await askUrl(`${url}/discovery/register`, { method: "POST", body: formOf(kib + 1) })).code).toBe(-400);
    expect(reached("registryBodyBytes")).toBe(1);
  },
});

/** Two bodies of 500 bytes of which the last byte is missing, and the bound on what is kept. */
async function unfinishedBodies(registryReceivedBytes: number) {
  const registry = serve({ registryReceivedBytes });
  const clients = await Promise.all([1, 2].map(() => open(registry.port)));
  for (const client of clients) {
    client.write(head("POST /discovery/register", "content-length: 500"));
    await Bun.sleep(10);
    client.write(formOf(499));
  }
  return { clients, ...registry };
}

bound("registryReceivedBytes", {
  at: async () => {
    const { clients, limits, reached } = await unfinishedBodies(998);
    await eventually("all of it is kept", () => limits.use("registryReceivedBytes") === 998);
    expect([clients.some(({ isClosed }) => isClosed), reached("registryReceivedBytes")]).toEqual([false, 0]);
  },
  above: async () => {
    const { clients, reached } = await unfinishedBodies(997);
    await eventually("one is closed", () => clients.filter(({ isClosed }) => isClosed).length === 1);
    expect(reached("registryReceivedBytes")).toBe(1);
  },
});

/** A service of some instances, and the length of it as JSON. */
async function serviceOf(given: Given, instances: number) {
  const registry = serve(given);
  await fill(registry, "chat", instances);
  return registry;
}
const fetchChat = { env: "prod", appid: "chat", status: "1" };

bound("registryAnswerBytes", {
  at: async () => {
    const { get, reached } = await serviceOf({ registryAnswerBytes: 2 * mib }, 100);
    expect((await get("fetch", fetchChat)).code).toBe(0);
    expect((await get("fetchs", fetchChat)).code).toBe(0);
    expect(reached("registryAnswerBytes")).toBe(0);
  },
  above: async () => {
    const { get, reached } = await serviceOf({ registryAnswerBytes: mib }, 100);
    expect((await get("fetch", fetchChat)).code).toBe(-509);
    expect((await get("fetchs", fetchChat)).code).toBe(-509);
    expect(reached("registryAnswerBytes")).toBe(2);
    expect((await get("fetch", { ...fetchChat, appid: "none" })).code).toBe(-404);
  },
});

/** A service of 16 MB, of which nobody who does not read gets more than its sockets hold, and one who does not read. */
async function unreadService(given: Given) {
  const registry = await serviceOf(given, 1_000);
  const ask = (source: string): RawTcp => registry.send(head(`GET /discovery/fetch?${encode(fetchChat)}`), source);
  ask("127.1.1.1");
  await eventually("one waits to be read", () => (registry.limits.use("registryUnreadBytes") ?? 0) > 0);
  return { ...registry, ask };
}

bound("registryUnreadBytes", {
  at: async () => {
    const { get, reached } = await unreadService({ registryUnreadBytes: 17 * mib });
    // They share one rendering, which counts once.
    expect((await get("fetch", fetchChat)).code).toBe(0);
    expect(reached("registryUnreadBytes")).toBe(0);
  },
  above: async () => {
    const { get, register, reached } = await unreadService({ registryUnreadBytes: 17 * mib });
    await register({ hostname: "another" });
    expect((await get("fetch", fetchChat)).code).toBe(-509);
    expect(reached("registryUnreadBytes")).toBe(1);
    expect((await get("fetch", { ...fetchChat, appid: "none" })).code).toBe(-404);
  },
});

bound("registryUnreadBytesPerAddress", {
  at: async () => {
    const { register, get, reached } = await unreadService({ registryUnreadBytesPerAddress: 17 * mib });
    await register({ hostname: "another" });
    expect((await get("fetch", fetchChat)).code).toBe(0);
    expect(reached("registryUnreadBytesPerAddress")).toBe(0);
  },
  above: async () => {
    const { register, ask, reached } = await unreadService({ registryUnreadBytesPerAddress: 17 * mib });
    await register({ hostname: "another" });
    ask("127.1.1.1");
    await eventually("it is turned away", () => reached("registryUnreadBytesPerAddress") === 1);
  },
});

/** Readers of fetch/all who do not read: each at an address of its own, or all at one. */
async function listingsOf(given: Given, sources: readonly string[]) {
  const registry = await serviceOf(given, 1_000);
  for (const source of sources) registry.send(head("GET /discovery/fetch/all"), source);
  await Bun.sleep(50);
  return registry;
}

bound("listings", {
  at: async () => {
    const { get, reached } = await listingsOf({ listings: 2 }, ["127.1.1.1"]);
    expect((await get("fetch/all")).code).toBe(0);
    expect(reached("listings")).toBe(0);
  },
  above: async () => {
    const { get, reached, limits } = await listingsOf({ listings: 2 }, ["127.1.1.1", "127.1.1.2"]);
    expect([(await get("fetch/all")).code, limits.use("listings")]).toEqual([-509, 2]);
    expect(reached("listings")).toBe(1);
    // A reader that goes away makes room.
    await endAll();
    await eventually("nobody lists", () => limits.use("listings") === 0);
  },
});

bound("listingsPerAddress", {
  at: async () => {
    const { get, reached } = await listingsOf({ listingsPerAddress: 1 }, ["127.1.1.1"]);
    expect((await get("fetch/all")).code).toBe(0);
    expect((await get("fetch/all")).code).toBe(0);
    expect(reached("listingsPerAddress")).toBe(0);
  },
  above: async () => {
    const { reached } = await listingsOf({ listingsPerAddress: 1 }, ["127.1.1.1", "127.1.1.1"]);
    await eventually("one is turned away", () => reached("listingsPerAddress") === 1);
  },
});

/** Polls that wait, each for a service. */
async function pollsOf(given: Given, sources: readonly string[], waiting: number) {
  const registry = serve(given);
  for (const [index, source] of sources.entries()) registry.send(pollHead(`service-${index}`), source);
  await eventually(`${waiting} wait`, () => registry.http.pollsWaiting === waiting);
  return registry;
}

bound("polls", {
  at: async () => {
    const { reached } = await pollsOf({ polls: 2 }, ["127.1.1.1", "127.1.1.2"], 2);
    expect(reached("polls")).toBe(0);
  },
  above: async () => {
    const { get, reached } = await pollsOf({ polls: 2 }, ["127.1.1.1", "127.1.1.2"], 2);
    expect((await get("polls", { env: "prod", hostname: "h", appid: "x", latest_timestamp: "0" })).code).toBe(-509);
    expect(reached("polls")).toBe(1);
  },
});

bound("pollsPerAddress", {
  at: async () => {
    const { reached } = await pollsOf({ pollsPerAddress: 2 }, ["127.1.1.1", "127.1.1.1", "127.1.1.2"], 3);
    expect(reached("pollsPerAddress")).toBe(0);
  },
  above: async () => {
    const { reached } = await pollsOf({ pollsPerAddress: 2 }, ["127.1.1.1", "127.1.1.1", "127.1.1.1"], 2);
    await eventually("one is turned away", () => reached("pollsPerAddress") === 1);
  },
});

const names = (count: number, prefix = "s"): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

/** Polls for so many services each, all at one address or each at its own. */
async function watchesOf(given: Given, counts: readonly number[], source: (index: number) => string, waiting: number) {
  const registry = serve(given);
  for (const [index, count] of counts.entries()) registry.send(pollHead(...names(count, `s${index}-`)), source(index));
  await eventually(`${waiting} wait`, () => registry.http.pollsWaiting === waiting);
  return registry;
}

bound("watches", {
  at: async () => {
    const { reached, limits } = await watchesOf({ watches: 10 }, [4, 6], (index) => `127.1.1.${index}`, 2);
    expect([reached("watches"), limits.use("watches")]).toEqual([0, 10]);
  },
  above: async () => {
    const { reached, send, http } = await watchesOf({ watches: 10 }, [4, 7], (index) => `127.1.1.${index}`, 1);
    await eventually("one is turned away", () => reached("watches") === 1);
    // A long name counts more.
    send(pollHead("x".repeat(7 * 128)));
    await eventually("another one is", () => reached("watches") === 2);
    send(pollHead("x".repeat(5 * 128)));
    await eventually("one waits", () => http.pollsWaiting === 2);
  },
});

bound("watchesPerAddress", {
  at: async () => {
    const { reached, limits } = await watchesOf({ watchesPerAddress: 10 }, [4, 6], () => "127.1.1.1", 2);
    expect([reached("watchesPerAddress"), limits.use("watchesPerAddress")]).toEqual([0, 10]);
  },
  above: async () => {
    const { reached, send, http } = await watchesOf({ watchesPerAddress: 10 }, [4, 7], () => "127.1.1.1", 1);
    await eventually("one is turned away", () => reached("watchesPerAddress") === 1);
    send(pollHead(...names(7)), "127.1.1.2");
    await eventually("another address's waits", () => http.pollsWaiting === 2);
  },
});

bound("servicesPerRequest", {
  at: async () => {
    const { get } = serve({ servicesPerRequest: 3 });
    expect((await get("fetchs", { env: "prod", status: "1", appid: names(3) })).code).toBe(0);
  },
  above: async () => {
    const { get, reached } = serve({ servicesPerRequest: 3 });
    expect((await get("fetchs", { env: "prod", status: "1", appid: names(4) })).code).toBe(-400);
    const poll = { env: "prod", hostname: "h", appid: names(4), latest_timestamp: names(4).map(() => "0") };
    expect((await get("polls", poll)).code).toBe(-400);
    expect(reached("servicesPerRequest")).toBe(2);
  },
});

async function setHosts(count: number) {
  const registry = serve({ hostsPerSet: 2 });
  for (const hostname of names(count)) await registry.register({ hostname });
  const { zone, env, appid } = chat1;
  const reply = await registry.post("set", {
    zone,
    env,
    appid,
    hostname: names(count),
    status: names(count).map(() => "2"),
  });
  return { code: reply.code, ...registry };
}

bound("hostsPerSet", {
  at: async () => {
    expect((await setHosts(2)).code).toBe(0);
  },
  above: async () => {
    const { code, reached } = await setHosts(3);
    expect([code, reached("hostsPerSet")]).toEqual([-400, 1]);
  },
});

/** A monitor with these limits, and connections to it that stay. */
async function monitorWith(given: Given, count: number) {
  const limits = testLimits(given);
  const health = () => ({ ready: true, detail: {} });
  const monitor = startMonitor(
    { host: "127.0.0.1", port: 0 },
    { metrics: new Metrics(), health, limits, quotaOf: (address) => address },
  );
  endLater(() => monitor.stop());
  const port = Number(monitor.address.split(":").at(-1));
  const connections: RawConnection[] = [];
  for (let index = 0; index < count; index++) {
    const connection = await open(port);
    connection.write(head("GET /health"));
    await eventually("it is answered, or ended", () => connection.isClosed || connection.text.includes('"ready"'));
    connections.push(connection);
  }
  return { limits, closed: () => connections.map(({ isClosed }) => isClosed) };
}

bound("monitorConnections", {
  at: async () => {
    const { limits, closed } = await monitorWith({ monitorConnections: 4 }, 4);
    expect([closed(), limits.use("monitorConnections")]).toEqual([[false, false, false, false], 4]);
  },
  above: async () => {
    const { limits, closed } = await monitorWith({ monitorConnections: 4 }, 5);
    await eventually("the oldest is closed", () => closed()[0] === true);
    expect([closed(), limits.reached.get("monitorConnections")]).toEqual([[true, false, false, false, false], 1]);
  },
});

bound("monitorConnectionsPerAddress", {
  at: async () => {
    const { closed } = await monitorWith({ monitorConnectionsPerAddress: 2 }, 2);
    expect(closed()).toEqual([false, false]);
  },
  above: async () => {
    const { limits, closed } = await monitorWith({ monitorConnectionsPerAddress: 2 }, 3);
    expect([closed(), limits.reached.get("monitorConnectionsPerAddress")]).toEqual([[false, false, true], 1]);
  },
});

test("one address leaves half of the connections to others where the system allows fewer than the limit", () => {
  const limits = { registryConnections: 70_000, registryConnectionsPerAddress: 6_000 };
  for (const [connections, ofOne] of [
    [70_000, 6_000],
    [69_999, 6_000],
    [12_000, 6_000],
    [11_998, 5_999],
    [640, 320],
    [1, 1],
  ] as const)
    expect([connections, connectionsOfOne(limits, connections)]).toEqual([connections, ofOne]);
});
