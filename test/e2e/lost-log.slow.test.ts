// Output about the work does not end the work: standard error and standard output that are full, gone or never
// read.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { appendFileSync, closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { DiscoveryProcess, roost, run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { FrozenTerminal } from "../support/frozen-terminal.ts";
import { until } from "../../scripts/harness/until.ts";

const failing = { "on a full disk": "2>/dev/full", "a pipe without a reader": "2> >(exec true)" } as const;

let folder: string;
const endings: (() => unknown)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-log-"));
});
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
  rmSync(folder, { recursive: true, force: true });
});

async function start(redirect: string, words: readonly string[] = []): Promise<ServerProcess> {
  const server = await ServerProcess.start(folder, words, {}, redirect);
  endings.push(() => server.end("SIGKILL"));
  return server;
}

async function talkOnce(server: ServerProcess): Promise<bigint> {
  const token = (await run(["token", "--account", "alice"], folder)).out.trim();
  const client = await RoostClient.connect({ url: server.tcp, token });
  try {
    return (await client.talkToUser("bob", { body: "hello" })).id;
  } finally {
    await client.close();
  }
}

/** A client that tries each talk once. */
async function connected(server: ServerProcess, data: string): Promise<RoostClient> {
  const token = (await run(["token", "--account", "alice", "--data", data], folder)).out.trim();
  const client = await RoostClient.connect({ url: server.tcp, token, talkTriesMax: 1 });
  endings.push(() => client.close());
  return client;
}

/** The number of 20 large talks at once that were refused. */
async function refusedOf(client: RoostClient): Promise<number> {
  const talks = Array.from({ length: 20 }, () => client.talkToUser("bob", { body: "x".repeat(4_000) }));
  return (await Promise.allSettled(talks)).filter(({ status }) => status === "rejected").length;
}

async function linesLost(url: string, path = "/metrics"): Promise<number> {
  const text = await (await fetch(`${url}${path}`)).text();
  return Number(/^roost_log_lost_total (\d+)$/m.exec(text)?.[1] ?? Number.NaN);
}

describe.each(Object.entries(failing))("standard error %s", (_, redirect) => {
  test("a standalone server starts, serves, counts the lines, and drains with status 0", async () => {
    const server = await start(redirect, ["--log-level", "debug"]);
    expect(await talkOnce(server)).toBeGreaterThan(0n);
    await until(async () => {
      // One more line: the reader of the first ones may have ended behind them.
      server.signal("SIGHUP");
      return (await linesLost(server.monitor)) > 0;
    }, "a line is lost");
    expect(await server.end("SIGTERM")).toBe(0);
  }, 60_000);

  test("a cluster's roles start, serve, count the lines, and drain with status 0", async () => {
    const stage = await ClusterStage.start({}, { redirect });
    endings.push(() => stage.close());
    const { cluster } = stage;
    const alice = await stage.sdk("alice");
    expect((await alice.talkToUser("bob", { body: "hello" })).id).toBeGreaterThan(0n);
    for (const name of ["gateway-1", "chat-1", "login-1", "discovery-1"]) {
      const url = name === "discovery-1" ? (cluster.registry[0] ?? "") : cluster.monitor(name);
      await until(async () => {
        cluster.process(name)?.signal("SIGHUP");
        return (await linesLost(url)) > 0;
      }, `a line of ${name} is lost`);
    }
    for (const name of ["gateway-1", "chat-1", "login-1", "discovery-1"])
      expect([name, await cluster.end(name, "SIGTERM")]).toEqual([name, 0]);
  }, 60_000);
});

test("a reader that never reads: the server starts, serves, and drains", async () => {
  const fifo = join(folder, "log");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  endings.push(() => closeSync(reader));
  expect(() => {
    for (;;) writeSync(reader, "full\n".repeat(1_000));
  }).toThrow("EAGAIN");
  const server = await start(`2>${JSON.stringify(fifo)}`);
  expect(await talkOnce(server)).toBeGreaterThan(0n);
  expect(await server.end("SIGTERM")).toBe(0);
}, 60_000);

test("a reader that dies and comes back reads how many lines were lost, and all that follow", async () => {
  const fifo = join(folder, "log");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  const first = Bun.spawn(["cat", fifo], { stdout: "pipe" });
  const server = await start(`2>${JSON.stringify(fifo)}`);
  first.kill("SIGKILL");
  await first.exited;
  server.signal("SIGHUP");
  await until(async () => (await linesLost(server.monitor)) > 0, "a line is lost");
  const second = Bun.spawn(["cat", fifo], { stdout: "pipe" });
  const text = new Response(second.stdout).text();
  await Bun.sleep(100);
  server.signal("SIGHUP");
  expect(await talkOnce(server)).toBeGreaterThan(0n);
  expect(await server.end("SIGTERM")).toBe(0);
  const log = await text;
  expect(log.match(/lines were lost: they could not be written lines=1 stream="log"/g)).toHaveLength(1);
  expect(log).toContain("leaving");
}, 60_000);

test("a full file system that is freed: the log goes on, with whole lines", async () => {
  const disk = join(folder, "disk");
  const mount = Bun.spawnSync(["sh", "-c", `mkdir ${disk} && mount -t tmpfs -o size=64k tmpfs ${disk}`]);
  if (mount.exitCode !== 0) {
    console.log("skipped: a file system cannot be mounted here");
    return;
  }
  endings.push(() => Bun.spawnSync(["umount", "-l", disk]));
  const [log, ballast] = [join(disk, "log"), join(disk, "ballast")];
  Bun.spawnSync(["dd", "if=/dev/zero", `of=${ballast}`, "bs=4k", "count=16"]);
  const server = await start(`2>>${JSON.stringify(log)}`);
  expect(await linesLost(server.monitor)).toBeGreaterThan(0);
  rmSync(ballast);
  await until(async () => (await Bun.file(log).text()).includes("lines were lost"), "the loss is told");
  expect(await server.end("SIGTERM")).toBe(0);
  const lines = (await Bun.file(log).text()).trimEnd().split("\n");
  expect(lines.filter((line) => !/^\d{4}-\d\d-\d\dT\S+ (info |warn ) /.test(line))).toEqual([]);
  expect(lines.filter((line) => line.includes("lines were lost"))).toHaveLength(1);
  expect(lines.join("\n")).toContain("leaving");
}, 60_000);

/** A file on a full disk goes on in the block that it has. */
function fillLastBlock(path: string): void {
  try {
    for (let bytes = 0; bytes < 64 * 1024; bytes++) appendFileSync(path, "\n");
  } catch {
    return;
  }
  throw new Error("the disk is not full");
}

test("a log and data on one disk that fills: talks are refused, and all goes on when there is room", async () => {
  if (!canMount()) {
    console.log("skipped: a file system cannot be mounted here");
    return;
  }
  const disk = new SmallDisk(16);
  endings.push(() => disk.remove());
  const log = join(disk.folder, "log");
  const server = await start(`2>>${JSON.stringify(log)}`, ["--data", join(disk.folder, "data")]);
  const client = await connected(server, join(disk.folder, "data"));
  await client.talkToUser("bob", { body: "before" });
  disk.fill();
  fillLastBlock(log);
  let refused = 0;
  for (let round = 0; round < 1_000 && (refused < 50 || (await linesLost(server.monitor)) === 0); round++) {
    refused += await refusedOf(client);
    server.signal("SIGHUP");
  }
  expect(refused).toBeGreaterThanOrEqual(50);
  expect(await linesLost(server.monitor)).toBeGreaterThan(0);
  disk.makeRoom();
  await until(
    () =>
      client.talkToUser("bob", { body: "after" }).then(
        () => true,
        () => false,
      ),
    "talks are stored again",
  );
  await until(async () => (await Bun.file(log).text()).includes("lines were lost"), "the loss is told");
  expect(await server.end("SIGTERM")).toBe(0);
  expect(await Bun.file(log).text()).toContain("leaving");
}, 60_000);

test("a full disk is one line a second, not one a refused talk", async () => {
  if (!canMount()) {
    console.log("skipped: a file system cannot be mounted here");
    return;
  }
  const disk = new SmallDisk(16);
  endings.push(() => disk.remove());
  const server = await start("", ["--data", join(disk.folder, "data")]);
  const client = await connected(server, join(disk.folder, "data"));
  await client.talkToUser("bob", { body: "before" });
  disk.fill();
  const begunMs = performance.now();
  let refused = 0;
  for (let round = 0; round < 1_000 && refused < 500; round++) refused += await refusedOf(client);
  expect(refused).toBeGreaterThanOrEqual(500);
  expect(await server.end("SIGTERM")).toBe(0);
  const lines = (await server.errors).split("\n").filter((line) => line.includes("the message store is unavailable"));
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.length).toBeLessThanOrEqual(1 + (performance.now() - begunMs) / 1_000);
}, 60_000);

test("a terminal that is frozen does not freeze the server", async () => {
  const terminal = new FrozenTerminal();
  endings.push(() => terminal.close());
  const server = await start(`2>${terminal.path}`);
  for (let round = 0; round < 20; round++) {
    terminal.fill();
    terminal.read(round * 7 + 1);
    server.signal("SIGHUP");
    expect(await talkOnce(server)).toBeGreaterThan(0n);
  }
  expect(await server.end("SIGTERM")).toBe(0);
}, 60_000);

test("a pipe that others share stays a blocking one", async () => {
  const fifo = join(folder, "log");
  expect(Bun.spawnSync(["mkfifo", fifo]).exitCode).toBe(0);
  const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  endings.push(() => closeSync(reader));
  const server = await start(`2>${JSON.stringify(fifo)}`);
  await talkOnce(server);
  const flags = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/${server.pid}/fdinfo/2`, "utf8"))?.[1] ?? "";
  expect(Number.parseInt(flags, 8) & constants.O_NONBLOCK).toBe(0);
}, 60_000);

test.each(Object.entries(failing))(
  "a start that is refused ends with its own status, standard error %s",
  (_, redirect) => {
    const { exitCode } = Bun.spawnSync(["bash", "-c", `exec "$@" ${redirect}`, "bash", ...roost, "--tcp", "nowhere"], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder },
    });
    expect(exitCode).toBe(2);
  },
);

test.each(["/dev/full", ">(exec true)"])(
  "a banner to %s is lost, and the server serves",
  async (target) => {
    const port = 0;
    const child = Bun.spawn(
      ["bash", "-c", `exec "$@" > ${target}`, "bash", ...roost, "--ws", "off", "--tcp", `127.0.0.1:${port}`],
      { cwd: folder, env: { PATH: process.env["PATH"] ?? "", HOME: folder, ROOST_MONITOR: "off" }, stderr: "pipe" },
    );
    endings.push(() => child.kill("SIGKILL"));
    let log = "";
    const reading = (async () => {
      for await (const chunk of child.stderr.pipeThrough(new TextDecoderStream())) log += chunk;
    })();
    await until(() => log.includes('linked service="chat"'), "it has started");
    await Bun.sleep(200);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    await reading;
    expect(log).not.toContain("bug");
  },
  60_000,
);

test("commands end quietly when their reader has gone; a full disk is reported", async () => {
  const registry = await DiscoveryProcess.start(folder);
  endings.push(() => registry.end("SIGKILL"));
  const ending = (words: string[], target: string): { status: number; err: string } => {
    const { exitCode, stderr } = Bun.spawnSync(["bash", "-c", `exec "$@" > ${target}`, "bash", ...roost, ...words], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder, NO_COLOR: "1" },
    });
    return { status: exitCode, err: stderr.toString() };
  };
  for (const words of [
    ["nodes", "--discovery", registry.url],
    ["nodes", "--watch", "--discovery", registry.url],
  ]) {
    expect([words, ending(words, ">(exec true)")]).toEqual([words, { status: 141, err: "" }]);
    const full = ending(words, "/dev/full");
    expect([words, full.status]).toEqual([words, 1]);
    expect(full.err).toMatch(/^roost: cannot write to standard output: ENOSPC.*\n$/);
  }
  const token = ["token", "--account", "alice", "--secret", "a secret of sixteen bytes"];
  for (const words of [["version"], ["--help"], token]) expect(ending(words, "/dev/full").status).toBe(1);
}, 60_000);
