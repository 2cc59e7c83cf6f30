// A chat service without a store and without logic, a process of its own: it takes gateways' links as any chat service
// does, and answers each talk at once with an empty Success. What is measured through it is the gateway.
//   bun stub-chat.ts REGISTRY_URL CLUSTER_KEY_FILE

import { secretsFromFile } from "../../src/auth/secret.ts";
import { createLog } from "../../src/base/log.ts";
import { Limits } from "../../src/base/limits/limits.ts";
import { Dispatcher } from "../../src/service/dispatcher.ts";
import { LogicNode } from "../../src/node/logic-node.ts";
import { startMember } from "../../src/node/member.ts";
import { Router } from "../../src/service/router.ts";
import { Service } from "../../src/service/service.ts";
import { Command } from "../../src/wire/commands.ts";

const [registry = "", keyFile = ""] = process.argv.slice(2);
const log = createLog("error", "text", (line) => process.stderr.write(line));
const settings = {
  id: "stub-chat",
  listen: { host: "127.0.0.1", port: 0 },
  advertise: undefined,
  discovery: [registry],
  zone: "zone01",
  region: "region01",
  env: "dev",
  clusterKeys: secretsFromFile(keyFile).keys,
  insecure: false,
  monitor: undefined,
  writeWaitMs: 10_000,
  version: "stub",
  limits: new Limits(log),
  log,
  lost(sentence: string): void {
    log.error(sentence);
    process.exit(1);
  },
};

await startMember(settings, "chat", async ({ environment, serviceMetrics }) => {
  const router = new Router([]);
  router.handle(Command.UserTalk, (context) => context.respondEmpty());
  const ignore = (): void => undefined;
  const parts = {
    ...environment,
    router,
    dispatcher: new Dispatcher(),
    log,
    gatewayLinked: ignore,
    gatewayLost: ignore,
  };
  const node = new LogicNode(environment, new Service(parts), serviceMetrics);
  const link = await node.start();
  return {
    addresses: { link, ws: undefined, tcp: undefined },
    health: () => ({ ready: node.isReady, detail: {} }),
    drain: () => node.drain(0),
  };
});
console.log("ready");
