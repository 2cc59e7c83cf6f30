// What one destination has yet to receive: never more than there is, one message at a time, again until it arrives.

import { beforeEach, expect, test } from "bun:test";
import { seededRandom } from "../../src/base/random.ts";
import type { Entry, EntryState } from "../../src/registry/table/entry.ts";
import { Outbox, type OutboxHost } from "../../src/registry/replication/outbox.ts";
import {
  type NodeInfo,
  type PeerFailure,
  type Replicated,
  renewalsPerMessage,
  statesPerMessage,
} from "../../src/registry/replication/peer-messages.ts";
import { testSeed } from "../support/random.ts";
import {
  beginNs,
  cancelled,
  identityOf,
  living,
  ManualNetwork,
  nodeInfo,
  replicated,
  type Sent,
  TableOverTime,
  unreachable,
} from "./support.ts";

const destination = "10.0.0.2:7171";
const seed = testSeed("outbox");

class Host extends TableOverTime implements OutboxHost {
  readonly network = new ManualNetwork(this.time);
  readonly parts = {
    clock: this.clock,
    timers: this.time.timersOf(() => true),
    random: seededRandom(seed),
    network: this.network,
  };
  readonly answers: string[] = [];
  readonly learned: EntryState[] = [];

  info(): NodeInfo {
    return nodeInfo({ address: "10.0.0.1:7171" });
  }
  answered(address: string, reply: Replicated | PeerFailure): void {
    this.answers.push(`${address} ${reply.kind}`);
  }
  learn(states: readonly EntryState[]): void {
    this.learned.push(...states);
  }
}

let host: Host;
let target: string | undefined;
let outbox: Outbox;

beforeEach(() => {
  host = new Host();
  target = destination;
  outbox = new Outbox(host, false, () => target);
});

/** The entry of a living instance. */
function entry(hostname: string): Entry {
  host.table.merge(living(beginNs + 1024n, { hostname }));
  const found = host.table.get(identityOf({ hostname }));
  if (found === undefined) throw new Error(`${hostname} was merged`);
  return found;
}

const entries = (count: number): Entry[] => Array.from({ length: count }, (_, index) => entry(`i${index}`));

/** What a message says: hostnames of states, and of renewals. */
function said({ message }: Sent): { states: string[]; renewals: string[] } {
  return {
    states: message.states.map(({ identity }) => identity.hostname),
    renewals: message.renewals.map(({ identity }) => identity.hostname),
  };
}

test("states go out at the end of the turn, in one message", () => {
  const [a, b] = [entry("a"), entry("b")];
  outbox.pushState(a);
  outbox.pushState(b);
  expect(host.network.sent).toEqual([]);
  host.time.advance(0);
  const sent = host.network.take();
  expect(sent.address).toBe(destination);
  expect(sent.message).toMatchObject({ kind: "replicate", isSpread: false });
  expect(said(sent)).toEqual({ states: ["a", "b"], renewals: [] });
  sent.done(replicated());
  expect(outbox.size).toBe(0);
  expect(host.answers).toEqual([`${destination} replicated`]);
});

test("an entry is sent in its state at the time of sending, with its age", () => {
  const a = entry("a");
  target = undefined;
  outbox.pushState(a);
  host.time.advance(0);
  target = destination;
  host.table.merge(cancelled(beginNs + 2048n, { hostname: "a" }));
  // The first retry comes within 100 ms.
  let sentMs = 0;
  while (host.network.sent.length === 0 && sentMs < 100) {
    host.time.advance(1);
    sentMs++;
  }
  const [state] = host.network.take().message.states;
  expect(state).toMatchObject({ dirty: beginNs + 2048n, instance: undefined });
  expect(Math.abs((state?.ageMs ?? 0) - sentMs)).toBeLessThanOrEqual(1);
});

test("renewals wait a second for company", () => {
  for (const each of entries(10)) {
    outbox.pushRenewal(each);
    host.time.advance(50);
  }
  host.time.advance(499);
  expect(host.network.sent).toEqual([]);
  host.time.advance(1);
  const { message } = host.network.take();
  expect(message.renewals.map(({ ageMs }) => ageMs)).toEqual(Array.from({ length: 10 }, () => 1_000));
});

test("a full message of renewals does not wait", () => {
  for (const each of entries(renewalsPerMessage)) outbox.pushRenewal(each);
  host.time.advance(0);
  expect(host.network.take().message.renewals).toHaveLength(renewalsPerMessage);
});

test("a state takes the renewals that wait along, and stands for its own", () => {
  const [a, b] = [entry("a"), entry("b")];
  outbox.pushRenewal(a);
  outbox.pushRenewal(b);
  outbox.pushState(a);
  outbox.pushRenewal(a);
  expect(outbox.size).toBe(2);
  host.time.advance(0);
  expect(said(host.network.take())).toEqual({ states: ["a"], renewals: ["b"] });
});

test("one message is on its way at a time; the next one fills meanwhile", () => {
  const [a, b, c] = [entry("a"), entry("b"), entry("c")];
  outbox.pushState(a);
  host.time.advance(0);
  const first = host.network.take();
  for (const each of [b, c]) {
    outbox.pushState(each);
    host.time.advance(1_000);
  }
  expect(host.network.sent).toEqual([]);
  first.done(replicated());
  host.time.advance(0);
  expect(said(host.network.take()).states).toEqual(["b", "c"]);
});

test("an entry that changes while it is on its way is sent once more", () => {
  const a = entry("a");
  outbox.pushState(a);
  host.time.advance(0);
  outbox.pushState(a);
  host.network.take().done(replicated());
  host.time.advance(0);
  expect(said(host.network.take()).states).toEqual(["a"]);
});

test("more than a message holds goes out in several", () => {
  for (const each of entries(2 * statesPerMessage + 1)) outbox.pushState(each);
  const lengths: number[] = [];
  while (outbox.size > 0) {
    host.time.advance(0);
    const { message, done } = host.network.take();
    lengths.push(message.states.length);
    done(replicated());
  }
  expect(lengths).toEqual([statesPerMessage, statesPerMessage, 1]);
});

test("is never longer than the table, whatever happens while the destination is away", () => {
  const all = entries(1_000);
  target = undefined;
  for (let round = 0; round < 50; round++) {
    for (const each of all) {
      if (round % 2 === 0) outbox.pushRenewal(each);
      else outbox.pushState(each);
    }
    host.time.advance(5_000);
    expect(outbox.size).toBeLessThanOrEqual(1_000);
  }
  for (const each of all) host.table.evict(each);
  host.time.advance(5_000);
  expect(outbox.size).toBe(0);
});

test("what failed comes again, until it arrives", () => {
  const [a, b] = [entry("a"), entry("b")];
  outbox.pushRenewal(b);
  outbox.pushState(a);
  for (let attempt = 0; attempt < 5; attempt++) {
    host.time.advance(5_000);
    const sent = host.network.take();
    expect(said(sent)).toEqual({ states: ["a"], renewals: ["b"] });
    sent.done(unreachable);
    expect(outbox.size).toBe(2);
  }
  host.time.advance(5_000);
  host.network.take().done(replicated());
  expect(outbox.size).toBe(0);
  host.time.advance(60_000);
  expect(host.network.sent).toEqual([]);
});

test("a renewal that failed does not come again beside the state of its entry", () => {
  const a = entry("a");
  outbox.pushRenewal(a);
  host.time.advance(1_000);
  outbox.pushState(a);
  host.network.take().done(unreachable);
  expect(outbox.size).toBe(1);
  host.time.advance(5_000);
  expect(said(host.network.take())).toEqual({ states: ["a"], renewals: [] });
});

test("retries come after 0.1 s and then half as often each, at least every 5 s", () => {
  outbox.pushState(entry("a"));
  host.time.advance(0);
  for (let failures = 0; failures < 12; failures++) {
    const failedMs = host.time.nowMs;
    host.network.take().done(unreachable);
    const longestMs = Math.min(100 * 2 ** failures, 5_000);
    while (host.network.sent.length === 0 && host.time.nowMs - failedMs < 10_000) host.time.advance(1);
    const waitedMs = host.time.nowMs - failedMs;
    expect(waitedMs).toBeGreaterThanOrEqual(longestMs / 2);
    expect(waitedMs).toBeLessThanOrEqual(longestMs + 1);
  }
});

test("news does not hurry a retry, and after a success nothing is slow any more", () => {
  outbox.pushState(entry("a"));
  for (let failures = 0; failures < 8; failures++) {
    host.time.advance(5_000);
    host.network.take().done(unreachable);
  }
  outbox.pushState(entry("b"));
  host.time.advance(2_499);
  expect(host.network.sent).toEqual([]);
  host.time.advance(2_501);
  host.network.take().done(replicated());
  outbox.pushState(entry("c"));
  host.time.advance(0);
  const sent = host.network.take();
  expect(said(sent).states).toEqual(["c"]);
  sent.done(unreachable);
  host.time.advance(100);
  expect(host.network.sent).toHaveLength(1);
});

test("waking sends at once what waits for a retry", () => {
  outbox.pushState(entry("a"));
  for (let failures = 0; failures < 8; failures++) {
    host.time.advance(5_000);
    host.network.take().done(unreachable);
  }
  outbox.wake();
  host.time.advance(0);
  host.network.take().done(unreachable);
  // The back-off began anew.
  host.time.advance(100);
  expect(host.network.sent).toHaveLength(1);
});

test("waking sends nothing twice while a message is on its way, and hurries no renewals", () => {
  outbox.pushState(entry("a"));
  host.time.advance(0);
  host.network.take().done(unreachable);
  host.time.advance(100);
  expect(host.network.sent).toHaveLength(1);
  outbox.wake();
  host.time.advance(0);
  host.network.take().done(replicated());
  outbox.pushRenewal(entry("b"));
  outbox.wake();
  host.time.advance(999);
  expect(host.network.sent).toEqual([]);
});

test("an entry without a destination waits until there is one", () => {
  target = undefined;
  outbox.pushState(entry("a"));
  host.time.advance(60_000);
  expect(outbox.size).toBe(1);
  expect(host.answers).toEqual([]);
  target = destination;
  host.time.advance(5_000);
  expect(said(host.network.take()).states).toEqual(["a"]);
});

test("a destination that lacks a renewed instance gets its state", () => {
  for (const name of ["a", "b", "c"]) outbox.pushRenewal(entry(name));
  host.time.advance(1_000);
  host.network.take().done(replicated({ wanted: [1, 7] }));
  host.time.advance(0);
  expect(said(host.network.take())).toEqual({ states: ["b"], renewals: [] });
});

test("what the destination has newer is learned", () => {
  outbox.pushState(entry("a"));
  host.time.advance(0);
  const newer = [living(beginNs + 4096n, { hostname: "a" })];
  host.network.take().done(replicated({ newer }));
  expect(host.learned).toEqual(newer);
});

test("neither a forgotten entry nor one that only a snapshot has is sent", () => {
  const a = entry("a");
  host.table.restore(living(beginNs, { hostname: "b" }));
  const b = host.table.get(identityOf({ hostname: "b" }));
  if (b === undefined) throw new Error("b was restored");
  for (const each of [a, b]) {
    outbox.pushState(each);
    outbox.pushRenewal(each);
  }
  host.table.evict(a);
  host.time.advance(1_000);
  expect(host.network.sent).toEqual([]);
  expect(outbox.size).toBe(0);
});

test("a closed one is empty, sends nothing and does not mind a late answer", () => {
  const a = entry("a");
  outbox.pushState(a);
  host.time.advance(0);
  const late = host.network.take();
  outbox.pushState(a);
  outbox.close();
  outbox.pushState(a);
  outbox.pushRenewal(a);
  late.done(unreachable);
  host.time.advance(60_000);
  expect(host.network.sent).toEqual([]);
  expect(outbox.size).toBe(0);
});
