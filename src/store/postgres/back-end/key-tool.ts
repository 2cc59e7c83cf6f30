// The operator's way to the keys of a store on PostgreSQL, beside chat nodes or without them.

import { leaseHolder } from "../../lease-holder.ts";
import type { KeyTool } from "../../key-tool.ts";
import { StoreUnavailable } from "../../store.ts";
import { Connections } from "../connection.ts";
import { requireCurrent } from "../migrate.ts";
import { findToolPlace } from "../primary/tool-place.ts";
import { PostgresApiKeys } from "./postgres-api-keys.ts";

/** Only the operator waits. */
const answerMsMax = 60_000;

/**
 * Opens the store at `hosts`; rejects with StoreUnavailable if there is none, or if it is another program's, and as
 * findToolPlace does.
 */
export async function openPostgresKeys(hosts: string, isAsync: boolean): Promise<KeyTool> {
  const { url, confirm } = await findToolPlace(hosts, isAsync);
  await requireCurrent(url);
  const connections = new Connections({ url, connectionsMax: 1, idleSecondsMax: 0, answerMsMax });
  const holder = leaseHolder();
  const lifeOf = async (): Promise<string> => {
    const [row] = await connections.run<{ life: string | null }[]>((sql) => sql`SELECT roost.life() AS life`);
    if (typeof row?.life !== "string") throw new StoreUnavailable("the store is not complete, or is being restored");
    return row.life;
  };
  const keys = new PostgresApiKeys(
    {
      write: async (call) => {
        const life = await lifeOf();
        return connections.run(async (sql) => {
          const written = await call(sql, holder, life);
          await confirm?.(sql);
          return written;
        });
      },
    },
    connections,
    async (work) => work(await lifeOf()),
  );
  return {
    keys,
    close: async () => {
      // The number that it has leased, if it has written.
      await connections.run((sql) => sql`DELETE FROM roost.node WHERE holder = ${holder}`).catch(() => undefined);
      await connections.close();
    },
  };
}
