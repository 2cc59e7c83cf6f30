// Scenario `cluster-talk`: as `talk`, through a gateway, a login and a chat service that are processes of their own.

import type { OnServer } from "../bench.ts";
import type { Scenario } from "../scenario.ts";
import { clusterServer, onBenchCluster } from "../server/cluster.ts";
import { measureTalk } from "./talk.ts";

const size = { discovery: 1, gateways: 1, logins: 1, chats: 1 } as const;

/** A cluster with its messages in this store: `postgres://…`; undefined: SQLite. */
export function onTalkCluster(store: string | undefined): OnServer {
  return (work) => onBenchCluster({ size, store }, (cluster) => work(clusterServer(cluster)));
}

export const clusterTalk: Scenario = {
  name: "cluster-talk",
  takesUrl: false,
  run: (bench) =>
    measureTalk(bench, {
      scenario: "cluster-talk",
      transport: bench.transports[0] ?? "tcp",
      server: onTalkCluster(bench.options.store),
    }),
};
