// roost kick and roost revoke, of real processes by each of their doors: in force on all gateways, and after every
// restart.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signToken } from "../../src/auth/token.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { formerRelease, formerReleaseMissing } from "../support/former-release.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { WireClient } from "../support/wire-client.ts";

const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

const size = { gateways: 2, chats: 2 };

async function start(store?: string): Promise<ClusterStage> {
  const stage = await ClusterStage.start(size, store === undefined ? {} : { store });
  endings.push(() => stage.close());
  return stage;
}

/** Runs a command in a cluster; what it has said. */
async function order(stage: ClusterStage, ...words: string[]): Promise<string> {
  const where = words.includes("--node") ? [] : ["--discovery", stage.cluster.registry.join(",")];
  const all = [...words, ...where, "--cluster-key-file", stage.path("cluster-key")];
  const { status, out, err } = await run(all, stage.folder);
  return status === 0 ? out : `${status} ${err}`;
}

const codes = (clients: readonly WireClient[]): Promise<number[]> =>
  Promise.all(clients.map(async (client) => (await client.ending()).code));
const atBoth = (stage: ClusterStage, account: string, device = ""): Promise<WireClient[]> =>
  Promise.all([0, 1].map((gateway) => stage.wire(account, gateway, `${device}${gateway}`)));

test("a standalone server: by its data folder, and after kill -9", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-kick-"));
  endings.push(() => rmSync(folder, { recursive: true, force: true }));
  const secret = "x7Hq2LrW9tZk4VbN6cYd";
  let server = await ServerProcess.start(folder, ["--secret", secret]);
  endings.push(() => server.end("SIGKILL"));
  const token = await signToken(new TextEncoder().encode(secret), { account: "ann", app: "default", ttlSeconds: 600 });
  const signIn = async (): Promise<WireClient> => {
    const client = await WireClient.connect(server.tcp.slice("tcp://".length));
    endings.push(() => client.terminate());
    await client.signIn(token);
    return client;
  };
  const first = await signIn();
  expect(await run(["kick", "--account", "ann"], folder)).toMatchObject({
    status: 0,
    out: "ann (app default) is kicked out: it had 1 connection\n",
  });
  expect(await first.ending()).toEqual({ code: CloseCode.Kicked, text: "ended by an operator" });
  const second = await signIn();
  expect((await run(["revoke", "--account", "ann"], folder)).out).toContain("it had 1 connection\n");
  expect((await second.ending()).code).toBe(CloseCode.Unauthorised);
  await server.end("SIGKILL");
  server = await ServerProcess.start(folder, ["--secret", secret]);
  await expect(signIn()).rejects.toThrow("the token was revoked");
}, 180_000);

test("a cluster: by the registry, by each of its nodes and by a chat node, and not by others", async () => {
  const stage = await start();
  const [registry = ""] = stage.cluster.registry;
  const doors = [[], ["--node", registry], ["--node", "chat-2", "--discovery", registry]];
  for (const [at, door] of doors.entries()) {
    const clients = await atBoth(stage, `ann${at}`);
    expect(await order(stage, "kick", "--account", `ann${at}`, "--app", "app", ...door)).toContain(
      "it had 2 connections",
    );
    expect(await codes(clients)).toEqual([CloseCode.Kicked, CloseCode.Kicked]);
  }
  const bob = await stage.wire("bob", 1);
  for (const node of ["gateway-1", "login-1"])
    expect(
      await order(stage, "kick", "--account", "bob", "--app", "app", "--node", node, "--discovery", registry),
    ).toContain("ask a chat node");
  expect(await order(stage, "kick", "--account", "bob", "--env", "prod")).toContain(
    "no chat node in the environment prod",
  );
  expect(await order(stage, "kick", "--account", "nobody")).toContain("nobody (app default) is not signed in");
  // The first chat node that the registry lists may be gone.
  await stage.cluster.end("chat-1", "SIGKILL");
  expect(await order(stage, "kick", "--account", "ann", "--app", "app")).toContain("is not signed in");
  expect(bob.isClosed).toBe(false);
}, 180_000);

async function revokedEverywhere(store?: string): Promise<void> {
  const stage = await start(store);
  const { cluster } = stage;
  const token = await cluster.token("ann");
  const signIn = async (gateway: number): Promise<WireClient> => {
    const client = await stage.stranger(gateway);
    await client.signIn(token, `at ${gateway}`);
    return client;
  };
  const clients = await Promise.all([signIn(0), signIn(1)]);
  let online = 0;
  await stage.sdk("ann", 1, { device: "sdk", on: { online: () => void online++ } });
  expect(await order(stage, "revoke", "--account", "ann", "--app", "app")).toContain("it had 3 connections");
  expect(await codes(clients)).toEqual([CloseCode.Unauthorised, CloseCode.Unauthorised]);
  const isRefused = async (gateway: number): Promise<void> => {
    await expect(signIn(gateway)).rejects.toThrow("the token was revoked");
  };
  await Promise.all([isRefused(0), isRefused(1)]);
  // It asks for new tokens until one is later.
  await until(() => online === 2, "it is back with a new token");
  for (const name of ["gateway-1", "chat-1", "chat-2"]) {
    await cluster.end(name, "SIGKILL");
    await cluster.start(name);
  }
  await cluster.ready();
  await Promise.all([isRefused(0), isRefused(1)]);
}

test(
  "revoked tokens are refused on all gateways, after restarts of gateways and chat nodes",
  () => revokedEverywhere(),
  180_000,
);

test.skipIf(!hasPostgres)(
  "the same over PostgreSQL",
  async () => {
    const server = await PostgresServer.start();
    endings.push(() => server.stop());
    await revokedEverywhere(await server.makeDatabase());
  },
  180_000,
);

test("a gateway that stood still ends what was kicked meanwhile, and its session is not restored", async () => {
  const stage = await start();
  const { cluster } = stage;
  const clients = await atBoth(stage, "ann");
  const bob = await stage.wire("bob", 1);
  const gateway = cluster.process("gateway-2");
  gateway?.signal("SIGSTOP");
  try {
    // Its sessions end, and it will send again those that it has.
    await cluster.end("login-1", "SIGKILL");
    await cluster.end("chat-1", "SIGKILL");
    expect(await order(stage, "kick", "--account", "ann", "--app", "app")).toContain("it had 2 connections");
    await cluster.start("login-1");
  } finally {
    gateway?.signal("SIGCONT");
  }
  expect(await codes(clients)).toEqual([CloseCode.Kicked, CloseCode.Kicked]);
  await cluster.ready();
  await talk(bob, "ann", "gone?");
  // Sign-outs that the login node did not take are sent to the next one.
  await until(
    async () => (await order(stage, "kick", "--account", "ann", "--app", "app")).includes("is not signed in"),
    "its sessions have ended",
  );
}, 180_000);

test.skipIf(formerReleaseMissing !== undefined)(
  "beside processes of the former release: those of this one obey, and nobody else is disturbed",
  async () => {
    const stage = await ClusterStage.prepare(size);
    endings.push(() => stage.close());
    const { cluster } = stage;
    for (const name of ["chat-1", "gateway-1"]) cluster.setProgram(name, formerRelease());
    for (const name of cluster.names("discovery")) await cluster.start(name);
    await cluster.ready();
    await cluster.start("chat-1");
    await Promise.all(["chat-2", "login-1", "gateway-1", "gateway-2"].map((name) => cluster.start(name)));
    await cluster.ready();
    const [former, current] = await atBoth(stage, "ann");
    const bob = await stage.wire("bob", 0);
    expect(await order(stage, "kick", "--account", "ann", "--app", "app")).toContain("it had 2 connections");
    expect((await current?.ending())?.code).toBe(CloseCode.Kicked);
    await talk(bob, "ann", "still here?");
    expect(former?.isClosed).toBe(false);
  },
  180_000,
);
