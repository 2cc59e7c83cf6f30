// The cluster's keys are read again when the file is no good, and when the signal comes early.

import { afterEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { ClusterStage } from "../support/cluster-stage.ts";
import { roost } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { begin, endCluster, expectJoins, fingerprint, hup, keyOf, newKey, ofTest, said, write } from "./key-files.ts";

afterEach(endCluster);

test("a file that is no good changes nothing, in whatever process, and its log says what would be right", async () => {
  const { running, key, names } = await begin();
  const bad: readonly (readonly [string, number, RegExp])[] = [
    ["", 0o600, /the secret file .*cluster-key is empty; put a secret of at least 16 bytes there/],
    ["# no key\n", 0o600, /holds no key: lines that begin with # are comments/],
    [`${newKey()}\nshort\n`, 0o600, /cluster-key, line 2: a secret has at least 16 bytes, this one has 5/],
    [`"${newKey()}"\n`, 0o600, /cluster-key, line 1: the quotes around the secret would be a part of it/],
    [
      `[shop k] ${newKey()}\n`,
      0o600,
      /keys for single apps \(\[app kid\] key\) are for client tokens only; remove them/,
    ],
    [Array.from({ length: 17 }, newKey).join("\n"), 0o600, /holds 17 keys, at most 16 are allowed/],
    [`${newKey()}\n`, 0o666, /can be changed by everybody; create a new secret/],
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

test("a signal that comes while a process starts does not end it, and counts when it has started", async () => {
  const running = ofTest(await ClusterStage.prepare());
  const [key, next] = [keyOf(running), newKey()];
  // A gateway waits for other services for ten seconds.
  const child = Bun.spawn([...roost, ...running.cluster.words("gateway-1")], {
    cwd: running.folder,
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
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
    await until(() => told() || child.exitCode !== null || child.signalCode !== null, "it has started");
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
