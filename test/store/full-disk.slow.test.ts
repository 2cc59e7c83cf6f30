// A disk that is full, or read-only: under the feet of a store that runs, and at its start.

import { afterEach, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createLog, type Log, silentLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { until } from "../../scripts/harness/until.ts";
import { stored, talk } from "./samples.ts";
import { contentsOf } from "../support/contents.ts";

const disks: SmallDisk[] = [];
afterEach(() => {
  for (const disk of disks.splice(0)) disk.remove();
});
const mounted = test.skipIf(!canMount());

function placeOn(megabytes: number): { readonly disk: SmallDisk; readonly path: string } {
  const disk = new SmallDisk(megabytes);
  disks.push(disk);
  return { disk, path: join(disk.folder, "messages.db") };
}
const openAt = (path: string, log: Log = silentLog): Promise<Store> =>
  openSqliteStore({ path, retentionDays: 0, log, flushMessages: 200 });

async function isRefused(promise: Promise<unknown>): Promise<boolean> {
  try {
    await promise;
    return false;
  } catch (error) {
    if (error instanceof StoreUnavailable) return true;
    throw error;
  }
}

async function idsOf(store: Store): Promise<bigint[]> {
  const page = await store.index({
    app: "app",
    account: "bob",
    device: "",
    after: 1n,
    includeSent: false,
    limit: 2000,
  });
  return page.map(({ messageId }) => messageId);
}

/** A process that stored this many messages and was killed; their ids. */
async function killedAfter(path: string, count: number): Promise<bigint[]> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "store-child.ts"), path, "1000000000", "200"], {
    stdout: "pipe",
    stderr: "ignore",
  });
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.split("\n").length > count) child.kill("SIGKILL");
  }
  await child.exited;
  return text.split("\n").slice(0, -1).map(BigInt);
}

mounted(
  "a disk that is full: one line in the log, and no health until a batch of real size fits",
  async () => {
    const { disk, path } = placeOn(24);
    const lines: string[] = [];
    const store = await openAt(
      path,
      createLog("info", "text", (line) => lines.push(line)),
    );
    const big = { body: "x".repeat(4_000) };
    await store.append([talk(big)]);
    disk.fill();
    await until(async () => isRefused(store.append([talk(big), talk(big)])), "the disk is full");
    for (let i = 0; i < 30; i++) {
      expect(store.isHealthy).toBe(false);
      expect(store.trouble).toMatch(/full|space/);
      await isRefused(store.append([talk(big), talk(big)]));
      await Bun.sleep(100);
    }
    expect(lines.filter((line) => line.includes("cannot commit"))).toHaveLength(1);
    expect(lines.filter((line) => line.includes("commits again"))).toEqual([]);
    disk.makeRoom();
    await until(() => store.isHealthy, "there is room");
    expect(store.trouble).toBe("");
    await store.append([talk(big)]);
    expect(lines.filter((line) => line.includes("commits again"))).toHaveLength(1);
    await store.close();
  },
  60_000,
);

const leftovers: readonly [what: string, before: (path: string) => void][] = [
  ["with all that it left behind", () => undefined],
  ["without its shared memory", (path) => rmSync(`${path}-shm`)],
];
for (const [what, before] of leftovers) {
  mounted(
    `killed, and started on a full disk ${what}: it reads, refuses to write, and comes back by itself`,
    async () => {
      const { disk, path } = placeOn(24);
      const ids = await killedAfter(path, 500);
      before(path);
      disk.fill();
      const store = await openAt(path);
      // A start removes what was left unfinished, which makes room.
      if (store.isHealthy) {
        disk.fill();
        await until(async () => isRefused(store.append([talk({ body: "x".repeat(4_000) })])), "the disk is full again");
      }
      expect(store.isHealthy).toBe(false);
      expect(store.trouble).not.toBe("");
      expect(await idsOf(store)).toEqual(expect.arrayContaining(ids));
      expect(await contentsOf(store, "app", "bob", ids.slice(0, 10))).toHaveLength(10);
      // What the compactor or a checkpoint gave back meanwhile is taken, too.
      disk.fill();
      await until(async () => isRefused(store.append([talk()])), "a talk is refused");
      await Bun.sleep(2_500);
      expect(await idsOf(store)).toEqual(expect.arrayContaining(ids));
      expect(store.isHealthy).toBe(false);
      disk.makeRoom();
      await until(() => store.isHealthy, "there is room");
      const { messageId } = stored((await store.append([talk()]))[0]);
      expect((await idsOf(store)).at(-1)).toBe(messageId);
      await store.close();
    },
    60_000,
  );
}

for (const [what, before] of leftovers) {
  mounted(
    `started on a file system that is read-only, ${what}: it reads, and comes back by itself`,
    async () => {
      const { disk, path } = placeOn(24);
      const ids = await killedAfter(path, 300);
      before(path);
      disk.remount("ro");
      const store = await openAt(path);
      expect(store.isHealthy).toBe(false);
      expect(await idsOf(store)).toEqual(expect.arrayContaining(ids));
      expect(await isRefused(store.append([talk()]))).toBe(true);
      disk.remount("rw");
      await until(() => store.isHealthy, "it can be written");
      const { messageId } = stored((await store.append([talk()]))[0]);
      expect((await idsOf(store)).at(-1)).toBe(messageId);
      await store.close();
    },
    60_000,
  );
}

mounted(
  "the first start of all on a full disk: it comes back by itself",
  async () => {
    const { disk, path } = placeOn(8);
    disk.fill();
    const store = await openAt(path);
    expect(store.isHealthy).toBe(false);
    expect(await isRefused(store.append([talk()]))).toBe(true);
    disk.makeRoom();
    await until(() => store.isHealthy, "there is room");
    expect(stored((await store.append([talk()]))[0]).repeated).toBe(false);
    await store.close();
  },
  60_000,
);

mounted(
  "full, and the shared memory taken away while it runs: refused, and then it goes on",
  async () => {
    const { disk, path } = placeOn(24);
    const store = await openAt(path);
    await store.append([talk()]);
    disk.fill();
    rmSync(`${path}-shm`);
    await until(async () => isRefused(store.append([talk({ body: "x".repeat(5_000) })])), "it is full");
    disk.makeRoom();
    await until(() => store.isHealthy, "there is room");
    expect(stored((await store.append([talk()]))[0]).repeated).toBe(false);
    await store.close();
  },
  60_000,
);
