// The limits of connections to the registry's HTTP and to the monitor, each at its value and one above. Addresses are
// those of loopback, each of which counts as one here.

import { afterEach, expect, test } from "bun:test";
import { Metrics } from "../../../src/observe/metrics.ts";
import { startMonitor } from "../../../src/observe/monitor.ts";
import { connectionsOfOne } from "../../../src/registry/http/server.ts";
import { bound } from "../../support/bounds.ts";
import { testLimits } from "../../support/limits.ts";
import type { RawConnection } from "./support.ts";
import { askUrl, endAll, endLater, eventually } from "./support.ts";
import { type Given, serve, open } from "./bounds-support.ts";

afterEach(endAll);

const head = (line: string, ...fields: string[]): string =>
  `${line} HTTP/1.1\r\n${["host: localhost", ...fields].join("\r\n")}\r\n\r\n`;

/** The limit is 16; this many connections are opened, each of which asks once and stays. */
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
