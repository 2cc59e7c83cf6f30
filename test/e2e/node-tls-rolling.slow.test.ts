// A running cluster changes from plain text to TLS and back, one process at a time, while people talk: first all nodes
// accept both, then all require TLS. Nothing is lost, and no request stays unanswered.

import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talkThroughRestarts } from "../support/conversation.ts";
import { formerRelease, formerReleaseMissing } from "../support/former-release.ts";
import { Random, testSeed } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-rolling-tls-");
const certificates = join(folder, "certificates");
/** Two of each. */
const size = { discovery: 2, gateways: 2, logins: 2, chats: 2 };
const kinds = ["discovery", "login", "chat", "gateway"];
const names = kinds.flatMap((kind) => [`${kind}-1`, `${kind}-2`]);

beforeAll(async () => {
  const nodes = names.map((name) => `${name}=127.0.0.1`).join(",");
  expect(await run(["cert", "--dir", certificates, "--nodes", nodes], folder)).toMatchObject({ status: 0 });
});

let stage: ClusterStage | undefined;
afterEach(async () => {
  await stage?.close();
  stage = undefined;
});

const settingsOf = (name: string): string => join(folder, `${name}.toml`);

/** Writes what a process reads at its next start. */
function set(name: string, mode: "plain" | "accept" | "require", registry: readonly string[]): void {
  const urls = registry.map((url) => (mode === "plain" ? url : url.replace("http:", "https:"))).join(",");
  const file = (ending: string): string => JSON.stringify(join(certificates, ending));
  const lines = [
    ...(name.startsWith("discovery") ? [] : [`discovery = "${urls}"`]),
    ...(mode === "plain" ? [] : [`node-cert = ${file(`${name}.crt`)}`, `node-key = ${file(`${name}.key`)}`]),
    ...(mode === "plain" ? [] : [`node-ca = ${file("ca.crt")}`, `node-tls = "${mode}"`]),
  ];
  writeFileSync(settingsOf(name), `${lines.join("\n")}\n`);
}

/** A cluster in plain text whose processes read files; `isFormer` ones are of the former release, and do not. */
async function start(isFormer: (name: string) => boolean = () => false): Promise<ClusterStage> {
  const current = names.filter((name) => !isFormer(name));
  const slips = Object.fromEntries(
    current.map((name) => [
      name,
      { "--config": settingsOf(name), ...(name.startsWith("discovery") ? {} : { "--discovery": undefined }) },
    ]),
  );
  const prepared = await ClusterStage.prepare(size, { slips, authority: join(certificates, "ca.crt") });
  stage = prepared;
  const { cluster } = prepared;
  for (const name of current) set(name, "plain", cluster.registry);
  for (const name of names.filter(isFormer)) cluster.setProgram(name, formerRelease());
  await Promise.all(names.map((name) => cluster.start(name)));
  await cluster.ready();
  return prepared;
}

function shuffled(list: readonly string[], random: Random): string[] {
  const inTurn = list.map((name) => ({ name, turn: random.below(2 ** 32) }));
  return inTurn.toSorted((a, b) => a.turn - b.turn).map(({ name }) => name);
}

/** Talks go on while the given processes are started again in each of the modes, in turn. */
async function change(
  { cluster }: ClusterStage,
  modes: readonly ("plain" | "accept" | "require")[],
  changing: readonly string[],
): Promise<void> {
  const random = new Random(testSeed("rolling TLS"));
  await talkThroughRestarts(cluster, random, async (goOn) => {
    for (const mode of modes) {
      // Nodes of the registry accept TLS before others ask them by it, and plain text as long as others use it.
      const isRegistry = (name: string): boolean => name.startsWith("discovery");
      const order = [...changing.filter(isRegistry), ...shuffled(changing, random).filter((it) => !isRegistry(it))];
      const inTurn = mode === "plain" ? order.toReversed() : order;
      console.log(`${mode}: ${inTurn.join(", ")}`);
      for (const name of inTurn) {
        await goOn();
        expect(await cluster.end(name, "SIGTERM")).toBe(0);
        set(name, mode, cluster.registry);
        await cluster.start(name);
        await until(() => cluster.isReady(name), `${name} is ready`);
      }
      await goOn();
    }
  });
}

test("from plain text to TLS, and back", async () => {
  const running = await start();
  await change(running, ["accept", "require"], names);
  for (const name of names.filter((it) => !it.startsWith("discovery")))
    expect(running.cluster.linkAddress(name)).toStartWith("tls://");
  await change(running, ["accept", "plain"], names);
}, 300_000);

const skipped = formerReleaseMissing === undefined ? "" : ` (skipped: ${formerReleaseMissing})`;

describe.skipIf(formerReleaseMissing !== undefined)(`beside processes of the former release${skipped}`, () => {
  beforeAll(() => void formerRelease(), 120_000);

  test.each([
    ["gateways", (name: string) => name.startsWith("gateway")],
    ["login and chat nodes", (name: string) => name.startsWith("login") || name.startsWith("chat")],
  ])(
    "%s, others accept both",
    async (_, isFormer) => {
      const running = await start(isFormer);
      await change(
        running,
        ["accept"],
        names.filter((name) => !isFormer(name)),
      );
    },
    300_000,
  );
});
