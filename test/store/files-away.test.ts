// Files that are taken away, replaced or cut while the store runs: nothing that was acknowledged is lost, and what would be
// lost is not acknowledged.

import { expect, test } from "bun:test";
import { renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { indexPathOf } from "../../src/store/sqlite/index-file.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { StoreUnavailable, type Store } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { until } from "../support/until.ts";
import { stored, talk } from "./store-suite.ts";

const root = temporaryFolder("files-away-");
let places = 0;
const freshPath = (): string => join(root, `${places++}.db`);
const openAt = (path: string): Promise<Store> =>
  openSqliteStore({ path, retentionDays: 0, log: silentLog, foldMessages: 200 });

async function failureOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StoreUnavailable) return error.message;
    throw error;
  }
  return "nothing failed";
}

async function allIds(store: Store): Promise<Set<bigint>> {
  const seen = new Set<bigint>();
  for (let after = 1n; ;) {
    const page = await store.index({ app: "app", account: "bob", device: "", after, includeSent: false, limit: 2000 });
    const last = page.at(-1);
    if (last === undefined) return seen;
    for (const { messageId } of page) seen.add(messageId);
    after = last.messageId;
  }
}

/** A process that stores batches; what it says was acknowledged. */
class Child {
  readonly acknowledged: bigint[] = [];
  private readonly process;
  private readonly reading: Promise<void>;

  constructor(path: string, batches: number) {
    this.process = Bun.spawn(
      [process.execPath, join(import.meta.dir, "store-child.ts"), path, String(batches * 10), "10", "stay"],
      { stdout: "pipe", stderr: "inherit" },
    );
    this.reading = this.read();
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
    await this.reading;
  }

  /** Until so many more were acknowledged. */
  async more(count: number): Promise<void> {
    const wanted = this.acknowledged.length + count;
    await until(() => this.acknowledged.length >= wanted, "the child goes on");
  }

  private async read(): Promise<void> {
    let rest = "";
    for await (const chunk of this.process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.acknowledged.push(BigInt(line));
    }
  }
}

async function expectAll(path: string, children: readonly Child[]): Promise<void> {
  const store = await openAt(path);
  const held = await allIds(store);
  await store.close();
  for (const { acknowledged } of children) expect(acknowledged.filter((id) => !held.has(id))).toEqual([]);
}

const harms: readonly [what: string, harm: (path: string) => void][] = [
  ["-wal is removed", (path) => rmSync(`${path}-wal`)],
  ["-shm is removed", (path) => rmSync(`${path}-shm`)],
  [
    "-wal and -shm are removed",
    (path) => {
      rmSync(`${path}-wal`);
      rmSync(`${path}-shm`);
    },
  ],
  [
    "-wal is replaced by an empty file",
    (path) => {
      writeFileSync(`${path}-new`, "");
      renameSync(`${path}-new`, `${path}-wal`);
    },
  ],
];
for (const [what, harm] of harms) {
  test(`under load ${what}: it goes on, and after kill -9 all that was acknowledged is there`, async () => {
    const path = freshPath();
    const child = new Child(path, 1_000_000);
    await child.more(500);
    harm(path);
    await child.more(2_000);
    harm(path);
    await child.more(2_000);
    await child.kill();
    await expectAll(path, [child]);
  }, 60_000);
}

test("two processes share the file whose -wal is removed under load: both go on, and nothing is lost", async () => {
  const path = freshPath();
  const children = [new Child(path, 1_000_000), new Child(path, 1_000_000)];
  for (const child of children) await child.more(300);
  rmSync(`${path}-wal`);
  for (const child of children) await child.more(1_000);
  for (const child of children) await child.kill();
  await expectAll(path, children);
}, 60_000);

test("without any traffic -wal is removed: what it held is saved within seconds", async () => {
  const path = freshPath();
  const child = new Child(path, 20);
  await until(() => child.acknowledged.length === 200, "all is stored");
  rmSync(`${path}-wal`);
  await Bun.sleep(3_000);
  await child.kill();
  await expectAll(path, [child]);
}, 60_000);

test("-wal is renamed away and back: the store goes on and loses nothing", async () => {
  const path = freshPath();
  const store = await openAt(path);
  const ids: bigint[] = [];
  const say = async (): Promise<void> => {
    ids.push(...(await store.append([talk(), talk()])).map((outcome) => stored(outcome).messageId));
  };
  await say();
  renameSync(`${path}-wal`, `${path}-away`);
  await say();
  renameSync(`${path}-away`, `${path}-wal`);
  await say();
  await say();
  await store.close();
  const again = await openAt(path);
  expect([...(await allIds(again))]).toEqual(ids);
  await again.close();
}, 60_000);

test("nothing is acknowledged once the database was emptied or cut in place", async () => {
  for (const left of [0, 4096 * 3]) {
    const path = freshPath();
    const first = await openAt(path);
    for (let i = 0; i < 20; i++) await first.append(Array.from({ length: 50 }, () => talk({ body: "x".repeat(200) })));
    await first.close();
    const store = await openAt(path);
    await store.append([talk()]);
    truncateSync(path, left);
    expect(await failureOf(store.append([talk()]))).toMatch(/emptied or cut while it was open|malformed/);
    expect(await failureOf(store.append([talk()]))).not.toBe("nothing failed");
    await until(() => !store.isHealthy, "the store says so");
    await store.close();
  }
}, 60_000);

test("the index's -wal is removed under load: the index is made again, and nothing is missing in it", async () => {
  const path = freshPath();
  const child = new Child(path, 1_000_000);
  await child.more(1_000);
  rmSync(`${indexPathOf(path)}-wal`);
  await child.more(2_000);
  await child.kill();
  await expectAll(path, [child]);
}, 60_000);
