// A store on PostgreSQL keeps its promises while processes, connections and the database itself die.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { SQL } from "bun";
import { nextId, nodeOfId, smallestIdAt, snowflakeEpochMs } from "../../src/store/snowflake.ts";
import { StoreUnavailable, type Store, type TalkOutcome } from "../../src/store/store.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { Random, testSeed } from "../support/random.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../../scripts/harness/until.ts";
import { draft, stored, talk } from "./samples.ts";
import { failureOf } from "./failure-of.ts";
import { contentsOf, allIds } from "../support/contents.ts";
import { readBesideTwoWriters } from "./two-writers.ts";
import { databaseForEach, postgresForAll } from "./postgres-setup.ts";

const rising = (ids: readonly bigint[]): bigint[] => ids.toSorted((a, b) => (a < b ? -1 : 1));
const idOf = (outcomes: readonly TalkOutcome[]): bigint => stored(outcomes[0]).messageId;

describe.skipIf(!hasPostgres)("PostgreSQL engine", () => {
  const server = postgresForAll();
  const db = databaseForEach(server);
  const { open } = db;

  test("the database takes ids by the same rule as the generator", async () => {
    await open();
    const random = new Random(testSeed("postgres ids"));
    const lasts: bigint[] = [];
    const walls: number[] = [];
    const nodes: number[] = [];
    const afters: number[] = [];
    const expected: bigint[] = [];
    for (let round = 0; round < 2_000; round++) {
      const wallMs = snowflakeEpochMs + 1e9 + random.below(100);
      const near = smallestIdAt(wallMs + random.below(5) - 2) + BigInt(random.below(1024) << 12);
      const last = near + BigInt(random.pick([0, 1, 4094, 4095, random.below(4096)]));
      const node = random.once(3) ? nodeOfId(last) : random.below(1024);
      lasts.push(last);
      walls.push(wallMs);
      nodes.push(node);
      let id = nextId(last, wallMs, node);
      const after = round >= 60 ? 0 : round % 3 === 0 ? 5_000 : 2;
      for (let count = 0; count < after; count++) id = nextId(id, wallMs, node);
      expected.push(id);
      afters.push(after);
    }
    const [lastIds, wallTimes, nodeNumbers, counts] = [lasts, walls, nodes, afters].map((numbers) =>
      db.sql.array(numbers, "BIGINT"),
    );
    const rows: [bigint][] = await db.sql`
      SELECT roost.id_after(roost.first_id(last_id, wall_ms, node), after)
      FROM unnest(${lastIds}, ${wallTimes}, ${nodeNumbers}, ${counts}) WITH ORDINALITY
        AS t (last_id, wall_ms, node, after, position) ORDER BY position`.values();
    expect(rows.map(([id]) => id)).toEqual(expected);
  });

  test("a writer whose lease another took writes under a new number, or, with all leased, is refused", async () => {
    const first = await open();
    const before = stored((await first.append([talk({ clientId: "k" })]))[0]);
    expect(nodeOfId(before.messageId)).toBe(0);
    await db.sql`UPDATE roost.node SET until_ms = 0`;
    const second = await open();
    expect(nodeOfId(idOf(await second.append([talk()])))).toBe(0);
    expect(nodeOfId(idOf(await first.append([talk()])))).toBe(1);
    // The number is the second's now: what the first wrote under it is not the second's.
    const repeat = stored((await second.append([talk({ clientId: "k" })]))[0]);
    expect(repeat).toEqual({ ...before, repeated: true, madeAccount: false, writtenHere: false });
    await db.sql`
      INSERT INTO roost.node SELECT number, 'h' || number, until_ms, 0
      FROM (SELECT max(until_ms) AS until_ms FROM roost.node) n, generate_series(2, 1023) number`;
    expect(await failureOf(open())).toMatch(/all 1024 node numbers of the store are leased/);
  });

  test("waits for the disk also where the database's setting says otherwise", async () => {
    await open();
    await db.sql.begin(async (transaction) => {
      await transaction`SET LOCAL synchronous_commit = off`;
      await transaction`SELECT roost.renew_lease('somebody')`;
      expect(await transaction`SHOW synchronous_commit`.values()).toEqual([["on"]]);
    });
  });

  test("gives its node number back when it is closed", async () => {
    await (await open()).close();
    expect(await db.sql`SELECT * FROM roost.node`.values()).toHaveLength(0);
  });

  test("two processes that append at once: a reader that pages sees every id once and in order", async () => {
    const store = await open();
    const { shown, written } = await readBesideTwoWriters(store, db.url, "2000");
    expect(written).toHaveLength(4_000);
    expect(shown).toEqual(rising(written));
  }, 60_000);

  test("kill -9 of a process at work loses no message reported as stored, and stops no other process", async () => {
    const store = await open();
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "store-child.ts"), db.url], {
      stdout: "pipe",
      stderr: "inherit",
    });
    let text = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.length > 4_000) child.kill("SIGKILL");
    }
    // The last line may be torn.
    const told = text.split("\n").slice(0, -1).map(BigInt);
    expect(told.length).toBeGreaterThan(100);
    const own = idOf(await store.append([talk()]));
    const held = new Set(await allIds(store, "bob"));
    expect([...told, own].filter((id) => !held.has(id))).toEqual([]);
  }, 60_000);

  test("an answer that is lost is never taken for success; the retry finds what was committed", async () => {
    const proxy = await TcpProxy.start(server().port);
    const target = new URL(db.url);
    target.port = `${proxy.port}`;
    const store = await open({ url: target.href });
    await store.append([talk({ body: "before" })]);
    proxy.losesAnswers = true;
    const lost = talk({ clientId: "lost" });
    const alsoLost = store.append([talk({ clientId: "queued", body: "queued" })]);
    expect(await failureOf(store.append([lost]))).toMatch(/gave no answer within/);
    expect(await failureOf(alsoLost)).toMatch(/gave no answer within/);
    expect(await failureOf(allIds(store, "bob"))).toMatch(/gave no answer within|TIMEOUT/);
    expect(store.isHealthy).toBe(false);
    expect(await failureOf(store.append([talk()]))).toMatch(/gave no answer within/);
    proxy.losesAnswers = false;
    await until(() => store.isHealthy, "the store is healthy again");
    const [outcome] = await store.append([lost]);
    expect(stored(outcome)).toMatchObject({ repeated: true, writtenHere: true });
    expect((await allIds(store, "bob")).filter((id) => id === stored(outcome).messageId)).toHaveLength(1);
    await store.close();
    proxy.stop();
  }, 60_000);

  test("a held lock makes writers refuse within a bound, and readers go on", async () => {
    const store = await open();
    const before = idOf(await store.append([talk()]));
    const blocker = await db.sql.reserve();
    await blocker`BEGIN`;
    await blocker`SELECT FROM roost.sequence FOR UPDATE`;
    expect(await failureOf(store.append([talk()]))).toMatch(/lock timeout|statement timeout/);
    expect(await allIds(store, "bob")).toEqual([before]);
    await blocker`ROLLBACK`;
    void blocker.release();
    await until(() => store.isHealthy, "the store is healthy again");
    expect((await store.append([talk()]))[0]?.result).toBe("stored");
  });

  test("connections that the server ends are replaced", async () => {
    const store = await open();
    for (let round = 0; round < 5; round++) {
      await db.sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`;
      const keyed = talk({ clientId: `k${round}` });
      await until(async () => (await store.append([keyed])).length === 1, "a talk is stored");
      await until(async () => (await allIds(store, "bob")).length === round + 1, "the index is read");
    }
  });

  test("kill -9 of the database in the middle: refused at once, served again by itself, nothing lost", async () => {
    const stores = [await open(), await open()];
    const told: bigint[] = [];
    let failures = 0;
    const end = new AbortController();
    const speak = async (store: Store, sender: string): Promise<void> => {
      while (!end.signal.aborted) {
        try {
          told.push(idOf(await store.append([talk({ sender })])));
        } catch (error) {
          if (!(error instanceof StoreUnavailable)) throw error;
          failures++;
          await Bun.sleep(5);
        }
      }
    };
    const speakers = stores.flatMap((store, index) =>
      Array.from({ length: 10 }, (_, count) => speak(store, `sender-${index}-${count}`)),
    );
    for (let round = 1; round <= 2; round++) {
      const heard = told.length;
      await until(() => told.length > heard + 200, "talks are stored");
      await server().kill();
      await until(() => stores.every((store) => !store.isHealthy), "the stores notice");
      const refused = failures;
      await until(() => failures > refused + 20, "talks are refused");
      expect(await failureOf(allIds(stores[0] ?? (await open()), "bob"))).not.toBe("nothing failed");
      await server().run();
      await until(() => stores.every((store) => store.isHealthy), "the stores serve again");
    }
    end.abort();
    await Promise.all(speakers);
    const held = await allIds(stores[0] ?? (await open()), "bob");
    expect(held).toEqual(rising(held));
    const known = new Set(held);
    expect(known.size).toBe(held.length);
    expect(told.filter((id) => !known.has(id))).toEqual([]);
  }, 90_000);

  test("a store that nobody uses notices by itself that the database has gone", async () => {
    const store = await open();
    await server().kill();
    await until(() => !store.isHealthy, "the store notices");
    await server().run();
    await until(() => store.isHealthy, "the store serves again");
  }, 60_000);

  test("a database that came back from a backup gives no message to a stranger", async () => {
    const store = await open();
    await store.append([talk({ sender: "ann", dest: "bob", body: "for bob" })]);
    await db.sql.close({ timeout: 0 });
    await server().dropDatabase(db.url);
    const name = new URL(db.url).pathname.slice(1);
    const admin = new SQL(server().url("postgres"), { max: 1 });
    await admin.unsafe(`CREATE DATABASE ${name}`);
    await admin.close();
    const other = await open();
    await other.append([talk({ sender: "yan", dest: "zed" })]);
    await until(() => store.isHealthy, "the store is healthy again");
    const { messageId } = stored((await store.append([talk({ sender: "ann", dest: "bob", body: "for bob" })]))[0]);
    expect(await allIds(store, "bob")).toEqual([messageId]);
    expect(await allIds(store, "zed")).not.toContain(messageId);
  });

  test("deletes what is older than the retention, in slices, beside others, and keeps the rest", async () => {
    // It does not look: the old messages are there before the first look of all.
    const first = await open({ time: new ManualTimers() });
    await first.createGroup(draft({ members: ["bob"] }));
    const kept = idOf(await first.append([talk()]));
    const oldId = smallestIdAt(Date.now() - 16 * 86_400_000);
    await db.sql`
      INSERT INTO roost.message (id, inbox, sender, sent_ns, type, body, extra)
      SELECT ${oldId}::bigint + i, inbox, sender, sent_ns, type, body, extra
      FROM roost.message, generate_series(0, 4999) i`;
    await db.sql`
      INSERT INTO roost.member (chat_group, account, from_id, until_id, joined_ms)
      SELECT chat_group, account, ${oldId}::bigint, ${oldId}::bigint + 1, 0 FROM roost.member`;
    const rows = async (): Promise<number> => {
      const [row]: { messages: bigint; windows: bigint }[] = await db.sql`
        SELECT (SELECT count(*) FROM roost.message) AS messages,
          (SELECT count(*) FROM roost.member WHERE until_id IS NOT NULL) AS windows`;
      return Number((row?.messages ?? 0n) + (row?.windows ?? 0n));
    };
    expect(await rows()).toBe(5_003);
    // One that keeps all ends, by its look, the deletion that the looks of the others have begun: here it comes later.
    const later = new ManualTimers();
    await Promise.all([open(), open(), open({ retentionDays: 0, time: later })]);
    await until(async () => (await rows()) === 1, "what is old is deleted");
    later.advance(1_000);
    expect(await allIds(first, "bob")).toEqual([kept]);
    expect((await first.membership("app", "g1"))?.accounts).toEqual(["ann", "bob"]);
  });

  test("every look-up is one by an index, also where the tables were empty when it was planned", async () => {
    const store = await open();
    await store.createGroup(draft({ members: ["bob"] }));
    for (let round = 0; round < 3; round++) {
      const outcomes = await store.append([talk({ clientId: `k${round}` }), talk({ toGroup: true, dest: "g1" })]);
      await store.append([talk({ clientId: `k${round}` })]);
      await store.acknowledge("app", "bob", "", idOf(outcomes));
      await store.index({ app: "app", account: "bob", device: "", after: 1n, includeSent: true, limit: 100 });
      await contentsOf(
        store,
        "app",
        "bob",
        outcomes.map((outcome) => stored(outcome).messageId),
      );
      await store.groupDetail("app", "g1", "bob");
      await store.membership("app", "g1");
      const change = { app: "app", group: "g1", actor: "eve", account: "eve" };
      await store.join(change);
      await store.join({ ...change, actor: "ann", account: "joe" });
      await store.quit(change);
      const members = Array.from({ length: 300 }, (_, i) => `m${i}`);
      await store.createGroup(draft({ id: `large${round}`, members }));
    }
    await until(
      async () => (await db.sql`SELECT FROM roost.look WHERE turn > 0`).count === 1,
      "the clock is looked at",
    );
    await store.close();
    // What a connection counted is seen when it has ended.
    await until(async () => {
      const others = await db.sql`SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`;
      return others.count === 0;
    }, "the store's connections have ended");
    // Each index was built by reading its table, empty then, once; that of a table that was truncated once more.
    // Conversations were found in the messages, once.
    const scanned: [string][] = await db.sql`
      SELECT relname FROM pg_stat_user_tables
      WHERE schemaname = 'roost' AND relname NOT IN ('sequence', 'look', 'migration', 'identity', 'unfinished_group')
        AND seq_scan > (SELECT count(*) FROM pg_index WHERE indrelid = relid)
          + (relname IN ('group_count', 'message'))::integer`.values();
    expect(scanned.flat()).toEqual([]);
  });
});
