// The cluster's key is changed while people talk, by restarts of one process at a time: no request is lost beyond what
// the restart of a gateway costs its own clients, in whatever order processes are restarted.

import { afterEach, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clusterFingerprint } from "../../src/auth/store-ownership.ts";
import { registryToken } from "../../src/auth/registry-token.ts";
import { CloseCode } from "../../src/wire/close-reason.ts";
import { closeAll, newIdentity } from "../link/support.ts";
import { HandDialler } from "../link/hand-handshake.ts";
import { at } from "../registry/http/support.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { KeyRotation } from "../support/key-rotation.ts";
import { Random, testSeed } from "../support/random.ts";
import { run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";

let stage: ClusterStage | undefined;
let talks: KeyRotation | undefined;

afterEach(async () => {
  await talks?.close();
  talks = undefined;
  await closeAll();
  await stage?.close();
  stage = undefined;
});

const newKey = (): string => randomBytes(32).toString("base64url");
const bytesOf = (key: string): Uint8Array => new TextEncoder().encode(key);

async function begin(title: string): Promise<{ readonly rotation: KeyRotation; readonly keyA: string }> {
  const size = { discovery: 2, gateways: 2, logins: 2, chats: 2 };
  const running = (stage = await ClusterStage.start(size, { sharesPorts: true }));
  const rotation = (talks = new KeyRotation(running, new Random(testSeed(title))));
  await rotation.talk();
  return { rotation, keyA: new TextDecoder().decode(running.clusterKey) };
}

/** The fingerprints of the owner, as the files of messages and of sessions have them. */
function ownersOf(running: ClusterStage): { readonly messages: unknown; readonly sessions: unknown } {
  const read = (file: string, query: string): unknown => {
    const db = new Database(running.path(file), { readonly: true });
    try {
      return db.query(query).values().flat();
    } finally {
      db.close();
    }
  };
  return {
    messages: read("messages.db", "SELECT fingerprint FROM owner"),
    sessions: read("sessions.db", "SELECT owners FROM ownership"),
  };
}

/** Nobody takes the key any more: no registry node, no node that is linked, and no store. */
async function expectUnknown(running: ClusterStage, key: string): Promise<void> {
  const { cluster } = running;
  const path = running.path("key-of-yesterday");
  writeFileSync(path, key, { mode: 0o600 });
  const others = { "--cluster-key-file": path, "--id": "of-yesterday" };
  for (const name of ["login-1", "chat-1"]) {
    const { status, err } = await run(cluster.words(name, others), running.folder);
    expect([name, status, err]).toEqual([name, 1, expect.stringContaining("belongs to another cluster")]);
  }
  for (const url of cluster.registry) {
    const headers = { authorization: `Bearer ${registryToken(bytesOf(key))}` };
    const answer: unknown = await (await fetch(`${url}/discovery/renew`, { method: "POST", headers })).json();
    expect(at(answer, "code")).toBe(-401);
  }
  for (const name of [...cluster.names("login"), ...cluster.names("chat")]) {
    const identity = newIdentity("of-yesterday");
    const dialler = await HandDialler.connect(cluster.linkAddress(name), { identity, key: bytesOf(key) });
    await dialler.shake();
    expect((await dialler.recording.end()).code).toBe(CloseCode.Unauthorised);
  }
}

/**
 * The lines of the guide for operators about the cluster's key: shell commands that belong together, the signals, and
 * the waiting.
 */
function stepsOfGuide(): string[] {
  const guide = readFileSync(join(import.meta.dir, "../../scripts/README.md"), "utf8");
  const block = /^## Changing keys$[^]*?^```sh\n([^]*?)^```$/m.exec(guide)?.[1] ?? "";
  const steps: string[] = [];
  let commands = "";
  for (const line of block.trim().split("\n")) {
    if (!/^(kill|#) ?/.test(line)) {
      commands += `${line}\n`;
      continue;
    }
    if (commands !== "") steps.push(commands);
    commands = "";
    steps.push(line);
  }
  return steps;
}

async function shell(commands: string, cwd: string): Promise<{ readonly status: number; readonly said: string }> {
  const child = Bun.spawn(["sh", "-ec", commands], { cwd, stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  return { status: await child.exited, said };
}

test("the guide's steps change both keys by signals alone: no process stops, and no request is lost", async () => {
  const { rotation, keyA } = await begin("the order of signals");
  const { stage: running } = rotation;
  const { cluster } = running;
  const pids = (): (number | undefined)[] => cluster.names().map((name) => cluster.process(name)?.pid);
  const before = pids();
  const links = (): number[] =>
    cluster.names("gateway").map((name) => cluster.process(name)?.log.match(/ linked service=/g)?.length ?? 0);
  const linksBefore = links();
  // The cluster's key.
  const steps: string[] = [];
  for (const step of stepsOfGuide()) {
    steps.push(step.startsWith("kill") ? "signals" : step.startsWith("#") ? "waits" : "changes the file");
    if (step.startsWith("kill -HUP ")) await rotation.reread("cluster-key");
    else if (step.includes("every member of the cluster has the same keys")) await rotation.owned();
    else expect(await shell(step, running.folder)).toEqual({ status: 0, said: "" });
  }
  expect(steps).toEqual(["changes the file", "signals", "waits", "changes the file", "signals"]);
  const keyB = readFileSync(running.path("cluster-key"), "utf8").trim();
  expect([keyB.includes("\n"), keyB === keyA, statSync(running.path("cluster-key")).mode & 0o777]).toEqual([
    false,
    false,
    0o600,
  ]);
  await rotation.goesOn();
  // Established links stay.
  expect(links()).toEqual(linksBefore);
  // What comes later knows the new key alone, and is one of the cluster.
  for (const name of ["chat-2", "login-2"]) {
    expect(await cluster.end(name, "SIGTERM")).toBe(0);
    await cluster.start(name);
    await until(() => cluster.isReady(name), `${name} is ready`);
  }
  expect(links().every((count, gateway) => count >= (linksBefore[gateway] ?? 0) + 2)).toBe(true);
  await rotation.goesOn();
  await rotation.owned();
  const fingerprint = clusterFingerprint(bytesOf(keyB), "dev");
  expect(ownersOf(running)).toEqual({ messages: [fingerprint], sessions: [fingerprint] });
  // The key of the tokens.
  const [tokenA, tokenB] = [readFileSync(running.path("secret"), "utf8").trim(), newKey()];
  await rotation.reload("secret", tokenA, tokenB);
  rotation.tokenKey = tokenB;
  await rotation.goesOn();
  const { returns } = rotation;
  await rotation.reload("secret", tokenB);
  await until(
    () => rotation.returns >= returns + 10,
    "everybody who came in by the old key has come back by the new one",
  );
  await rotation.goesOn();
  await rotation.end();
  const survivors = cluster.names().flatMap((name, each) => (/^(chat|login)-2$/.test(name) ? [] : [each]));
  expect(survivors.map((each) => pids()[each])).toEqual(survivors.map((each) => before[each]));
  await expectUnknown(running, keyA);
}, 300_000);

test("three rounds of restarts move a cluster from one key to another, and no request is lost", async () => {
  const { rotation, keyA } = await begin("the order of restarts, three rounds");
  const keyB = newKey();
  await rotation.round(keyA, keyB);
  await rotation.owned();
  await rotation.round(keyB, keyA);
  await rotation.round(keyB);
  await rotation.owned();
  await rotation.end();
  const fingerprint = clusterFingerprint(bytesOf(keyB), "dev");
  expect(ownersOf(rotation.stage)).toEqual({ messages: [fingerprint], sessions: [fingerprint] });
  await expectUnknown(rotation.stage, keyA);
}, 300_000);

test("so do two rounds, of which the first puts the new key first at once", async () => {
  const { rotation, keyA } = await begin("the order of restarts, two rounds");
  const keyB = newKey();
  await rotation.round(keyB, keyA);
  await rotation.owned();
  await rotation.round(keyB);
  await rotation.owned();
  await rotation.end();
  const fingerprint = clusterFingerprint(bytesOf(keyB), "dev");
  expect(ownersOf(rotation.stage)).toEqual({ messages: [fingerprint], sessions: [fingerprint] });
  await expectUnknown(rotation.stage, keyA);
}, 300_000);
