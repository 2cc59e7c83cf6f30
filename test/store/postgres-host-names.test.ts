// A server of PostgreSQL that the URL names in several ways: by a name, by IPv4 and IPv6.

import { describe, expect, test } from "bun:test";
import { connect, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { createLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { allIds } from "../support/contents.ts";
import { endings } from "../support/endings.ts";
import { sayUntil } from "./postgres-cluster.ts";
import { postgresForAll } from "./postgres-setup.ts";

const undo = endings();
const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));

/** Listens at ::1 and passes on to a port of 127.0.0.1; returns its port. */
async function passOn(port: number): Promise<number> {
  const server = createServer((socket) => {
    const upstream = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "::1", resolve);
  await promise;
  undo.push(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it listens at a port");
  return address.port;
}

describe.skipIf(!hasPostgres || !hasIpv6)("a PostgreSQL of several names", () => {
  const server = postgresForAll();

  test("is reached at an IPv6 address of a list, and is one server however it is named", async () => {
    const { port } = server();
    const database = new URL(await server().makeDatabase()).pathname;
    const ipv6 = `[::1]:${await passOn(port)}`;
    for (const [clientId, hosts] of [
      ["1", `${ipv6},nobody.invalid`],
      ["2", `localhost:${port},127.0.0.1:${port},${ipv6}`],
    ] as const) {
      const lines: string[] = [];
      const url = `postgres://postgres@${hosts}${database}`;
      const log = createLog("warn", "text", (line) => lines.push(line));
      const store = await openPostgresStore({ url, retentionDays: 15, isAsync: true, log });
      await sayUntil(store, clientId);
      expect(await allIds(store, "bob")).toHaveLength(Number(clientId));
      await store.close();
      // Of that alone.
      expect(lines).toEqual([expect.stringContaining("synchronous_standby_names is empty")]);
    }
  });
});
