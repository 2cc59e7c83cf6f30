// The cluster's keys are read again under conditions that are not the best: signals at once, a registry that is away,
// and processes of the former release. The stores take their new owner after half a minute.

import { afterEach, expect, test } from "bun:test";
import { ClusterStage } from "../support/cluster-stage.ts";
import { formerRelease, formerReleaseMissing } from "../support/former-release.ts";
import { KeyRotation } from "../support/key-rotation.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { Random, testSeed } from "../support/random.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { until } from "../../scripts/harness/until.ts";
import { begin, endCluster, expectJoins, fingerprint, hup, keyOf, newKey, ofTest, said, write } from "./key-files.ts";

let talks: KeyRotation | undefined;

afterEach(async () => {
  await talks?.close();
  talks = undefined;
  await endCluster();
});

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
      180_000,
    );
  await expectJoins(running);
}, 180_000);

test("keys that change while the registry is away reach it when it is back, with the new key alone", async () => {
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
      180_000,
    );
  await expectJoins(running);
  const [url = ""] = cluster.registry;
  const lookup = await (await fetch(`${url}/api/lookup/anything`)).text();
  expect(lookup).toContain(cluster.gateways[0]?.tcp ?? "none");
}, 180_000);

test.skipIf(!hasPostgres || isRedisMissing)(
  "over PostgreSQL and Redis, too, a running process keeps its stores when its key is another one at once",
  async () => {
    const [postgres, redis] = await Promise.all([PostgresServer.start(), RedisServer.start()]);
    try {
      const running = ofTest(
        await ClusterStage.start({}, { store: await postgres.makeDatabase(), sessions: redis.url() }),
      );
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
      await endCluster();
      await Promise.all([postgres.stop(), redis.remove()]);
    }
  },
  180_000,
);

test.skipIf(formerReleaseMissing !== undefined)(
  "processes of the former release are restarted where others reload, and no request is lost",
  async () => {
    const random = new Random(testSeed("the order of signals and restarts"));
    const size = { discovery: 2, gateways: 2, logins: 2, chats: 2 };
    const running = ofTest(await ClusterStage.prepare(size, { sharesPorts: true }));
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
