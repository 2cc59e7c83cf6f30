// roost backup and roost restore of a store on PostgreSQL, with the same words as for a file.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import fc from "fast-check";
import { silentLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import type { Store } from "../../src/store/store.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { Random, testSeed } from "../support/random.ts";
import { until } from "../../scripts/harness/until.ts";
import { roost, run } from "../../scripts/harness/server-process.ts";
import { allCommands, type Command, ConversationRun, targetOf } from "../store/conversation-run.ts";
import { makeSchema } from "../store/postgres-setup.ts";

const one = { app: "app", toGroup: false, type: 1, extra: "", clientId: "" };

describe.skipIf(!hasPostgres || Bun.which("pg_dump") === null)("PostgreSQL", () => {
  let server: PostgresServer;
  let folder: string;
  let url: string;
  let sql: SQL;
  const opened: Store[] = [];
  const clients: SQL[] = [];

  beforeAll(async () => {
    server = await PostgresServer.start();
  }, 180_000);
  afterAll(() => server.stop());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "roost-backup-"));
    [url, sql] = await database();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((store) => store.close()));
    await Promise.all(clients.splice(0).map((client) => client.close()));
    rmSync(folder, { recursive: true, force: true });
  });

  async function database(): Promise<[string, SQL]> {
    const made = await server.makeDatabase();
    const client = new SQL(made, { max: 1, bigint: true });
    clients.push(client);
    return [made, client];
  }

  async function open(at = url): Promise<Store> {
    const store = await openPostgresStore({ url: at, retentionDays: 0, log: silentLog });
    opened.push(store);
    return store;
  }

  /** Bodies name the sender, so that a mix-up shows. */
  async function write(store: Store, sender: string, count: number): Promise<void> {
    const talks = Array.from({ length: count }, (_, at) => ({
      ...one,
      sender,
      dest: "bob",
      body: `${sender} ${at}\n\\.`,
    }));
    await store.append(talks);
  }

  async function bodiesIn(client: SQL, schema = "roost"): Promise<string[]> {
    const rows: { body: string }[] = await client.unsafe(`SELECT body FROM ${schema}.message ORDER BY id`);
    return rows.map(({ body }) => body);
  }

  /** A store with this many messages and no nodes, and its backup. */
  async function backedUp(count: number): Promise<string> {
    const store = await open();
    await write(store, "alice", count);
    await store.close();
    const path = join(folder, "backup");
    expect((await run(["backup", path, "--store", url], folder)).status).toBe(0);
    return path;
  }

  const backup = (words: readonly string[], variables: Record<string, string> = {}, at = url) =>
    run(["backup", ...words, "--store", at], folder, "", variables);
  const restore = (words: readonly string[], at = url) => run(["restore", ...words, "--store", at], folder);

  test("a backup beside running nodes holds all that was acknowledged, and is restored elsewhere", async () => {
    const store = await open();
    await write(store, "alice", 500);
    const made = await backup(["messages"]);
    expect(made).toMatchObject({ status: 0, out: "" });
    expect(made.err).toMatch(/backed up 500 messages up to id \d+/);
    expect(statSync(join(folder, "messages")).mode & 0o777).toBe(0o600);
    await write(store, "alice", 10);
    const [other, otherSql] = await database();
    expect((await restore(["messages"], other)).err).toMatch(/restored 500 messages/);
    expect(await bodiesIn(otherSql)).toEqual((await bodiesIn(sql)).slice(0, 500));
    // It serves: new accounts, messages and ids go on.
    const again = await open(other);
    expect(again.identity?.identity).toMatch(/^[0-9a-f]{32}$/);
    expect(again.identity?.identity).not.toBe(store.identity?.identity);
    await write(again, "carol", 3);
    expect(await bodiesIn(otherSql)).toHaveLength(503);
    expect(
      await again.index({ ...one, account: "bob", device: "", after: 1n, includeSent: false, limit: 2_000 }),
    ).toHaveLength(503);
  }, 180_000);

  test("groups and people are restored as they were, and go on", async () => {
    const seed = testSeed("restore of groups and people");
    const drawn = fc.sample(allCommands, { seed: seed | 0, numRuns: 500 }).filter(({ kind }) => kind !== "reopen");
    const commandRun = new ConversationRun("app");
    const step = async (store: Store, commands: readonly Command[]): Promise<void> => {
      const target = targetOf(store, "app");
      for (const command of commands) await commandRun.step(target, command);
      await commandRun.end(store);
    };
    const store = await open();
    // The run's first acknowledgements need a message.
    await store.append([{ ...one, app: "another", sender: "ann", dest: "bob", body: "" }]);
    await commandRun.begin(targetOf(store, "app"));
    await step(store, drawn.slice(0, 300));
    expect((await backup(["groups"])).status).toBe(0);
    const [other] = await database();
    expect(await restore(["groups"], other)).toMatchObject({ status: 0 });
    await step(await open(other), drawn.slice(300));
    expect((await run(["check", "--store", other], folder)).status).toBe(0);
  }, 180_000);

  test("a backup of schema 7 is restored into an empty database, and its groups can be run", async () => {
    await makeSchema(sql, 7, readFileSync(join(import.meta.dir, "../store/postgres-schema-7.sql"), "utf8"));
    const texts = { name: "n", avatar: "", introduction: "", closed: false };
    const create = { kind: "create", app: "app", group: "g1", members: ["ann", "bob", "eve"], isWhole: true, ...texts };
    await sql`
      SELECT * FROM roost.change_memberships('former', null, ${JSON.stringify([create])}::text::json, 99, 99, 99)`;
    await sql`DELETE FROM roost.node`;
    expect((await backup(["former"])).status).toBe(0);
    const [other] = await database();
    expect(await restore(["former"], other)).toMatchObject({ status: 0 });
    const store = await open(other);
    await write(store, "ann", 2);
    const { groups } = store;
    const by = { app: "app", group: "g1", actor: "ann" };
    expect((await groups.change({ ...by, kind: "role", account: "bob", role: "admin" })).result).toBe("stored");
    expect((await groups.remove({ ...by, actor: "bob", accounts: ["eve"] }))[0]?.result).toBe("stored");
    expect((await run(["check", "--store", other], folder)).status).toBe(0);
  }, 180_000);

  test("a backup goes through a pipe into another database", async () => {
    const store = await open();
    await write(store, "alice", 50);
    const [other, otherSql] = await database();
    const words = roost.map((word) => `'${word}'`).join(" ");
    const { exitCode, stderr } = Bun.spawnSync(
      ["bash", "-o", "pipefail", "-c", `${words} backup - --store '${url}' | ${words} restore - --store '${other}'`],
      { cwd: folder, env: { PATH: process.env["PATH"] ?? "", HOME: folder, TMPDIR: folder } },
    );
    expect(stderr.toString()).toMatch(/restored 50 messages/);
    expect(exitCode).toBe(0);
    expect(await bodiesIn(otherSql)).toHaveLength(50);
    expect(readdirSync(folder).filter((name) => name !== ".bun")).toEqual([]);
  }, 180_000);

  test("variables of PostgreSQL's own programs lead neither a backup nor a restore to another database", async () => {
    const path = await backedUp(20);
    const [other, otherSql] = await database();
    const others = await openPostgresStore({ url: other, retentionDays: 0, log: silentLog });
    opened.push(others);
    await write(others, "mallory", 3);
    await others.close();
    const { hostname, port, pathname, username } = new URL(other);
    writeFileSync(
      join(folder, "services"),
      `[other]\nhost=${hostname}\nport=${port}\ndbname=${pathname.slice(1)}\nuser=${username}\n`,
    );
    const misleading = { PGSERVICE: "other", PGSERVICEFILE: join(folder, "services"), PGHOSTADDR: "127.0.0.9" };
    const env = { PATH: process.env["PATH"] ?? "", HOME: folder, TMPDIR: folder, ...misleading };
    await sql`DELETE FROM roost.message`;
    const restored = Bun.spawnSync([...roost, "restore", path, "--replace", "--store", url], { cwd: folder, env });
    expect([restored.exitCode, restored.stderr.toString()]).toEqual([
      0,
      expect.stringContaining("restored 20 messages"),
    ]);
    expect(await bodiesIn(sql)).toHaveLength(20);
    expect(await bodiesIn(otherSql)).toHaveLength(3);
    const made = Bun.spawnSync([...roost, "backup", "again", "--store", url], { cwd: folder, env });
    expect([made.exitCode, made.stderr.toString()]).toEqual([0, expect.stringContaining("backed up 20 messages")]);
  }, 180_000);

  test("a restore under a running node is refused, and says how many there are", async () => {
    const path = await backedUp(20);
    const [one_, two] = [await open(), await open()];
    await write(one_, "mallory", 1);
    const refused = await restore([path, "--replace"]);
    expect(refused.status).toBe(1);
    expect(refused.err).toMatch(/2 nodes are alive on .*stop every chat service/);
    expect(await bodiesIn(sql)).toHaveLength(21);
    await one_.close();
    await two.close();
    expect((await restore([path, "--replace"])).status).toBe(0);
  }, 180_000);

  test("a database with content is replaced only on request, and its content is kept", async () => {
    const path = await backedUp(20);
    const store = await open();
    await write(store, "carol", 5);
    await store.close();
    const asked = await restore([path]);
    expect(asked.status).toBe(1);
    expect(asked.err).toMatch(
      /holds 25 messages .*; 5 of them are newer than the backup.*holds 20 messages.*--replace/,
    );
    const restored = await restore([path, "--replace"]);
    expect(restored.status).toBe(0);
    const [, aside = ""] = /kept as the schema (\w+)/.exec(restored.err) ?? [];
    expect(aside).toStartWith("roost_before_restore_");
    expect(await bodiesIn(sql)).toHaveLength(20);
    expect(await bodiesIn(sql, aside)).toHaveLength(25);
    // It can be put back by hand.
    await sql`DROP SCHEMA roost CASCADE`;
    await sql.unsafe(`ALTER SCHEMA ${aside} RENAME TO roost`);
    const back = await open();
    await write(back, "carol", 1);
    expect(await bodiesIn(sql)).toHaveLength(26);
  }, 180_000);

  test("a restore within the second of another keeps what each of them replaced", async () => {
    const path = await backedUp(20);
    // Every name that a restore of the next minute could choose by its second.
    for (let second = 0; second < 60; second++) {
      const stamp = new Date(Date.now() + second * 1000).toISOString().replaceAll(/[-:]|\.\d+/g, "");
      await sql.unsafe(`CREATE SCHEMA roost_before_restore_${stamp.toLowerCase()}`);
    }
    const restored = await restore([path, "--replace"]);
    expect(restored).toMatchObject({ status: 0, err: expect.stringMatching(/kept as the schema \w+_2\b/) });
  }, 180_000);

  test("a node that only seemed to be gone does not write under what it remembers", async () => {
    const path = await backedUp(0);
    const store = await open();
    // Numbers that the restored database gives to others.
    await write(store, "mallory", 1);
    await sql`UPDATE roost.node SET until_ms = 0`;
    expect((await restore([path, "--replace"])).status).toBe(0);
    const other = await open();
    await write(other, "carol", 1);
    await write(store, "mallory", 1).catch(() => write(store, "mallory", 1));
    const rows: { name: string; body: string }[] = await sql`
      SELECT a.name, m.body FROM roost.message m JOIN roost.account a ON a.number = m.sender ORDER BY m.id`;
    expect(rows.map(({ name, body }) => [name, body.split(" ")[0]])).toEqual([
      ["carol", "carol"],
      ["mallory", "mallory"],
    ]);
  }, 180_000);

  test("whenever a restore is killed, the old store or the new one is there, and a second run works", async () => {
    const random = new Random(testSeed("backup-postgres"));
    const store = await open();
    await write(store, "alice", 8_000);
    await store.close();
    expect((await backup(["new"])).status).toBe(0);
    await sql`TRUNCATE roost.message`;
    for (let round = 0; round < 5; round++) {
      const child = Bun.spawn([...roost, "restore", "new", "--replace", "--store", url], {
        cwd: folder,
        env: { PATH: process.env["PATH"] ?? "", HOME: folder },
        stderr: "ignore",
      });
      await Bun.sleep(150 + random.below(500));
      child.kill("SIGKILL");
      await child.exited;
      // Its psql notices that nobody writes to it any more.
      await until(async () => {
        const [row]: { n: bigint }[] = await sql`
          SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'roost backup'`;
        return row?.n === 0n;
      }, "nobody is at work on the database");
      expect([0, 8_000]).toContain((await bodiesIn(sql)).length);
    }
    expect((await restore(["new", "--replace"])).status).toBe(0);
    expect(await bodiesIn(sql)).toHaveLength(8_000);
  }, 180_000);

  test("what is no backup of a store on PostgreSQL is refused, and nothing changes", async () => {
    const path = await backedUp(300);
    const bytes = readFileSync(path);
    const file = (name: string, content: string | Uint8Array): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const flipped = Buffer.from(bytes);
    flipped[Math.floor(bytes.length / 2)] = (flipped[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
    expect((await run(["backup", "file.db"], folder)).status).toBe(1);
    const cases: [string, string][] = [
      [file("text", "these are my notes\n".repeat(100)), "not a backup of a store on PostgreSQL"],
      [file("empty", ""), "not a backup of a store on PostgreSQL"],
      [file("cut", bytes.subarray(0, bytes.length / 2)), "is damaged"],
      [file("flipped", flipped), "is damaged"],
    ];
    for (const [wrong, told] of cases) {
      const refused = await restore([wrong, "--replace"]);
      expect([wrong, refused.status]).toEqual([wrong, 1]);
      expect(refused.err).toContain(told);
      expect(refused.err.trim().split("\n")).toHaveLength(1);
    }
    await sql`INSERT INTO roost.migration (number) VALUES (${schemaVersion + 1})`;
    expect((await restore([path, "--replace"])).err).toContain("this program knows schemas up to");
    const newer = await backup([join(folder, "newer")]);
    expect(newer.err).toContain("this program knows schemas up to");
    expect(await bodiesIn(sql)).toHaveLength(300);
    await sql`DROP SCHEMA roost CASCADE`;
    expect((await backup([join(folder, "none")])).err).toContain("contains no roost store");
    expect(readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
  }, 180_000);

  test("the password is on no command line and in no message", async () => {
    const store = await open();
    await write(store, "alice", 5);
    const secret = "a-secret-word";
    const withPassword = url.replace("postgres@", `postgres:${secret}@`);
    // A pg_dump that tells what it sees.
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const real = Bun.which("pg_dump") ?? "";
    writeFileSync(
      join(bin, "pg_dump"),
      `#!/bin/sh\necho "$@" >>'${folder}/words'\necho "$PGPASSWORD" >>'${folder}/password'\nexec ${real} "$@"\n`,
    );
    chmodSync(join(bin, "pg_dump"), 0o755);
    const made = await backup(["x"], { PATH: `${bin}:${process.env["PATH"]}` }, withPassword);
    expect(made.status).toBe(0);
    expect(readFileSync(join(folder, "words"), "utf8")).not.toContain(secret);
    expect(readFileSync(join(folder, "password"), "utf8")).toContain(secret);
    const away = await backup(["y"], {}, withPassword.replace(/:\d+\//, ":1/"));
    expect(away.status).toBe(1);
    expect(made.err + away.err).not.toContain(secret);
  }, 180_000);

  test("a check beside running nodes says what is fine, and what is not with status 1", async () => {
    const store = await open();
    await write(store, "alice", 30);
    const fine = await run(["check", "--store", url], folder);
    expect(fine).toMatchObject({ status: 0, err: "" });
    expect(fine.out).toMatch(/^messages: fine: .* \(30\)\nnot checked: indexes/);
    await sql`DELETE FROM roost.account WHERE name = 'bob'`;
    const damaged = await run(["check", "--store", url], folder);
    expect(damaged.status).toBe(1);
    expect(damaged.out).toContain("30 messages whose receiver has no account");
  }, 180_000);

  test("a missing or too old pg_dump is reported with the package to install", async () => {
    await (await open()).close();
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const none = await backup(["x"], { PATH: bin });
    expect(none.status).toBe(1);
    expect(none.err).toMatch(
      /pg_dump is not installed; on Debian and Ubuntu it is in the package postgresql-client-\d+/,
    );
    writeFileSync(join(bin, "pg_dump"), "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n");
    chmodSync(join(bin, "pg_dump"), 0o755);
    const old = await backup(["x"], { PATH: bin });
    expect(old.err).toMatch(
      /is of PostgreSQL 9 and cannot .* the server, PostgreSQL \d+; install the package postgresql-client-\d+/,
    );
    expect(readdirSync(folder).filter((name) => name !== ".bun")).toEqual(["bin"]);
  }, 180_000);
});
