// Roles as processes on one machine: what they promise together, and that any of them may go.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { ProcessCluster } from "../../scripts/harness/process-cluster.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";

const size = { discovery: 1, gateways: 2, logins: 1, chats: 2 };

let folder: string;

let cluster: ProcessCluster | undefined;

const clients: RoostClient[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-cluster-"));
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function connect(running: ProcessCluster, account: string, gateway: number): Promise<RoostClient> {
  const url = `tcp://${running.gateways[gateway]?.tcp}`;
  const client = await RoostClient.connect({ url, token: () => running.token(account) });
  clients.push(client);
  return client;
}

test("people on two gateways talk, in groups too", async () => {
  const running = (cluster = await ProcessCluster.start({ folder, size }));
  const alice = await connect(running, "alice", 0);
  const bob = await connect(running, "bob", 1);
  const heard: string[] = [];
  bob.on("message", ({ sender, body }) => void heard.push(`${sender}: ${body}`));
  await alice.talkToUser("bob", { body: "hello" });
  const group = await alice.createGroup({ name: "friends", members: ["bob"] });
  await alice.talkToGroup(group, { body: "all" });
  await until(() => heard.length === 2, "bob hears both");
  expect(heard).toEqual(["alice: hello", "alice: all"]);
}, 60_000);

test("a standalone server and a cluster's chat services do not keep messages in one file at a time", async () => {
  const running = (cluster = await ProcessCluster.start({ folder, size }));
  const store = `sqlite:${join(folder, "messages.db")}`;
  const closed = ["--ws", "off", "--tcp", "127.0.0.1:0", "--monitor", "off"];
  const second = await run([...closed, "--store", store], folder);
  expect(second.status).toBe(1);
  expect(second.err).toContain(`another roost uses the message file ${join(folder, "messages.db")}`);
  await running.stop();
  // The cluster's store stays the cluster's.
  const later = await run([...closed, "--store", store], folder);
  expect(later.status).toBe(1);
  expect(later.err).toContain(`${join(folder, "messages.db")} belongs to a cluster`);
  const own = `sqlite:${join(folder, "alone.db")}`;
  const alone = await ServerProcess.start(folder, ["--store", own]);
  try {
    writeFileSync(join(folder, "key-of-a-test"), "a key that only this test knows", { mode: 0o600 });
    const known = ["--discovery", "http://127.0.0.1:1", "--cluster-key-file", "key-of-a-test"];
    const chat = ["--role", "chat", ...known, "--sessions", "sqlite:sessions-of-a-test.db", "--store", own];
    const third = await run(chat, folder);
    expect(third.status).toBe(1);
    expect(third.err).toContain(`a standalone roost uses the message file ${join(folder, "alone.db")}`);
  } finally {
    await alone.end("SIGTERM");
  }
}, 60_000);
