// The limits of a request to the registry: time, bytes and entries, each at its value and one above.

import { afterEach, expect } from "bun:test";
import { bound } from "../../support/bounds.ts";
import { askUrl, chat1, encode, endAll, eventually } from "./support.ts";
import { serve, open, names } from "./bounds-support.ts";

afterEach(endAll);
const kib = 1024;

const head = (line: string, ...fields: string[]): string =>
  `${line} HTTP/1.1\r\n${["host: localhost", ...fields].join("\r\n")}\r\n\r\n`;

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

/** A request for health whose head has this many bytes. */
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
