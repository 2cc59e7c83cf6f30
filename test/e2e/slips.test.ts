// Clusters whose nodes were given different stores: each process says what is wrong and where, and what is served is
// right.

import { expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { silentLog } from "../../src/base/log.ts";
import { openSqliteStore } from "../../src/store/sqlite/sqlite-store.ts";
import { Command } from "../../src/wire/commands.ts";
import { MessageReqSchema, Status } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { until } from "../../scripts/harness/until.ts";
import { endings, isUnwell, newFolder, putTogether, refusedNode, servesRightly } from "./slip-cluster.ts";

test("each chat node has an SQLite file of its own", async () => {
  const other = join(newFolder(), "own.db");
  // All at once: both gateways refuse the same one all the same.
  const stage = await putTogether({ chats: 2 }, { slips: { "chat-2": { "--store": `sqlite:${other}` } } });
  const refused = await refusedNode(stage, [stage.path("messages.db"), other]);
  expect(refused).toMatch(/^chat-/);
  await servesRightly(stage);
  await stage.cluster.end(refused, "SIGTERM");
  for (const gateway of stage.cluster.names("gateway"))
    await until(() => stage.cluster.isReady(gateway), `${gateway} is well again`);
  await servesRightly(stage, 2);
}, 120_000);

test("each chat node has a copy of a standalone server's messages", async () => {
  const folder = newFolder();
  const [seed, one, other] = [join(folder, "seed.db"), join(folder, "one.db"), join(folder, "other.db")];
  await (await openSqliteStore({ path: seed, retentionDays: 0, log: silentLog })).close();
  for (const path of [one, other]) copyFileSync(seed, path);
  const slips = { "chat-1": { "--store": `sqlite:${one}` }, "chat-2": { "--store": `sqlite:${other}` } };
  const stage = await putTogether({ chats: 2 }, { slips });
  await refusedNode(stage, [one, other]);
  await servesRightly(stage);
}, 120_000);

test("the chat nodes' sessions are others than the login nodes'", async () => {
  const other = join(newFolder(), "own.db");
  const slips = Object.fromEntries(["chat-1", "chat-2"].map((name) => [name, { "--sessions": `sqlite:${other}` }]));
  const stage = await ClusterStage.prepare({ gateways: 2, logins: 2, chats: 2 }, { slips });
  endings.push(() => stage.close());
  const { cluster } = stage;
  for (const kind of ["discovery", "login", "chat", "gateway"] as const)
    await Promise.all(cluster.names(kind).map((name) => cluster.start(name)));
  const places = [stage.path("sessions.db"), other, "--sessions"];
  for (const name of cluster.names("gateway"))
    await isUnwell(stage, name, "storesDiffer", "chat-1", "chat-2", ...places);
  for (const name of cluster.names("chat")) await isUnwell(stage, name, "storesDiffer", ...places);
  // The client is not asked to sign in again: it cannot be served now, and may be later.
  const alice = await stage.wire("alice");
  const answer = await alice.request(Command.UserTalk, "bob", MessageReqSchema, { type: 1, body: "hello" });
  expect(answer.status).toBe(Status.ServiceUnavailable);
}, 120_000);
