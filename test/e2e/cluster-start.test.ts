// What a role of a cluster is given wrong at its start: it says what, where and what to do, ends, and leaves nothing
// half started behind.

import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { openConnection } from "../../src/store/sqlite/connection.ts";
import { leaseMs } from "../../src/store/sqlite/node-lease.ts";
import { migrate, schemaVersion } from "../../src/store/sqlite/schema.ts";
import { nodeNumbers } from "../../src/store/snowflake.ts";
import { type Finished, run } from "../../scripts/harness/server-process.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-start-"));
  for (const name of ["cluster-key", "secret"]) {
    writeFileSync(join(folder, name), "a key that only this test knows\n", { mode: 0o600 });
  }
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A registry that nobody runs: what is wrong with a role is found without one. */
const registry = ["--discovery", "http://127.0.0.1:1"];
const key = ["--cluster-key-file", "cluster-key"];
const sessions = ["--sessions", "sqlite:sessions.db"];
const doors = ["--ws", "127.0.0.1:0", "--tcp", "127.0.0.1:0"];
const gateway = ["--role", "gateway", ...registry, ...key, ...doors];

/** One line that names each of `told`, on standard error, and nothing on standard output. */
function isRefusal({ out, err, status }: Finished, told: readonly string[], expected: number): void {
  expect({ out, status, err }).toMatchObject({ out: "", status: expected });
  const lines = err.split("\n").filter((line) => line.startsWith("roost: "));
  expect(lines).toHaveLength(1);
  for (const word of told) expect(lines[0]).toContain(word);
  expect(err).not.toMatch(/^ {4}at /m);
}

/** Each list of words is refused with its sentence. Two run at a time. */
async function areRefused(
  status: number,
  cases: readonly (readonly [words: readonly string[], ...told: string[]])[],
): Promise<void> {
  const waiting = [...cases];
  const next = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      const [words, ...told] = one;
      isRefusal(await run(words, folder), told, status);
    }
  };
  await Promise.all([next(), next()]);
}

/** A message store with today's schema. */
function madeStore(name: string): Database {
  const path = join(folder, name);
  writeFileSync(path, "", { mode: 0o600 });
  const db = openConnection({ path, synchronous: "NORMAL", cacheKib: 256 });
  migrate(db, path);
  return db;
}

const chatOn = (store: string): string[] => ["--role", "chat", ...registry, ...key, ...sessions, "--store", store];
const loginOn = (engine: string): string[] => ["--role", "login", ...registry, ...key, "--sessions", engine];

test("a role without registry, cluster key, secret or engine says which option is missing", async () => {
  const members = ["gateway", "login", "chat"];
  await areRefused(2, [
    ...members.map((role) => [["--role", role, ...key], "--discovery is required"] as const),
    ...members.map((role) => [["--role", role, ...registry], "--cluster-key-file is required"] as const),
    [gateway, "--secret-file is required"],
    [["--role", "login", ...registry, ...key], "--sessions is required", "sqlite:PATH", "redis://"],
    [loginOn("memory:"), "--sessions memory:", "standalone"],
    [["--role", "chat", ...registry, ...key, ...sessions], "--store is required", "sqlite:PATH", "postgres://"],
    [chatOn("mysql://somewhere/db"), "--store: invalid value: expected sqlite:PATH"],
    [[...gateway, "--secret-file", "secret", "--store", "sqlite:m.db"], "--store does not apply to --role gateway"],
    [["--role", "gateway", ...registry, ...key, "--ws", "off", "--tcp", "off"], "--ws and --tcp are both off"],
  ]);
}, 60_000);

test("keys that are too short, empty or nowhere are refused with their file's name", async () => {
  writeFileSync(join(folder, "empty"), "\n");
  await areRefused(1, [
    [["--role", "login", ...registry, ...sessions, "--cluster-key", "short"], "--cluster-key", "16 bytes"],
    [["--role", "login", ...registry, ...sessions, "--cluster-key-file", "nowhere"], "nowhere"],
    [["--role", "login", ...registry, ...sessions, "--cluster-key-file", "empty"], "empty", "16 bytes"],
    [[...gateway, "--secret-file", "empty"], "empty", "16 bytes"],
  ]);
}, 60_000);

test("a route file with no zones, no weight or a mistake is refused with the field's name", async () => {
  const zone = { id: "a", weight: 1 };
  const files = {
    "none.json": { zones: [] },
    "zero.json": { zones: [{ id: "a", weight: 0 }] },
    "negative.json": { zones: [{ id: "a", weight: -1 }] },
    "fraction.json": { zones: [{ id: "a", weight: 0.5 }] },
    "by.json": { routeBy: "weather", zones: [zone] },
    "list.json": { zones: [zone], whitelist: [{ key: "app", value: "b" }] },
  } as const;
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(content));
  writeFileSync(join(folder, "torn.json"), '{"zones": [');
  const routed = (file: string): string[] => [
    ...gateway,
    "--secret-file",
    "secret",
    "--selector",
    "route",
    "--route",
    file,
  ];
  await areRefused(1, [
    [routed("none.json"), "none.json", "zones"],
    [routed("zero.json"), "zero.json", "zones", "sum to zero"],
    [routed("negative.json"), "negative.json", "weight"],
    [routed("fraction.json"), "fraction.json", "weight"],
    [routed("by.json"), "by.json", "routeBy"],
    [routed("list.json"), "list.json", "whitelist", '"b"'],
    [routed("torn.json"), "torn.json"],
    [routed("nowhere.json"), "--route", "nowhere.json"],
  ]);
}, 60_000);

test("a message store that is newer, another program's or used up is refused and not touched", async () => {
  const newer = madeStore("newer.db");
  newer.run(`PRAGMA user_version = ${schemaVersion + 7}`);
  newer.close();
  const foreign = new Database(join(folder, "foreign.db"), { create: true });
  foreign.run("CREATE TABLE recipe (name TEXT)");
  foreign.close();
  writeFileSync(join(folder, "text.db"), "this is no database, and long enough to be seen as none\n".repeat(20));
  const full = madeStore("full.db");
  const untilMs = systemClock.wallMs() + leaseMs;
  full.transaction(() => {
    const take = full.prepare("INSERT INTO node VALUES (?, ?, ?)");
    for (let number = 0; number < nodeNumbers; number++) take.run(number, `holder ${number}`, untilMs);
  })();
  full.close();
  // Its leases end soon.
  await areRefused(1, [[chatOn("sqlite:full.db"), "full.db", `all ${nodeNumbers} node numbers`, "stop a process"]]);
  await areRefused(1, [
    [chatOn("sqlite:newer.db"), "newer.db", `schema ${schemaVersion + 7}`, "start the newer program"],
    [chatOn("sqlite:foreign.db"), "foreign.db", "another program"],
    [chatOn("sqlite:text.db"), "text.db", "not a database"],
  ]);
  const untouched = new Database(join(folder, "foreign.db"), { readonly: true });
  expect(untouched.query<{ name: string }, []>("SELECT name FROM sqlite_master").all()).toEqual([{ name: "recipe" }]);
  untouched.close();
}, 60_000);

test("an engine that cannot be written, or with a malformed URL, is refused with its option's name", async () => {
  writeFileSync(join(folder, "file"), "in the way");
  const foreign = new Database(join(folder, "foreign.db"), { create: true });
  foreign.run("CREATE TABLE recipe (name TEXT)");
  foreign.close();
  await areRefused(1, [
    // Not even the superuser may write there.
    [chatOn("sqlite:/proc/roost/messages.db"), "--store", "/proc/roost/messages.db"],
    [chatOn("sqlite:/proc/messages.db"), "/proc/messages.db", "writable"],
    [chatOn("sqlite:file/messages.db"), "--store", "file/messages.db"],
    [loginOn("sqlite:/proc/roost/sessions.db"), "--sessions", "/proc/roost/sessions.db"],
    [loginOn("sqlite:/proc/sessions.db"), "/proc/sessions.db", "writable"],
    [loginOn("sqlite:foreign.db"), "foreign.db", "another program"],
  ]);
  await areRefused(2, [[loginOn("redis://["), "--sessions", "redis://user:password@host:port/"]]);
}, 60_000);
