// Start-up: reads are refused until another node has told all it knows, or until it is clear that none will.

import { beforeEach, expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import type { Compared, PeerFailure } from "../../src/registry/replication/peer-messages.ts";
import { StartUp } from "../../src/registry/replication/start-up.ts";
import { VirtualTime } from "../sim/virtual-time.ts";
import { compared, nodeInfo, unreachable } from "./support.ts";

interface Asked {
  readonly address: string;
  readonly part: (reply: Compared) => void;
  readonly done: (reply: Compared | PeerFailure) => void;
}

let time: VirtualTime;
let addresses: string[];
let ended: number;
/** What was asked and not answered by the test. */
let asked: Asked[];
/** How a node answers, by its address; others never do. */
let answers: Map<string, () => Compared | PeerFailure>;
let startUp: StartUp;

beforeEach(() => {
  time = new VirtualTime();
  addresses = [];
  ended = 0;
  asked = [];
  answers = new Map();
  startUp = new StartUp({
    clock: time.clock(0),
    timers: time.timersOf(() => true),
    log: silentLog,
    addresses: () => addresses,
    restore: (address, part, done) => {
      asked.push({ address, part, done });
      const answer = answers.get(address);
      if (answer === undefined) return;
      time.after(1, () => {
        const reply = answer();
        if (reply.kind === "compared") part(reply);
        done(reply);
      });
    },
    ended: () => void ended++,
  });
});

const starting = (): Compared => compared({ node: nodeInfo({ isStarting: true }) });

/** A part of a node's table, after which more comes. */
const aPart = compared({ nextBucket: 1 });

function theOnlyOneAsked(): Asked {
  const [only, ...others] = asked;
  if (only === undefined || others.length > 0) throw new Error(`${asked.length} were asked`);
  return only;
}

test("without other nodes protection is over at once", () => {
  startUp.begin();
  expect(startUp.isProtected).toBe(false);
  expect(startUp.isSynced).toBe(false);
  expect(ended).toBe(1);
});

test("it is over as soon as one node has told all it knows, whatever the others do", () => {
  addresses = ["a", "b", "c"];
  answers.set("a", () => unreachable).set("b", () => compared());
  startUp.begin();
  expect(startUp.isProtected).toBe(true);
  time.advance(1);
  expect(startUp.isProtected).toBe(false);
  expect(startUp.isSynced).toBe(true);
  time.advance(120_000);
  expect(ended).toBe(1);
});

test("when all others are starting or unreachable it is over after 3 s, unsynchronised", () => {
  addresses = ["starting", "unreachable", "silent"];
  answers.set("starting", starting).set("unreachable", () => unreachable);
  startUp.begin();
  time.advance(2_999);
  expect(startUp.isProtected).toBe(true);
  time.advance(1);
  expect(startUp.isProtected).toBe(false);
  expect(startUp.isSynced).toBe(false);
  const count = asked.length;
  time.advance(120_000);
  expect(asked).toHaveLength(count);
  expect(ended).toBe(1);
});

test("a node that was starting or away is asked again until it can tell", () => {
  addresses = ["a", "b"];
  answers.set("a", starting).set("b", () => unreachable);
  startUp.begin();
  time.advance(1_000);
  expect(startUp.isProtected).toBe(true);
  answers.set("b", () => compared());
  time.advance(1_000);
  expect(startUp.isSynced).toBe(true);
});

test("one that has begun to tell is waited for beyond 3 s", () => {
  addresses = ["a", "b"];
  answers.set("b", () => unreachable);
  startUp.begin();
  const teller = asked.find(({ address }) => address === "a");
  time.after(2_000, () => teller?.part(aPart));
  time.advance(30_000);
  expect(startUp.isProtected).toBe(true);
  teller?.done(compared());
  expect(startUp.isProtected).toBe(false);
  expect(startUp.isSynced).toBe(true);
});

test("one that has begun to tell and breaks off after 3 s is not waited for any longer", () => {
  addresses = ["a"];
  startUp.begin();
  theOnlyOneAsked().part(aPart);
  time.advance(10_000);
  expect(startUp.isProtected).toBe(true);
  theOnlyOneAsked().done(unreachable);
  expect(startUp.isProtected).toBe(false);
  expect(startUp.isSynced).toBe(false);
});

test("a node that is starting does not hold anybody up by telling what little it has", () => {
  addresses = ["a"];
  startUp.begin();
  theOnlyOneAsked().part(compared({ node: nodeInfo({ isStarting: true }), nextBucket: 1 }));
  time.advance(3_000);
  expect(startUp.isProtected).toBe(false);
});

test("nobody is waited for longer than a minute", () => {
  addresses = ["a"];
  startUp.begin();
  for (let atMs = 1_000; atMs < 70_000; atMs += 1_000) time.after(atMs, () => theOnlyOneAsked().part(aPart));
  time.advance(59_999);
  expect(startUp.isProtected).toBe(true);
  time.advance(1);
  expect(startUp.isProtected).toBe(false);
  expect(startUp.isSynced).toBe(false);
  theOnlyOneAsked().done(compared());
  expect(ended).toBe(1);
});

test("when the only other node turns out to be this one it is over at once", () => {
  addresses = ["myself"];
  answers.set("myself", () => {
    addresses = [];
    return starting();
  });
  startUp.begin();
  time.advance(1);
  expect(startUp.isProtected).toBe(false);
});

test("a closed start-up says nothing more", () => {
  addresses = ["a"];
  answers.set("a", () => unreachable);
  startUp.begin();
  startUp.close();
  time.advance(120_000);
  expect(ended).toBe(0);
  expect(asked).toHaveLength(1);
});
