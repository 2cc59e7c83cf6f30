// The table on disk: what is written is what is restored, it is shown as stale until it is confirmed, and a file
// that is something else is left alone.

import { testLimits } from "../../support/limits.ts";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { chmod, lstat, mkdir, readFile, stat, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { tombstoneMs } from "../../../src/base/limits/fixed.ts";
import { type Log, silentLog } from "../../../src/base/log.ts";
import { compact } from "../../../src/registry/metadata.ts";
import { discoveryAppid, Status } from "../../../src/registry/instance.ts";
import { NotASnapshot, readSnapshot, SnapshotWriter } from "../../../src/registry/table/snapshot.ts";
import { beginNs, cancelled, contentOf, identityOf, living, nanoseconds, TableOverTime } from "../support.ts";
import { at, endAll, eventually, TestNode } from "./support.ts";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-snapshot-"));
  path = join(folder, "registry.snapshot");
});
afterEach(async () => {
  await endAll();
  rmSync(folder, { recursive: true, force: true });
});

/** A log that keeps its warnings. */
class Warnings implements Log {
  readonly all: string[] = [];
  debug(): void {}
  info(): void {}
  warn(sentence: string, fields?: Parameters<Log["warn"]>[1]): void {
    this.all.push(`${sentence} ${JSON.stringify(fields ?? {})}`);
  }
  error(): void {}
  linesLost(): number {
    return 0;
  }
}

/** A table that is written as time passes. */
class Written extends TableOverTime {
  readonly log = new Warnings();
  readonly writer = new SnapshotWriter({
    path,
    table: this.table,
    clock: this.clock,
    timers: this.time.timersOf(() => true),
    log: this.log,
  });
}

const hasFile = async (): Promise<boolean> => Bun.file(path).exists();
const linesOf = async (): Promise<string[]> => (await readFile(path, "utf8")).trimEnd().split("\n");

describe("a snapshot", () => {
  test("is restored as it was written: instances to the last digit, and cancellations", async () => {
    const before = new Written();
    const metadata = compact(
      new Map([
        ["text", '\u0000\n"\\ é 好 🐓'],
        ["__proto__", "x"],
      ]),
    );
    before.table.merge(living(beginNs + 1n, { metadata, addrs: ["tcp://a:1", "http://b:2"], status: Status.Waiting }));
    before.table.merge({ ...living(beginNs + 3n, { hostname: "probed" }), isProbed: true });
    before.table.merge(cancelled(beginNs + 5n, { hostname: "gone" }));
    await before.writer.stop();
    const after = new TableOverTime();
    expect(await readSnapshot(path, after.table, after.clock, testLimits().values, silentLog)).toBe(2);
    expect(contentOf(after.table)).toEqual(contentOf(before.table));
    expect(after.table.get(identityOf({ hostname: "probed" }))?.isProbed).toBe(true);
    expect([...after.table.all()].map(({ isStale }) => isStale)).toEqual([true, true, false]);
    expect(before.log.all).toEqual([]);
  });

  test("of a thousand instances is restored whole", async () => {
    const before = new Written();
    before.fill(1_234);
    await before.writer.stop();
    const after = new TableOverTime();
    expect(await readSnapshot(path, after.table, after.clock, testLimits().values, silentLog)).toBe(1_234);
    expect(contentOf(after.table)).toEqual(contentOf(before.table));
  });

  test("is written within 10 s of a change, and not again while nothing changes", async () => {
    const { time, table, writer } = new Written();
    writer.start();
    table.merge(living(beginNs));
    time.advance(9_900);
    expect(await hasFile()).toBe(false);
    time.advance(200);
    await eventually("the file", hasFile);
    expect((await linesOf()).length).toBe(2);
    await eventually("the next look to be planned", async () => {
      time.advance(10_000);
      table.merge(living(beginNs, { hostname: "chat-2" }));
      return (await linesOf()).length === 3;
    });
    const { mtimeMs } = await stat(path);
    for (let look = 0; look < 5; look++) {
      time.advance(10_000);
      await Bun.sleep(1);
    }
    await writer.stop();
    expect((await stat(path)).mtimeMs).toBe(mtimeMs);
  });

  test("is for its owner alone, and leaves no draft behind", async () => {
    const { table, writer } = new Written();
    table.merge(living(beginNs));
    await writer.stop();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(["registry.snapshot"]);
  });

  test("that cannot be written is warned of once, and is written when it can be", async () => {
    rmSync(folder, { recursive: true });
    const { time, table, writer, log } = new Written();
    writer.start();
    for (let index = 0; index < 4; index++) {
      table.merge(living(beginNs, { hostname: `h${index}` }));
      time.advance(10_000);
      await eventually("a warning", () => log.all.length > 0);
      await Bun.sleep(1);
    }
    expect(log.all.length).toBe(1);
    expect(log.all[0]).toStartWith("cannot write the snapshot ");
    folder = mkdtempSync(folder);
    await writer.stop();
    expect(log.all.length).toBe(1);
  });

  test("that is not there, or empty, holds nothing", async () => {
    const { table, clock } = new TableOverTime();
    expect(await readSnapshot(path, table, clock, testLimits().values, silentLog)).toBe(0);
    await writeFile(path, "");
    expect(await readSnapshot(path, table, clock, testLimits().values, silentLog)).toBe(0);
  });

  test("gives the living a new lease, and lets cancellations age while it lay there", async () => {
    const before = new Written();
    before.table.merge(living(beginNs, {}, 80_000));
    before.table.merge(cancelled(beginNs, { hostname: "old" }, tombstoneMs - 60_000));
    before.table.merge(cancelled(beginNs, { hostname: "young" }));
    await before.writer.stop();
    const after = new TableOverTime();
    after.time.advance(120_000);
    await readSnapshot(path, after.table, after.clock, testLimits().values, silentLog);
    expect(after.table.get(identityOf({ hostname: "old" }))).toBeUndefined();
    expect(after.table.get(identityOf({ hostname: "young" }))?.state(after.clock.monotonicMs()).ageMs).toBe(120_000);
    expect(after.table.get(identityOf())?.state(after.clock.monotonicMs()).ageMs).toBe(0);
  });

  test("of which lines are damaged gives the others, and says how many", async () => {
    const before = new Written();
    before.fill(5);
    await before.writer.stop();
    const [head = "", a = "", b = "", c = "", d = "", e = ""] = await linesOf();
    const future = e.replace(/"dirty":"\d+"/, `"dirty":"${beginNs + nanoseconds(86_400_000)}"`);
    const damaged = [
      head,
      a,
      "{",
      "",
      "null",
      b.replace('"env":"prod"', '"env":""'),
      c.replace('"age":0', '"age":-1'),
      future,
    ];
    await writeFile(path, [...damaged, d.slice(0, 40)].join("\n"));
    const after = new TableOverTime();
    const log = new Warnings();
    // A version from the future is a wrong clock's, and no damage.
    expect(await readSnapshot(path, after.table, after.clock, testLimits().values, log)).toBe(2);
    expect([...after.table.all()].map(({ identity }) => identity.hostname)).toEqual(["i0", "i4"]);
    expect(log.all).toEqual([`the snapshot contains malformed lines, which are ignored {"path":"${path}","lines":5}`]);
  });
});

const foreign: Readonly<Record<string, string | Uint8Array>> = {
  "a text": "my notes\nand more of them\n",
  "JSON of another kind": '{"name":"roost"}\n',
  "a later format": '{"format":"roost registry snapshot 2","at":1}\n',
  "a head without a time": '{"format":"roost registry snapshot 1"}\n',
  bytes: new Uint8Array([0x53, 0x51, 0x4c, 0xff, 0x00, 0x0a, 0xfe]),
  "an empty line": "\n",
};

describe("what others can change", () => {
  test("is not believed: a snapshot that is not its owner's alone is left out, with a warning", async () => {
    const before = new Written();
    before.table.merge(living(beginNs));
    await before.writer.stop();
    for (const [mode, changer] of [
      [0o666, "everybody"],
      [0o660, "its group"],
    ] as const) {
      await chmod(path, mode);
      const after = new TableOverTime();
      const log = new Warnings();
      expect(await readSnapshot(path, after.table, after.clock, testLimits().values, log)).toBe(0);
      expect(log.all).toEqual([
        expect.stringContaining(`others can change it {"path":"${path}","changer":"${changer}"}`),
      ]);
    }
    await chmod(path, 0o644);
    const after = new TableOverTime();
    expect(await readSnapshot(path, after.table, after.clock, testLimits().values, silentLog)).toBe(1);
  });

  test("is not written to: a draft or a link that was put there is replaced by one of our own", async () => {
    const elsewhere = join(folder, "elsewhere");
    await writeFile(elsewhere, "precious");
    for (const put of [
      () => writeFile(`${path}.new`, "theirs", { mode: 0o666 }),
      () => symlink(elsewhere, `${path}.new`),
      () => mkdir(`${path}.new`),
    ]) {
      await put();
      const { table, writer, log } = new Written();
      table.merge(living(beginNs));
      await writer.stop();
      expect(log.all).toEqual([]);
      expect((await lstat(path)).isFile()).toBe(true);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
    expect(await readFile(elsewhere, "utf8")).toBe("precious");
  });

  test("is made for its owner alone under a umask of 000", async () => {
    const umask = process.umask(0);
    const { table, writer } = new Written();
    table.merge(living(beginNs));
    await writer.stop();
    process.umask(umask);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });
});

describe("a file that is something else", () => {
  for (const [name, content] of Object.entries(foreign)) {
    test(`(${name}) is refused, and left as it is`, async () => {
      await writeFile(path, content);
      const { table, clock } = new TableOverTime();
      let refusal: unknown;
      await readSnapshot(path, table, clock, testLimits().values, silentLog).catch(
        (error: unknown) => (refusal = error),
      );
      expect(refusal).toBeInstanceOf(NotASnapshot);
      expect(String(refusal)).toContain(path);
      expect(Buffer.from(await readFile(path))).toEqual(Buffer.from(content));
      expect(readdirSync(folder)).toEqual(["registry.snapshot"]);
    });
  }

  test("is refused by its kind: a folder, a device, a pipe, and 100 GB of nothing", async () => {
    const after = new TableOverTime();
    const pipe = join(folder, "pipe");
    expect(Bun.spawnSync(["mkfifo", pipe]).success).toBe(true);
    await writeFile(path, "");
    await truncate(path, 100 * 2 ** 30);
    for (const [name, reason] of [
      [folder, "it is a folder"],
      ["/dev/zero", "it is a device"],
      [pipe, "it is a pipe"],
      [path, "is not a registry snapshot"],
    ] as const) {
      const failure = await readSnapshot(name, after.table, after.clock, testLimits().values, silentLog).catch(
        (error: unknown) => error,
      );
      expect(failure).toBeInstanceOf(NotASnapshot);
      expect(String(failure)).toContain(reason);
    }
  });

  test("keeps a node from starting, with nothing left running", async () => {
    await writeFile(path, "my notes\n");
    const first = await TestNode.start();
    const { port } = first;
    await first.stop();
    const listen = { host: "127.0.0.1", port };
    let refusal: unknown;
    await TestNode.start({ listen, snapshotPath: path }).catch((error: unknown) => (refusal = error));
    expect(refusal).toBeInstanceOf(NotASnapshot);
    expect(await readFile(path, "utf8")).toBe("my notes\n");
    const next = await TestNode.start({ listen });
    expect((await next.ask("/health")).status).toBe(200);
  });
});

describe("a node that is started again", () => {
  test("shows what was registered as stale, and takes renewals of it", async () => {
    const first = await TestNode.start({ snapshotPath: path });
    await first.register({ metadata: '{"k":"v"}' });
    await first.register({ hostname: "gone" });
    await first.cancel({ hostname: "gone" });
    const dirty = at(await first.instance(), "dirty_timestamp");
    await first.stop();
    const second = await TestNode.start({ snapshotPath: path });
    const { json, text } = await second.fetch();
    expect(at(json, "stale")).toBe(true);
    expect(text).toStartWith('{"code":0,"message":"0","ttl":1,"data":{');
    expect(at(await second.instance(), "dirty_timestamp")).toBe(dirty);
    expect(await second.hostnames()).toEqual(["chat-1"]);
    expect(at((await second.polls()).json, "stale")).toBe(true);
    expect(at((await second.ask("/health")).json, "stale")).toBe(true);
    expect((await second.renew()).code).toBe(0);
    expect((await second.register({ hostname: "chat-2" })).code).toBe(0);
    expect(await second.hostnames()).toEqual(["chat-1", "chat-2"]);
    expect(await second.hostnames({ appid: discoveryAppid })).toEqual([second.address]);
  });

  test("drops what nobody confirms as soon as another node has told it what there is", async () => {
    const first = await TestNode.start({ snapshotPath: path });
    await first.register({ hostname: "ghost" });
    await first.register({ hostname: "alive" });
    await first.stop();
    const other = await TestNode.start();
    await other.register({ hostname: "alive" });
    const second = await TestNode.start({ snapshotPath: path, peers: [other.address] });
    await eventually("the news", async () => at((await second.fetch()).json, "stale") === undefined);
    expect(await second.hostnames()).toEqual(["alive"]);
    expect(await other.hostnames()).toEqual(["alive"]);
  });

  test("is readable at once, although its peers are away", async () => {
    const first = await TestNode.start({ snapshotPath: path });
    await first.register();
    await first.stop();
    const second = await TestNode.start({ snapshotPath: path, peers: ["127.0.0.1:1"] });
    const { code, json } = await second.fetch();
    expect([code, at(json, "stale")]).toEqual([0, true]);
  });

  test("is not readable before its peers are heard when it has nothing to show but cancellations", async () => {
    const first = await TestNode.start({ snapshotPath: path });
    await first.register();
    await first.cancel();
    await first.stop();
    const second = await TestNode.start({ snapshotPath: path, peers: ["127.0.0.1:1"] });
    expect((await second.fetch()).code).toBe(-500);
  });

  test("tells no other node of what it has only read", async () => {
    const first = await TestNode.start({ snapshotPath: path });
    await first.register({ hostname: "ghost" });
    await first.stop();
    const second = await TestNode.start({ snapshotPath: path });
    const third = await TestNode.start({ peers: [second.address] });
    await eventually("the third to be readable", async () => (await third.ask("/health")).status === 200);
    expect(await second.hostnames()).toEqual(["ghost"]);
    expect(await third.hostnames()).toEqual([]);
  });
});
