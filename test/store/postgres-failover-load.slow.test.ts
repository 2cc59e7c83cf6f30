// Failovers of PostgreSQL under stores at work: a machine is lost, a postmaster is killed, a machine freezes.

import { describe, expect, test } from "bun:test";
import { type Store, StoreUnavailable } from "../../src/store/store.ts";
import { hasPostgres, type PostgresServer } from "../../scripts/harness/postgres.ts";
import { until } from "../../scripts/harness/until.ts";
import { allIds } from "../support/contents.ts";
import { clusterForEach } from "./postgres-cluster.ts";
import { stored, talk } from "./samples.ts";

const speakers = 16;
const readers = 10;

/** Reads what bob gets, from where it has read to; a cursor that others move does not move it. */
class Reader {
  readonly ids: bigint[] = [];

  async read(store: Store): Promise<void> {
    const after = this.ids.at(-1) ?? 1n;
    const query = { app: "app", account: "bob", device: "", after, includeSent: false, limit: 500 };
    try {
      for (const { messageId } of await store.index(query)) this.ids.push(messageId);
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error;
    }
  }
}

describe.skipIf(!hasPostgres)("stores at work on several PostgreSQL servers", () => {
  const cluster = clusterForEach();

  test("three failovers lose and double no acknowledged talk, retries keep their ids, no cursor skips", async () => {
    const stores = [await cluster.open(), await cluster.open()];
    const told = new Map<string, bigint>();
    const end = new AbortController();
    const storeOf = (index: number): Store => {
      const store = stores[index % stores.length];
      if (store === undefined) throw new Error("there are stores");
      return store;
    };
    const speak = async (index: number): Promise<void> => {
      for (let count = 0; !end.signal.aborted; count++) {
        const clientId = `${index}-${count}`;
        // The same talk until it is stored, by one store and by the other.
        for (let tries = 0; !told.has(clientId); tries++) {
          try {
            const [outcome] = await storeOf(index + tries).append([talk({ sender: `s${index}`, clientId })]);
            told.set(clientId, stored(outcome).messageId);
          } catch (error) {
            if (!(error instanceof StoreUnavailable)) throw error;
            await Bun.sleep(20);
          }
        }
      }
    };
    const all = Array.from({ length: readers }, () => new Reader());
    const listen = async (reader: Reader, index: number): Promise<void> => {
      while (!end.signal.aborted) {
        await reader.read(storeOf(index));
        await Bun.sleep(20);
      }
    };
    const work = [...Array.from({ length: speakers }, (_, index) => speak(index)), ...all.map(listen)];
    const settled = Promise.all(work);
    const more = (): Promise<void> => {
      const before = told.size;
      return until(() => told.size > before + 200, "talks are stored");
    };
    let [primary, second, third]: readonly PostgresServer[] = cluster.servers;
    const started: PostgresServer[] = [];
    const failures = [
      (server: PostgresServer) => server.freeze(),
      (server: PostgresServer) => server.kill(),
      (server: PostgresServer) => server.kill("SIGQUIT"),
    ];
    await more();
    for (const [round, fail] of failures.entries()) {
      if (primary === undefined || second === undefined || third === undefined) throw new Error("there are three");
      await fail(primary);
      // One of them has what was acknowledged, and the other one can follow it only if it has less.
      if ((await third.received()) > (await second.received())) [second, third] = [third, second];
      await second.promote();
      await third.followOther(second, `s${(round % 2) + 2}`);
      await more();
      // Of a frozen one nothing is heard any more.
      primary.wake();
      await primary.kill();
      const fresh: PostgresServer = await second.standby("s1", primary.port);
      started.push(fresh);
      [primary, second, third] = [second, third, fresh];
      await more();
    }
    end.abort();
    await settled;
    const ids = [...told.values()].toSorted((a, b) => (a < b ? -1 : 1));
    expect(new Set(ids).size).toBe(ids.length);
    expect(await allIds(storeOf(0), "bob")).toEqual(ids);
    for (const reader of all) {
      while (reader.ids.length < ids.length) await reader.read(storeOf(1));
      expect(reader.ids).toEqual(ids);
    }
    const retried = [...told].filter((_, index) => index % 50 === 0);
    for (const [clientId, id] of retried) {
      const [outcome] = await storeOf(1).append([talk({ sender: `s${clientId.split("-")[0]}`, clientId })]);
      expect(stored(outcome).messageId).toBe(id);
    }
    console.log(JSON.stringify({ talks: ids.length, retried: retried.length }));
    for (const server of started) await server.stop();
  }, 240_000);
});
