// roost restore as a person runs it, in the place of a stopped server's store.

import { expect, test } from "bun:test";
import { chownSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { Random, testSeed } from "../support/random.ts";
import { readIndex } from "../support/commands.ts";
import { WireClient } from "../support/wire-client.ts";
import { roost, run } from "../../scripts/harness/server-process.ts";
import { folder, disks, start, client, talks, idsOf, idsIn, leftIn, fill } from "./backup-support.ts";
import { useFolder } from "./backup-support.ts";

useFolder();

test("a restored server serves the backup, its ids rise above it, and a future cursor is served from 0", async () => {
  const server = await start();
  const alice = await client(server, "alice");
  const kept = await talks(alice, "bob", 120);
  expect((await run(["backup", "kept.db"], folder)).status).toBe(0);
  const lost = await talks(alice, "bob", 80, "later");

  const refused = await run(["restore", "kept.db", "--replace"], folder);
  expect(refused.status).toBe(1);
  expect(refused.err).toContain("another roost uses the data folder");
  await alice.close();
  await server.end("SIGKILL");

  const asked = await run(["restore", "kept.db"], folder);
  expect(asked.status).toBe(1);
  expect(asked.err).toMatch(
    /holds 200 messages .*; 80 of them are newer than the backup\. .*holds 120 messages.*--replace/,
  );
  const restored = await run(["restore", "kept.db", "--replace"], folder);
  expect(restored).toMatchObject({ status: 0, out: "" });
  expect(restored.err).toMatch(/restored 120 messages .*kept as .*messages\.db\.before-restore-/s);
  const data = join(folder, "data");
  expect(leftIn(data)).toEqual([]);
  const [aside = ""] = readdirSync(data).filter((name) => name.startsWith("messages.db.before-restore-"));
  expect(idsIn(join(data, aside))).toEqual([...kept, ...lost]);

  const again = await start();
  // A device that has acknowledged nothing by itself: the library does so when it has delivered.
  const token = (await run(["token", "--account", "bob"], folder)).out.trim();
  const bob = await WireClient.connect(again.tcp.replace("tcp://", ""));
  await bob.signIn(token);
  expect((await readIndex(bob, 1n)).map(({ messageId }) => messageId)).toEqual(kept);
  // Its cursor is of the time that was lost.
  const [future = 0n] = lost.slice(-1);
  expect((await readIndex(bob, future)).map(({ messageId }) => messageId)).toEqual(kept);
  const writer = await client(again, "alice");
  const fresh = await talks(writer, "bob", 5, "fresh");
  expect(fresh.every((id) => id > (kept.at(-1) ?? 0n))).toBe(true);
  expect((await readIndex(bob, kept.at(-1))).map(({ messageId }) => messageId)).toEqual(fresh);
  await writer.close();
  bob.terminate();
  expect(await again.end("SIGTERM")).toBe(0);
}, 120_000);

test("a backup goes through a pipe into another folder", async () => {
  const server = await start();
  const alice = await client(server, "alice");
  const ids = await talks(alice, "bob", 300);
  await alice.close();
  const words = roost.map((word) => `'${word}'`).join(" ");
  const piped = Bun.spawnSync(["bash", "-o", "pipefail", "-c", `${words} backup - | ${words} restore - --data other`], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
  });
  expect(piped.stderr.toString()).toMatch(/backed up 300 messages.*restored 300 messages/s);
  expect(piped.exitCode).toBe(0);
  expect(leftIn(join(folder, "data"))).toEqual([]);
  expect(leftIn(join(folder, "other"))).toEqual([]);
  expect(readdirSync(join(folder, "other")).filter((name) => name.includes("before"))).toEqual([]);
  const other = await start(["--data", "other", "--secret-file", join(folder, "data", "secret")]);
  const bob = await client(other, "bob");
  expect(await idsOf(bob)).toEqual(ids);
  await bob.close();

  // A reader that ends early, and a pipe that brings nothing.
  const cut = Bun.spawnSync(["bash", "-o", "pipefail", "-c", `${words} backup - | head -c 100 >/dev/null`], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder },
  });
  expect([0, 1]).toContain(cut.exitCode);
  const nothing = await run(["restore", "-", "--data", "third"], folder);
  expect(nothing).toMatchObject({ status: 1 });
  expect(nothing.err).toContain("the backup from standard input is empty");
}, 120_000);

test.skipIf(!canMount())(
  "a restore for which there is no room leaves the old store as it was",
  async () => {
    await fill(join(folder, "big.db"), 6_000, "x".repeat(1_000));
    expect((await run(["backup", "x.db", "--store", `sqlite:${join(folder, "big.db")}`], folder)).status).toBe(0);
    const disk = new SmallDisk(4);
    disks.push(disk);
    await fill(join(disk.folder, "messages.db"), 100);
    const before = readdirSync(disk.folder);
    const refused = await run(["restore", "x.db", "--replace", "--data", disk.folder], folder);
    expect(refused.status).toBe(1);
    expect(refused.err).toMatch(/^roost: nothing was restored: .*no space.*\n$/i);
    expect(readdirSync(disk.folder).filter((name) => !name.includes("lock"))).toEqual(before);
    expect(idsIn(join(disk.folder, "messages.db"))).toHaveLength(100);
  },
  60_000,
);

test.skipIf(userInfo().uid !== 0)(
  "what root puts in place belongs to whom the server runs as",
  async () => {
    const data = join(folder, "data");
    const owner = 12_345;
    mkdirSync(data);
    await fill(join(data, "messages.db"), 100);
    chownSync(data, owner, owner);
    for (const name of readdirSync(data)) chownSync(join(data, name), owner, owner);
    expect((await run(["backup", "x.db"], folder)).status).toBe(0);
    expect((await run(["restore", "x.db", "--replace"], folder)).status).toBe(0);
    rmSync(join(data, "messages.db"));
    expect((await run(["restore", "x.db"], folder)).status).toBe(0);
    const names = readdirSync(data);
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect([name, statSync(join(data, name)).uid]).toEqual([name, owner]);
  },
  60_000,
);

test("what a restore that was killed had received can be restored itself", async () => {
  const path = join(folder, "data", "messages.db");
  mkdirSync(join(folder, "data"), { mode: 0o700 });
  await fill(path, 20);
  expect((await run(["backup", "made.db"], folder)).status).toBe(0);
  const left = `${path}.restoring-0123456789ab`;
  renameSync(join(folder, "made.db"), left);
  const restored = await run(["restore", left, "--replace"], folder);
  expect(restored).toMatchObject({ status: 0, err: expect.stringContaining("restored 20 messages") });
  expect(existsSync(left)).toBe(true);
});

test("whenever a restore is killed, the old store or the new one is in place, and a second run works", async () => {
  const seed = testSeed("backup");
  const random = new Random(seed);
  mkdirSync(join(folder, "data"));
  const path = join(folder, "data", "messages.db");
  await fill(path, 6_000, "new ".repeat(250));
  expect((await run(["backup", "new.db"], folder)).status).toBe(0);
  rmSync(path);
  await fill(path, 100, "old");
  for (let round = 0; round < 8; round++) {
    const child = Bun.spawn([...roost, "restore", "new.db", "--replace"], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", HOME: folder },
      stderr: "ignore",
    });
    // From its first file on: before that nothing happens that could be cut.
    while (leftIn(join(folder, "data")).length === 0 && child.exitCode === null) await Bun.sleep(1);
    await Bun.sleep(random.below(120));
    child.kill("SIGKILL");
    await child.exited;
    const count = idsIn(path).length;
    expect([100, 6_000]).toContain(count);
  }
  const last = await run(["restore", "new.db", "--replace"], folder);
  expect(last).toMatchObject({ status: 0 });
  expect(idsIn(path)).toHaveLength(6_000);
  expect(leftIn(join(folder, "data"))).toEqual([]);
}, 120_000);
