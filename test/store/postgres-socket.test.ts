// PostgreSQL over a Unix socket, as most of its installations let the users of a machine in.

import { expect, test, describe } from "bun:test";
import { placeOf, socketOf } from "../../src/store/postgres/client.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { environmentOf } from "../../src/store/postgres/tools.ts";
import { silentLog } from "../../src/base/log.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";

test("a URL names the folder of a socket in its query or in the place of its host", () => {
  const socket = { folder: "/run/postgresql", port: 5432, user: "carol" };
  expect(socketOf("postgres://carol@%2Frun%2Fpostgresql/roost")).toEqual(socket);
  expect(socketOf("postgres:///roost?host=/run/postgresql&user=carol")).toEqual(socket);
  expect(socketOf("postgresql:///roost?host=/run/postgresql&port=5433&user=carol")).toEqual({ ...socket, port: 5433 });
  expect(socketOf("postgres:///roost?host=/run/postgresql")?.user).not.toBe("");
  expect(socketOf("postgres://carol@db.example/roost?host=/run/postgresql")).toBeUndefined();
  expect(socketOf("postgres:///roost?host=relative")).toBeUndefined();
});

test("the log and the tools get the place, and the log no password", () => {
  const url = "postgres:///roost?host=/run/postgresql&user=carol&password=hush-hush";
  expect(placeOf(url)).toBe("/run/postgresql:5432/roost");
  const { PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE } = environmentOf(url);
  expect([PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE]).toEqual([
    "/run/postgresql",
    "5432",
    "carol",
    "hush-hush",
    "roost",
  ]);
});

describe.skipIf(!hasPostgres)("a server", () => {
  test("serves over its socket, and a folder without one is away", async () => {
    const server = await PostgresServer.start();
    try {
      const url = server.socketUrl(await server.makeDatabase());
      const store = await openPostgresStore({ url, retentionDays: 15, log: silentLog });
      expect(store.isHealthy).toBe(true);
      await store.close();
      const elsewhere = url.replace(/host=[^&]*/, "host=/nowhere");
      const away = await openPostgresStore({ url: elsewhere, retentionDays: 15, log: silentLog });
      expect(away.isHealthy).toBe(false);
      await away.close();
    } finally {
      await server.stop();
    }
  }, 60_000);
});
