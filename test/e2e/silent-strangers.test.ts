// Strangers that connect to the compiled server and say nothing, more of them than it may have open files: whoever is
// signed in goes on, newcomers get in, and /health answers. A process without a free descriptor could accept nobody,
// and its accept loop would spin.

import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RoostClient } from "../../src/sdk/roost-client.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { roostWithFiles, run, ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { upgradeRequest } from "../support/proxy-protocol.ts";

const openFilesMax = 1_024;
const strangersCount = 1_500;
const healthMsMax = 5_000;
/** Between a stranger's end and its return, in milliseconds. */
const returnMs = 500;
/** What a process keeps for itself, at the least. */
const reserveMin = 100;

let folder = "";
let server: ServerProcess | undefined;
const strangers = new Set<Socket>();
const returning = new Set<ReturnType<typeof setTimeout>>();
const clients: RoostClient[] = [];
let stage: ClusterStage | undefined;

afterEach(async () => {
  leave();
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await stage?.close();
  stage = undefined;
  await server?.end("SIGKILL");
  server = undefined;
  if (folder !== "") rmSync(folder, { recursive: true, force: true });
  folder = "";
});

const portOf = (url: string): number => Number(url.slice(url.lastIndexOf(":") + 1));

/** One stranger: it connects, sends `bytes` if there are any, and comes back soon after it was ended. */
function haunt(port: number, bytes: Buffer | undefined, arrived: () => void, returns = true): void {
  const socket = createConnection({ host: "127.0.0.1", port, allowHalfOpen: true });
  strangers.add(socket);
  socket.resume();
  socket.on("connect", () => {
    if (bytes !== undefined) socket.write(bytes);
    arrived();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    arrived();
    if (strangers.delete(socket) && returns) returning.add(setTimeout(haunt, returnMs, port, bytes, () => {}));
  });
}

/** Opens connections that stay; resolves when each was made or refused. */
async function flood(port: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = strangersCount;
  const arrived = (): void => void (--left === 0 && resolve());
  for (let made = 0; made < strangersCount; made++) haunt(port, undefined, arrived);
  await promise;
}

function leave(): void {
  for (const timer of returning) clearTimeout(timer);
  returning.clear();
  const all = [...strangers];
  strangers.clear();
  for (const socket of all) socket.destroy();
}

const openFiles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** The monitor answers, and the process has descriptors left. */
async function isWell({ pid, monitor }: { readonly pid: number; readonly monitor: string }): Promise<void> {
  // As long as a monitoring system is patient: a busy machine reads the request late, and makes room meanwhile.
  const ask = (): Promise<Response> =>
    fetch(`${monitor}/health`, { keepalive: false, signal: AbortSignal.timeout(healthMsMax) });
  await until(async () => (await ask()).status === 200, "the monitor answers", healthMsMax);
  await until(() => openFiles(pid) <= openFilesMax - reserveMin, "descriptors are free");
}

/** A messenger with few open files, and how its clients sign in and talk. */
async function start() {
  folder = mkdtempSync(join(tmpdir(), "roost-strangers-"));
  const program = roostWithFiles(openFilesMax);
  const running = await ServerProcess.start(folder, ["--data", folder], undefined, undefined, program);
  server = running;
  const heard: string[] = [];
  const signIn = async (account: string, url: string): Promise<RoostClient> => {
    const token = (await run(["token", "--data", folder, "--account", account], folder)).out.trim();
    const on = { message: ({ body }: { readonly body: string }) => void heard.push(body) };
    const client = await RoostClient.connect({ url, token: () => Promise.resolve(token), on });
    clients.push(client);
    return client;
  };
  const talks = async (from: RoostClient, to: string, body: string): Promise<void> => {
    await from.talkToUser(to, { body });
    await until(() => heard.includes(body), `${body} arrives`);
  };
  return { running, signIn, talks };
}

for (const kind of ["ws", "tcp", "monitor", "api"] as const) {
  test(`at --${kind} they keep nobody out and disturb nobody`, async () => {
    const { running, signIn, talks } = await start();
    const alice = await signIn("alice", running.ws);
    const bob = await signIn("bob", running.tcp);
    await flood(portOf(running[kind]));
    await isWell(running);
    await talks(alice, "bob", "in the flood");
    await talks(bob, "alice", "and back");
    const carol = await signIn("carol", running.ws);
    const dave = await signIn("dave", running.tcp);
    await talks(carol, "dave", "newcomers");
    expect([alice, bob, carol, dave].every(({ isOnline }) => isOnline)).toBe(true);
  }, 60_000);
}

test("those who are refused and do not go give their descriptors back", async () => {
  const { running } = await start();
  const before = openFiles(running.pid);
  const stay = (port: number, bytes: Buffer): Promise<void[]> =>
    Promise.all(Array.from({ length: 200 }, () => new Promise<void>((resolve) => haunt(port, bytes, resolve, false))));
  // A text frame, by both transports: 1002.
  await stay(portOf(running.tcp), Buffer.from([1, 0, 0, 0, 1, 65]));
  await stay(portOf(running.ws), Buffer.concat([upgradeRequest(), Buffer.from([0x81, 0x80, 0, 0, 0, 0])]));
  await stay(portOf(running.ws), Buffer.from("GET / HTTP/1.1\r\n\r\n"));
  await until(() => openFiles(running.pid) <= before + 10, "all are given back");
}, 60_000);

test("at a link port they keep no new link out, and end none that stands", async () => {
  stage = await ClusterStage.start({ gateways: 2 });
  const { cluster } = stage;
  // With few open files.
  cluster.setProgram("chat-1", roostWithFiles(openFilesMax));
  await cluster.end("chat-1", "SIGTERM");
  await cluster.start("chat-1");
  await cluster.ready();
  const alice = await stage.wire("alice", 0);
  await flood(portOf(cluster.linkAddress("chat-1")));
  const pid = cluster.process("chat-1")?.pid ?? 0;
  await isWell({ pid, monitor: cluster.monitor("chat-1") });
  await cluster.end("gateway-2", "SIGKILL");
  await cluster.start("gateway-2");
  await cluster.ready();
  const bob = await stage.wire("bob", 1);
  await talk(alice, "bob", "past the strangers");
  await talk(bob, "alice", "and back");
}, 60_000);
