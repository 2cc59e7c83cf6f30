// A group through its whole life by three clients, against the executable: standalone across a restart, and in a
// cluster of two gateways and two chat nodes, which are started again one by one; and who is online, across them.

import { afterEach, expect, test } from "bun:test";
import { fromBinary } from "@bufbuild/protobuf";
import { Command } from "../../src/wire/commands.ts";
import { LoginReqSchema, PresenceReqSchema, PresenceStatesSchema, SignalSchema } from "../../src/wire/gen/pkt_pb.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { asked, succeeded, talk } from "../support/commands.ts";
import { beginLife, endLife, type GroupPeople } from "../support/group-lives.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { WireClient } from "../support/wire-client.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function signIn(client: WireClient, token: string, device = "phone"): Promise<WireClient> {
  succeeded(await client.request(Command.SignIn, "", LoginReqSchema, { token, device, features: ["conversations"] }));
  return client;
}

test("a group lives on across a restart of the server", async () => {
  const folder = temporaryFolder("group-life-");
  let server = await ServerProcess.start(folder);
  endings.push(() => server.end("SIGKILL"));
  const person = async (account: string): Promise<WireClient> => {
    const { out } = await run(["token", "--account", account], folder);
    return signIn(await WireClient.connect(server.tcp.replace("tcp://", "")), out.trim());
  };
  const people = async (): Promise<GroupPeople> => ({
    ann: await person("ann"),
    bob: await person("bob"),
    cid: await person("cid"),
  });
  const half = await beginLife(await people());
  expect(await server.end("SIGTERM")).toBe(0);
  server = await ServerProcess.start(folder);
  await endLife(await people(), half);
  expect(server.log).not.toMatch(/ (warn|error) /);
  expect(await server.end("SIGTERM")).toBe(0);
  expect(await run(["check"], folder)).toMatchObject({ status: 0 });
}, 60_000);

/** Devices by account, as a client was told them last by pushes. */
const view = (client: WireClient): Record<string, number> =>
  Object.fromEntries(
    client.pushes
      .filter(({ header }) => header.command === Command.PresenceChanged)
      .flatMap(({ body }) => fromBinary(PresenceStatesSchema, body).states)
      .map(({ account, devices }) => [account, devices]),
  );

async function watch(client: WireClient, ...accounts: string[]): Promise<Record<string, number>> {
  const { states } = await asked(client, Command.PresenceWatch, PresenceReqSchema, { accounts }, PresenceStatesSchema);
  return Object.fromEntries(states.map(({ account, devices }) => [account, devices]));
}

const sees = (client: WireClient, account: string, devices: number): Promise<void> =>
  until(() => view(client)[account] === devices, `${account} is seen on ${devices} devices`);
const countOf = (client: WireClient, command: string): number =>
  client.pushes.filter(({ header }) => header.command === command).length;

/** The cluster's stores; undefined: a file. */
async function storeOf(engine: "SQLite" | "PostgreSQL"): Promise<string | undefined> {
  if (engine === "SQLite") return undefined;
  const server = await PostgresServer.start();
  endings.push(() => server.stop());
  return server.makeDatabase();
}

const engines = hasPostgres ? (["SQLite", "PostgreSQL"] as const) : (["SQLite"] as const);

test.each(engines)(
  "a group on %s lives on while the chat nodes of its cluster are started again",
  async (engine) => {
    const stage = await ClusterStage.start({ gateways: 2, chats: 2 }, { store: await storeOf(engine) });
    endings.push(() => stage.close());
    const person = async (account: string, gateway: number): Promise<WireClient> =>
      signIn(await stage.stranger(gateway), await stage.cluster.token(account));
    const people = { ann: await person("ann", 0), bob: await person("bob", 1), cid: await person("cid", 1) };
    const half = await beginLife(people);
    for (const name of ["chat-1", "chat-2"]) {
      await stage.cluster.end(name, "SIGTERM");
      await stage.cluster.start(name);
      await stage.cluster.ready();
    }
    await endLife(people, half);
  },
  120_000,
);

test("who is online is told across two gateways and two chat nodes, each of which may be lost", async () => {
  const stage = await ClusterStage.start({ gateways: 2, chats: 2 });
  endings.push(() => stage.close());
  const person = async (account: string, gateway: number, device = "phone"): Promise<WireClient> =>
    signIn(await stage.stranger(gateway), await stage.cluster.token(account), device);
  // Enough for both chat nodes to have some.
  const watchers = await Promise.all(["ann", "dan", "eve", "fay", "gil", "hal"].map((account) => person(account, 0)));
  let bob = await person("bob", 1);
  for (const watcher of watchers) await talk(watcher, "bob", "hello");
  for (const watcher of watchers) expect(await watch(watcher, "bob", "nobody")).toEqual({ bob: 1, nobody: 0 });
  const tablet = await person("bob", 0, "tablet");
  for (const watcher of watchers) await sees(watcher, "bob", 2);
  const [ann] = watchers;
  if (ann === undefined) throw new Error("somebody watches");
  succeeded(await ann.request(Command.Signal, "", SignalSchema, { account: "bob", kind: "typing" }));
  for (const client of [bob, tablet])
    expect(await client.pushed(Command.Signal, SignalSchema)).toMatchObject([{ sender: "ann" }]);
  tablet.terminate();
  for (const watcher of watchers) await sees(watcher, "bob", 1);
  // The gateway of the watched one is lost.
  await stage.cluster.end("gateway-2", "SIGKILL");
  for (const watcher of watchers) await sees(watcher, "bob", 0);
  await stage.cluster.start("gateway-2");
  await stage.cluster.ready();
  bob = await person("bob", 1);
  for (const watcher of watchers) await sees(watcher, "bob", 1);
  // A chat node is lost: all are told to look, and watch again.
  await stage.cluster.end("chat-1", "SIGKILL");
  for (const watcher of watchers) await until(() => countOf(watcher, Command.Sync) > 0, "it is told to look");
  for (const watcher of watchers) expect(await watch(watcher, "bob")).toEqual({ bob: 1 });
  bob.terminate();
  for (const watcher of watchers) await sees(watcher, "bob", 0);
}, 120_000);
