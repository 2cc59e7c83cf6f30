// The executable on a damaged store, and on a disk that is full: it ends with a sentence or serves, and never hangs.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { overwrite, pagesOf } from "../support/damaged-store.ts";
import { run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { until } from "../../scripts/harness/until.ts";

let folder: string;
const servers: ServerProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-damage-"));
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.end("SIGKILL")));
  rmSync(folder, { recursive: true, force: true });
});

async function start(at: string): Promise<ServerProcess> {
  const server = await ServerProcess.start(at, []);
  servers.push(server);
  return server;
}

async function clientOf(server: ServerProcess, at: string, account: string): Promise<RoostClient> {
  const { out } = await run(["token", "--account", account], at);
  return RoostClient.connect({ url: server.tcp, token: out.trim(), reconnect: false, talkTriesMax: 1 });
}

interface HealthAnswer {
  readonly status: number;
  readonly trouble: string;
}

async function healthOf(server: ServerProcess): Promise<HealthAnswer> {
  const response = await fetch(`${server.monitor}/health`);
  const detail: { readonly storeTrouble?: string } = JSON.parse(await response.text());
  return { status: response.status, trouble: detail.storeTrouble ?? "" };
}

test("a damaged store: the start refuses it, check finds it, salvage mends it, and the server serves", async () => {
  const server = await start(folder);
  const alice = await clientOf(server, folder, "alice");
  for (let i = 0; i < 300; i++) await alice.talkToUser("bob", { body: `${i} `.repeat(50) });
  await alice.close();
  expect(await server.end("SIGTERM")).toBe(0);
  const path = join(folder, "data", "messages.db");
  expect(await run(["check"], folder)).toMatchObject({ status: 0, err: "" });

  overwrite(path, pagesOf(path) - 2);
  const refused = await run(["--ws", "off", "--tcp", "127.0.0.1:0", "--monitor", "off"], folder);
  expect(refused.status).toBe(1);
  expect(refused.err).toMatch(/messages\.db is damaged: .*roost check.*roost restore.*roost repair --salvage/);
  expect(refused.err).not.toContain("    at ");
  expect((await run(["check"], folder)).status).toBe(1);
  const salvaged = await run(["repair", "--salvage"], folder);
  expect([salvaged.status, salvaged.err]).toEqual([0, ""]);
  expect(salvaged.out).toMatch(/messages: 2\d\d saved/);

  const again = await start(folder);
  const bob = await clientOf(again, folder, "bob");
  const page = await bob.index(1n, false);
  expect(page.length).toBeGreaterThan(200);
  await bob.close();
  expect((await run(["repair"], folder)).err).toContain("another roost uses");
}, 120_000);

test.skipIf(!canMount())(
  "killed on a full disk and started again: clients sign in and read, and writing comes back by itself",
  async () => {
    const disk = new SmallDisk(32);
    try {
      const first = await start(disk.folder);
      const alice = await clientOf(first, disk.folder, "alice");
      const { id } = await alice.talkToUser("bob", { body: "before" });
      disk.fill();
      await until(async () => {
        await expect(alice.talkToUser("bob", { body: "x".repeat(4_000) })).rejects.toThrow();
        return true;
      }, "the disk is full");
      await first.end("SIGKILL");
      rmSync(join(disk.folder, "data", "messages.db-shm"));
      disk.fill();

      const second = await start(disk.folder);
      const { status, trouble } = await healthOf(second);
      expect([status, trouble]).toEqual([503, trouble]);
      expect(trouble).not.toBe("");
      const bob = await clientOf(second, disk.folder, "bob");
      expect((await bob.index(1n, false)).map(({ messageId }) => messageId)).toContain(id);
      await expect(bob.talkToUser("alice", { body: "too early" })).rejects.toThrow();
      disk.makeRoom();
      await until(async () => (await healthOf(second)).status === 200, "the server is ready");
      expect((await bob.talkToUser("alice", { body: "now" })).id).toBeGreaterThan(id);
      await bob.close();
      expect(await second.end("SIGTERM")).toBe(0);
    } finally {
      await Promise.all(servers.splice(0).map((server) => server.end("SIGKILL")));
      disk.remove();
    }
  },
  120_000,
);
