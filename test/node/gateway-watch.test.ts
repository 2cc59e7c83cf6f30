// What a logic node says of itself when no gateway is linked to it, in a time that the tests let pass.

import { describe, expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { GatewayWatch } from "../../src/node/gateway-watch.ts";
import { LogicNode } from "../../src/node/logic-node.ts";
import { RegistrationRefused } from "../../src/registry/client/registration-loop.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { until } from "../../scripts/harness/until.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { turn } from "../transport/recording.ts";
import { HandNaming, instanceOf } from "../link/hand-naming.ts";
import { newIdentity } from "../link/support.ts";
import { quietService } from "../support/quiet-service.ts";

class Node {
  readonly naming = new HandNaming();
  readonly time = new VirtualTime();
  readonly warnings: string[] = [];
  linked = 0;
  readonly watch = new GatewayWatch({
    naming: this.naming,
    timers: this.time.timersOf(() => true),
    log: { ...silentLog, warn: (sentence, fields) => void this.warnings.push(`${sentence}: ${fields?.["reason"]}`) },
    linkedCount: () => this.linked,
  });

  constructor() {
    this.watch.start();
  }

  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      this.time.advance(1_000);
      await turn();
    }
  }
}

describe("a node without gateways", () => {
  test("says so after a minute, once in the log, and what to check", async () => {
    const node = new Node();
    await node.pass(59);
    expect(node.watch.trouble).toBe("");
    await node.pass(200);
    expect(node.watch.trouble).toMatch(/lists no gateway in its environment; give it the --env and --discovery/);
    expect(node.warnings).toHaveLength(1);
    expect(node.warnings[0]).toMatch(/no gateway has been linked to this node for a minute; .*--env/);
  });

  test("names the gateways that are listed and do not reach it", async () => {
    const node = new Node();
    node.naming.list("wgateway", instanceOf(newIdentity("g1"), "127.0.0.1:1"));
    node.naming.list("tgateway", instanceOf(newIdentity("g1"), "127.0.0.1:1"));
    await node.pass(61);
    expect(node.watch.trouble).toMatch(/^g1 cannot reach it; check its --listen and --advertise/);
  });

  test("says nothing while its gateways are restarted, one after the other or all within a minute", async () => {
    const node = new Node();
    for (let round = 0; round < 5; round++) {
      node.linked = 1;
      await node.pass(10);
      node.linked = 0;
      await node.pass(50);
      expect(node.watch.trouble).toBe("");
    }
    expect(node.warnings).toEqual([]);
  });

  test("is well again at once when a gateway comes, and warns anew a minute after it has gone", async () => {
    const node = new Node();
    await node.pass(61);
    node.linked = 1;
    expect(node.watch.trouble).toBe("");
    await node.pass(10);
    node.linked = 0;
    await node.pass(50);
    expect(node.watch.trouble).toBe("");
    await node.pass(20);
    expect(node.watch.trouble).not.toBe("");
    expect(node.warnings).toHaveLength(2);
  });

  test("asks nobody any more once it is stopped", async () => {
    const node = new Node();
    node.watch.stop();
    await node.pass(200);
    expect([node.watch.trouble, node.warnings]).toEqual(["", []]);
  });
});

test("a logic node that is left alone for a minute is not ready, and its health says why", async () => {
  const cluster = new MemoryCluster();
  const time = new VirtualTime();
  const around = { ...cluster.around("chat-1", "chat"), timers: time.timersOf(() => true) };
  const service = quietService();
  const node = new LogicNode(around, service, new Metrics().forService("chat-1", "chat"));
  await node.start();
  await until(() => node.isReady, "it is listed");
  expect(node.detail).toEqual({ gateways: 0, load: 0, selectable: true });
  for (let second = 0; second < 61; second++) {
    time.advance(1_000);
    await turn();
  }
  await until(() => !node.isReady, "it is left alone");
  expect(node.detail).toMatchObject({ noGateway: expect.stringContaining("--env") });
  await node.drain(0);
  await cluster.stop();
});

test("a logic node that the registry refuses says so on /health, and not that gateways cannot reach it", async () => {
  const cluster = new MemoryCluster();
  const time = new VirtualTime();
  const around = { ...cluster.around("chat-1", "chat"), timers: time.timersOf(() => true) };
  around.naming.register = () => Promise.reject(new RegistrationRefused(-401, "authorization: Bearer …"));
  const service = quietService();
  const node = new LogicNode(around, service, new Metrics().forService("chat-1", "chat"));
  await node.start();
  for (let second = 0; second < 66; second++) {
    time.advance(1_000);
    await turn();
  }
  expect(node.isReady).toBe(false);
  expect(node.detail).toEqual({
    gateways: 0,
    load: 0,
    selectable: true,
    unregistered: expect.stringMatching(/^the registry refuses .*--cluster-key-file/),
  });
  await node.drain(0);
  await cluster.stop();
});
