// What an operator's tool writes to a store on several PostgreSQL servers, and says is done.

import { describe, expect, test } from "bun:test";
import { isDeepStrictEqual } from "node:util";
import { SQL } from "bun";
import { newKey } from "../../src/api/keys/api-key.ts";
import { systemRandom } from "../../src/base/random.ts";
import { acceptLoss } from "../../src/store/postgres/accept-loss.ts";
import { openPostgresKeys } from "../../src/store/postgres/back-end/key-tool.ts";
import { openPostgresPurge } from "../../src/store/postgres/purge-tool.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { hasPostgres, type PostgresServer } from "../../scripts/harness/postgres.ts";
import { run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { failureOf } from "./failure-of.ts";
import { clusterForEach, quorum, sayUntil } from "./postgres-cluster.ts";

const folder = temporaryFolder("roost-tool-writes-");
const wish = { app: "app", scopes: ["messages:write"], name: "billing" };

/** Begins a tool, and does `meanwhile` before that has written anything to a store. */
async function heldUp(
  primary: PostgresServer,
  database: string,
  words: readonly string[],
  meanwhile: () => Promise<unknown>,
): Promise<{ readonly running: ReturnType<typeof run> }> {
  await using sql = new SQL(primary.url(database), { max: 1 });
  return sql.begin(async (locking) => {
    // This one waits for no standby; the tool waits for this, and does the rest afterwards.
    await locking`SET LOCAL synchronous_commit = off`;
    await locking`SELECT FROM roost.sequence FOR UPDATE`;
    const running = run(words, folder);
    const waiting = "SELECT FROM pg_stat_activity WHERE application_name = 'roost backup' AND wait_event_type = 'Lock'";
    await until(async () => (await primary.command(waiting)) > 0, "it waits for the lock");
    await meanwhile();
    return { running };
  });
}

describe.skipIf(!hasPostgres)("a tool that writes to several PostgreSQL servers", () => {
  const cluster = clusterForEach();

  test("a key whose revocation no standby has is not said to be revoked", async () => {
    const [first, second, third] = cluster.servers;
    // The second one is then the only one that can hold what is committed.
    await third.kill();
    await sayUntil(await cluster.open(), "1");
    const tool = await openPostgresKeys(cluster.url, false);
    const { draft } = newKey(wish, systemRandom);
    await tool.keys.create(draft);
    await second.kill();
    // What receives for a standby outlives its main process for a moment.
    await until(async () => (await first.command("SELECT FROM pg_stat_replication")) === 0, "the standbys are gone");
    let told: unknown;
    const revoking = tool.keys.revoke(draft.id).then(
      () => (told = "revoked"),
      (error: unknown) => (told = error),
    );
    // The wait of the commit is cancelled, which the database answers with success.
    await until(async () => {
      await first.command("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
      return told !== undefined;
    }, "the tool is answered");
    await revoking;
    expect(told).toBeInstanceOf(StoreUnavailable);
    expect(String(told)).toMatch(
      /has done it, but only 0 of 1 standbys have what .*: a failover may undo it; do it ag/,
    );
    // Before it writes, a tool sees that nothing is held.
    expect(await failureOf(openPostgresKeys(cluster.url, false))).toMatch(/takes writes, but commits nothing/);
    await second.run();
    await until(async () => (await tool.keys.revoke(draft.id).catch(() => undefined)) !== undefined, "it is revoked");
    await tool.close();
    await first.kill();
    const shown = `SELECT FROM roost.api_key WHERE id = '${draft.id}' AND revoked_ms > 0`;
    await until(async () => (await second.commandIn(cluster.database, shown)) === 1, "what it has received is applied");
  }, 120_000);

  test("a primary that waits for nobody is refused by what writes, without --store-async", async () => {
    const [first] = cluster.servers;
    await sayUntil(await cluster.open(), "1");
    await first.set({ synchronous_standby_names: "" });
    const refusal = /synchronous_standby_names is empty: .*, or use --store-async/;
    expect(await failureOf(openPostgresKeys(cluster.url, false))).toMatch(refusal);
    expect(await failureOf(openPostgresPurge(cluster.url, false))).toMatch(refusal);
    expect(await failureOf(acceptLoss(cluster.url))).toMatch(refusal);
    const store = ["--store", cluster.url];
    const create = ["key", "create", "--app", "app", "--scope", "messages:write", "--name", "billing"];
    for (const words of [create, ["purge", "--now", "--retention", "15d"], ["restore", "--accept-loss"]]) {
      const refused = await run([...words, ...store], folder);
      expect([refused.status, refused.err]).toEqual([1, expect.stringMatching(refusal)]);
      const done = await run([...words, ...store, "--store-async"], folder);
      expect([done.status, done.err]).toEqual([0, expect.not.stringContaining("rror")]);
    }
    // What reads only goes on.
    for (const words of [["key", "list"], ["purge", "--retention", "15d"], ["check"], ["backup", "kept.dump"]])
      expect((await run([...words, ...store], folder)).status).toBe(0);
    const restore = ["restore", "kept.dump", "--replace", ...store];
    expect((await run(restore, folder)).err).toMatch(refusal);
    await first.set({ synchronous_standby_names: quorum });
  }, 120_000);

  for (const [what, dump, words, isFrozen] of [
    ["the acceptance of a loss", "before-it.dump", ["restore", "--accept-loss"], false],
    ["a restore", "restored.dump", ["restore", "restored.dump", "--replace"], true],
  ] as const)
    test(`${what} whose standbys go away meanwhile ends with what was done, and lasts when they are back`, async () => {
      const [first, second, third] = cluster.servers;
      const store = await cluster.open();
      await sayUntil(store, "1");
      const place = ["--store", cluster.url];
      expect((await run(["backup", dump, ...place], folder)).status).toBe(0);
      await store.close();
      await using sql = new SQL(first.url(cluster.database), { max: 1 });
      const epochs = (): Promise<unknown> => sql`SELECT identity, epoch FROM roost.identity`;
      const former = await epochs();
      const { running } = await heldUp(first, cluster.database, [...words, ...place], async () => {
        for (const standby of [second, third]) await (isFrozen ? standby.freeze() : standby.kill());
      });
      const { status, err } = await running;
      expect([status, err]).toEqual([
        1,
        expect.stringMatching(
          /it may be undone: 127.* has written it, but its standbys \(ANY 1 .*\) have stopped receiving/,
        ),
      ]);
      // What waits for standbys nobody sees yet.
      expect(await epochs()).toEqual(former);
      await (isFrozen ? second.wake() : second.run());
      await until(async () => !isDeepStrictEqual(await epochs(), former), "it is there");
      const rows = (text: string): Promise<number> => second.commandIn(cluster.database, text);
      const [{ epoch }] = await sql`SELECT epoch FROM roost.identity`;
      await until(
        async () => (await rows(`SELECT FROM roost.identity WHERE epoch = '${epoch}'`)) === 1,
        "the standby has it",
      );
      if (isFrozen) third.wake();
    }, 120_000);

  for (const [what, dump, words] of [
    ["the acceptance of a loss", "before-its-end.dump", ["restore", "--accept-loss"]],
    ["a restore", "lost.dump", ["restore", "lost.dump", "--replace"]],
  ] as const)
    test(`${what} whose primary is lost while it commits is not said to have done nothing`, async () => {
      const [first, second, third] = cluster.servers;
      const store = await cluster.open();
      await sayUntil(store, "1");
      const place = ["--store", cluster.url];
      expect((await run(["backup", dump, ...place], folder)).status).toBe(0);
      await store.close();
      const shown = (epoch: string): Promise<number> =>
        first.commandIn(cluster.database, `SELECT FROM roost.identity WHERE epoch = '${epoch}'`);
      const sql = new SQL(first.url(cluster.database), { max: 1 });
      const [{ epoch: former }] = await sql`SELECT epoch FROM roost.identity`;
      await sql.close();
      const { running } = await heldUp(first, cluster.database, [...words, ...place], async () => {
        for (const standby of [second, third]) standby.freeze();
      });
      const waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
      await until(async () => (await first.command(waiting)) > 0, "it commits");
      await first.kill();
      const { status, err } = await running;
      expect([status, err]).toEqual([
        1,
        expect.stringMatching(/it may be undone: 127[^]*: whether it lasts is unknown \([^]*\); look what the store/),
      ]);
      await first.run();
      // It is there after all.
      expect(await shown(former)).toBe(0);
      for (const standby of [second, third]) standby.wake();
    }, 120_000);

  test("a backup that is restored is held by a standby when that is said", async () => {
    const [first, second, third] = cluster.servers;
    const store = await cluster.open();
    const id = await sayUntil(store, "1");
    const words = ["--store", cluster.url];
    expect((await run(["backup", "two.dump", ...words], folder)).status).toBe(0);
    await store.close();
    const restored = await run(["restore", "two.dump", "--replace", ...words], folder);
    expect([restored.status, restored.err]).toEqual([0, expect.stringContaining(`1 message up to id ${id}`)]);
    await first.kill();
    if ((await third.received()) > (await second.received())) await third.promote();
    else await second.promote();
    const rows = await Promise.all(
      [second, third].map((server) => server.commandIn(cluster.database, "SELECT FROM roost.message")),
    );
    expect(rows).toContain(1);
  }, 120_000);
});
