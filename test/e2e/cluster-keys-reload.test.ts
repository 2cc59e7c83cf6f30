// The cluster's keys are read again under conditions that are not the best: files that are no good, signals at once, a registry
// that is away, and processes of the former release.

import { afterEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { fingerprintOf } from "../../src/auth/secret.ts";
import { ClusterStage, oneOfEach } from "../support/cluster-stage.ts";
import { formerRelease, formerReleaseMissing } from "../support/former-release.ts";
import { KeyRotation } from "../support/key-rotation.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { Random, testSeed } from "../support/random.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { roost } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";

let stage: ClusterStage | undefined;
let talks: KeyRotation | undefined;

afterEach(async () => {
  await talks?.close();
  talks = undefined;
  await stage?.close();
  stage = undefined;
});

const newKey = (): string => randomBytes(32).toString("base64url");
const fingerprint = (key: string): string => fingerprintOf(new TextEncoder().encode(key));
const keyOf = (running: ClusterStage): string => new TextDecoder().decode(running.clusterKey);

function write(running: ClusterStage, text: string, mode = 0o600): void {
  const path = running.path("cluster-key");
  rmSync(path, { force: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
}

/** How often a process has said something. */
function said(running: ClusterStage, name: string, sentence: RegExp): number {
  return running.cluster.process(name)?.log.match(new RegExp(sentence, "g"))?.length ?? 0;
}

async function hup(running: ClusterStage, name: string, answer: RegExp): Promise<void> {
  const before = said(running, name, answer);
  running.cluster.process(name)?.signal("SIGHUP");
  await until(() => said(running, name, answer) > before, `${name} says ${answer}`);
}

/** Another chat node starts with the keys of the file, and is linked. */
async function expectJoins(running: ClusterStage): Promise<void> {
  const { cluster } = running;
  await cluster.start("chat-2");
  await until(() => cluster.isReady("chat-2"), "another node is linked", 20_000);
  expect(await cluster.end("chat-2", "SIGTERM")).toBe(0);
}

async function begin(): Promise<{ readonly running: ClusterStage; readonly key: string; readonly names: string[] }> {
  const running = (stage = await ClusterStage.prepare({ ...oneOfEach, chats: 2 }));
  const { cluster } = running;
  const names = cluster.names().filter((name) => name !== "chat-2");
  await Promise.all(names.map((name) => cluster.start(name)));
  await cluster.ready();
  return { running, key: keyOf(running), names };
}

test("a file that is no good changes nothing, in whatever process, and its log says what would be right", async () => {
  const { running, key, names } = await begin();
  const bad: readonly (readonly [string, number, RegExp])[] = [
    ["", 0o600, /the secret file .*cluster-key is empty; put a secret of at least 16 bytes there/],
    ["# no key\n", 0o600, /holds no key: lines that begin with # are comments/],
    [`${newKey()}\nshort\n`, 0o600, /cluster-key, line 2: a secret has at least 16 bytes, this one has 5/],
    [`"${newKey()}"\n`, 0o600, /cluster-key, line 1: the quotes around the secret would be a part of it/],
    [`[shop k] ${newKey()}\n`, 0o600, /keys of single apps, \[app kid\] key, are for client tokens; remove them here/],
    [Array.from({ length: 17 }, newKey).join("\n"), 0o600, /holds 17 keys, at most 16 are allowed/],
    [`${newKey()}\n`, 0o666, /can be changed by everybody, so it is no secret/],
  ];
  for (const name of names) {
    for (const [text, mode, reason] of bad) {
      write(running, text, mode);
      await hup(running, name, /the cluster keys were not changed/);
      expect(running.cluster.process(name)?.log).toMatch(reason);
    }
    rmSync(running.path("cluster-key"));
    await hup(running, name, /the cluster keys were not changed/);
    expect(said(running, name, /the file of the cluster keys is refused and the old keys stay/)).toBe(bad.length + 1);
    expect(said(running, name, /the cluster keys were read again/)).toBe(0);
  }
  write(running, `${key}\n`);
  await expectJoins(running);
}, 60_000);

test("signals at once, and keys that change with each of them, leave the last ones", async () => {
  const { running, key, names } = await begin();
  let last = key;
  for (let round = 0; round < 5; round++) {
    const next = newKey();
    write(running, `${next}\n${last}\n`);
    for (const name of [...names, ...names, ...names]) running.cluster.process(name)?.signal("SIGHUP");
    last = next;
  }
  write(running, `${last}\n`);
  // One of the signals before may have found them already.
  const answer = new RegExp(`(read again|those of before) \\(${fingerprint(last)}\\)`);
  for (const name of names) await hup(running, name, answer);
  const [alice, bob] = [await running.sdk("alice"), await running.sdk("bob")];
  const heard = new Promise<string>((resolve) => bob.on("message", ({ body }) => resolve(body)));
  await alice.talkToUser("bob", { body: "hello" });
  expect(await heard).toBe("hello");
  for (const name of [...running.cluster.names("login"), "chat-1"])
    await until(
      () => said(running, name, /every member of the cluster has the same keys/) > 0,
      `the stores of ${name} belong to the last key`,
      90_000,
    );
  await expectJoins(running);
}, 120_000);

test("a signal that comes while a process starts does not end it, and counts when it has started", async () => {
  const running = (stage = await ClusterStage.prepare());
  const [key, next] = [keyOf(running), newKey()];
  // A gateway waits for other services for ten seconds.
  const child = Bun.spawn([...roost, ...running.cluster.words("gateway-1")], {
    ...{ cwd: running.folder, stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  });
  try {
    let log = "";
    const decoder = new TextDecoder();
    const reading = (async (): Promise<void> => {
      for await (const chunk of child.stderr) log += decoder.decode(chunk, { stream: true });
    })();
    await until(() => log.includes("client tokens are verified"), "it has read its keys");
    write(running, `${next}\n${key}\n`);
    child.kill("SIGHUP");
    const told = (): boolean => log.includes(`were read again (${fingerprint(next)} ${fingerprint(key)})`);
    await until(() => told() || child.exitCode !== null || child.signalCode !== null, "it has started", 20_000);
    expect([child.signalCode, told()]).toEqual([null, true]);
    child.kill("SIGHUP");
    await until(() => log.includes("the cluster keys are those of before"), "nothing has changed since");
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    await reading;
  } finally {
    child.kill("SIGKILL");
  }
}, 60_000);

test("keys that change while the registry is away are what it hears of when it is back, with the new key alone", async () => {
  const { running, names } = await begin();
  const { cluster } = running;
  const bob = await running.sdk("bob");
  await cluster.end("discovery-1", "SIGKILL");
  const key = newKey();
  write(running, `${key}\n`);
  for (const name of names.filter((each) => each !== "discovery-1"))
    await hup(running, name, new RegExp(`read again \\(${fingerprint(key)}\\)`));
  await (await running.sdk("alice")).talkToUser("bob", { body: "the registry is away" });
  expect(bob.isOnline).toBe(true);
  await cluster.start("discovery-1");
  await cluster.ready();
  for (const name of ["login-1", "chat-1"])
    await until(
      () => said(running, name, /every member of the cluster has the same keys/) > 0,
      `the stores of ${name} belong to the new key`,
      90_000,
    );
  await expectJoins(running);
  const [url = ""] = cluster.registry;
  const lookup = await (await fetch(`${url}/api/lookup/anything`)).text();
  expect(lookup).toContain(cluster.gateways[0]?.tcp ?? "none");
}, 120_000);

test.skipIf(!hasPostgres || isRedisMissing)(
  "over PostgreSQL and Redis, too, a running process keeps its stores when its key is another one at once",
  async () => {
    const [postgres, redis] = await Promise.all([PostgresServer.start(), RedisServer.start()]);
    try {
      const running = (stage = await ClusterStage.start(
        {},
        { store: await postgres.makeDatabase(), sessions: redis.url() },
      ));
      const { cluster } = running;
      const bob = await running.sdk("bob");
      const key = newKey();
      write(running, `${key}\n`);
      for (const name of cluster.names()) await hup(running, name, new RegExp(`read again \\(${fingerprint(key)}\\)`));
      for (const name of ["login-1", "chat-1"])
        await running.says(name, /every member of the cluster has the same keys/, 90_000);
      await (await running.sdk("alice")).talkToUser("bob", { body: "hello" });
      expect(bob.isOnline).toBe(true);
      for (const name of ["login-1", "chat-1"]) {
        expect(await cluster.end(name, "SIGTERM")).toBe(0);
        await cluster.start(name);
      }
      await cluster.ready();
    } finally {
      await stage?.close();
      stage = undefined;
      await Promise.all([postgres.stop(), redis.remove()]);
    }
  },
  120_000,
);

test.skipIf(formerReleaseMissing !== undefined)(
  "processes of the former release are restarted where the others are told, and no request is lost",
  async () => {
    const random = new Random(testSeed("the order of signals and restarts"));
    const size = { discovery: 2, gateways: 2, logins: 2, chats: 2 };
    const running = (stage = await ClusterStage.prepare(size, { sharesPorts: true }));
    const { cluster } = running;
    const rotation = (talks = new KeyRotation(running, random));
    // A chat node of it does not start again once a newer one has opened the store.
    for (const name of ["discovery-1", "login-1", "gateway-1"]) {
      cluster.setProgram(name, formerRelease());
      rotation.others.add(name);
    }
    await Promise.all(cluster.names().map((name) => cluster.start(name)));
    await cluster.ready();
    await rotation.talk();
    const [keyA, keyB] = [keyOf(running), newKey()];
    await rotation.reload("cluster-key", keyB, keyA);
    await rotation.owned();
    await rotation.reload("cluster-key", keyB);
    await rotation.owned();
    await rotation.end();
  },
  300_000,
);
