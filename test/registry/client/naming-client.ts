// A client of the registry with fake nodes and timers that a test advances.

import { silentLog } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { HttpNaming } from "../../../src/registry/client/http-naming.ts";
import type { Registration } from "../../../src/registry/client/naming.ts";
import { type Instance, Status } from "../../../src/registry/instance.ts";
import { ManualTimers } from "../../support/manual-timers.ts";
import { until } from "../../../scripts/harness/until.ts";
import { FakeRegistry } from "./fake-registry.ts";

const ends: (() => Promise<void>)[] = [];

/** Ends all nodes and clients of a test, the last one first; for `afterEach`. */
export async function endAll(): Promise<void> {
  for (const end of ends.splice(0).toReversed()) await end();
}

export function fakeNode(port = 0): FakeRegistry {
  const node = new FakeRegistry(port);
  ends.push(() => node.stop());
  return node;
}

export interface Client {
  readonly naming: HttpNaming;
  readonly timers: ManualTimers;
  /** True while a timer of that length runs. */
  readonly waits: (delayMs: number) => boolean;
}

export function client(
  nodes: readonly (FakeRegistry | string)[],
  { requiresKey = false, learnsNodes = true } = {},
): Client {
  const timers = new ManualTimers();
  const delaysMs = new Map<symbol, number>();
  const naming = new HttpNaming({
    nodes: nodes.map((node) => (typeof node === "string" ? node : node.url)),
    env: "test",
    zone: "z1",
    region: "r",
    hostname: "client-1",
    tokens: () => ["the token"],
    requiresKey,
    learnsNodes,
    random: seededRandom(1),
    log: silentLog,
    after: (delayMs, action) => {
      const timer = Symbol("timer");
      delaysMs.set(timer, delayMs);
      const cancel = timers.after(delayMs, () => {
        delaysMs.delete(timer);
        action();
      });
      return () => {
        delaysMs.delete(timer);
        cancel();
      };
    },
  });
  ends.push(() => naming.close());
  return { naming, timers, waits: (delayMs) => [...delaysMs.values()].includes(delayMs) };
}

/** What a subscriber got: host names of each list. */
export function told(naming: HttpNaming, service: string): string[][] {
  const lists: string[][] = [];
  naming.subscribe(service, (instances) => lists.push(namesOf(instances)));
  return lists;
}

/** How long a node lets a poll wait. */
export const heldMs = 30_000;

export const namesOf = (instances: readonly Instance[]): string[] => instances.map(({ hostname }) => hostname);

/** Waits for something while timers run on, for what takes an unknown number of tries. */
export async function untilWith(timers: ManualTimers, what: string, isSo: () => boolean): Promise<void> {
  await until(() => {
    if (isSo()) return true;
    timers.advance(100);
    return false;
  }, what);
}

/** Lets time pass at a client whose only poll waits at this node, which has no news and ends it every 30 s. */
export async function pass(timers: ManualTimers, node: FakeRegistry, byMs: number): Promise<void> {
  for (let leftMs = byMs; leftMs > 0; leftMs -= heldMs) {
    timers.advance(Math.min(leftMs, heldMs));
    node.release(-304);
    await until(() => node.held === 1, "the next poll");
  }
}

/** The one of two nodes that polls go to, and the other. */
export async function pollsAt(one: FakeRegistry, other: FakeRegistry): Promise<[FakeRegistry, FakeRegistry]> {
  await until(() => one.held + other.held === 1, "a poll");
  return one.held === 1 ? [one, other] : [other, one];
}

export const chat: Registration = {
  service: "chat",
  id: "chat-1",
  addrs: ["tcp://127.0.0.1:1", "http://127.0.0.1:2"],
  version: "7",
  status: Status.Up,
  metadata: new Map([["state", "young"]]),
};
