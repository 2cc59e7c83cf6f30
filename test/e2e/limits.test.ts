// Limits as an operator sets and sees them, of real processes by each of their doors.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { signToken } from "../../src/auth/token.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { WireClient } from "../support/wire-client.ts";

let folder: string;
const servers: ServerProcess[] = [];
const clients: WireClient[] = [];
let stage: ClusterStage | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-limits-"));
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  await Promise.all(servers.splice(0).map((server) => server.end("SIGKILL")));
  await stage?.close();
  stage = undefined;
  rmSync(folder, { recursive: true, force: true });
});

async function start(...words: string[]): Promise<ServerProcess> {
  const server = await ServerProcess.start(folder, words, { ROOST_LIMIT: "devices-per-account=3,instances=9" });
  servers.push(server);
  return server;
}

/** The line of a table that is about a limit. */
const lineOf = (table: string, name: string): string =>
  table.split("\n").find((line) => line.startsWith(`${name} `)) ?? `no ${name} in ${table}`;

test("a server's limits can be read while it runs and after kill -9, but not after its end", async () => {
  writeFileSync(join(folder, "roost.toml"), '[limit]\ncontent-ids = 300\nframe-bytes = "64KiB"\n');
  const words = ["--config", "roost.toml", "--limit", "frame-bytes=128KiB", "--limit", "groups-per-account=9"];
  const first = await start(...words);
  const told = await run(["limits"], folder);
  expect([told.status, told.err]).toEqual([0, ""]);
  expect(lineOf(told.out, "frame-bytes")).toMatch(/^frame-bytes +128 KiB +yes /);
  expect(lineOf(told.out, "content-ids")).toMatch(/^content-ids +300 +yes /);
  expect(lineOf(told.out, "groups-per-account")).toMatch(/^groups-per-account +9 +yes /);
  expect(lineOf(told.out, "devices-per-account")).toMatch(/^devices-per-account +3 +yes /);
  expect(lineOf(told.out, "message-body-bytes")).toMatch(/^message-body-bytes +16 KiB +- /);
  expect(told.out).not.toContain("instances");
  const socket = join(folder, "data/control.sock");
  expect(statSync(socket).mode & 0o777).toBe(0o600);

  await first.end("SIGKILL");
  expect(await run(["limits"], folder)).toMatchObject({
    status: 1,
    err: expect.stringContaining(`no server uses this data folder: nothing listens at ${socket}`),
  });
  const second = await start();
  const { limits } = JSON.parse(`{"limits":${(await run(["limits", "--json"], folder)).out}}`);
  expect(limits).toContainEqual(expect.objectContaining({ name: "devices-per-account", value: 3, isSet: true }));
  expect(await second.end("SIGTERM")).toBe(0);
  expect(await run(["limits", "--data", "data"], folder)).toMatchObject({
    status: 1,
    err: expect.stringContaining(`there is no ${socket}`),
  });
}, 60_000);

test("a limit that bites is counted, logged once, and told by roost limits and by the metrics", async () => {
  const secret = "x7Hq2LrW9tZk4VbN6cYd";
  const server = await start("--secret", secret, "--limit", "devices-per-account=1");
  const token = await signToken(new TextEncoder().encode(secret), { account: "ann", app: "app", ttlSeconds: 60 });
  const signIn = async (device: string): Promise<WireClient> => {
    const client = await WireClient.connect(server.tcp.slice("tcp://".length));
    clients.push(client);
    await client.signIn(token, device);
    return client;
  };
  await signIn("phone");
  for (const device of ["laptop", "tablet"]) await expect(signIn(device)).rejects.toThrow();
  const { out } = await run(["limits"], folder);
  expect(lineOf(out, "devices-per-account")).toMatch(/^devices-per-account +1 +yes +- +2 +\d+s ago /);
  const metrics = await (await fetch(`${server.monitor}/metrics`)).text();
  expect(metrics).toContain('roost_limits_reached_total{limit="devices-per-account"} 2\n');
  expect(metrics).toContain('roost_limit{limit="devices-per-account"} 1\n');
  const lines = server.log.split("\n").filter((line) => line.includes("a limit was reached"));
  expect(lines).toEqual([expect.stringContaining('limit="devices-per-account" value=1')]);
}, 60_000);

describe("without a server", () => {
  test("--role shows what a server would have, and between which values each may be set", async () => {
    const { status, out } = await run(["limits", "--role", "gateway", "--limit", "frame-bytes=64KiB"], folder);
    expect(status).toBe(0);
    expect(lineOf(out, "frame-bytes")).toMatch(/^frame-bytes +64KiB +yes +\d+KiB to \d+MiB /);
    expect(out).not.toContain("instances");
    const registry = await run(["limits", "--role=discovery"], folder);
    expect(lineOf(registry.out, "instances")).toMatch(/^instances +100000 +- /);
  });

  test("--limit without --role is refused: the server that runs has its own", async () => {
    expect(await run(["limits", "--limit", "frame-bytes=64KiB"], folder)).toMatchObject({
      status: 2,
      err: expect.stringContaining("--limit needs --role:"),
    });
  });
});

test.each([
  ["frame-byte=1", 'the name of a limit, not "frame-byte"; did you mean frame-bytes?'],
  ["frame-bytes=0", 'not "0"'],
  ["frame-bytes=-1", 'not "-1"'],
  ["frame-bytes=1e309", 'not "1e309"'],
  ["instances=5", "--limit: instances does not apply to --role standalone; remove it"],
])(
  "a server does not start with --limit %s, and makes nothing",
  async (value, sentence) => {
    const { status, err } = await run(["--limit", value, "--data", "new"], folder);
    expect([status, err]).toEqual([2, expect.stringContaining(sentence)]);
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(statSync(join(folder, "new"), { throwIfNoEntry: false })).toBeUndefined();
  },
  30_000,
);

test("members of a cluster and its registry show their limits to holders of the key", async () => {
  const limit = (value: string): string[] => ["--limit", value];
  const words = {
    gateway: limit("connections-per-address=77"),
    login: limit("devices-per-account=5"),
    discovery: limit("instances=1234"),
  };
  const { cluster, folder: its } = (stage = await ClusterStage.start({}, { words }));
  const key = ["--cluster-key-file", join(its, "cluster-key")];
  const registry = cluster.registry[0] ?? "";
  const ask = (node: string, ...more: string[]): ReturnType<typeof run> =>
    run(["limits", "--node", node, "--discovery", registry, ...more], folder);

  for (const [node, expected] of [
    ["gateway-1", /^connections-per-address +77 +yes /m],
    ["login-1", /^devices-per-account +5 +yes /m],
    ["chat-1", /^content-ids +200 +- /m],
    [`tcp://${cluster.linkAddress("login-1")}`, /^devices-per-account +5 +yes /m],
    [registry, /^instances +1,234 +yes /m],
    [registry.slice("http://".length), /^instances +1,234 +yes /m],
  ] as const) {
    const { out, err, status } = await ask(node, ...key);
    expect([node, status, err]).toEqual([node, 0, ""]);
    expect(out).toMatch(expected);
  }

  const wrongKey = ["--cluster-key", "another key of a cluster"];
  for (const [node, more, status, sentence] of [
    ["gateway-1", [], 2, "--cluster-key-file is required"],
    ["gateway-1", wrongKey, 1, "it does not know the cluster key"],
    [registry, [], 1, "takes writes only with its key"],
    [registry, wrongKey, 1, "takes writes only with its key"],
    ["gateway-2", key, 1, "the registry lists no process with the id gateway-2; did you mean gateway-1?"],
    [`tcp://${cluster.gateways[0]?.ws}`, key, 1, "failed: "],
    ["a b", key, 2, "an id that roost nodes prints"],
  ] as const) {
    const { err, ...rest } = await ask(node, ...more);
    expect([node, rest.status, err]).toEqual([node, status, expect.stringContaining(sentence)]);
  }
}, 120_000);
