// The role `discovery` around its node: what it is reached at, that it starts whole or not at all, and how it ends.

import { networkInterfaces } from "node:os";
import { afterEach, expect, test } from "bun:test";
import { silentLog } from "../../../src/base/log.ts";
import { testLimits } from "../../support/limits.ts";
import { discoveryAppid } from "../../../src/registry/instance.ts";
import { startDiscovery } from "../../../src/roles/discovery/start.ts";
import type { DiscoverySettings, RunningDiscovery } from "../../../src/roles/settings.ts";
import { askUrl, at, endAll, endLater, eventually, RawConnection, TestNode } from "./support.ts";
import { defaultSettings } from "../../../scripts/harness/default-settings.ts";

afterEach(endAll);

const loopback = { host: "127.0.0.1", port: 0 } as const;

async function start(change: Partial<DiscoverySettings>): Promise<RunningDiscovery> {
  const running = await startDiscovery({
    ...defaultSettings("discovery"),
    listen: loopback,
    zone: "z1",
    region: "r1",
    env: "prod",
    dnsTtlMs: 1_000,
    snapshotPath: undefined,
    lookup: undefined,
    clusterKeys: [],
    version: "test",
    limits: testLimits(),
    log: silentLog,
    ...change,
  });
  endLater(() => running.drain());
  return running;
}

const ownAddresses = Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
const hasIpv6 = ownAddresses.includes("::1");
const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));

test("a node is listed where it listens, unless another host or port is configured", async () => {
  const plain = await start({});
  expect(plain.addresses.advertised).toBe(plain.addresses.http);
  const named = await start({ advertise: { host: "registry.example", port: undefined } });
  expect(named.addresses.advertised).toBe(`registry.example:${portOf(named.addresses.http)}`);
  const mapped = await start({ advertise: { host: "registry.example", port: 7171 } });
  expect(mapped.addresses.advertised).toBe("registry.example:7171");
  const { json } = await askUrl(
    `http://${mapped.addresses.http}/discovery/fetch?env=prod&appid=${discoveryAppid}&status=1`,
  );
  expect(at(json, "data", "instances", "z1", 0)).toMatchObject({
    hostname: "registry.example:7171",
    addrs: ["http://registry.example:7171"],
  });
});

test("a node that listens everywhere is listed under an address of this machine", async () => {
  const running = await start({ listen: { host: "0.0.0.0", port: 0 } });
  const { advertised, http } = running.addresses;
  expect(ownAddresses).toContain(advertised.slice(0, advertised.lastIndexOf(":")).replace(/^\[|\]$/g, ""));
  expect(portOf(advertised)).toBe(portOf(http));
});

test.skipIf(!hasIpv6)("a node on IPv6 is reached, and listed with brackets", async () => {
  const running = await start({ listen: { host: "::1", port: 0 } });
  expect(running.addresses.http).toStartWith("[::1]:");
  const { json } = await askUrl(`http://${running.addresses.http}/discovery/nodes`);
  expect(at(json, "data", 0, "addr")).toBe(running.addresses.http);
});

test("a node whose port is taken does not start", async () => {
  const first = await TestNode.start();
  let refusal: unknown;
  await start({ listen: { host: "127.0.0.1", port: first.port } }).catch((error: unknown) => (refusal = error));
  expect(String(refusal)).toContain(`port ${first.port} in use`);
  expect((await first.ask("/health")).status).toBe(200);
});

test("a node whose port for DNS is taken leaves nothing running", async () => {
  const taken = await start({ dns: loopback });
  const dns = { host: "127.0.0.1", port: portOf(taken.addresses.dns ?? "") };
  const free = await TestNode.start();
  const listen = { host: "127.0.0.1", port: free.port };
  await free.stop();
  let refusal: unknown;
  await start({ listen, dns }).catch((error: unknown) => (refusal = error));
  expect(refusal).toBeInstanceOf(Error);
  const next = await TestNode.start({ listen });
  expect((await next.ask("/health")).status).toBe(200);
});

test("a drain ends everything once, lets those who poll go, and frees the port at once", async () => {
  const node = await TestNode.start();
  const { port } = node;
  const kept = await RawConnection.open(node);
  const unfinished = await RawConnection.open(node);
  kept.write("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
  unfinished.write("POST /discovery/register HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nzone=");
  await kept.until("200 OK");
  const polls = [node.polls(), node.polls(), node.poll({ appid: discoveryAppid, latest_timestamp: "9".repeat(18) })];
  await node.untilPolls(2);
  await Promise.all([node.stop(), node.stop()]);
  for (const { code } of await Promise.all(polls)) expect([0, -500]).toContain(Number(code));
  await Promise.all([kept.untilClosed(), unfinished.untilClosed()]);
  let refusal: unknown;
  await askUrl(`http://127.0.0.1:${port}/health`).catch((error: unknown) => (refusal = error));
  expect(String(refusal)).toContain("ECONNREFUSED");
  const next = await TestNode.start({ listen: { host: "127.0.0.1", port } });
  expect((await next.ask("/health")).status).toBe(200);
});

test("a drain ends although another node is away", async () => {
  const node = await TestNode.start({ peers: ["127.0.0.1:1"] });
  await eventually("a failure", async () => (await node.metric("roost_registry_peer_failures_total")) > 0);
  await node.stop();
});
