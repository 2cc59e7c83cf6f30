// A PostgreSQL server of the bench's own, with an empty database; its commits wait for the disk. Its CPU is not that of
// the server that is measured: results show it among `others_cpu`.

import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";

/** Why there can be none on this machine; undefined: there can. */
export const postgresMissing: string | undefined = hasPostgres ? undefined : "PostgreSQL is not installed";

/** Starts it, works on the URL of its database, ends it. */
export async function onPostgres<T>(work: (url: string) => Promise<T>): Promise<T> {
  const server = await PostgresServer.start({ isDurable: true });
  try {
    return await work(await server.makeDatabase());
  } finally {
    await server.stop();
  }
}
