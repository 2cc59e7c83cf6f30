// A PostgreSQL whose primary is lost, again and again, while people talk and read, and chat nodes are killed besides:
// what was acknowledged is there, once, under the id that was told, and no reader's cursor passes over anything.
// A failure is told with what every process knows of it.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databaseFailures, failDatabase } from "../../bench/failures/database-failures.ts";
import { talkThrough } from "../../bench/failures/talk-through.ts";
import { RequestRefused } from "../../src/sdk/client-errors.ts";
import type { RoostClient } from "../../src/sdk/roost-client.ts";
import { PatroniCluster } from "../../scripts/harness/patroni/cluster.ts";
import { patroniMissing } from "../../scripts/harness/patroni/programs.ts";
import { ClusterStage } from "../support/cluster-stage.ts";

const missing = await patroniMissing();
if (missing !== undefined) console.log(`tests of a PostgreSQL that fails over are skipped: ${missing}`);

const rounds = 3;
const roundMsMax = 300_000;

/** What is told of each log after a failure. */
const linesTold = 40;

let patroni: PatroniCluster;
let stage: ClusterStage;
let logs: string;
let isWhole = true;

beforeAll(async () => {
  if (missing !== undefined) return;
  logs = mkdtempSync(join(tmpdir(), "roost-postgres-ha-"));
  patroni = await PatroniCluster.start({ logs });
  stage = await ClusterStage.start({ gateways: 2, chats: 2 }, { store: await patroni.makeDatabase(), logs });
}, 240_000);

afterAll(async () => {
  await stage?.close();
  await patroni?.stop();
  if (isWhole && missing === undefined) rmSync(logs, { recursive: true });
}, 60_000);

/** Fails as `work` does, and tells what the chat nodes, Patroni and the logs know, while all of it still runs. */
async function toldIfItFails(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    isWhole = false;
    for (const name of stage.cluster.names("chat")) console.log(`${name}: ${await healthOf(name)}`);
    console.log(await patroni.list());
    for (const file of readdirSync(logs).toSorted()) {
      const lines = readFileSync(join(logs, file), "utf8").trimEnd().split("\n");
      console.log(`${file}:\n${lines.slice(-linesTold).join("\n")}`);
    }
    console.log(`all of the logs are in ${logs}`);
    throw error;
  }
}

/** What a node says of itself, or why it says nothing. */
async function healthOf(name: string): Promise<string> {
  try {
    return await (await stage.cluster.ask(`${stage.cluster.monitor(name)}/health`)).text();
  } catch (error) {
    return String(error);
  }
}

/** One chat node dies and is started again, as by its service manager. */
async function killChat(name: string): Promise<void> {
  await stage.cluster.end(name, "SIGKILL");
  await stage.cluster.start(name);
}

for (const failure of databaseFailures)
  test.skipIf(missing !== undefined)(
    `${failure.name}: nothing acknowledged is lost, doubled, renamed or passed over`,
    () =>
      toldIfItFails(async () => {
        for (let round = 1; round <= rounds; round++) {
          const { acknowledged, refused, gapsMs, faults, ...found } = await talkThrough({
            cluster: stage.cluster,
            run: `${failure.name.replaceAll(" ", "-")}-${round}`,
            speakers: 30,
            readers: 100,
            window: 2,
            paceMs: 60,
            meanwhile: async () => {
              await Promise.all([failDatabase(patroni, failure), killChat(`chat-${1 + (round % 2)}`)]);
            },
          });
          const stall = (Math.max(...gapsMs) / 1000).toFixed(1);
          console.log(`${failure.name}: ${acknowledged} acknowledged, ${refused} refused, a stall of ${stall} s`);
          expect(faults).toEqual([]);
          expect(found).toMatchObject({ timedOut: 0, lost: 0, doubled: 0, changed: 0, skipped: 0 });
          // How many depends on the machine.
          expect(acknowledged).toBeGreaterThan(0);
        }
      }),
    rounds * roundMsMax,
  );

const bodies = ["one", "two", "three"] as const;

/** The texts in the account's index. */
async function heardBy(client: RoostClient): Promise<string[]> {
  const index = await client.index(1n, false);
  return (await client.contents(index.map(({ messageId }) => messageId))).map(({ body }) => body);
}

/** Its index is refused, or shows nothing that no standby has. */
async function isUnheard(client: RoostClient): Promise<void> {
  const heard = await heardBy(client).catch((error: unknown) => {
    expect(error).toBeInstanceOf(RequestRefused);
    return [];
  });
  expect(heard.filter((body) => body !== "before")).toEqual([]);
}

test.skipIf(missing !== undefined)(
  "without standbys no talk succeeds nor is shown, not by a restarted primary either; a retry is stored once",
  () =>
    toldIfItFails(async () => {
      const alice = await stage.sdk("alice", 0, { talkTriesMax: 1 });
      const bob = await stage.sdk("bob", 1);
      const talk = (body: string): Promise<{ readonly id: bigint }> =>
        alice.talkToUser("bob", { body }, { clientId: `standbys ${body}` });
      await talk("before");
      const primary = await patroni.primaryOtherThan();
      const standbys = patroni.members.filter((member) => member !== primary);
      await Promise.all(standbys.map((member) => member.killDatabase()));
      for (const body of bodies) {
        const refusal = await talk(body).catch((error: unknown) => error);
        expect(refusal).toBeInstanceOf(RequestRefused);
      }
      await isUnheard(bob);

      await primary.killPostmaster();
      await patroni.primaryOtherThan();
      for (let look = 0; look < 50; look++) {
        await isUnheard(bob);
        await Bun.sleep(100);
      }

      for (const member of standbys) member.start();
      await patroni.ready();
      await stage.cluster.ready();
      const ids = new Map<string, bigint>();
      for (const body of bodies) ids.set(body, (await talk(body)).id);
      for (const body of bodies) expect((await talk(body)).id).toBe(ids.get(body) ?? -1n);
      expect(await heardBy(bob)).toEqual(["before", ...bodies]);
    }),
  roundMsMax,
);
