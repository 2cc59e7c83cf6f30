// The commands of an operator on a store of several PostgreSQL servers.

import { describe, expect, test } from "bun:test";
import { hasPostgres, type PostgresServer } from "../../scripts/harness/postgres.ts";
import { run } from "../../scripts/harness/server-process.ts";
import { reasonOf } from "../../src/base/reason-of.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { acceptLoss } from "../../src/store/postgres/accept-loss.ts";
import { askHost } from "../../src/store/postgres/primary/host-answer.ts";
import { lookAtHosts } from "../../src/store/postgres/primary/standbys.ts";
import { until } from "../../scripts/harness/until.ts";
import { clusterForEach, sayUntil } from "../store/postgres-cluster.ts";
import { talk } from "../store/samples.ts";
import { findingsIn, type ShownFinding } from "../support/doctor.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-postgres-hosts-");

describe.skipIf(!hasPostgres)("several PostgreSQL servers", () => {
  const cluster = clusterForEach();

  const judge = async (...words: string[]): Promise<readonly ShownFinding[]> => {
    const { out, err } = await run(["doctor", "--json", "--role", "chat", "--store", cluster.url, ...words], folder);
    expect(err).toBe("");
    return findingsIn(out).filter(({ check }) => check === "store");
  };
  const shownAs = (level: string, text: RegExp) =>
    expect.objectContaining({ level, text: expect.stringMatching(text) });

  test("doctor names the primary and its standbys, and what keeps a quorum from having all commits", async () => {
    const [first, second, third] = cluster.servers;
    const primary = shownAs(
      "ok",
      /is the primary, on timeline 1; its commits wait for standbys \(ANY 1 \(s1, s2, s3\); /,
    );
    const database = shownAs("ok", /without a store yet$/);
    expect(await judge()).toEqual([primary, database]);
    await first.set({ synchronous_standby_names: "" });
    const alone = shownAs(
      "ok",
      /is the primary, on timeline 1; its commits wait for no standby; standbys: s2: async, /,
    );
    const sentence = /synchronous_standby_names is empty: what is acknowledged is lost/;
    expect(await judge()).toEqual([alone, shownAs("problem", sentence), database]);
    expect(await judge("--store-async")).toEqual([alone, shownAs("warning", sentence), database]);
    await first.kill();
    expect(await judge()).toEqual([
      shownAs("problem", /: no host of the list takes writes \(127.*: a standby, or read/),
    ]);
    await Promise.all([second.promote(), third.promote()]);
    expect(await judge()).toEqual([
      shownAs("problem", /: 2 hosts of the list take writes, and their histories differ/),
    ]);
  }, 120_000);

  test("doctor names a standby that has what the primary lacks, until that is accepted", async () => {
    const [first, second, third] = cluster.servers;
    const store = await cluster.open();
    await sayUntil(store, "1");
    const messages = () => third.commandIn(cluster.database, "SELECT FROM roost.message");
    await until(async () => (await messages()) === 1, "the third one has it");
    await third.kill();
    const id = await sayUntil(store, "2");
    await store.close();
    await first.kill();
    await third.run();
    await third.promote();
    await third.set({ synchronous_standby_names: "s2" });
    const ahead = shownAs(
      "warning",
      new RegExp(`:${second.port}, a standby, has messages that .*:${third.port} lacks .*node number 0, up to ${id}, `),
    );
    expect(await judge()).toEqual([shownAs("ok", /is the primary, on timeline 2; /), ahead, shownAs("ok", /schema/)]);
    const fresh = await third.standby("s2");
    await until(async () => (await acceptLoss(cluster.url)).messages === 1, "the loss is accepted");
    expect(await judge()).toEqual([shownAs("ok", /is the primary, on timeline 2; /), shownAs("ok", /schema/)]);
    await fresh.stop();
  }, 120_000);

  test("what doctor asks has an end although a server hangs after its first answer", async () => {
    const [first, , third] = cluster.servers;
    const store = await cluster.open();
    await sayUntil(store, "1");
    await store.close();
    const frozenWith = async (server: PostgresServer): Promise<unknown> => {
      // All have answered once when it hangs.
      const told = Promise.withResolvers<void>();
      let answers = 0;
      const look = lookAtHosts(cluster.url, async (url) => {
        const answer = await askHost(url);
        if (++answers === cluster.servers.length) {
          server.freeze();
          told.resolve();
        }
        await told.promise;
        return answer;
      });
      return look
        .then(({ warnings }) => warnings)
        .catch(reasonOf)
        .finally(() => server.wake());
    };
    const silence = /^127.*, a standby, does not say whether it has what 127.* lacks: no answer within 2500 ms$/;
    expect(await frozenWith(third)).toEqual([expect.stringMatching(silence)]);
    expect(await frozenWith(first)).toMatch(/^127.*, the primary, gave no answer within 2500 ms$/);
  }, 120_000);

  test("doctor names no standby that follows the primary, whose commits wait for another one", async () => {
    const [first, second, third] = cluster.servers;
    const store = await cluster.open();
    await sayUntil(store, "1");
    await first.set({ synchronous_standby_names: "ANY 2 (s2, s3)" });
    await third.kill();
    // What receives for a standby outlives its main process for a moment.
    await until(async () => (await first.command("SELECT FROM pg_stat_replication")) === 1, "one of them is gone");
    const told = store.append([talk({ clientId: "2" })]).catch((error: unknown) => error);
    const messages = () => second.commandIn(cluster.database, "SELECT FROM roost.message");
    await until(async () => (await messages()) === 2, "the other one has it");
    expect(await judge()).toEqual([shownAs("ok", /is the primary, on timeline 1; /), shownAs("ok", /schema/)]);
    expect(await told).toBeInstanceOf(StoreUnavailable);
  }, 120_000);

  test("restore --accept-loss says what the store holds and leaves it; backup and check find the primary", async () => {
    const store = await cluster.open();
    const id = await sayUntil(store, "1");
    const accept = (...words: string[]) => run(["restore", "--accept-loss", ...words], folder);
    const { err, status } = await accept("--store", cluster.url);
    expect(status).toBe(0);
    expect(err).toMatch(new RegExp(`accepted; the store holds 1 message up to id ${id}, the newest of .*nodes go on`));
    expect(await sayUntil(store, "1")).toBe(id);
    expect((await accept("--store", cluster.url, "a-file")).err).toContain("expected no FILE");
    expect((await accept()).err).toContain("--accept-loss is for a store on several PostgreSQL servers");
    expect((await run(["restore", "--store", cluster.url], folder)).err).toContain(
      "FILE is missing; expected the file",
    );
    for (const words of [["backup", "kept.dump"], ["check"]]) {
      const done = await run([...words, "--store", cluster.url], folder);
      expect([done.status, done.err]).toEqual([0, expect.not.stringContaining("rror")]);
    }
  }, 120_000);
});
