// A node that leaves and comes back under load.

import { afterEach, expect, test } from "bun:test";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { closeAll } from "../link/support.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { readIndex } from "../support/commands.ts";
import { until } from "../../scripts/harness/until.ts";
import type { WireClient } from "../support/wire-client.ts";

let stage: ClusterStage | undefined;

afterEach(async () => {
  await closeAll();
  await stage?.close();
  stage = undefined;
});

/** The chat node that serves each client, as the nodes' own counters tell. */
async function servingNodes(running: ClusterStage, clients: readonly WireClient[]): Promise<string[]> {
  const { cluster } = running;
  const names = cluster.names("chat").filter((name) => cluster.process(name) !== undefined);
  const counts = (): Promise<number[]> =>
    Promise.all(
      names.map((name) => running.count(name, "roost_message_in_total", `command="${Command.OfflineIndex}"`)),
    );
  const serving: string[] = [];
  let before = await counts();
  for (const client of clients) {
    await readIndex(client);
    const after = await counts();
    serving.push(names.find((_, at) => after[at] !== before[at]) ?? "");
    before = after;
  }
  return serving;
}

test("a chat node that leaves and comes back under load moves its own share of the connections only", async () => {
  const running = (stage = await ClusterStage.start({ chats: 3 }));
  const { cluster } = running;
  const clients = await Promise.all(Array.from({ length: 40 }, (_, at) => running.wire(`client${at}`)));
  const talkers = await Promise.all(Array.from({ length: 10 }, (_, at) => running.wire(`talker${at}`)));
  const statuses: number[] = [];
  const talks = { areOver: false };
  const talking = talkers.map(async (talker) => {
    while (!talks.areOver) {
      const said = { type: 1, body: "hello" };
      statuses.push((await talker.request(Command.UserTalk, "somebody", MessageReqSchema, said)).status);
    }
  });
  const before = await servingNodes(running, clients);
  expect(new Set(before).size).toBe(3);
  expect(await cluster.end("chat-2", "SIGTERM")).toBe(0);
  const without = await servingNodes(running, clients);
  expect(without).not.toContain("chat-2");
  expect(without.filter((node, at) => before[at] !== "chat-2" && node !== before[at])).toEqual([]);
  await cluster.start("chat-2");
  await until(() => cluster.isReady("chat-2"), "the node is back");
  await until(async () => (await servingNodes(running, clients)).includes("chat-2"), "it serves again");
  expect(await servingNodes(running, clients)).toEqual(before);
  talks.areOver = true;
  await Promise.all(talking);
  // Nobody who talked meanwhile was refused.
  expect(statuses.length).toBeGreaterThan(500);
  expect(new Set(statuses)).toEqual(new Set([Status.Success]));
}, 180_000);
