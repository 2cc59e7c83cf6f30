// Renewals that fail, as when the process has no free descriptor: they are tried again until one succeeds.

import { expect, test } from "bun:test";
import { TimerWheel } from "../../../src/base/timer-wheel.ts";
import { Generations } from "../../../src/transport/tls/generations.ts";

class FakeServer {
  isStopped = false;
  stop(): Promise<void> {
    this.isStopped = true;
    return Promise.resolve();
  }
}

function renewing() {
  const wheel = new TimerWheel(10, 64);
  const bugs: unknown[] = [];
  const servers = [new FakeServer()];
  const stage = { isFailing: false, tries: 0 };
  const generations = new Generations(servers[0] ?? new FakeServer(), {
    next() {
      stage.tries++;
      if (stage.isFailing) throw new Error("no free descriptor");
      const server = new FakeServer();
      servers.push(server);
      return server;
    },
    port: 1,
    isAlone: false,
    graceMs: 10_000,
    wheel,
    bug: (bug) => bugs.push(bug),
  });
  return { wheel, bugs, servers, stage, generations };
}

test("a renewal that fails is tried again until it succeeds, and reported once", () => {
  const { wheel, bugs, servers, stage, generations } = renewing();
  stage.isFailing = true;
  generations.renew();
  wheel.advance(5_000);
  expect(stage.tries).toBeGreaterThan(2);
  expect([servers.length, bugs.map(String)]).toEqual([1, ["Error: no free descriptor"]]);
  stage.isFailing = false;
  wheel.advance(2_000);
  const { tries } = stage;
  expect(servers.map(({ isStopped }) => isStopped)).toEqual([false, false]);
  wheel.advance(20_000);
  expect(servers.map(({ isStopped }) => isStopped)).toEqual([true, false]);
  expect(stage.tries).toBe(tries);
  stage.isFailing = true;
  generations.renew();
  expect(bugs).toHaveLength(2);
});

test("a renewal that fails is not tried twice when the next one has succeeded", () => {
  const { wheel, servers, stage, generations } = renewing();
  stage.isFailing = true;
  generations.renew();
  stage.isFailing = false;
  generations.renew();
  wheel.advance(5_000);
  expect([servers.length, stage.tries]).toEqual([2, 2]);
});

test("a renewal that fails is given up when the listener stops", async () => {
  const { wheel, stage, servers, generations } = renewing();
  stage.isFailing = true;
  generations.renew();
  generations.stopAccepting();
  await generations.end();
  stage.isFailing = false;
  wheel.advance(60_000);
  expect([stage.tries, servers.length]).toEqual([1, 1]);
});

test("a renewal that has to wait for an older server is not forgotten if it fails then", () => {
  const { wheel, servers, stage, generations } = renewing();
  // Four servers listen at most.
  for (let i = 0; i < 4; i++) generations.renew();
  expect(servers).toHaveLength(4);
  stage.isFailing = true;
  wheel.advance(10_100);
  stage.isFailing = false;
  wheel.advance(2_000);
  expect(servers).toHaveLength(5);
});
