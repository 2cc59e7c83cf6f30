// Clusters that were put together with the slips that people make, as real processes; what they say of it, and what
// they serve.

import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "../../src/wire/commands.ts";
import { MessagePushSchema } from "../../src/wire/gen/pkt_pb.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { readIndex, talk } from "../support/commands.ts";
import { type ClusterOptions, type ClusterSize } from "../../scripts/harness/process-cluster.ts";
import { until } from "../../scripts/harness/until.ts";
import type { WireClient } from "../support/wire-client.ts";

/** Two gateways, each with this many people, each of whom talks to everybody of the other one: 36 talks. */
const peoplePerGateway = 6;

export const endings: (() => unknown)[] = [];

/** Ends what a test has started; after each. */
export async function endAll(): Promise<void> {
  for (const end of endings.splice(0).toReversed()) await end();
}

/** A cluster of which all processes were started, `late` after the others, whether or not they can do their jobs. */
export async function putTogether(
  size: Partial<ClusterSize>,
  options: Omit<ClusterOptions, "folder" | "size">,
  late: readonly string[] = [],
): Promise<ClusterStage> {
  const stage = await ClusterStage.prepare({ gateways: 2, ...size }, options);
  endings.push(() => stage.close());
  const { cluster } = stage;
  const begin = (names: readonly string[]): Promise<unknown> => Promise.all(names.map((name) => cluster.start(name)));
  await begin(cluster.names().filter((name) => !late.includes(name)));
  if (late.length > 0) await cluster.ready();
  await begin(late);
  return stage;
}

/** A folder for stores that only one process is given. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "roost-slip-"));
  endings.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface HealthAnswer {
  readonly status: number;
  readonly text: string;
}

export async function healthOf({ cluster }: ClusterStage, name: string): Promise<HealthAnswer> {
  const response = await fetch(`${cluster.monitor(name)}/health`);
  return { status: response.status, text: await response.text() };
}

/** Waits until a process's health is 503 and says all of that. */
export async function isUnwell(stage: ClusterStage, name: string, ...words: readonly string[]): Promise<void> {
  await until(
    async () => {
      const { status, text } = await healthOf(stage, name);
      return status === 503 && words.every((word) => text.includes(word));
    },
    `the health of ${name} says ${words.join(" and ")}`,
    30_000,
  );
}

/** Everybody of one gateway talks to everybody of the other: all is answered Success, indexed and pushed. */
export async function servesRightly(stage: ClusterStage, round = 1): Promise<void> {
  const people = (letter: string, gateway: number): Promise<WireClient[]> =>
    Promise.all(Array.from({ length: peoplePerGateway }, (_, at) => stage.wire(`${letter}${at}`, gateway)));
  const [speakers, listeners] = await Promise.all([people(`a${round}-`, 0), people(`b${round}-`, 1)]);
  await Promise.all(
    speakers.flatMap((speaker, from) => listeners.map((_, to) => talk(speaker, `b${round}-${to}`, `from a${from}`))),
  );
  for (const listener of listeners) {
    const pushed = await listener.pushed(Command.UserTalk, MessagePushSchema, peoplePerGateway);
    expect(pushed.map(({ body }) => body).toSorted()).toEqual(speakers.map((_, from) => `from a${from}`));
    const index = await readIndex(listener);
    expect(index.map(({ accountB }) => accountB).toSorted()).toEqual(speakers.map((_, from) => `a${round}-${from}`));
  }
}

/** The node that both gateways refuse; each says so with both places, and the node says it, too. */
export async function refusedNode(stage: ClusterStage, places: readonly string[]): Promise<string> {
  const gateways = stage.cluster.names("gateway");
  for (const gateway of gateways) await isUnwell(stage, gateway, "storesDiffer", ...places);
  const refused = await Promise.all(
    gateways.map(async (gateway) => /does not link ([a-z]+-\d)/.exec((await healthOf(stage, gateway)).text)?.[1] ?? ""),
  );
  const [node = ""] = refused;
  expect(refused).toEqual(gateways.map(() => node));
  for (const gateway of gateways) {
    await stage.says(gateway, new RegExp(`error a node uses another store and is not linked node="${node}"`));
    expect(await stage.count(gateway, "roost_store_mismatches")).toBe(1);
  }
  await isUnwell(stage, node, "storesDiffer", ...places);
  await stage.says(node, /error a gateway does not link this node .*gateway-1/);
  return node;
}
