// The bounds of long polls, without sockets: how many wait for one caller, and how long news that a client may ignore
// are held back. The event loop's timers run when the test says so.

import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { pollMs } from "../../../src/base/limits/fixed.ts";
import { silentLog } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { Parameters } from "../../../src/registry/http/parameters.ts";
import { Renderings } from "../../../src/registry/http/renderings.ts";
import { Polls } from "../../../src/registry/http/polls.ts";
import { Status } from "../../../src/registry/instance.ts";
import { bodyText } from "../../../src/transport/http/http-answer.ts";
import { testLimits } from "../../support/limits.ts";
import { RegistryNode } from "../../../src/registry/node/registry-node.ts";
import { VirtualTime } from "../../sim/virtual-time.ts";
import { localCaller, ManualNetwork, registration } from "../support.ts";
import { at } from "./support.ts";

let time: VirtualTime;
let node: RegistryNode;
let polls: Polls;
let renderings: Renderings;
beforeEach(() => {
  jest.useFakeTimers();
  time = new VirtualTime();
  node = new RegistryNode({
    settings: {
      env: "prod",
      zone: "z1",
      region: "r1",
      address: "10.0.0.1:7171",
      seeds: [],
      version: "1",
      hasKey: true,
    },
    limits: testLimits(),
    clock: time.clock(0),
    timers: time.timersOf(() => true),
    random: seededRandom(1),
    network: new ManualNetwork(time),
    log: silentLog,
  });
  node.start();
  const limits = testLimits();
  renderings = new Renderings({
    bytesMax: limits.values.registryAnswerBytes,
    stamp: () => node.table.version + node.table.renewals,
  });
  polls = new Polls({ node, limits, renderings });
});
afterEach(() => {
  polls.close();
  renderings.close();
  node.stop();
  jest.useRealTimers();
});

interface Asked {
  /** The answer's text; undefined while it waits. */
  text: string | undefined;
}

function ask(caller = "", deadlineMs?: number, signal = new AbortController().signal): Asked {
  const asked: Asked = { text: undefined };
  const parameters = new Parameters("env=prod&hostname=h&appid=chat&latest_timestamp=0", "");
  const onGone = (gone: () => void): void => {
    if (signal.aborted) gone();
    else signal.addEventListener("abort", gone);
  };
  void Promise.resolve(polls.polls({ parameters, caller, onGone, deadlineMs })).then(
    (answer) => (asked.text = bodyText(answer)),
  );
  return asked;
}

/** Lets promises that are settled be heard. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

test("the polls of one address are bounded: the next is refused, those of others and of this machine not", async () => {
  const controllers = Array.from({ length: 5_000 }, () => new AbortController());
  for (const { signal } of controllers) ask("10.0.0.9", undefined, signal);
  expect(polls.size).toBe(5_000);
  const refused = ask("10.0.0.9");
  const [other, local] = [ask("10.0.0.8"), ask("")];
  await settle();
  expect(at(JSON.parse(refused.text ?? "null"), "code")).toBe(-509);
  expect([other.text, local.text]).toEqual([undefined, undefined]);
  controllers[0]?.abort();
  const next = ask("10.0.0.9");
  await settle();
  expect(next.text).toBeUndefined();
});

test("a list without UP instances is held back for 10 s, and then told", async () => {
  node.registrar.register(registration({ status: Status.Waiting }), localCaller);
  const asked = ask();
  jest.advanceTimersByTime(9_900);
  await settle();
  expect(asked.text).toBeUndefined();
  jest.advanceTimersByTime(200);
  await settle();
  expect(at(JSON.parse(asked.text ?? "null"), "data", "chat", "instances")).toEqual({ z1: [] });
  expect(polls.size).toBe(0);
});

test("a poll without news ends after 30 s, or sooner when its client does not wait as long", async () => {
  const [full, brief] = [ask(), ask("", 5_000)];
  jest.advanceTimersByTime(4_900);
  await settle();
  expect([full.text, brief.text]).toEqual([undefined, undefined]);
  jest.advanceTimersByTime(200);
  await settle();
  expect(brief.text).toContain('"code":-304');
  jest.advanceTimersByTime(pollMs - 5_200);
  await settle();
  expect(full.text).toBeUndefined();
  jest.advanceTimersByTime(200);
  await settle();
  expect(full.text).toContain('"code":-304');
  expect(polls.size).toBe(0);
});

test("a poll that is answered leaves no timer and no count behind, whatever answers it", async () => {
  node.registrar.register(registration({ status: Status.Waiting }), localCaller);
  for (let round = 0; round < 3; round++) {
    const controller = new AbortController();
    const asked = ask("10.0.0.9", undefined, controller.signal);
    expect(jest.getTimerCount()).toBe(2);
    if (round === 0) controller.abort();
    else if (round === 1) polls.close();
    else {
      node.registrar.register(registration({ status: Status.Waiting, version: "2" }), localCaller);
      time.advance(1);
    }
    await settle();
    expect(asked.text).toBeDefined();
    expect([polls.size, jest.getTimerCount()]).toEqual([0, 0]);
  }
});

test("a poll whose socket has closed before it waits is not kept", async () => {
  ask("", undefined, AbortSignal.abort());
  await settle();
  expect(polls.size).toBe(0);
});
