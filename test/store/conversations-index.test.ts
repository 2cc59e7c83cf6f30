// The index finds the messages and partners of conversations as a plain list does, whatever is flushed, merged and
// deleted.

import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { talkJob } from "../../src/store/jobs.ts";
import { checkStore } from "../../src/store/sqlite/check.ts";
import { indexPathOf } from "../../src/store/sqlite/index/index-file.ts";
import type { LogIndex } from "../../src/store/sqlite/index/log-index.ts";
import { lists } from "../../src/store/sqlite/index/posting.ts";
import { blocksPerRun } from "../../src/store/sqlite/index/run-block.ts";
import { Random, testSeed } from "../support/random.ts";
import { commit, type Process, storedCodes } from "./log-process.ts";
import { runsOf, type World, worlds } from "./log-and-runs.ts";
import { draft, talk } from "./samples.ts";

const newWorld = worlds();
const idMax = 2n ** 63n - 1n;

interface Said {
  readonly id: bigint;
  readonly sender: number;
  /** As in the message table: an account, or minus a group. */
  readonly inbox: bigint;
}

/** A log and the plain list of its messages. */
class Conversations {
  readonly world: World;
  readonly said: Said[] = [];
  readonly random: Random;
  private readonly accounts: readonly [string, ...string[]];
  private readonly groups = ["g0", "g1"] as const;
  private readonly numbers = new Map<string, number>();

  constructor(random: Random, flushMessages: number, accounts: number) {
    this.random = random;
    this.world = newWorld(flushMessages);
    this.accounts = ["a0", ...Array.from({ length: accounts - 1 }, (_, i) => `a${i + 1}`)];
  }

  start(): Process {
    const process = this.world.start();
    const jobs = this.groups.map((id) => {
      return {
        kind: "create",
        draft: draft({ id, owner: "a0", members: this.accounts.slice(1) }),
        isWhole: true,
      } as const;
    });
    if (this.numbers.size > 0) return process;
    commit(process, jobs);
    process.look((_, log) => {
      for (const { name, number } of log.query<{ name: string; number: bigint }, []>("SELECT * FROM account").all())
        this.numbers.set(name, Number(number));
      for (const { id, number } of log.query<{ id: string; number: bigint }, []>(`SELECT * FROM "group"`).all())
        this.numbers.set(id, -Number(number));
    });
    return process;
  }

  /** `pick` chooses accounts: some pairs should talk more than others. */
  talk(process: Process, count: number, pick: () => number): void {
    const talks = Array.from({ length: count }, () => {
      const toGroup = this.random.once(5);
      const dest = toGroup ? this.random.pick(this.groups) : (this.accounts[pick()] ?? "a0");
      const clientId = this.random.once(2) ? `k${this.random.u32()}-${this.random.u32()}` : "";
      return talk({ sender: this.accounts[pick()] ?? "a0", toGroup, dest, clientId });
    });
    for (const [i, [code, id = 0n]] of commit(process, talks.map(talkJob)).entries()) {
      expect(storedCodes).toContain(code);
      const { sender, dest } = talks[i] ?? { sender: "", dest: "" };
      this.said.push({ id, sender: this.number(sender), inbox: BigInt(this.number(dest)) });
    }
  }

  number(name: string): number {
    return this.numbers.get(name) ?? 0;
  }

  anyAccount(): number {
    return this.number(this.random.pick(this.accounts));
  }

  anyInbox(): bigint {
    return BigInt(this.number(this.random.pick([...this.accounts, ...this.groups, ...this.groups])));
  }

  /** Deletes messages up to an id, as the retention does. */
  deleteUpTo(id: bigint): void {
    const log = new Database(this.world.path, { safeIntegers: true });
    log.run("PRAGMA busy_timeout = 5000");
    log.run("DELETE FROM message WHERE id <= ?", [id]);
    log.close();
    this.said.splice(0, this.said.findLastIndex((message) => message.id <= id) + 1);
  }

  partners(account: number): Map<number, bigint> {
    const found = new Map<number, bigint>();
    for (const { id, sender, inbox } of this.said) {
      if (inbox === BigInt(account)) found.set(sender, id);
      else if (sender === account && inbox > 0n) found.set(Number(inbox), id);
    }
    return found;
  }

  /** Counts by senders of some partners, each above an id of its own; what was not read is counted by pairs. */
  private compareSenders(index: LogIndex, receiver: number, edge: bigint, postingsMax: number): void {
    const { random, said } = this;
    const afters = new Map<number, bigint>();
    for (let left = random.below(4); left > 0; left--) afters.set(this.anyAccount(), random.once(3) ? 0n : edge);
    const { bySender, above } = index.countSenders(receiver, afters, postingsMax);
    for (const [sender, after] of afters) {
      const ids = said.filter((message) => message.sender === sender && message.inbox === BigInt(receiver));
      const rest = after < above ? index.countPair(sender, receiver, after, Infinity, above + 1n) : 0;
      expect((bySender.get(sender) ?? 0) + rest).toBe(ids.filter(({ id }) => id > after).length);
    }
    expect([...bySender.keys()].every((sender) => afters.has(sender))).toBe(true);
  }

  /** Compares some lookups with the list. */
  compare(process: Process, turns: number): void {
    const { random, said } = this;
    process.look((index) => {
      for (let turn = 0; turn < turns; turn++) {
        const [sender, receiver] = [this.anyAccount(), this.anyAccount()];
        const edge = (said[random.below(said.length)]?.id ?? 0n) + BigInt(random.below(3)) - 1n;
        const after = random.once(4) ? 0n : edge;
        const until = random.once(4) ? idMax : after + BigInt(random.u32()) * BigInt(random.below(2 ** 12));
        const atMost = 1 + random.below(20);
        const take = 1 + random.below(30);
        const pair = said.filter((message) => message.sender === sender && message.inbox === BigInt(receiver));
        const inbox = this.anyInbox();
        const received = said.filter((message) => message.inbox === inbox);
        const idsOf = (messages: readonly Said[]): bigint[] => messages.map(({ id }) => id);
        const above = (messages: readonly Said[]): bigint[] => idsOf(messages).filter((id) => id > after);
        const below = (messages: readonly Said[]): bigint[] =>
          idsOf(messages.filter(({ id }) => id < until)).toReversed();
        expect([...index.pairNewestFirst(sender, receiver, until)]).toEqual(below(pair));
        expect([...index.pairOldestFirst(sender, receiver, after)]).toEqual(above(pair));
        expect([...index.receivedNewestFirst(inbox, until).take(take)]).toEqual(below(received).slice(0, take));
        expect([...index.receivedOldestFirst(inbox, after).take(take)]).toEqual(above(received).slice(0, take));
        expect(index.countPair(sender, receiver, after, atMost)).toBe(Math.min(atMost, above(pair).length));
        const between = above(pair).filter((id) => id < until).length;
        expect(index.countPair(sender, receiver, after, atMost, until)).toBe(Math.min(atMost, between));
        expect(index.newestReceived(inbox)).toBe(received.at(-1)?.id ?? 0n);
        this.compareSenders(index, receiver, edge, take);
        const others = received.filter((message) => {
          return message.sender !== sender && message.id > after && message.id < until;
        });
        expect(index.countReceived(inbox, sender, after, until, atMost)).toBe(Math.min(atMost, others.length));
        const all = received.filter(({ id }) => id > after && id < until);
        expect(index.countReceived(inbox, 0, after, until, Infinity)).toBe(all.length);
        expect(sorted(index.partners(sender))).toEqual(sorted(this.partners(sender)));
      }
    });
  }
}

function sorted(partners: ReadonlyMap<number, bigint>): (readonly [number, bigint])[] {
  return [...partners].toSorted(([a], [b]) => a - b);
}

test("lookups of conversations agree with a plain list over the memtable and runs of all levels", () => {
  const random = new Random(testSeed("conversations"));
  const log = new Conversations(random, 3 + random.below(5), 9);
  const pick = (): number => (random.once(2) ? random.below(3) : random.below(9));
  const running = [log.start(), log.start()] as const;
  const levels = new Set<bigint>();
  // Enough for 64 flushes of any of these sizes, which make a run of level 2.
  log.talk(running[0], 7 * 64, pick);
  running[0].settle();
  for (let turn = 0; turn < 600; turn++) {
    const process = random.pick(running);
    if (random.once(2)) log.talk(process, 1 + random.below(6), pick);
    else for (let steps = random.below(60); steps > 0 && process.keeper.compact(); steps--);
    if (random.once(4)) log.compare(process, 2);
    if (turn % 10 === 9) for (const { level } of runsOf(log.world)) levels.add(level);
    if (turn % 100 === 99) log.world.nowMs += 6_000;
    if (turn > 400 && random.once(60)) log.deleteUpTo(log.said[random.below(log.said.length / 2)]?.id ?? 0n);
  }
  expect([...levels].toSorted((a, b) => Number(a - b))).toEqual([0n, 1n, 2n]);
  for (const process of running) {
    log.compare(process, 100);
    log.world.nowMs += 6_000;
    process.settle();
    log.compare(process, 100);
    process.die();
  }
  expect(checkStore(log.world.path, () => undefined)).toMatchObject({ index: "right", indexProblems: [] });
}, 60_000);

test("busy accounts have a list of partners in a flushed run, and the others have none", () => {
  const random = new Random(testSeed("busy accounts"));
  const log = new Conversations(random, 20_000, 400);
  const process = log.start();
  // The first receives and the second sends more than 4,096 of these; they also talk to each other.
  const talkSome = (): void => {
    for (let batch = 0; batch < 40; batch++) {
      let turn = 0;
      const isFromBusy = random.once(2);
      log.talk(process, 500, () => {
        const isSender = turn++ % 2 === (isFromBusy ? 1 : 0);
        return isSender ? random.below(400) : isFromBusy ? 1 : 0;
      });
    }
  };
  for (let round = 0; round < 3; round++) {
    talkSome();
    process.settle();
    log.compare(process, 10);
    process.look((index) => {
      for (const name of ["a0", "a1", "a2"]) {
        const account = log.number(name);
        expect(sorted(index.partners(account))).toEqual(sorted(log.partners(account)));
      }
    });
  }
  const covered = readPostings(log.world, lists.peers);
  const busy = new Set(covered.map(({ key }) => key));
  expect(busy.has(log.number("a0")) || busy.has(log.number("a1"))).toBe(true);
  expect(busy.has(log.number("a2"))).toBe(false);
  expect(checkStore(log.world.path, () => undefined)).toMatchObject({ index: "right", indexProblems: [] });
  process.die();
}, 60_000);

/** The keys and second words of all postings of a list. */
function readPostings(world: World, list: number): { readonly key: number; readonly second: number }[] {
  const index = new Database(indexPathOf(world.path), { readonly: true });
  const rows = index.query<{ postings: Uint8Array }, []>(blocksOf(list)).all();
  index.close();
  return rows.flatMap(({ postings }) => {
    const { buffer } = postings.slice();
    const count = postings.length / 16;
    const [keys, seconds] = [new Uint32Array(buffer, count * 8, count), new Uint32Array(buffer, count * 12, count)];
    return Array.from(keys, (key, at) => ({ key, second: seconds[at] ?? 0 }));
  });
}

function blocksOf(list: number): string {
  return `SELECT number, postings, crc FROM block WHERE number % ${blocksPerRun} / ${blocksPerRun / 8} = ${list}`;
}

/** Rewrites a block of a list, with a right checksum, by `change`. */
function rewrite(world: World, list: number, change: (bytes: Uint8Array) => Uint8Array): void {
  const index = new Database(indexPathOf(world.path));
  const row = index.query<{ number: number; postings: Uint8Array }, []>(blocksOf(list)).get();
  if (row === null) throw new Error("the list has a block");
  const bytes = change(row.postings.slice());
  index.run("UPDATE block SET postings = ?, crc = ? WHERE number = ?", [bytes, Bun.hash.crc32(bytes), row.number]);
  index.close();
}

/** Removes the second posting of a block of 16 bytes a posting. */
function withoutSecond(bytes: Uint8Array): Uint8Array {
  const count = bytes.length / 16;
  const parts = [
    [0, 8],
    [count * 8, 4],
    [count * 12, 4],
  ] as const;
  return Uint8Array.from(
    parts.flatMap(([from, size]) => [
      ...bytes.subarray(from, from + size),
      ...bytes.subarray(from + size * 2, from + size * count),
    ]),
  );
}

const harms: readonly [what: string, harm: (world: World) => void, problem: RegExp][] = [
  ["a posting of pair is missing", (world) => rewrite(world, lists.pair, withoutSecond), /"pair" has \d+ postings/],
  [
    "a posting of peers is missing",
    (world) => rewrite(world, lists.peers, withoutSecond),
    /"peers" of run \d+ differs/,
  ],
  [
    "a sender beside an inbox is wrong",
    (world) => rewrite(world, lists.received, (bytes) => ((bytes[bytes.length - 4] = 77), bytes)),
    /"received" has \d+ postings/,
  ],
  [
    "a partner's newest id is wrong",
    (world) => rewrite(world, lists.peers, (bytes) => bytes.with(0, (bytes[0] ?? 0) ^ 1)),
    /wrong fence|"peers" of run \d+ differs|not in order/,
  ],
];

for (const [what, harm, problem] of harms) {
  test(`the check finds that ${what}`, () => {
    const log = new Conversations(new Random(testSeed(what)), 50, 8);
    const process = log.start();
    log.talk(process, 450, () => log.random.below(8));
    process.settle();
    process.die();
    expect(runsOf(log.world).map(({ level }) => level)).toEqual([1n, 0n]);
    expect(checkStore(log.world.path, () => undefined)).toMatchObject({ index: "right", indexProblems: [] });
    harm(log.world);
    const { index, indexProblems } = checkStore(log.world.path, () => undefined);
    expect(index).toBe("damaged");
    expect(indexProblems.join("\n")).toMatch(problem);
  });
}

const blobs = ["fences_pair", "fences_peers", "filter_pair"] as const;

for (const blob of [...blobs, "pair block", "peers block"] as const) {
  test(`a damaged ${blob} is found by a lookup, and the index is made again`, () => {
    const log = new Conversations(new Random(testSeed(blob)), 50, 8);
    const process = log.start();
    log.talk(process, 450, () => log.random.below(8));
    process.settle();
    process.die();
    const index = new Database(indexPathOf(log.world.path));
    if (blob.endsWith("block")) {
      const list = blob === "pair block" ? lists.pair : lists.peers;
      const numbers = `SELECT number FROM (${blocksOf(list)})`;
      index.run(`UPDATE block SET postings = zeroblob(length(postings)) WHERE number IN (${numbers})`);
    } else index.run(`UPDATE run SET ${blob} = zeroblob(length(${blob})) WHERE level = 1`);
    index.close();
    log.world.nowMs += 6_000;
    const heir = log.start();
    const lookAround = (): void => {
      heir.look((found) => {
        for (let a = 0; a < 8; a++) {
          const me = log.number(`a${a}`);
          found.partners(me);
          for (let b = 0; b < 8; b++) Array.from(found.pairNewestFirst(me, log.number(`a${b}`), idMax));
        }
      });
    };
    expect(lookAround).toThrow(/is damaged/);
    heir.keeper.rebuild();
    heir.settle();
    heir.die();
    log.world.nowMs += 6_000;
    const last = log.start();
    log.compare(last, 50);
    last.die();
  });
}
