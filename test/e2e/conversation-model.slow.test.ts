// Random commands on conversations, sent by the protocol to a cluster of two gateways and two chat nodes, and compared
// with the model that the stores are compared with: three connections of each account, through either gateway.

import { describe, test } from "bun:test";
import fc from "fast-check";
import { hasPostgres } from "../../scripts/harness/postgres.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { Random, testSeed } from "../support/random.ts";
import { isPossible, WireConversations } from "../support/wire-conversations.ts";
import { readsByWire } from "../support/wire-reads.ts";
import { commands, ConversationRun } from "../store/conversation-run.ts";
import { postgresForAll } from "../store/postgres-setup.ts";

const stepsMax = 700;

async function run(store: string | undefined, name: string): Promise<void> {
  const seed = testSeed(name);
  const random = new Random(seed);
  const stage = await ClusterStage.start({ gateways: 2, chats: 2 }, { store });
  try {
    const wire = new WireConversations(
      () => stage.stranger(random.below(2)),
      (account) => stage.cluster.token(account),
    );
    // The app of the cluster's tokens.
    const one = new ConversationRun("app");
    const { model } = one;
    const target = {
      reads: readsByWire(wire, model),
      send: wire.send.bind(wire, model),
      isPossible,
    };
    await one.begin(target);
    for (const command of fc.sample(commands, { seed: seed | 0, numRuns: stepsMax })) await one.step(target, command);
    await one.end(target.reads);
  } finally {
    await stage.close();
  }
}

test(
  "a cluster with SQLite answers random commands as the model says",
  () => run(undefined, "by wire, SQLite"),
  120_000,
);

describe.skipIf(!hasPostgres)("PostgreSQL", () => {
  const server = postgresForAll();
  test("a cluster with PostgreSQL answers random commands as the model says", async () => {
    await run(await server().makeDatabase(), "by wire, PostgreSQL");
  }, 120_000);
});
