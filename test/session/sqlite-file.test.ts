// The SQLite file of the sessions: whose it is, what happens when it is taken away, damaged, locked or old, and several
// processes at it.

import { Database } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { backgroundTime } from "../../src/base/runtime.ts";
import { limitTable } from "../../src/base/limits/table.ts";
import { silentLog } from "../../src/base/log.ts";
import { SessionsUnavailable, type Sessions } from "../../src/session/sessions.ts";
import { openSqliteSessions } from "../../src/session/sqlite/sqlite-sessions.ts";
import { canMount, SmallDisk } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { until } from "../../scripts/harness/until.ts";
import { location } from "./locations.ts";

const root = temporaryFolder("roost-session-file-");
let files = 0;
const freshPath = (): string => join(root, `${files++}.db`);
const opened: Sessions[] = [];
afterEach(async () => {
  for (const sessions of opened.splice(0)) await sessions.close();
});
const open = async (path: string): Promise<Sessions> => {
  const sessions = await openSqliteSessions({ path, log: silentLog });
  opened.push(sessions);
  return sessions;
};
const parts = ["", "-wal", "-shm"];

test("locates without a promise", async () => {
  const sessions = await open(freshPath());
  const place = location();
  await sessions.put("app", "ann", place);
  const located = sessions.locate("app", ["ann", "bob"]);
  expect(located).not.toBeInstanceOf(Promise);
  expect(located).toEqual([[place], []]);
});

test("can be read by its owner only", async () => {
  const path = freshPath();
  await (await open(path)).put("app", "ann", location());
  for (const end of parts) expect(statSync(path + end).mode & 0o777).toBe(0o600);
});

test("refuses the database of another program, and a folder that does not exist, with a sentence", async () => {
  const foreign = freshPath();
  const db = new Database(foreign);
  db.run("CREATE TABLE t (a)");
  db.close();
  const before = readFileSync(foreign);
  await expect(open(foreign)).rejects.toThrow(
    /cannot be opened: it is a database of another program, or a message store. Give --sessions another path\.$/,
  );
  expect(readFileSync(foreign)).toEqual(before);
  await expect(open(join(root, "nowhere", "x.db"))).rejects.toThrow(/Check that its folder exists/);
  await expect(open(join(root, "nowhere", "x.db"))).rejects.toThrow(SessionsUnavailable);
});

test("keeps what is there when it is opened again, and nothing of an earlier boot", async () => {
  const path = freshPath();
  const place = location();
  const first = await open(path);
  await first.put("app", "ann", place);
  await first.close();
  const second = await open(path);
  expect(await second.locate("app", ["ann"])).toEqual([[place]]);
  await second.close();
  const db = new Database(path);
  db.run("UPDATE state SET boot = 'an earlier one'");
  db.close();
  expect((await open(path)).locate("app", ["ann"])).toEqual([[]]);
});

test("a file of the previous release is taken as it is, with its sessions, and both releases write it", async () => {
  const path = freshPath();
  const [old, place] = [location(), location({ device: "phone", features: ["renew"] })];
  const first = await open(path);
  await first.put("app", "ann", old);
  await first.close();
  const db = new Database(path);
  db.run("DROP TRIGGER session_features_end; DROP TABLE session_features");
  const second = await open(path);
  await second.put("app", "ann", place);
  expect((await second.locate("app", ["ann"]))[0]).toHaveLength(2);
  expect((await second.locate("app", ["ann"]))[0]).toContainEqual(place);
  // As that release replaces a session, and takes one away.
  const lease = db.query<{ lease: number }, []>("SELECT lease FROM session").get()?.lease ?? 0;
  db.run("INSERT OR REPLACE INTO session VALUES ('app', 'bob', '', 'its channel', ?)", [lease]);
  expect(await second.locate("app", ["bob"])).toEqual([[location({ ...old, channelId: "its channel" })]]);
  db.run("DELETE FROM session WHERE device = 'phone'");
  expect(db.query("SELECT * FROM session_features").all()).toEqual([]);
  db.close();
});

test("a file that a power cut has torn is made anew", async () => {
  const path = freshPath();
  await (await open(path)).close();
  const begun = readFileSync(path).subarray(0, 100);
  for (const torn of [Buffer.alloc(20_000), Buffer.concat([begun, Buffer.alloc(20_000, 0xee)])]) {
    writeFileSync(path, torn);
    const sessions = await open(path);
    expect((await sessions.put("app", "ann", location())).result).toBe("put");
    await sessions.close();
  }
});

test("a file of something else, and a damaged message store, are refused and stay what they are", async () => {
  const store = Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(20_000, 0x77)]);
  for (const content of [Buffer.from("a secret that somebody named by mistake\n"), store]) {
    const path = freshPath();
    writeFileSync(path, content);
    await expect(open(path)).rejects.toThrow(
      /cannot be opened: it is not a session store. Give --sessions another path\.$/,
    );
    expect(readFileSync(path)).toEqual(content);
  }
});

test("a file whose sessions are damaged under way is made anew by itself", async () => {
  const path = freshPath();
  const first = await open(path);
  await first.put("app", "ann", location());
  await first.close();
  const db = new Database(path, { readonly: true });
  const page = db
    .query<{ rootpage: number }, []>("SELECT rootpage FROM sqlite_master WHERE name = 'session' AND type = 'table'")
    .get();
  db.close();
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(4096, 0xff), 0, 4096, ((page?.rootpage ?? 1) - 1) * 4096);
  closeSync(file);
  const openings = [await open(path), await open(path)];
  let losses = 0;
  for (const sessions of openings) {
    sessions.watchLoss(() => losses++);
    const failure: unknown = await Promise.resolve(sessions.locate("app", ["ann"])).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(SessionsUnavailable);
    expect(sessions.isHealthy).toBe(false);
  }
  await until(() => losses === 2, "both tell of the loss");
  const place = location();
  await openings[0]?.put("app", "bob", place);
  expect(await openings[1]?.locate("app", ["ann", "bob"])).toEqual([[], [place]]);
});

test("a file that is taken away is made anew by all who had it, and they tell of the loss", async () => {
  const path = freshPath();
  const openings = [await open(path), await open(path)];
  const told: string[] = [];
  for (const [at, sessions] of openings.entries()) {
    sessions.watchLoss(() => told.push(`lost ${at}`));
    sessions.watchPresence({ online() {}, offline() {}, reset: () => void told.push(`reset ${at}`) });
  }
  const [first, second] = openings;
  await first?.put("app", "ann", location());
  for (const end of parts) rmSync(path + end);
  await until(() => told.length === 4, "both are told");
  expect(told.toSorted()).toEqual(["lost 0", "lost 1", "reset 0", "reset 1"]);
  const place = location();
  await first?.put("app", "bob", place);
  expect(await second?.locate("app", ["ann", "bob"])).toEqual([[], [place]]);
});

const losses: readonly [what: string, harm: (path: string) => void][] = [
  ["-wal is removed", (path) => rmSync(`${path}-wal`)],
  ["-shm is removed", (path) => rmSync(`${path}-shm`)],
  ["the file is emptied in place", (path) => truncateSync(path, 0)],
];
for (const [what, harm] of losses) {
  test(`${what} while the sessions are open: all who had the file make another one, and go on with that`, async () => {
    const path = freshPath();
    const both = [await open(path), await open(path)];
    const lost = both.map((sessions) => {
      let isLost = false;
      sessions.watchLoss(() => {
        isLost = true;
      });
      return () => isLost;
    });
    // So that the file is longer than nothing.
    const db = new Database(path);
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
    for (const [i, sessions] of both.entries()) await sessions.put("app", `before${i}`, location());
    harm(path);
    await until(() => lost.every((isLost) => isLost()), "both tell of the loss");
    const place = location();
    await until(async () => {
      await both[0]?.put("app", "ann", place);
      return true;
    }, "sessions are put again");
    expect(await both[1]?.locate("app", ["ann"])).toEqual([[place]]);
    expect((await open(path)).locate("app", ["ann"])).toEqual([[place]]);
  });
}

test.skipIf(!canMount())(
  "opened on a full disk they are unhealthy and refuse, and work when there is room",
  async () => {
    const disk = new SmallDisk(2);
    try {
      const path = join(disk.folder, "sessions.db");
      disk.fill();
      const sessions = await open(path);
      expect(sessions.isHealthy).toBe(false);
      const refused: unknown = await sessions.put("app", "ann", location()).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(SessionsUnavailable);
      disk.makeRoom();
      await until(() => sessions.isHealthy, "there is room");
      const place = location();
      await sessions.put("app", "ann", place);
      expect(await sessions.locate("app", ["ann"])).toEqual([[place]]);
      await sessions.close();
    } finally {
      disk.remove();
    }
  },
);

test("a write waits for another process's, and is refused when that does not end", async () => {
  const path = freshPath();
  const sessions = await open(path);
  const other = new Database(path);
  other.run("BEGIN IMMEDIATE");
  const waiting = sessions.put("app", "ann", location());
  await Bun.sleep(20);
  expect(await sessions.locate("app", ["ann"])).toEqual([[]]);
  other.run("COMMIT");
  expect((await waiting).result).toBe("put");
  other.run("BEGIN IMMEDIATE");
  const refused: unknown = await sessions.put("app", "bob", location()).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(SessionsUnavailable);
  expect(sessions.isHealthy).toBe(false);
  other.run("COMMIT");
  other.close();
  await until(() => sessions.isHealthy, "it works again");
  expect((await sessions.put("app", "bob", location())).result).toBe("put");
});

test("leases run by the clock, a second a renewal at most", async () => {
  let nowMs = 1_700_000_000_000;
  const clock = { ...systemClock, wallMs: () => nowMs };
  const sessions = await openSqliteSessions({ path: freshPath(), log: silentLog, time: { ...backgroundTime, clock } });
  opened.push(sessions);
  await sessions.renew([{ gateway: "gw1", incarnation: "i1" }]);
  await sessions.put("app", "ann", location());
  const isThere = async (): Promise<boolean> => (await sessions.locate("app", ["ann"]))[0]?.length === 1;
  // A machine that slept for an hour, and a clock that was set back.
  for (const stepMs of [60 * 60_000, -60 * 60_000, 600]) {
    nowMs += stepMs;
    await sessions.renew([]);
  }
  let seconds = 0;
  for (; (await isThere()) && seconds < 60; seconds++) {
    nowMs += 1_000;
    await sessions.renew([]);
  }
  expect(seconds).toBe((limitTable.gatewayLeaseMs.initial - 2_000) / 1_000 + 1);
});

test("two processes that sign in at once, and a third that reads", async () => {
  const path = freshPath();
  const sessions = await open(path);
  const online = new Set<string>();
  sessions.watchPresence({
    online: (_, account) => void online.add(account),
    offline: (_, account) => void online.delete(account),
  });
  const children = ["x", "y"].map((name) =>
    Bun.spawn([process.execPath, join(import.meta.dir, "sessions-child.ts"), path, name, "500"], {
      stdout: "pipe",
      stderr: "inherit",
    }),
  );
  const wrong: string[] = [];
  const kept: string[] = [];
  await Promise.all(
    children.map(async (child) => {
      let text = "";
      for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
        text += chunk;
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        // Each was answered before it was printed.
        const located = await sessions.locate("app", lines);
        for (const [at, account] of lines.entries()) if (located[at]?.length !== 1) wrong.push(account);
        kept.push(...lines);
      }
    }),
  );
  expect(wrong).toEqual([]);
  expect(kept).toHaveLength(500);
  const [shared] = await sessions.locate("app", ["shared"]);
  expect(shared?.map(({ channelId }) => channelId).toSorted()).toEqual(["x499", "y499"]);
  expect(online).toEqual(new Set([...kept, "shared"]));
}, 60_000);
