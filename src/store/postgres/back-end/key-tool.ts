// The operator's way to the keys of a store on PostgreSQL, beside chat nodes or without them.

import { leaseHolder } from "../../lease-holder.ts";
import type { KeyTool } from "../../key-tool.ts";
import { StoreUnavailable } from "../../store.ts";
import { Connections } from "../connection.ts";
import { requireCurrent } from "../migrate.ts";
import { primaryUrl } from "../primary/primary.ts";
import { PostgresApiKeys } from "./postgres-api-keys.ts";

/** Only the operator waits. */
const answerMsMax = 60_000;

/** Opens the store at `url`; rejects with StoreUnavailable if there is none, or if it is another program's. */
export async function openPostgresKeys(hosts: string): Promise<KeyTool> {
  const url = await primaryUrl(hosts);
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
        return connections.run((sql) => call(sql, holder, life));
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
