// The questions that wait for a before hook: bounded and shared, each with its deadline, whatever the receiver does.

import { expect, test } from "bun:test";
import { systemRandom } from "../../src/base/random.ts";
import { BeforeQueue } from "../../src/hooks/before-queue.ts";
import { type Verdict, verdictsIn } from "../../src/hooks/before-verdicts.ts";
import { HookCounts } from "../../src/hooks/hook-counts.ts";
import { NoAnswer } from "../../src/hooks/http-sender.ts";
import type { Endpoint } from "../../src/store/hooks.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { testSecret } from "./receiver.ts";

const timeoutMs = 1_000;
const endpoint: Endpoint = {
  id: 1n,
  version: 1n,
  app: "app",
  name: "slow",
  url: "http://crm.example/",
  secret: testSecret,
  events: ["before.send"],
  isFailOpen: false,
  positions: { log: 0n, undelivered: 0n },
  lost: 0,
};

/** Lets requests leave and answers arrive. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await Bun.sleep(0);
}

/** A request that waits to be answered. */
interface Open {
  readonly url: string;
  readonly waitMs: number;
  /** Whose questions it has. */
  readonly from: readonly string[];
  readonly answer: (status: number, body?: string) => void;
}

/** A queue whose receiver answers when the test says so. */
function stage() {
  const time = new ManualTimers();
  const requests: Open[] = [];
  const state = { isEnded: false, bugs: [] as unknown[] };
  const post = (url: string, _: object, sent: Uint8Array, waitMs: number) =>
    new Promise<{ status: number; headers: Map<string, string>; body: string; mayReuse: boolean }>(
      (resolve, reject) => {
        const { questions }: { questions: { data: { from: string } }[] } = JSON.parse(Buffer.from(sent).toString());
        const answer = (status: number, body = ""): void =>
          resolve({ status, headers: new Map(), body, mayReuse: false });
        requests.push({ url, waitMs, from: questions.map(({ data }) => data.from), answer });
        time.after(waitMs, () => reject(new NoAnswer("has not answered")));
      },
    );
  const counts = new HookCounts();
  const queue = new BeforeQueue(
    endpoint,
    {
      clock: time,
      timers: time,
      sender: { post },
      random: systemRandom,
      timeoutMs,
      counts,
      bug: (bug) => state.bugs.push(bug),
    },
    () => (state.isEnded = true),
  );
  /** By senders, in the order in which they came. */
  const verdicts: (readonly [from: string, verdict: Verdict])[] = [];
  const ask = (from: string, body = "hi"): void =>
    void queue.ask(from, "before.send", { from, body }).then((verdict) => verdicts.push([from, verdict]));
  const of = (from: string): readonly boolean[] =>
    verdicts.filter(([sender]) => sender === from).map(([, { isAllowed }]) => isAllowed);
  return { time, requests, state, queue, verdicts, ask, of };
}

test("the texts that wait for an answer are bounded together, and those beyond are not asked about", async () => {
  const { time, ask, verdicts, queue, state } = stage();
  const body = "x".repeat(64 * 1024);
  for (let at = 0; at < 300; at++) ask(`sender${at}`, body);
  await Promise.resolve().then(() => undefined);
  expect(verdicts.length).toBe(300 - 255);
  await turns();
  time.advance(timeoutMs);
  await turns();
  expect([verdicts.every(([, { isAllowed }]) => !isAllowed), queue.isEmpty, state.bugs]).toEqual([true, true, []]);
  // All of the room is free again.
  for (let at = 0; at < 200; at++) ask(`sender${at}`, body);
  await Promise.resolve().then(() => undefined);
  expect(verdicts.length).toBe(300);
});

test("a sender holds half of the room at most, and others find theirs", async () => {
  const { ask, of, requests } = stage();
  for (let at = 0; at < 20_000; at++) ask("loud");
  for (let at = 0; at < 1_000; at++) ask(`quiet${at}`);
  await turns();
  // What has no room waits for nothing but its sender's earlier questions, so none is decided before them.
  expect(of("loud").length).toBe(0);
  expect(requests[0]?.from.slice(0, 3)).toEqual(["loud", "quiet0", "quiet1"]);
  expect(requests.flatMap(({ from }) => from.filter((each) => each === "loud")).length).toBeLessThan(10);
});

test("questions beyond a sender's share are refused in its order, and nobody else's are", async () => {
  const { ask, of, requests } = stage();
  for (let at = 0; at < 5_001; at++) ask("loud");
  ask("quiet");
  for (let at = 0; at < 100; at++) {
    await turns();
    for (const { answer } of requests.splice(0)) answer(204);
  }
  expect(of("loud")).toEqual([...Array.from({ length: 5_000 }, () => true), false]);
  expect(of("quiet")).toEqual([true]);
});

test("a sender whose questions hang holds half of the requests at most", async () => {
  const { ask, of, requests } = stage();
  for (let at = 0; at < 20; at++) {
    for (let each = 0; each < 100; each++) ask("loud");
    await turns();
  }
  expect(requests.length).toBe(4);
  ask("quiet");
  await turns();
  expect(requests[4]?.from).toEqual(["quiet"]);
  requests[4]?.answer(204);
  await turns();
  expect([of("quiet"), of("loud")]).toEqual([[true], []]);
});

test("a question keeps its time whatever else its request carries", async () => {
  const { ask, of, requests, time } = stage();
  for (let at = 0; at < 8; at++) {
    ask(`busy${at}`);
    await turns();
  }
  time.advance(100);
  ask("early");
  time.advance(850);
  ask("late");
  requests[0]?.answer(204);
  await turns();
  expect(requests[8]).toMatchObject({ from: ["early", "late"], waitMs: timeoutMs });
  time.advance(150);
  await turns();
  expect([of("early"), of("late")]).toEqual([[false], []]);
  requests[8]?.answer(204);
  await turns();
  expect([of("early"), of("late")]).toEqual([[false], [true]]);
});

test("what waits when its endpoint is removed is allowed, in its order, and the queue ends", async () => {
  const { ask, of, requests, queue, state } = stage();
  for (let at = 0; at < 5; at++) {
    ask("ann");
    await turns();
  }
  expect(requests.length).toBe(4);
  queue.use(undefined);
  ask("ann");
  await turns();
  expect([of("ann"), state.isEnded]).toEqual([[], false]);
  requests[3]?.answer(200, '{"answers":[{"id":"0","allow":false}]}');
  for (const at of [2, 1, 0]) requests[at]?.answer(204);
  await turns();
  expect([of("ann"), state.isEnded]).toEqual([[true, true, true, false, true, true], true]);
});

test("what waits when its endpoint is changed is asked at the new one", async () => {
  const { ask, requests, queue } = stage();
  for (let at = 0; at < 5; at++) {
    ask("ann");
    await turns();
  }
  queue.use({ ...endpoint, url: "http://new.example/" });
  requests[0]?.answer(204);
  await turns();
  expect(requests.map(({ url }) => url)).toEqual([...Array<string>(4).fill(endpoint.url), "http://new.example/"]);
});

test("a question that has to be found first keeps its place among its sender's", async () => {
  const { ask, requests, queue, verdicts, time } = stage();
  const found = Promise.withResolvers<object | undefined>();
  const told: string[] = [];
  const first = queue.ask("ann", "before.send", found.promise).then(() => told.push("found"));
  const failing = queue.ask("ann", "before.send", Promise.reject(new Error("the store is away")));
  const failed = failing.catch((error: unknown) => told.push(String(error)));
  ask("ann");
  await turns();
  requests[0]?.answer(204);
  await turns();
  expect([told, verdicts.length]).toEqual([[], 0]);
  found.resolve(undefined);
  await Promise.all([first, failed]);
  await turns();
  expect([told, verdicts.length, time.pending]).toEqual([["found", "Error: the store is away"], 1, 1]);
});

test.each([
  ['{"answers":[{"id":"1","allow":false}]}', "ynyy"],
  ['{"answers":[{"id":1,"allow":false}]}', "ynyy"],
  ["", "yyyy"],
  ["{}", "yyyy"],
  // Malformed alone.
  ['{"answers":[{"id":"0","allow":"false"},{"id":"1","allow":0},{"id":"2","body":7},{"id":"3","extra":[]}]}', "????"],
  ['{"answers":[{"id":"2","allow":null}]}', "yy?y"],
  ['{"answers":[{"id":"2","body":null,"extra":null}]}', "yyyy"],
  // Of which questions they are cannot be known.
  ['{"answers":[{"id":"4","allow":false}]}', "????"],
  ['{"answers":[{"id":"-0","allow":false}]}', "????"],
  ['{"answers":[{"id":"","allow":false}]}', "????"],
  ['{"answers":[{"id":null}]}', "????"],
  ['{"answers":[{"id":[1]}]}', "????"],
  ['{"answers":[{"id":true}]}', "????"],
  ['{"answers":[{"id":1.5}]}', "????"],
  ['{"answers":[{"allow":false}]}', "????"],
  ['{"answers":[{"id":"1"},{"id":1,"allow":false}]}', "????"],
  ['{"answers":[7]}', "????"],
  ['{"answers":{}}', "????"],
  ['{"answers":null}', "????"],
  ["[]", "????"],
  ['{"answers":[{"id":"1","allow":false}]', "????"],
])("the answer %p to four questions says %p", (text, expected) => {
  const verdicts = verdictsIn(text, 4);
  const shown = Array.from({ length: 4 }, (_, at) => {
    const verdict = verdicts[at];
    return verdict === undefined ? "?" : verdict.isAllowed ? "y" : "n";
  });
  expect(shown.join("")).toBe(expected);
});
