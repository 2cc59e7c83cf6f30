// What a registry's scheduler makes of the weights of instances.

import { afterEach, describe, expect, test } from "bun:test";
import { scheduled, type Scheduler, schedulerOf } from "../../../src/registry/client/scheduler.ts";
import { weightMax } from "../../../src/base/limits/fixed.ts";
import { instanceWeight } from "../../../src/registry/client/zone-balance.ts";
import type { Instance } from "../../../src/registry/instance.ts";
import { until } from "../../../scripts/harness/until.ts";
import { living } from "../support.ts";
import { instanceJson } from "./fake-registry.ts";
import { client, endAll, fakeNode } from "./naming-client.ts";

afterEach(endAll);

const plain = (scheduler: Scheduler): unknown =>
  Object.fromEntries([...scheduler].map(([zone, to]) => [zone, [...to]]));

describe("a scheduler", () => {
  const read = {
    z1: [
      ["z1", 80],
      ["z2", 20],
    ],
    z2: [["z2", 1]],
  };

  test("is read in either of its shapes", () => {
    const zones = { z1: { weight: 80 }, z2: { weight: 20 } };
    const clients = { z1: { zones }, z2: { zones: { z2: { weight: 1 } } } };
    expect(plain(schedulerOf({ app_id: "chat", env: "prod", clients, remark: "" }))).toEqual(read);
    const list = [
      { src: "z1", dst: { z1: 80, z2: 20 } },
      { src: "z2", dst: { z2: 1 } },
    ];
    expect(plain(schedulerOf(list))).toEqual(read);
  });

  test("says nothing where it cannot be read, and the rest counts", () => {
    for (const value of [undefined, null, 1, "x", true, [], {}, [1, null, "x"], { clients: [] }, { clients: 3 }])
      expect(schedulerOf(value).size).toBe(0);
    expect(
      plain(schedulerOf([{ src: 1, dst: { z1: 1 } }, { src: "z1" }, { src: "z2", dst: { z1: "8", z2: 8 } }])),
    ).toEqual({
      z1: [],
      z2: [["z2", 8]],
    });
    const zones = {
      a: { weight: -1 },
      b: { weight: 1.5 },
      c: { weight: weightMax + 1 },
      d: {},
      e: null,
      f: { weight: 0 },
    };
    expect(plain(schedulerOf({ clients: { z1: { zones }, z2: null, z3: { zones: 7 } } }))).toEqual({
      z1: [["f", 0]],
      z2: [],
      z3: [],
    });
  });
});

describe("instances", () => {
  const instance = (hostname: string, zone: string, weight?: string): Instance => {
    const metadata = new Map([["id", hostname], ...(weight === undefined ? [] : [["weight", weight] as const])]);
    const made = living(1n, { hostname, zone, metadata }).instance;
    if (made === undefined) throw new Error("it lives");
    return made;
  };
  const weigh = (instances: readonly Instance[], named: Readonly<Record<string, number>>, zone = "z1"): number[] =>
    scheduled({ instances, scheduler: schedulerOf([{ src: "z1", dst: named }]) }, zone).map(instanceWeight);

  const three = [instance("a", "z1", "1"), instance("b", "z1", "3"), instance("c", "z2", "500")];

  test("share their zone's weight by their own, however many there are in a zone", () => {
    // 2:6:2 of 10.
    expect(weigh(three, { z1: 8, z2: 2 })).toEqual([333_333, 1_000_000, 333_333]);
    expect(weigh(three.slice(1), { z1: 1, z2: 1 })).toEqual([1_000_000, 1_000_000]);
  });

  test("of a zone that is not named or weighs 0 get nothing, unless all would", () => {
    expect(weigh(three, { z1: 1 })).toEqual([333_333, 1_000_000, 0]);
    expect(weigh(three, { z1: 0, z2: 5 })).toEqual([0, 0, 1_000_000]);
    expect(weigh(three, { z9: 1 })).toEqual([1, 3, 500]);
    expect(weigh(three, {})).toEqual([1, 3, 500]);
  });

  test("get a little rather than nothing, and nothing where they weigh nothing", () => {
    const uneven = [instance("a", "z1", "1"), instance("b", "z1", "1000000"), instance("c", "z1", "0")];
    expect(weigh([...uneven, instance("d", "z2")], { z1: 1, z2: 1_000_000 })).toEqual([1, 1, 0, 1_000_000]);
  });

  test("are as they came for a client of another zone, and without a scheduler", () => {
    const scheduler = schedulerOf([{ src: "z1", dst: { z1: 1 } }]);
    expect(scheduled({ instances: three, scheduler }, "z2")).toBe(three);
    expect(scheduled({ instances: three, scheduler: schedulerOf(undefined) }, "z1")).toBe(three);
  });
});

describe("a client", () => {
  test("tells final weights, found and watched, and tells again when only the scheduler has changed", async () => {
    const node = fakeNode();
    const instances = ["z1", "z2"].map((zone) => instanceJson("chat", `in-${zone}`, { zone }));
    const say = (timestamp: bigint, z1: number, z2: number): void =>
      node.list("chat", instances, timestamp, {
        clients: { z1: { zones: { z1: { weight: z1 }, z2: { weight: z2 } } } },
      });
    say(10n, 3, 1);
    const { naming } = client([node]);
    expect((await naming.findNow("chat")).map(instanceWeight)).toEqual([1_000_000, 333_333]);
    const lists: number[][] = [];
    naming.subscribe("chat", (list) => lists.push(list.map(instanceWeight)));
    await until(() => lists.length === 1, "the first list");
    say(20n, 0, 1);
    await until(() => lists.length === 2, "the second list");
    node.list("chat", instances, 30n, "no scheduler at all");
    await until(() => lists.length === 3, "the third list");
    expect(lists).toEqual([
      [1_000_000, 333_333],
      [0, 1_000_000],
      [1, 1],
    ]);
  });
});
