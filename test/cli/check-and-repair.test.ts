// roost check and roost repair, on stores that are in order and on damaged ones.

import { Database } from "bun:sqlite";
import { beforeAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import { blocksPerRun } from "../../src/store/sqlite/index/run-block.ts";
import { copyStore, fillStore, openAt, overwrite, pagesOf, resultOf, type Filled } from "../support/damaged-store.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { allIds } from "../support/contents.ts";
import { roost } from "./run-roost.ts";
import { stored, talk } from "../store/samples.ts";

const root = temporaryFolder("check-test-");
let whole: Filled;
beforeAll(async () => {
  whole = await fillStore(join(root, "whole.db"), 3_000);
});
let places = 0;

/** A data folder with a copy of the store. */
function copied(): { readonly folder: string; readonly path: string } {
  const folder = join(root, `data-${places++}`);
  mkdirSync(folder, { mode: 0o700 });
  const path = join(folder, "messages.db");
  copyStore(whole.path, path);
  return { folder, path };
}

test("a store in order is fine, with status 0, nothing beside the sentences, and nothing left behind", async () => {
  const { folder } = copied();
  const before = readdirSync(folder);
  const { status, out, err } = await roost("check", "--data", folder);
  expect({ status, err }).toEqual({ status: 0, err: "" });
  expect(out).toMatch(
    /^messages: fine: .*messages\.db \(3000, from 20\d\d-.*\)\nindex: fine: .* \(3000 messages\)\n.*\n$/,
  );
  expect(out).toContain(`\nread cursors: none yet: the first makes ${folder}/messages-reads.db; `);
  expect(readdirSync(folder)).toEqual(before);
});

test("beside a running store, with messages not yet compacted, a check is fine and disturbs nothing", async () => {
  const { path } = copied();
  const store = await openAt(path);
  const stop = { isDue: false };
  const talking = (async () => {
    let count = 0;
    while (!stop.isDue) count += (await store.append([talk({ clientId: `r${count}` }), talk()])).length;
    return count;
  })();
  for (let i = 0; i < 3; i++) {
    const { status, out } = await roost("check", "--store", `sqlite:${path}`);
    expect([status, out]).toEqual([0, out]);
    expect(out).toContain("index: fine");
  }
  stop.isDue = true;
  expect(await talking).toBeGreaterThan(0);
  expect(store.isHealthy).toBe(true);
  await store.close();
}, 60_000);

test("each page of the messages or of the index that was overwritten is found, or holds nothing", async () => {
  const { folder, path } = copied();
  const pages = pagesOf(path);
  for (const page of [0, 1, 2, 5, Math.floor(pages / 2), pages - 2]) {
    copyStore(whole.path, path);
    overwrite(path, page);
    const { status, out } = await roost("check", "--data", folder);
    expect([page, status, out]).toEqual([page, 1, out]);
    expect(out).toContain("messages: DAMAGED");
    expect(out).toContain("roost repair --salvage");
  }
  copyStore(whole.path, path);
  const indexPages = pagesOf(indexPathOf(path));
  for (const page of [0, 3, Math.floor(indexPages / 2)]) {
    copyStore(whole.path, path);
    overwrite(indexPathOf(path), page);
    const { status, out } = await roost("check", "--data", folder);
    expect([page, status, out]).toEqual([page, 1, out]);
    expect(out).toContain("messages: fine");
    expect(out).toContain("index: DAMAGED");
  }
}, 120_000);

const lies: readonly [what: string, sql: string][] = [
  [
    "a posting of another message",
    // Not one that a merge has left, which belongs to no run.
    `UPDATE block SET number = number + 1 WHERE number =
     (SELECT max(number) FROM block WHERE number / ${blocksPerRun} IN (SELECT number FROM run))`,
  ],
  ["a run that is missing", "DELETE FROM run WHERE number = (SELECT min(number) FROM run)"],
  ["a damaged block", "UPDATE block SET crc = crc + 1"],
  ["a damaged filter", "UPDATE run SET filter_received = zeroblob(length(filter_received))"],
];
for (const [what, sql] of lies) {
  test(`an index with ${what} is distinguished from a correct one`, async () => {
    const { folder, path } = copied();
    const index = new Database(indexPathOf(path));
    index.run(sql);
    index.run("PRAGMA wal_checkpoint(TRUNCATE)");
    index.close();
    const { status, out } = await roost("check", "--data", folder);
    expect([status, out]).toEqual([1, out]);
    expect(out).toContain("index: DAMAGED");
  });
}

test("a message that the index does not know of, and one that it invents, are found", async () => {
  for (const sql of [
    `INSERT INTO message (id, inbox, sender, type, body, extra, sent_ns, client_id)
      SELECT id + 1, inbox, sender, type, body, extra, sent_ns, NULL FROM message
      WHERE id = (SELECT id FROM message ORDER BY id LIMIT 1 OFFSET 499)`,
    "DELETE FROM message WHERE id = (SELECT id FROM message ORDER BY id LIMIT 1 OFFSET 1000)",
    "UPDATE message SET inbox = sender WHERE id = (SELECT id FROM message ORDER BY id LIMIT 1 OFFSET 1000)",
  ]) {
    const { folder, path } = copied();
    const log = new Database(path);
    log.run(sql);
    log.close();
    const { status, out } = await roost("check", "--data", folder);
    expect([status, out]).toEqual([1, out]);
    expect(out).toContain("index: DAMAGED");
  }
}, 60_000);

test("without an index, or with that of another store, the messages are fine", async () => {
  const { folder, path } = copied();
  rmSync(indexPathOf(path));
  expect(await roost("check", "--data", folder)).toMatchObject({ status: 0 });
  expect((await roost("check", "--data", join(root, "nowhere"))).err).toContain("there are no messages at");
});

test("repair removes a damaged index, refuses damaged messages, and refuses while a server runs", async () => {
  const { folder, path } = copied();
  expect((await roost("repair", "--data", folder)).out).toContain("nothing to repair");
  overwrite(indexPathOf(path), 3);
  const repaired = await roost("repair", "--data", folder);
  expect([repaired.status, repaired.err]).toEqual([0, ""]);
  expect(existsSync(indexPathOf(path))).toBe(false);
  const store = await openAt(path);
  expect(await allIds(store, "a3")).toEqual([...(whole.ids.get("a3") ?? [])]);
  await store.close();

  overwrite(path, 5);
  const refused = await roost("repair", "--data", folder);
  expect(refused.status).toBe(1);
  expect(refused.err).toContain("roost repair --salvage");

  const lock = new Database(join(folder, "lock"));
  lock.run("PRAGMA locking_mode = EXCLUSIVE");
  lock.run("BEGIN EXCLUSIVE");
  const busy = await roost("repair", "--salvage", "--data", folder);
  lock.close();
  expect(busy.status).toBe(1);
  expect(busy.err).toContain("another roost uses");
}, 60_000);

/** Salvages, and returns the ids that are there after a start, of the 3,000. */
async function salvaged(folder: string, path: string): Promise<{ readonly ids: Set<bigint>; readonly out: string }> {
  const { status, out, err } = await roost("repair", "--salvage", "--data", folder);
  expect([status, err]).toEqual([0, ""]);
  expect(readdirSync(folder).filter((name) => name.startsWith("messages.db.damaged-")).length).toBeGreaterThan(0);
  expect(await roost("check", "--data", folder)).toMatchObject({ status: 0 });
  const store = await openAt(path);
  const ids = new Set<bigint>();
  for (const account of whole.ids.keys()) for (const id of await allIds(store, account)) ids.add(id);
  const { messageId } = stored((await store.append([talk({ dest: "a1" })]))[0]);
  for (const own of whole.ids.values()) expect(messageId > (own.at(-1) ?? 0n)).toBe(true);
  await store.close();
  return { ids, out };
}

test("of a store with any damaged page salvage saves all that is on others, and says what it does not", async () => {
  const { folder, path } = copied();
  const pages = pagesOf(path);
  const all = [...whole.ids.values()].flat();
  for (const page of [0, 2, 4, 9, 20, Math.floor(pages / 2), pages - 3, pages - 1]) {
    copyStore(whole.path, path);
    overwrite(path, page);
    const { ids, out } = await salvaged(folder, path);
    const lost = all.filter((id) => !ids.has(id));
    if (page === 0) expect(out).toContain("the schema could not be read; the tables were found by their rows");
    // What was lost is inside the reported ranges.
    const ranges = [...out.matchAll(/with ids (\d+) to (\d+)/g)].map(
      ([, from = "", to = ""]) => [BigInt(from), BigInt(to)] as const,
    );
    if (lost.length > 0 && ranges.length === 0) console.log(page, lost.length, out);
    for (const id of lost) expect(ranges.some(([from, to]) => from <= id && id <= to)).toBe(true);
    for (const name of readdirSync(folder)) if (name.startsWith("messages.db.damaged")) rmSync(join(folder, name));
  }
}, 120_000);

test("a file that has lost its last quarter is salvaged: what is in the rest is saved", async () => {
  const { folder, path } = copied();
  truncateSync(path, Math.floor((statSync(path).size * 3) / 4 / 4096) * 4096);
  const { ids } = await salvaged(folder, path);
  // Less than is in it: leaves below a page that is lost are not found.
  expect(ids.size).toBeGreaterThanOrEqual(1_000);
}, 60_000);

test("what is only in the write-ahead log is saved, too", async () => {
  const { folder, path } = copied();
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../store/store-child.ts"), path, "1000000000"], {
    stdout: "pipe",
  });
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.split("\n").length > 200) child.kill("SIGKILL");
  }
  const acknowledged = text.split("\n").slice(0, -1).map(BigInt);
  overwrite(path, Math.floor(pagesOf(path) / 2));
  await salvaged(folder, path);
  const store = await openAt(path);
  const held = new Set(await allIds(store, "bob"));
  await store.close();
  expect(acknowledged.filter((id) => !held.has(id))).toEqual([]);
}, 60_000);

test("killed in the middle, a salvage leaves the old file in place, and another one works", async () => {
  const { folder, path } = copied();
  overwrite(path, Math.floor(pagesOf(path) / 2));
  for (let round = 0; round < 6; round++) {
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "../../src/main.ts"), "repair", "--salvage", "--data", folder],
      { stdout: "ignore", stderr: "ignore" },
    );
    await Bun.sleep(30 + round * 40);
    child.kill("SIGKILL");
    await child.exited;
    expect(existsSync(path)).toBe(true);
  }
  const { status, err } = await roost("repair", "--salvage", "--data", folder);
  expect([status, err]).toEqual([0, ""]);
  expect(readdirSync(folder).filter((name) => name.includes("salvaging"))).toEqual([]);
}, 60_000);

test("a name that is lost is not given to anybody else", async () => {
  const { folder, path } = copied();
  const log = new Database(path);
  const { number } = log.query<{ number: number }, []>("SELECT max(number) AS number FROM account").get() ?? {
    number: 0,
  };
  log.run("PRAGMA writable_schema = ON");
  log.run("DELETE FROM account WHERE number > ?", [number - 3]);
  log.close();
  const { out } = await salvaged(folder, path);
  expect(out).toContain("lost their names");
  const store = await openAt(path);
  await store.append([talk({ dest: "newcomer" })]);
  expect(await allIds(store, "newcomer")).toHaveLength(1);
  await store.close();
}, 60_000);

test.skipIf(!canMount())(
  "without room for a new file nothing is done",
  async () => {
    const disk = new SmallDisk(8);
    try {
      const path = join(disk.folder, "messages.db");
      copyStore(whole.path, path);
      overwrite(path, 9);
      disk.fill(500_000);
      const { status, err } = await roost("repair", "--salvage", "--store", `sqlite:${path}`);
      expect(status).toBe(1);
      expect(err).toContain("make room first");
      expect(readdirSync(disk.folder)).not.toContain("messages.db.salvaging");
    } finally {
      disk.remove();
    }
  },
  60_000,
);

test("a file of another program, and none at all, are refused with a sentence", async () => {
  const foreign = join(root, "foreign.db");
  const db = new Database(foreign);
  db.run("CREATE TABLE t (a)");
  db.close();
  // Of which nothing but the head can be read, and whose rows look like names.
  const broken = join(root, "broken.db");
  const made = new Database(broken);
  for (const sql of ["PRAGMA application_id = 7", "CREATE TABLE t (number INTEGER PRIMARY KEY, a, b)"]) made.run(sql);
  made.run("INSERT INTO t (a, b) VALUES ('x', 'y')");
  made.close();
  const bytes = readFileSync(broken);
  writeFileSync(broken, bytes.fill(0xaa, 100, 4096));
  expect((await roost("repair", "--salvage", "--store", `sqlite:${broken}`)).err).toContain("another program");
  expect(readFileSync(broken)).toEqual(bytes);
  writeFileSync(join(root, "text.db"), "this is text ".repeat(1_000));
  expect((await roost("check", "--store", `sqlite:${foreign}`)).err).toContain("another program");
  expect((await roost("repair", "--salvage", "--store", `sqlite:${foreign}`)).err).toContain("another program");
  expect((await roost("check", "--store", `sqlite:${join(root, "text.db")}`)).out).toContain("DAMAGED");
  expect((await roost("repair", "--salvage", "--store", `sqlite:${join(root, "text.db")}`)).err).toContain(
    "nothing was repaired",
  );
  expect(statSync(join(root, "text.db")).size).toBe(13_000);
  expect(await resultOf(openAt(join(root, "text.db")))).toMatch(/is damaged/);
});
