// Scenario `cluster-talk`: as `talk`, through a gateway, a login and a chat service that are processes of their own.

import type { Scenario } from "../scenario.ts";
import { clusterServer, onBenchCluster } from "../server/cluster.ts";
import { measureTalk } from "./talk.ts";

const size = { discovery: 1, gateways: 1, logins: 1, chats: 1 } as const;

export const clusterTalk: Scenario = {
  name: "cluster-talk",
  takesUrl: false,
  run: (bench) =>
    measureTalk(bench, {
      scenario: "cluster-talk",
      transport: bench.transports[0] ?? "tcp",
      server: (work) => onBenchCluster({ size, store: bench.options.store }, (cluster) => work(clusterServer(cluster))),
    }),
};
