// The names that a gateway gives to connections: no two starts of it share one, whatever the wall clock shows at each.

import { defaultSettings } from "../../scripts/harness/default-settings.ts";
import { systemRuntime } from "../../src/base/runtime.ts";
import { testLimits } from "../support/limits.ts";
import { afterEach, expect, setSystemTime, test } from "bun:test";
import { TokenVerifier } from "../../src/auth/token.ts";
import { silentLog } from "../../src/base/log.ts";
import { seededRandom } from "../../src/base/random.ts";
import { TimerWheel } from "../../src/base/timer-wheel.ts";
import { Links } from "../../src/routing/links.ts";
import { Metrics } from "../../src/observe/metrics.ts";
import { AddressLimits } from "../../src/roles/gateway/address-limits.ts";
import type { Channel } from "../../src/roles/gateway/channel.ts";
import { Gateway } from "../../src/roles/gateway/gateway.ts";
import { testSeed } from "../support/random.ts";

afterEach(() => {
  setSystemTime();
});

const seed = testSeed("channel ids");
const random = seededRandom(seed);

/** One start of the gateway `gate`. */
function start(): Gateway {
  const wheel = new TimerWheel();
  const bounds = testLimits();
  return new Gateway({
    serviceId: "gate",
    links: new Links<Channel>(["chat", "login"]),
    verifier: new TokenVerifier([new Uint8Array(32)]),
    wheel,
    limits: new AddressLimits(100, bounds, wheel),
    bounds,
    metrics: new Metrics().forService("gate", "gateway"),
    log: silentLog,
    ...defaultSettings("gateway"),
    ...systemRuntime,
    random,
  });
}

test("a restart repeats no name, also when each boot begins at the same wrong time", () => {
  setSystemTime(new Date("2000-01-01T00:00:00Z"));
  const ids = Array.from({ length: 100 }, start).flatMap((gateway) =>
    Array.from({ length: 100 }, () => gateway.nextChannelId("ann")),
  );
  expect(new Set(ids).size).toBe(10_000);
});

test("the numbers in the names of one start are whole, rise by one, and are read back exactly", () => {
  for (let count = 0; count < 1_000; count++) {
    const gateway = start();
    const first = gateway.nextChannelNumber;
    expect(first).toBeWithin(0, 2 ** 51);
    const names = [gateway.nextChannelId("a_b"), gateway.nextChannelId("a_b")];
    expect(names.map((name) => gateway.channelNumberOf(name))).toEqual([first, first + 1]);
  }
});
