// A gateway with several nodes of each service: which of them a connection's packets reach.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signToken } from "../../src/auth/token.ts";
import { Router } from "../../src/service/router.ts";
import { parseRouteFile } from "../../src/routing/selectors/route-file.ts";
import { type Selection, selectorNames } from "../../src/routing/selectors/selection.ts";
import type { Service } from "../../src/service/service.ts";
import { expositionOf } from "../../src/observe/exposition.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import type { GatewayRole } from "../../src/roles/gateway/gateway-role.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import { Command } from "../../src/wire/commands.ts";
import { MemoryCluster } from "../support/memory-cluster.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";
import { quietService } from "../support/quiet-service.ts";
import { endings } from "../support/endings.ts";
import { ManualTimers } from "../support/manual-timers.ts";

const key = new TextEncoder().encode("the key of a test with many nodes");
const closing = endings();

/** A packet that came to a node. */
interface Arrival {
  readonly node: string;
  readonly command: string;
  readonly channelId: string;
}

/** A gateway, and nodes that are added one by one: login works, chat notes what comes and answers nothing. */
class Cluster {
  readonly arrivals: Arrival[] = [];
  readonly metrics = new Metrics();
  readonly gatewayMetrics = this.metrics.forService("gate", "gateway");
  readonly gateway: GatewayRole;
  /** The gateway's. */
  private readonly time = new ManualTimers();
  private readonly cluster = new MemoryCluster();
  private readonly sessions = new MemorySessions();
  private address: Promise<string> | undefined;
  private nodes = 0;

  constructor(selection: Selection = { name: "hash" }) {
    this.gateway = this.cluster.gateway(
      { ...this.cluster.around("gate", "gateway"), clock: this.time, timers: this.time },
      this.gatewayMetrics,
      key,
      selection,
    );
    closing.push(() => this.cluster.stop());
  }

  /** Adds a node; once the gateway runs it is linked when this resolves. */
  async add(
    service: "login" | "chat",
    node: string,
    attributes: { readonly zone?: string; readonly isReady?: boolean } = {},
  ): Promise<void> {
    await this.cluster.node(node, service, service === "login" ? this.login(node) : this.chat(node), attributes);
    this.nodes++;
    if (this.address !== undefined)
      await this.time.until(() => this.gateway.linkedNodes === this.nodes, `${node} is linked`);
  }

  /** Opens the gateway, once there are nodes of each service. */
  async open(): Promise<string> {
    this.address ??= this.time.during(this.gateway.start()).then(({ tcp = "" }) => tcp);
    closing.push(() => this.time.during(this.gateway.drain(0, 0)));
    return this.address;
  }

  async client(account: string): Promise<WireClient> {
    const client = await WireClient.connect(await this.open());
    await client.signIn(await signToken(key, { account, app: "app", ttlSeconds: 60 }));
    return client;
  }

  private login(node: string): Service {
    const { sessions } = this;
    const note = (command: string, channelId: string): void => void this.arrivals.push({ node, command, channelId });
    const noting: Sessions = {
      ...methodsOf(sessions),
      put(app, account, location) {
        note(Command.SignIn, location.channelId);
        return sessions.put(app, account, location);
      },
      remove(app, account, channelId) {
        note(Command.SignOut, channelId);
        return sessions.remove(app, account, channelId);
      },
    };
    const metrics = this.metrics.forService(node, "login");
    const service = this.cluster.login(noting, metrics);
    return service;
  }

  private chat(node: string): Service {
    const router = new Router([
      () =>
        ({ command, channelId }) =>
          void this.arrivals.push({ node, command, channelId }),
    ]);
    return quietService({ router });
  }

  /** Sends a talk of each client, and returns the nodes that they reached, in the clients' order. */
  async talk(clients: readonly WireClient[]): Promise<string[]> {
    const from = this.arrivals.length;
    clients.forEach((client, at) => client.send({ command: Command.UserTalk, dest: "bob", sequence: 1_000 + at }));
    await until(() => this.arrivals.length >= from + clients.length, "every talk arrives");
    const arrived = new Map(this.arrivals.slice(from).map(({ channelId, node }) => [channelId, node]));
    return clients.map(({ channelId }) => arrived.get(channelId) ?? "nowhere");
  }

  /** The nodes that a command of that channel came to. */
  nodesOf(channelId: string, command: string): string[] {
    return this.arrivals
      .filter((one) => one.channelId === channelId && one.command === command)
      .map(({ node }) => node);
  }
}

/** A sessions engine as a plain object. */
function methodsOf(sessions: MemorySessions): Sessions {
  return {
    isHealthy: true,
    put: sessions.put.bind(sessions),
    restore: sessions.restore.bind(sessions),
    remove: sessions.remove.bind(sessions),
    removeGateway: sessions.removeGateway.bind(sessions),
    renew: sessions.renew.bind(sessions),
    suspect: sessions.suspect.bind(sessions),
    locate: sessions.locate.bind(sessions),
    watchPresence: sessions.watchPresence.bind(sessions),
    watchLoss: sessions.watchLoss.bind(sessions),
    close: sessions.close.bind(sessions),
  };
}

/** So many that chance does not send them all to one of two nodes. */
const accounts = Array.from({ length: 32 }, (_, at) => `user${at}`);
const only = (zone: string): string => JSON.stringify({ zones: [{ id: zone, weight: 1 }] });
const routeTo = (zone: string, path: string): Selection => ({
  name: "route",
  path,
  rules: parseRouteFile(only(zone), path),
});

describe.each(selectorNames)("by %s", (name) => {
  test("a connection's requests go to one node, and its sign-out where its sign-in went", async () => {
    const cluster = new Cluster(name === "route" ? routeTo("a", "route.json") : { name });
    for (const node of ["login1", "login2", "login3"]) await cluster.add("login", node, { zone: "a" });
    for (const node of ["chat1", "chat2", "chat3"]) await cluster.add("chat", node, { zone: "a" });
    const clients = await Promise.all(accounts.map((account) => cluster.client(account)));
    const first = await cluster.talk(clients);
    for (let again = 0; again < 5; again++) expect(await cluster.talk(clients)).toEqual(first);
    expect(new Set(first).size).toBeGreaterThan(1);
    for (const client of clients) client.terminate();
    for (const { channelId } of clients) {
      await until(() => cluster.nodesOf(channelId, Command.SignOut).length > 0, "the sign-out arrives");
      expect(cluster.nodesOf(channelId, Command.SignOut)).toEqual(cluster.nodesOf(channelId, Command.SignIn));
    }
  });
});

test("a gateway with only nodes that are not ready is not ready either, and requests find no node", async () => {
  const cluster = new Cluster();
  await cluster.add("login", "login1");
  await cluster.add("chat", "chat1", { isReady: false });
  await cluster.open();
  expect(cluster.gateway.missingServices()).toEqual(["chat"]);
  await cluster.add("chat", "chat2");
  expect(cluster.gateway.missingServices()).toEqual([]);
  const clients = await Promise.all(accounts.map((account) => cluster.client(account)));
  expect(new Set(await cluster.talk(clients))).toEqual(new Set(["chat2"]));
});

test("a node that comes takes connections over by hash, and only new ones by least-connections", async () => {
  for (const name of ["hash", "least-connections"] as const) {
    const cluster = new Cluster({ name });
    await cluster.add("login", "login1");
    await cluster.add("chat", "chat1");
    const clients = await Promise.all(accounts.map((account) => cluster.client(account)));
    expect(new Set(await cluster.talk(clients))).toEqual(new Set(["chat1"]));
    await cluster.add("chat", "chat2");
    // With least-connections chat2 carries nothing yet, so that who comes now is sent there.
    const late = await cluster.client("late");
    const [reached = "", ...others] = await cluster.talk([late, ...clients]);
    if (name === "least-connections") {
      expect(reached).toBe("chat2");
      expect(new Set(others)).toEqual(new Set(["chat1"]));
    } else expect(new Set([reached, ...others])).toEqual(new Set(["chat1", "chat2"]));
  }
});

describe("with a route file", () => {
  test("that is read again connections move; a bad one moves nobody", async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-test-"));
    closing.push(() => rmSync(folder, { recursive: true }));
    const path = join(folder, "route.json");
    const cluster = new Cluster(routeTo("a", path));
    await cluster.add("login", "login1", { zone: "a" });
    await cluster.add("chat", "chat1", { zone: "a" });
    await cluster.add("chat", "chat2", { zone: "b" });
    const clients = await Promise.all(accounts.map((account) => cluster.client(account)));
    expect(new Set(await cluster.talk(clients))).toEqual(new Set(["chat1"]));
    expect(cluster.gatewayMetrics.zonesWithoutServer.counts.size).toBe(0);
    writeFileSync(path, only("b"));
    expect(cluster.gateway.reloadRouteFile()?.isReplaced).toBe(true);
    expect(new Set(await cluster.talk(clients))).toEqual(new Set(["chat2"]));
    writeFileSync(path, "{}");
    expect(cluster.gateway.reloadRouteFile()).toEqual({
      isReplaced: false,
      sentence: `the route file is refused and the old rules stay: ${path}: zones: expected a list`,
    });
    expect(new Set(await cluster.talk(clients))).toEqual(new Set(["chat2"]));
  });

  test("a zone without a node is counted, and its connections are served by another", async () => {
    const cluster = new Cluster(routeTo("b", "route.json"));
    await cluster.add("login", "login1", { zone: "b" });
    await cluster.add("chat", "chat1", { zone: "a" });
    const client = await cluster.client("alice");
    expect(await cluster.talk([client])).toEqual(["chat1"]);
    expect(await expositionOf(cluster.metrics).metrics()).toMatch(
      /roost_no_server_found_error_total\{[^}]*zone="b"[^}]*\} 1\b/,
    );
  });
});

test("without a route file nothing is read again", () => {
  expect(new Cluster().gateway.reloadRouteFile()).toBeUndefined();
});
