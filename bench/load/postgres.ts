// Scenario `postgres`: as the closed loop of `cluster-talk`, with the messages in PostgreSQL: a server that the bench
// starts, on the same cores, or the one that --store names.

import { resultOf } from "../result.ts";
import type { Scenario } from "../scenario.ts";
import { onPostgres, postgresMissing } from "../server/postgres.ts";
import { onTalkCluster } from "./cluster-talk.ts";
import { measureClosedTalk } from "./talk.ts";

export const postgres: Scenario = {
  name: "postgres",
  takesUrl: false,
  async run(bench) {
    const { store } = bench.options;
    if (store === undefined && postgresMissing !== undefined) {
      bench.report([resultOf("postgres", { store: "postgres", valid: true, skipped: postgresMissing })]);
      return;
    }
    const measure = async (url: string): Promise<void> => {
      const transport = bench.transports[0] ?? "tcp";
      await measureClosedTalk(bench, { scenario: "postgres", transport, server: onTalkCluster(url) });
    };
    await (store === undefined ? onPostgres(measure) : measure(store));
  },
};
