// Engines that are away when a cluster is started: those who need one say so, and serve as soon as it is there. What is
// wrong with the settings ends the process, also when it is found out only then.

import { afterEach, expect, test } from "bun:test";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function prepare(store: string): Promise<ClusterStage> {
  const stage = await ClusterStage.prepare({}, { store });
  endings.push(() => stage.close());
  return stage;
}

async function healthOf(stage: ClusterStage, name: string): Promise<{ status: number; detail: unknown }> {
  const response = await fetch(`${stage.cluster.monitor(name)}/health`);
  return { status: response.status, detail: await response.json() };
}

test.skipIf(!hasPostgres)(
  "a chat node whose PostgreSQL is away at the start says so, and serves by itself once it is there",
  async () => {
    const server = await PostgresServer.start();
    endings.push(() => server.stop());
    const url = await server.makeDatabase();
    await server.kill();
    const stage = await prepare(url);
    const { cluster } = stage;
    await Promise.all(cluster.names().map((name) => cluster.start(name)));
    await stage.says("chat-1", /The message store is unavailable; retrying\. store="127\.0\.0\.1:\d+/);
    expect(await healthOf(stage, "chat-1")).toMatchObject({ status: 503, detail: { store: false } });
    await server.run();
    await cluster.ready();
    const alice = await stage.wire("alice");
    await talk(alice, "bob", "late");
  },
  60_000,
);

test.skipIf(!hasPostgres)(
  "a password that turns out to be wrong ends a chat node that waited for its database",
  async () => {
    const server = await PostgresServer.start();
    endings.push(() => server.stop());
    const gate = await TcpProxy.start(server.port);
    endings.push(() => gate.stop());
    gate.isShut = true;
    const stage = await prepare(`postgres://nobody:hush-hush@127.0.0.1:${gate.port}/postgres`);
    const { cluster } = stage;
    await Promise.all(["discovery-1", "chat-1"].map((name) => cluster.start(name)));
    const chat = cluster.process("chat-1");
    await stage.says("chat-1", /The message store is unavailable/);
    gate.isShut = false;
    expect(await chat?.exited).toBe(1);
    const log = (await chat?.errors) ?? "";
    expect(log).toMatch(/The message store 127\.0\.0\.1:\d+\/postgres cannot be opened: role "nobody" does not exist/);
    expect(log).not.toContain("hush");
  },
  60_000,
);
