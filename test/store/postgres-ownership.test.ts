import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { claimOfNobody } from "../../src/auth/store-ownership.ts";
import { silentLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { environmentOf, runTool } from "../../src/store/postgres/tools.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../../scripts/harness/until.ts";
import { ownershipSuite, type OwnedPlace } from "./ownership-suite.ts";
import { postgresSchema3 } from "../support/former-schema.ts";

describe.skipIf(!hasPostgres)("with a PostgreSQL server", () => {
  const folder = mkdtempSync(join(tmpdir(), "owned-store-"));
  let server: PostgresServer;
  let dumps = 0;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  const change = async (url: string, statement: string): Promise<void> => {
    const sql = new SQL(url, { max: 1 });
    try {
      await sql.unsafe(statement.replaceAll("$", "roost."));
    } finally {
      await sql.close();
    }
  };

  const placeAt = (url: string): OwnedPlace => ({
    open: (claim, log, refused) =>
      openPostgresStore({ url, retentionDays: 15, log, claim, ...(refused === undefined ? {} : { refused }) }),
    run: (statement) => change(url, statement),
    copy: async () => {
      const to = await server.makeDatabase();
      const over = new AbortController().signal;
      const dump = await runTool(["pg_dump", "--schema=roost"], environmentOf(url), over);
      const file = join(folder, `dump-${dumps++}.sql`);
      writeFileSync(file, dump);
      await runTool(["psql", "--no-psqlrc", "--quiet", "--file", file], environmentOf(to), over);
      return placeAt(to);
    },
    remove: () => server.dropDatabase(url),
  });

  ownershipSuite("PostgreSQL store", async () => placeAt(await server.makeDatabase()));

  const claim = { fingerprints: ["0123456789abcdef0123456789abcdef"], adopt: false };
  const other = { fingerprints: ["fedcba9876543210fedcba9876543210"], adopt: false };
  const shared = { retentionDays: 0, log: silentLog };

  test("a store of the schema before is nobody's, and taken by the first cluster that opens it", async () => {
    const url = await server.makeDatabase();
    await (await openPostgresStore({ ...shared, url })).close();
    await change(url, postgresSchema3);
    await change(url, "DROP TABLE $identity, $owner; DELETE FROM $migration WHERE number > 2");
    const stores = await Promise.all([1, 2].map(() => openPostgresStore({ ...shared, url, claim })));
    expect(stores[0]?.identity).toBeDefined();
    expect(stores[1]?.identity).toEqual(stores[0]?.identity);
    for (const store of stores) await store.close();
    await expect(openPostgresStore({ ...shared, url, claim: claimOfNobody })).rejects.toThrow(
      /belongs to a(?:nother)? cluster/,
    );
  });

  test("a database that was away at first and turns out to be another cluster's is reported", async () => {
    const url = await server.makeDatabase();
    await (await openPostgresStore({ ...shared, url, claim: other })).close();
    const gate = await TcpProxy.start(server.port);
    gate.isShut = true;
    const away = new URL(url);
    away.port = String(gate.port);
    const sentences: string[] = [];
    const refused = (sentence: string): void => void sentences.push(sentence);
    const store = await openPostgresStore({ ...shared, url: away.href, claim, refused });
    expect(store.identity).toBeUndefined();
    gate.isShut = false;
    await until(() => sentences.length > 0, "the store is refused");
    expect(sentences[0]).toMatch(/^The message store .* belongs to a(?:nother)? cluster/);
    expect(store.isHealthy).toBe(false);
    await store.close();
    await gate.stop();
  }, 60_000);

  test("a process that has adopted a store does not adopt it again when its database comes back", async () => {
    const url = await server.makeDatabase();
    await (await openPostgresStore({ ...shared, url, claim: other })).close();
    const sentences: string[] = [];
    const refused = (sentence: string): void => void sentences.push(sentence);
    const store = await openPostgresStore({ ...shared, url, claim: { ...claim, adopt: true }, refused });
    await change(url, `DELETE FROM $owner; INSERT INTO $owner VALUES ('${other.fingerprints[0]}')`);
    await change(
      url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'roost'`,
    );
    await until(() => sentences.length > 0, "the store is refused");
    await store.close();
  }, 60_000);
});
