// When a logic node comes of age, in a time that the tests let pass.

import { describe, expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { Readiness } from "../../src/service/readiness.ts";
import type { Instance } from "../../src/registry/instance.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { turn } from "../transport/recording.ts";
import { HandNaming, instanceOf } from "../link/hand-naming.ts";
import { newIdentity } from "../link/support.ts";

const youthMsMax = 10_000;

/** A node that is not ready. */
class Youth {
  readonly naming = new HandNaming();
  readonly linked = new Set<string>();
  readonly time = new VirtualTime();
  readonly warnings: string[] = [];
  reached = 0;
  prepared: Promise<void> = Promise.resolve();
  private readonly readiness = new Readiness({
    prepared: () => this.prepared,
    naming: this.naming,
    timers: this.time.timersOf(() => true),
    log: { ...silentLog, warn: (sentence) => void this.warnings.push(sentence) },
    isLinked: (gateway) => this.linked.has(gateway),
    linkedCount: () => this.linked.size,
    reached: () => void this.reached++,
  });

  async start(): Promise<void> {
    this.readiness.start();
    await turn();
  }

  stop(): void {
    this.readiness.stop();
  }

  /** Lets time pass in steps, with turns of the event loop in between, so that what is asked is answered. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 100) {
      this.time.advance(Math.min(100, left));
      await turn();
    }
  }
}

const gateway = (id: string, state = "adult"): Instance => instanceOf(newIdentity(id), "127.0.0.1:1", { state });

describe("a node comes of age", () => {
  test("at once when there are no gateways", async () => {
    const youth = new Youth();
    await youth.start();
    expect(youth.reached).toBe(1);
    expect(youth.warnings).toEqual([]);
  });

  test("at once when all that are listed are linked already", async () => {
    const youth = new Youth();
    youth.naming.list("wgateway", gateway("g1"), gateway("g2"));
    youth.naming.list("tgateway", gateway("g1"));
    youth.linked.add("g1").add("g2").add("unlisted");
    await youth.start();
    expect(youth.reached).toBe(1);
  });

  test("not before gateways have heard what they must", async () => {
    const youth = new Youth();
    const { promise, resolve } = Promise.withResolvers<void>();
    youth.prepared = promise;
    await youth.start();
    await youth.pass(1_000);
    expect(youth.reached).toBe(0);
    resolve();
    await youth.pass(200);
    expect([youth.reached, youth.warnings.length]).toEqual([1, 0]);
  });

  test("when the last of the listed is linked, of either service", async () => {
    const youth = new Youth();
    youth.naming.list("wgateway", gateway("g1"), gateway("g2"));
    youth.naming.list("tgateway", gateway("g3"));
    await youth.start();
    for (const id of ["g1", "g2", "g3"]) {
      await youth.pass(1_000);
      expect(youth.reached).toBe(0);
      youth.linked.add(id);
    }
    await youth.pass(200);
    expect(youth.reached).toBe(1);
    expect(youth.warnings).toEqual([]);
  });

  test("without those that leave, and without those that are not listed any more", async () => {
    const youth = new Youth();
    youth.linked.add("g1");
    youth.naming.list("wgateway", gateway("g1"), gateway("g2", "leaving"), gateway("g3"));
    await youth.start();
    await youth.pass(1_000);
    expect(youth.reached).toBe(0);
    youth.naming.list("wgateway", gateway("g1"), gateway("g2", "leaving"));
    await youth.pass(200);
    expect(youth.reached).toBe(1);
  });

  test("when all that are listed leave", async () => {
    const youth = new Youth();
    youth.naming.list("wgateway", gateway("g1", "leaving"));
    await youth.start();
    expect(youth.reached).toBe(1);
  });

  test("not by an empty list while gateways are linked: the registry has only begun to learn", async () => {
    const youth = new Youth();
    youth.linked.add("g1");
    await youth.start();
    await youth.pass(5_000);
    expect(youth.reached).toBe(0);
    youth.naming.list("wgateway", gateway("g1"), gateway("g2"));
    await youth.pass(1_000);
    expect(youth.reached).toBe(0);
    youth.linked.add("g2");
    await youth.pass(200);
    expect(youth.reached).toBe(1);
  });

  test("not while the registry is away, and then when it is back", async () => {
    const youth = new Youth();
    youth.naming.isAway = true;
    await youth.start();
    await youth.pass(5_000);
    expect(youth.reached).toBe(0);
    youth.naming.isAway = false;
    await youth.pass(200);
    expect(youth.reached).toBe(1);
  });
});

describe("a node does not wait longer than ten seconds", () => {
  const obstacles: readonly [string, (youth: Youth) => void][] = [
    ["for a gateway that does not come", ({ naming }) => naming.list("tgateway", gateway("g1"))],
    ["for a registry that is away", ({ naming }) => (naming.isAway = true)],
    ["for a registry that does not answer", ({ naming }) => (naming.find = () => new Promise(() => undefined))],
    ["for a registry that lists nothing", ({ linked }) => linked.add("g1")],
  ];
  test.each(obstacles)("%s", async (_, obstruct) => {
    const youth = new Youth();
    obstruct(youth);
    await youth.start();
    await youth.pass(youthMsMax - 100);
    expect(youth.reached).toBe(0);
    await youth.pass(100);
    expect(youth.reached).toBe(1);
    expect(youth.warnings).toHaveLength(1);
  });
});

test("it stays ready: a gateway that comes later does not change that, and nothing is asked any more", async () => {
  const youth = new Youth();
  await youth.start();
  expect(youth.reached).toBe(1);
  const { finds } = youth.naming;
  youth.naming.list("wgateway", gateway("g1"));
  await youth.pass(2 * youthMsMax);
  expect(youth.reached).toBe(1);
  expect(youth.naming.finds).toBe(finds);
  expect(youth.warnings).toEqual([]);
});

test("a node that leaves before it is ready does not become ready", async () => {
  const youth = new Youth();
  youth.naming.list("wgateway", gateway("g1"));
  await youth.start();
  await youth.pass(1_000);
  youth.stop();
  youth.linked.add("g1");
  await youth.pass(2 * youthMsMax);
  expect(youth.reached).toBe(0);
  const late = new Youth();
  const asked = late.start();
  late.stop();
  await asked;
  expect(late.reached).toBe(0);
});
