// One whole node of the registry over virtual time.

import { testLimits } from "../support/limits.ts";
import { expect } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Status } from "../../src/registry/instance.ts";
import { Code } from "../../src/registry/codes.ts";
import type { Register } from "../../src/registry/node/registrar.ts";
import { parseAnswer, parseService } from "../../src/registry/client/parse-instances.ts";
import { zonePieces } from "../../src/registry/http/answers.ts";
import { RegistryNode } from "../../src/registry/node/registry-node.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { localCaller, ManualNetwork, registration } from "./support.ts";

export const address = "10.0.0.1:7171";

export interface World {
  readonly time: VirtualTime;
  readonly network: ManualNetwork;
  readonly node: RegistryNode;
}

/** A node that is not yet started. */
export function make(seeds: readonly string[] = []): World {
  const time = new VirtualTime();
  const network = new ManualNetwork(time);
  const node = new RegistryNode({
    settings: { env: "prod", zone: "z1", region: "r1", address, seeds, version: "1", hasKey: true },
    limits: testLimits(),
    clock: time.clock(0),
    timers: time.timersOf(() => true),
    random: seededRandom(1),
    network,
    log: silentLog,
  });
  return { time, network, node };
}

export function started(seeds: readonly string[] = []): World {
  const world = make(seeds);
  world.node.start();
  return world;
}

export function register(node: RegistryNode, change: Partial<Register> = {}): void {
  expect(node.registrar.register(registration(change), localCaller).code).toBe(Code.Ok);
}

export const chats = (node: RegistryNode): string[] =>
  node
    .instances("prod", "chat", Status.Any)
    .map(({ hostname }) => hostname)
    .toSorted();

/** Names of the chats that are marked in what readers get. */
export function stale(node: RegistryNode): string[] {
  const app = node.table.app("prod", "chat");
  if (app === undefined) return [];
  const text = [...zonePieces(app, undefined, "", Status.Any)].join("");
  // The client of this implementation reads it as before.
  const up = parseService(parseAnswer(`{"code":0,"data":${text}}`).data).instances;
  expect(up).toHaveLength(node.instances("prod", "chat", Status.Up).length);
  return [...text.matchAll(/"hostname":"(\w+)"[^{}]*\{\}[^{}]*"renew_timestamp":\d+,"stale":true\}/g)].map(
    ([, hostname = ""]) => hostname,
  );
}
