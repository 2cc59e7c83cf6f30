// A store on a PostgreSQL primary with two standbys: the primary dies, is switched over, or is not what it was.

import { describe, expect, test } from "bun:test";
import { appendFileSync, copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SQL } from "bun";
import { acceptLoss } from "../../src/store/postgres/accept-loss.ts";
import { type Store, StoreUnavailable } from "../../src/store/store.ts";
import { storeDetail } from "../../src/roles/chat/commands.ts";
import { lookAtHosts } from "../../src/store/postgres/primary/standbys.ts";
import { schemaVersion } from "../../src/store/postgres/schema.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { until } from "../../scripts/harness/until.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { allIds } from "../support/contents.ts";
import { canMount } from "../support/small-disk.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { failureOf } from "./failure-of.ts";
import { clusterForEach, quorum, sayUntil, urlOf } from "./postgres-cluster.ts";
import { makeSchema } from "./postgres-setup.ts";
import { stored, talk } from "./samples.ts";

const folder = temporaryFolder("roost-failover-");

describe.skipIf(!hasPostgres)("a store on several PostgreSQL servers", () => {
  const cluster = clusterForEach();
  const { open, lines } = cluster;

  test("writes to the primary, wherever it stands in the list", async () => {
    const store = await open();
    const id = await sayUntil(store, "1");
    expect(await allIds(store, "bob")).toEqual([id]);
    expect(lines).toEqual([]);
    const other = await open({ url: urlOf(cluster.servers, cluster.database) });
    expect(await allIds(other, "bob")).toEqual([id]);
  }, 60_000);

  test("says which server is written to, and how far behind its standbys are", async () => {
    const [first] = cluster.servers;
    const store = await open();
    await sayUntil(store, "1");
    const standbys = /^s2: quorum, \d+ bytes behind(, \d+ ms)?; s3: quorum, \d+ bytes behind(, \d+ ms)?$/;
    await until(() => standbys.test(store.replication?.standbys ?? ""), "the standbys were looked at");
    expect(store.replication?.lags).toEqual(
      ["s2", "s3"].map((name) => expect.objectContaining({ name, bytes: expect.any(Number) })),
    );
    expect(storeDetail(store)).toMatchObject({ store: true, storePrimary: `127.0.0.1:${first.port}` });
    const { url, sentence, warnings, fault } = await lookAtHosts(cluster.url);
    expect(url).toBe(`postgres://postgres@127.0.0.1:${first.port}/${cluster.database}`);
    expect(sentence).toStartWith(
      `127.0.0.1:${first.port} is the primary, on timeline 1; its commits wait for standbys (`,
    );
    expect(sentence).toContain("; standbys: s2: quorum, ");
    expect([warnings, fault]).toEqual([[], undefined]);
  }, 60_000);

  test("is opened beside a host that says nothing, a name of nobody and a closed port", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const [closed = 0] = await freePorts(1);
    const url = cluster.url.replace("@", `@127.0.0.1:${silent.port},nobody.invalid,127.0.0.1:${closed},`);
    const store = await open({ url });
    await sayUntil(store, "1");
    expect(lines).toEqual([]);
    silent.stop(true);
  }, 60_000);

  test.skipIf(!canMount())(
    "is opened when names resolve that did not at its start",
    async () => {
      const hosts = join(folder, "hosts");
      copyFileSync("/etc/hosts", hosts);
      const names = cluster.servers.map(({ port }, index) => `roost-late-${index}.test:${port}`);
      const url = `postgres://postgres@${names.join(",")}/${cluster.database}`;
      const words = [process.execPath, join(import.meta.dir, "store-child.ts"), url, "1"];
      const child = Bun.spawn(
        ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', hosts, ...words],
        { stdout: "pipe", stderr: Bun.file(join(folder, "log")) },
      );
      const log = (): string => readFileSync(join(folder, "log"), "utf8");
      await until(() => /unavailable; retrying\..*no host of the list takes writes/.test(log()), "no name resolves");
      appendFileSync(hosts, `\n127.0.0.1 ${names.map((name) => name.split(":")[0]).join(" ")}\n`);
      const { value } = await child.stdout.getReader().read();
      expect(new TextDecoder().decode(value)).toMatch(/^\d+\n$/);
      child.kill("SIGKILL");
      await child.exited;
    },
    120_000,
  );

  test("follows a promoted standby; what was acknowledged is there, and a retry keeps its id", async () => {
    const [first, second, third] = cluster.servers;
    const [store, other] = [await open(), await open()];
    const ids = [await sayUntil(store, "1"), await sayUntil(other, "2")];
    let replacements = 0;
    store.watchReplacement(() => replacements++);
    await first.kill();
    await expect(store.append([talk({ clientId: "3" })])).rejects.toThrow(StoreUnavailable);
    await second.promote();
    await third.followOther(second, "s3");
    ids.push(await sayUntil(store, "3"), await sayUntil(other, "4"));
    for (const each of [store, other]) expect(await allIds(each, "bob")).toEqual(ids);
    expect(await Promise.all(["1", "2", "3", "4"].map((clientId) => sayUntil(other, clientId)))).toEqual(ids);
    expect(replacements).toBeGreaterThan(0);
  }, 120_000);

  test("leaves a primary that is shut down in order for the one that takes over", async () => {
    const [first, second, third] = cluster.servers;
    const store = await open();
    const ids = [await sayUntil(store, "1")];
    expect(await allIds(store, "bob")).toEqual(ids);
    await first.kill("SIGQUIT");
    await second.promote();
    await third.followOther(second, "s3");
    ids.push(await sayUntil(store, "2"));
    expect(await allIds(store, "bob")).toEqual(ids);
  }, 120_000);

  test("servers of two clusters, and standbys alone, are refused with a sentence", async () => {
    const [, second, third] = cluster.servers;
    const foreign = await PostgresServer.start({ isForeign: true });
    const url = urlOf([...cluster.servers, foreign], cluster.database);
    await foreign.command(`CREATE DATABASE ${cluster.database}`);
    expect(await failureOf(open({ url }))).toMatch(/are of different clusters \(their system identifiers: 127/);
    await foreign.stop();
    const store = await open({ url: urlOf([second, third], cluster.database) });
    expect(store.trouble).toMatch(/^no host of the list takes writes \(127.*: a standby, or read-only; 127/);
    await second.promote();
    await third.followOther(second, "s3");
    await sayUntil(store, "1");
  }, 120_000);

  test("of two that take writes neither is used until one is stopped", async () => {
    const [first, second] = cluster.servers;
    await second.promote();
    const store = await open();
    expect(store.trouble).toMatch(/^2 hosts of the list take writes, and their histories differ from now on/);
    await second.kill();
    await sayUntil(store, "1");
    expect(first.port).toBeGreaterThan(0);
  }, 120_000);

  test("a wrong password on one host, which is told, is no reason against the others", async () => {
    const [first, second, third] = cluster.servers;
    second.file("pg_hba.conf", "host all all 127.0.0.1/32 scram-sha-256\n");
    await second.command("SELECT pg_reload_conf()");
    await until(
      () =>
        second.command("SELECT").then(
          () => false,
          () => true,
        ),
      "a password is required",
    );
    const store = await open({ url: urlOf([second, first, third], cluster.database) });
    await sayUntil(store, "1");
    expect(lines.join("\n")).toMatch(/no failover to 127\.0\.0\.1:\d+: .*password/);
  }, 120_000);

  test("a primary that is frozen is left, and not used again when it wakes", async () => {
    const [first, second, third] = cluster.servers;
    const store = await open();
    const ids = [await sayUntil(store, "1")];
    first.freeze();
    const told = store.append([talk({ clientId: "2" })]);
    await expect(told).rejects.toThrow(StoreUnavailable);
    await second.promote();
    await third.followOther(second, "s3");
    ids.push(await sayUntil(store, "2"));
    first.wake();
    // It takes writes, and has no standby any more.
    const other = await open();
    ids.push(await sayUntil(other, "3"), await sayUntil(store, "4"));
    for (const each of [store, other]) expect(await allIds(each, "bob")).toEqual(ids);
    expect(lines.join("\n")).toContain("takes writes, too, but has no standby that would make them hold; stop it");
  }, 120_000);

  test("a failover in the middle of a migration begins it again on the other server", async () => {
    const [first, second, third] = cluster.servers;
    const schema9 = readFileSync(join(import.meta.dir, "postgres-schema-9.sql"), "utf8");
    const sql = new SQL(first.url(cluster.database), { max: 1 });
    await makeSchema(sql, 9, schema9);
    await until(
      async () => (await second.commandIn(cluster.database, "SELECT FROM roost.migration WHERE number = 9")) > 0,
      "the standby has the store",
    );
    // The migration waits for the lock that each writer holds.
    const writer = sql.begin(async (tx) => {
      await tx`SELECT FROM roost.sequence FOR UPDATE`;
      await until(
        async () => (await first.command("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")) > 0,
        "the migration is under way",
      );
      await first.kill();
    });
    const opened = open();
    await writer.catch(() => undefined);
    await sql.close({ timeout: 0 });
    await second.promote();
    await third.followOther(second, "s3");
    const store = await opened;
    const id = await sayUntil(store, "1");
    expect(await allIds(store, "bob")).toEqual([id]);
    expect(await second.commandIn(cluster.database, "SELECT FROM roost.migration")).toBe(schemaVersion);
  }, 120_000);

  test("a user needs the right to see standbys, and no other one that a store does not", async () => {
    const [first] = cluster.servers;
    await first.command("CREATE ROLE messenger LOGIN");
    await first.command(`GRANT CREATE ON DATABASE ${cluster.database} TO messenger`);
    const url = cluster.url.replace("//postgres@", "//messenger@");
    expect(await failureOf(open({ url }))).toMatch(/GRANT pg_read_all_stats TO messenger, or use --store-async/);
    await first.command("GRANT pg_read_all_stats TO messenger");
    await sayUntil(await open({ url }), "1");
  }, 120_000);

  test("a primary that waits for nobody is refused, or used with a warning by --store-async", async () => {
    const [first] = cluster.servers;
    const store = await open();
    await sayUntil(store, "1");
    await first.set({ synchronous_standby_names: "" });
    await expect(store.append([talk()])).rejects.toThrow(/no standby has to have what is committed/);
    expect(await failureOf(open())).toMatch(/: synchronous_standby_names is empty: .*, or use --store-async/);
    const other = await open({ isAsync: true });
    await sayUntil(other, "2");
    expect(lines.join("\n")).toMatch(/need attention.*synchronous_standby_names is empty/);
    await first.set({ synchronous_standby_names: quorum });
    await sayUntil(store, "3");
  }, 120_000);

  const killStandbys = async (): Promise<void> => {
    const [first, second, third] = cluster.servers;
    for (const standby of [second, third]) await standby.kill();
    // What receives for a standby outlives its main process for a moment.
    await until(async () => (await first.command("SELECT FROM pg_stat_replication")) === 0, "the standbys are gone");
  };
  const isWaiting = "wait_event = 'SyncRep' AND query LIKE '%store_talks%'";
  /** Stops the standbys, and sends a talk that waits for them; `told` is what becomes of it. */
  const sayAlone = async (store: Store, clientId: string): Promise<{ readonly told: Promise<unknown> }> => {
    const [first] = cluster.servers;
    await killStandbys();
    const told = store.append([talk({ clientId })]).catch((error: unknown) => error);
    await until(
      async () => (await first.command(`SELECT FROM pg_stat_activity WHERE ${isWaiting}`)) > 0,
      "the talk waits for standbys",
    );
    return { told };
  };

  test("a commit whose wait for standbys somebody cancels is not acknowledged", async () => {
    const [first, second] = cluster.servers;
    // The store writes nothing but talks.
    const time = new ManualTimers();
    const store = await open({ time });
    await sayUntil(store, "1");
    const { told } = await sayAlone(store, "2");
    // Each commit that waits, also those by which the primary is looked for, is answered with success and a warning.
    let isTold = false;
    void told.then(() => (isTold = true));
    await until(async () => {
      await first.command("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
      return isTold;
    }, "the talk is answered");
    expect(await told).toBeInstanceOf(StoreUnavailable);
    await second.run();
    await sayUntil(store, "2", time);
    expect(await allIds(store, "bob")).toHaveLength(2);
  }, 120_000);

  for (const [what, crash] of [
    ["the server", (first: PostgresServer) => first.kill().then(() => first.run())],
    ["one of its processes, and so all of them,", (first: PostgresServer) => first.crash()],
  ] as const) {
    test(`after a crash of ${what} nothing is shown before a standby has it`, async () => {
      const [first, second] = cluster.servers;
      const time = new ManualTimers();
      const store = await open({ time });
      const before = await sayUntil(store, "1");
      expect(await allIds(store, "bob")).toEqual([before]);
      const { told } = await sayAlone(store, "2");
      await crash(first);
      expect(await told).toBeInstanceOf(StoreUnavailable);
      const shown = `SELECT FROM roost.message WHERE client_id = '2'`;
      await until(async () => (await first.commandIn(cluster.database, shown)) > 0, "the database shows the talk");
      for (let times = 0; times < 20; times++) {
        const ids = await allIds(store, "bob").catch((error: unknown) => error);
        if (!(ids instanceof StoreUnavailable)) expect(ids).toEqual([before]);
        time.advance(1_000);
        await Bun.sleep(50);
      }
      await second.run();
      const id = await sayUntil(store, "2", time);
      expect(await allIds(store, "bob")).toEqual([before, id]);
    }, 120_000);
  }

  test("a server that lacks what was acknowledged is refused, with what is lost, until that is accepted", async () => {
    const [first, second, third] = cluster.servers;
    const store = await open();
    const kept = await sayUntil(store, "1");
    await until(async () => (await third.commandIn(cluster.database, "SELECT FROM roost.message")) > 0, "it follows");
    await third.kill();
    const lost = await sayUntil(store, "2");
    await first.kill();
    await second.kill();
    await third.run();
    await third.promote();
    await third.set({ synchronous_standby_names: "s2" });
    const fresh = await third.standby("s2");
    await until(() => store.trouble.includes("lacks messages that were acknowledged"), "the store says it");
    expect(store.trouble).toContain(`up to ${lost} (`);
    expect(store.trouble).toContain(`up to ${kept} (`);
    await expect(store.append([talk()])).rejects.toThrow(StoreUnavailable);
    await expect(allIds(store, "bob")).rejects.toThrow(StoreUnavailable);
    expect(await acceptLoss(cluster.url)).toMatchObject({ messages: 1 });
    const id = await sayUntil(store, "3");
    expect(await allIds(store, "bob")).toEqual([kept, id]);
    await fresh.stop();
  }, 120_000);

  test("a talk that no standby has is not acknowledged, and its retry has one id when they are back", async () => {
    const [, second] = cluster.servers;
    const store = await open();
    const before = await sayUntil(store, "1");
    await killStandbys();
    await expect(store.append([talk({ clientId: "2" })])).rejects.toThrow(StoreUnavailable);
    await until(() => /commits nothing \(it waits for standbys: ANY 1/.test(store.trouble), "the store says why");
    await second.run();
    const id = await sayUntil(store, "2");
    expect(await sayUntil(store, "2")).toBe(id);
    expect(await allIds(store, "bob")).toEqual([before, id]);
    expect(stored((await store.append([talk({ clientId: "3" })]))[0]).messageId).toBeGreaterThan(id);
  }, 120_000);
});
