// A primary of several PostgreSQL servers that an operator has made read-only by a setting.

import { describe, expect, test } from "bun:test";
import { StoreUnavailable } from "../../src/store/store.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { allIds } from "../support/contents.ts";
import { clusterForEach, sayUntil, urlOf } from "./postgres-cluster.ts";
import { talk } from "./samples.ts";

describe.skipIf(!hasPostgres)("a primary that is fenced off", () => {
  const cluster = clusterForEach();
  const refusal = /^no host of the list takes writes \(.*a standby, or read-only/;

  test("takes no writes of a store that was open, nor of one that is opened, until the fence is gone", async () => {
    const [first] = cluster.servers;
    const store = await cluster.open();
    const id = await sayUntil(store, "1");
    await first.set({ default_transaction_read_only: "on" });
    await expect(store.append([talk({ clientId: "2" })])).rejects.toThrow(StoreUnavailable);
    await until(() => refusal.test(store.trouble), "the store says why");
    expect((await cluster.open()).trouble).toMatch(refusal);
    expect(await first.commandIn(cluster.database, "SELECT FROM roost.message")).toBe(1);
    await first.set({ default_transaction_read_only: "off" });
    const second = await sayUntil(store, "2");
    expect(await allIds(store, "bob")).toEqual([id, second]);
  }, 120_000);

  test("is no second history beside a standby that was promoted", async () => {
    const [first, second, third] = cluster.servers;
    const store = await cluster.open();
    const ids = [await sayUntil(store, "1")];
    await first.set({ default_transaction_read_only: "on" });
    await until(async () => (await second.received()) >= (await third.received()), "the second one has all");
    await second.promote();
    await third.followOther(second, "s3");
    ids.push(await sayUntil(store, "2"));
    expect(await allIds(store, "bob")).toEqual(ids);
    expect(await first.commandIn(cluster.database, "SELECT FROM roost.message")).toBe(1);
  }, 120_000);

  test("is a server like others where it is the only one of the URL", async () => {
    const [first] = cluster.servers;
    await first.set({ default_transaction_read_only: "on" });
    const store = await cluster.open({ url: urlOf([first], cluster.database) });
    const id = await sayUntil(store, "1");
    expect(await allIds(store, "bob")).toEqual([id]);
  }, 120_000);
});
