// What shows a store that its server is not the primary any more, and what does not: whoever stays with the wrong one
// refuses everything for good, and whoever leaves the right one has to look for it again.

import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { claimOfNobody } from "../../src/auth/store-ownership.ts";
import { silentLog } from "../../src/base/log.ts";
import { limitValues } from "../../src/base/limits/table.ts";
import { Connections } from "../../src/store/postgres/connection.ts";
import { migrate } from "../../src/store/postgres/migrate.ts";
import { askHost } from "../../src/store/postgres/primary/host-answer.ts";
import { Primary } from "../../src/store/postgres/primary/primary.ts";
import { Writer } from "../../src/store/postgres/writer.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { failureOf } from "./failure-of.ts";
import { clusterForEach, quorum, sayUntil } from "./postgres-cluster.ts";

describe.skipIf(!hasPostgres)("the primary of a store", () => {
  const cluster = clusterForEach();
  const { open } = cluster;
  const primaryOf = (url: string): Primary => new Primary({ url, isAsync: false, log: silentLog });
  /** It has found the primary, and has no connection yet. */
  const writerWithPrimary = async (): Promise<Writer> => {
    const { url } = cluster;
    const primary = primaryOf(url);
    await primary.find();
    return new Writer(url, "holder", claimOfNobody, limitValues(), primary);
  };
  /** Tries it again and again. */
  const untilDone = (work: () => Promise<unknown>): Promise<void> =>
    until(
      () =>
        work().then(
          () => true,
          (error: unknown) => {
            if (!(error instanceof StoreUnavailable)) throw error;
            return false;
          },
        ),
      "it is done",
    );

  test("is left when it dies between its finding and the opening of a store", async () => {
    const [first, second, third] = cluster.servers;
    const writer = await writerWithPrimary();
    await first.kill();
    await second.promote();
    await third.followOther(second, "s3");
    await untilDone(() => writer.atServer((server) => migrate(server, silentLog)));
    await writer.close();
  }, 120_000);

  test("is left when it hangs while a store is made there", async () => {
    const [first, second, third] = cluster.servers;
    await using sql = new SQL(first.url(cluster.database), { max: 1 });
    await sql`SELECT pg_advisory_lock(hashtextextended('roost.migrate', 0))`;
    const opening = open();
    const waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    await until(async () => (await first.command(waiting)) > 0, "the store waits for the lock");
    first.freeze();
    await second.promote();
    await third.followOther(second, "s3");
    await sayUntil(await opening, "1");
    first.wake();
  }, 120_000);

  test("is left when it is a standby by the time of the first query", async () => {
    const [first, second, third] = cluster.servers;
    await sayUntil(await open(), "1");
    const writer = await writerWithPrimary();
    await first.kill();
    await second.promote();
    await third.followOther(second, "s3");
    const standby = await second.standby("s1", first.port);
    await untilDone(() => writer.renew());
    expect(writer.primary?.place?.host).toBe(`127.0.0.1:${second.port}`);
    await writer.close();
    await standby.stop();
  }, 120_000);

  test("is left when its standbys have left it, even where nobody writes", async () => {
    const [, second, third] = cluster.servers;
    const store = await open();
    await sayUntil(store, "1");
    // Else it would have commits of the former primary that the new one lacks.
    await third.followOther(second, "s3");
    await second.promote();
    const secondHost = `127.0.0.1:${second.port}`;
    await until(() => store.replication?.primary === secondHost && store.trouble === "", "the other one is used");
    await sayUntil(store, "2");
  }, 120_000);

  test("is not left because others' queries end with one that had no answer", async () => {
    const { url } = cluster;
    const primary = primaryOf(url);
    const place = await primary.find();
    const connections = new Connections({ url, primary, connectionsMax: 1, idleSecondsMax: 0, answerMsMax: 1_000 });
    const unanswered = connections.run(() => new Promise<never>(() => undefined));
    const failures = [failureOf(unanswered)];
    await Bun.sleep(500);
    const endless = connections.run(async (sql): Promise<never> => {
      for (;;) await sql`SELECT pg_sleep(0.02)`;
    });
    failures.push(failureOf(endless));
    for (const failure of await Promise.all(failures)) expect(failure).not.toBe("nothing failed");
    expect(primary.place).toBe(place);
    await connections.close();
  }, 120_000);

  test("answers although to find it takes as long as a query may", async () => {
    const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const url = cluster.url.replace("@", `@127.0.0.1:${silent.port},`);
    const primary = primaryOf(url);
    const connections = new Connections({
      url,
      primary,
      doubtsPrimary: true,
      connectionsMax: 1,
      idleSecondsMax: 0,
      answerMsMax: 1_800,
    });
    // The silent host is waited for.
    await untilDone(() => connections.run((sql) => sql`SELECT pg_sleep(1)`));
    await connections.close();
    silent.stop(true);
  }, 120_000);

  test("without standbys is sent no commits that would wait there", async () => {
    const [first, second, third] = cluster.servers;
    const store = await open();
    await sayUntil(store, "1");
    for (const standby of [second, third]) await standby.kill();
    await until(() => store.trouble.includes("commits nothing"), "the store says why");
    const waiting =
      "SELECT FROM pg_stat_activity WHERE query LIKE '%pg_logical_emit_message%' AND pid <> pg_backend_pid()";
    for (let look = 0; look < 20; look++) {
      expect(await first.command(waiting)).toBe(0);
      await Bun.sleep(100);
    }
    // For an alert: it would not be told by a number that is away.
    expect([store.replication?.primary, store.replication?.lags]).toEqual([undefined, []]);
    await second.run();
    await sayUntil(store, "2");
  }, 120_000);

  test("with standbys that hang is sent few commits that wait there", async () => {
    const [first, second, third] = cluster.servers;
    const store = await open();
    await sayUntil(store, "1");
    for (const standby of [second, third]) standby.freeze();
    await until(() => store.trouble.includes("commits nothing"), "the store says why");
    const waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    // The store's own commit, and those of the looks until that one is known to be stuck.
    for (let look = 0; look < 100; look++) {
      expect(await first.command(waiting)).toBeLessThan(6);
      await Bun.sleep(150);
    }
    for (const standby of [second, third]) standby.wake();
    await sayUntil(store, "2");
  }, 120_000);

  test("is found among the others while the former one hangs", async () => {
    const [first, second, third] = cluster.servers;
    const store = await open();
    await sayUntil(store, "1");
    first.freeze();
    const isSecond = (await second.received()) >= (await third.received());
    const [next, other, otherName] = isSecond ? [second, third, "s3"] : [third, second, "s2"];
    // As Patroni sets it: all others, and they are all hosts of the list.
    await next.set({ synchronous_standby_names: `ANY 1 (s1, ${otherName})` });
    await next.promote();
    await other.followOther(next, otherName);
    await sayUntil(store, "2");
    expect(store.replication?.primary).toBe(`127.0.0.1:${next.port}`);
    first.wake();
    await sayUntil(store, "3");
    expect(store.replication?.primary).toBe(`127.0.0.1:${next.port}`);
  }, 120_000);

  test("is found although a silent host may be named among its standbys, as it is itself", async () => {
    const { url, servers } = cluster;
    const [first, second, third] = servers;
    let isSilent = false;
    const ask: typeof askHost = (host, client) =>
      isSilent && new URL(host).port === `${first.port}` ? new Promise<never>(() => undefined) : askHost(host, client);
    const primary = new Primary({ url, isAsync: false, log: silentLog, ask });
    const place = await primary.find();
    isSilent = true;
    first.freeze();
    const isSecond = (await second.received()) >= (await third.received());
    const [next, other, otherName] = isSecond ? [second, third, "s3"] : [third, second, "s2"];
    await next.promote();
    await other.followOther(next, otherName);
    primary.leave(place, "it says nothing");
    // Whoever waits for the silent host waits for ever.
    await untilDone(() => primary.find());
    expect(primary.place?.host).toBe(`127.0.0.1:${next.port}`);
    first.wake();
  }, 120_000);

  test("may be without standbys by its settings for a moment after its promotion", async () => {
    const [first, second, third] = cluster.servers;
    await first.kill();
    const refusals: string[] = [];
    const store = await open({ refused: (sentence) => refusals.push(sentence) });
    await second.set({ synchronous_standby_names: "" });
    await second.promote();
    await third.followOther(second, "s3");
    await until(() => store.trouble.includes("synchronous_standby_names is empty"), "the store says why");
    await second.set({ synchronous_standby_names: "ANY 1 (s1, s3)" });
    await sayUntil(store, "1");
    expect(refusals).toEqual([]);
  }, 120_000);

  test("may be so in the very moment in which a store is opened", async () => {
    const [first] = cluster.servers;
    await first.set({ synchronous_standby_names: "" });
    const opening = open();
    await until(() => cluster.lines.some((line) => line.includes("synchronous_standby_names is empty")), "it is told");
    await first.set({ synchronous_standby_names: quorum });
    await sayUntil(await opening, "1");
  }, 120_000);
});
