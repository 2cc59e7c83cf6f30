// The log and its index below the store's threads: writers, readers and folders in one thread, each with connections of
// its own as in processes of their own, so that a test says when a flush, a merge or a death happens.

import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import { outcome, talkJob } from "../../src/store/jobs.ts";
import { indexPathOf, openIndex, removeIndex } from "../../src/store/sqlite/index/index-file.ts";
import type { Talk } from "../../src/store/store.ts";
import { Random, testSeed } from "../support/random.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { commit, idsOf, Process, storedCodes } from "./log-process.ts";
import { draft, talk } from "./store-suite.ts";

const root = temporaryFolder("log-and-runs-");
let worlds = 0;

class World {
  readonly path: string;
  nowMs = Date.UTC(2026, 0, 1);
  private readonly flushMessages: number;
  private readonly memtableMessagesMax: number | undefined;
  private processes = 0;
  private readonly clock: Clock = {
    wallMs: () => this.nowMs,
    wallNs: () => BigInt(this.nowMs) * 1_000_000n,
    monotonicMs: () => this.nowMs,
  };

  constructor(flushMessages: number, memtableMessagesMax?: number) {
    this.path = join(root, `${worlds++}.db`);
    this.flushMessages = flushMessages;
    this.memtableMessagesMax = memtableMessagesMax;
    writeFileSync(this.path, "");
  }

  start(): Process {
    return new Process(
      this.path,
      `process-${this.processes++}`,
      this.clock,
      this.flushMessages,
      this.memtableMessagesMax,
    );
  }
}

interface RunRow {
  readonly level: bigint;
  readonly messages: bigint;
}

function runsOf(world: World): RunRow[] {
  const index = openIndex(indexPathOf(world.path));
  const rows = index.query<RunRow, []>("SELECT level, messages FROM run ORDER BY last_id").all();
  index.close();
  return rows;
}

function say(process: Process, change: Partial<Talk> = {}): bigint {
  const [code, id = 0n] = commit(process, [talkJob(talk(change))])[0] ?? [];
  expect(storedCodes).toContain(code);
  return id;
}

test("whatever is flushed and merged, by whom and however they die, the answers are those of a plain list", () => {
  const random = new Random(testSeed("log and runs"));
  const accounts = ["ann", "bob", "eve", "joe", "zoe"] as const;
  const groups = ["g0", "g1", "g2"] as const;
  const world = new World(1 + random.below(6));
  const running: [Process, Process] = [world.start(), world.start()];
  const messages: (Talk & { readonly id: bigint; readonly previous: bigint })[] = [];
  const windows: { readonly group: string; readonly account: string; readonly from: bigint; until: bigint }[] = [];
  const idMax = 2n ** 63n - 1n;
  const windowNow = (group: string, account: string) =>
    windows.find((window) => window.group === group && window.account === account && window.until === idMax);
  const sees = (account: string, includeSent: boolean) => (message: (typeof messages)[number]) => {
    if (message.sender === account && (message.toGroup || message.dest !== account)) return includeSent;
    if (!message.toGroup) return message.dest === account;
    return windows.some(
      ({ group, account: who, from, until }) =>
        group === message.dest && who === account && from < message.id && message.id < until,
    );
  };
  for (const id of groups) {
    const [code, version = 0n] =
      commit(running[0], [{ kind: "create", draft: draft({ id, owner: "ann" }), isWhole: true }])[0] ?? [];
    expect(code).toBe(outcome.created);
    windows.push({ group: id, account: "ann", from: version, until: idMax });
  }

  const talkSome = (process: Process): void => {
    const talks: Talk[] = Array.from({ length: 1 + random.below(8) }, () => {
      const old = random.once(4) ? messages[random.below(messages.length)] : undefined;
      if (old !== undefined) return old;
      const toGroup = random.once(3);
      return talk({
        sender: random.pick(accounts),
        toGroup,
        dest: toGroup ? random.pick(groups) : random.pick(accounts),
        body: `${random.u32()}`,
        clientId: random.once(2) ? `k${random.below(200)}` : "",
      });
    });
    for (const [i, [code, id = 0n, , previous = 0n]] of commit(process, talks.map(talkJob)).entries()) {
      const said = talks[i];
      if (said === undefined) continue;
      const same = messages.find(
        ({ sender, clientId }) => clientId !== "" && sender === said.sender && clientId === said.clientId,
      );
      if (same !== undefined) {
        const isSame = same.dest === said.dest && same.body === said.body && same.toGroup === said.toGroup;
        if (isSame) {
          expect(code === outcome.repeated || code === outcome.repeatedElsewhere).toBe(true);
          expect([id, previous]).toEqual([same.id, same.previous]);
        } else expect(code).toBe(outcome.conflict);
      } else if (said.toGroup && windowNow(said.dest, said.sender) === undefined) {
        expect(code).toBe(outcome.forbidden);
      } else {
        expect(storedCodes).toContain(code);
        const before = messages.findLast(({ toGroup, dest }) => toGroup === said.toGroup && dest === said.dest);
        expect(previous).toBe(before?.id ?? 0n);
        messages.push({ ...said, id, previous });
      }
    }
  };
  const changeMember = (process: Process): void => {
    const [group, account] = [random.pick(groups), random.pick(accounts)];
    // The owner stays: a group that everybody has left is closed.
    if (account === "ann") return;
    const now = windowNow(group, account);
    const change = { app: "app", group, actor: account, account };
    const [code, , version = 0n] = commit(process, [{ kind: now === undefined ? "join" : "quit", change }])[0] ?? [];
    expect(code).toBe(outcome.changed);
    if (now === undefined) windows.push({ group, account, from: version, until: idMax });
    else now.until = version;
  };
  const readSome = (process: Process): void => {
    const account = random.pick(accounts);
    const includeSent = random.once(2);
    const after = messages[random.below(messages.length + 1)]?.id ?? 1n;
    const limit = 1 + random.below(40);
    const expected = messages.filter(({ id }) => id > after).filter(sees(account, includeSent));
    expect(idsOf(process, { account, after, includeSent, limit })).toEqual(
      expected.map(({ id }) => id).slice(0, limit),
    );
  };

  for (let turn = 0; turn < 1_500; turn++) {
    world.nowMs += random.below(300);
    const place = random.below(2) === 0 ? 0 : 1;
    const process = running[place];
    const dice = random.below(100);
    if (dice < 40) talkSome(process);
    else if (dice < 45) changeMember(process);
    else if (dice < 70) readSome(process);
    else if (dice < 97) process.keeper.compact();
    else {
      process.die();
      // A lost index now and then, and lock files of the dead that are looked at.
      if (random.once(8)) {
        running[1 - place]?.die();
        removeIndex(indexPathOf(world.path));
        running[1 - place] = world.start();
      }
      running[place] = world.start();
    }
  }
  for (const account of accounts) {
    for (const includeSent of [false, true]) {
      const expected = messages.filter(sees(account, includeSent)).map(({ id }) => id);
      for (const process of running) expect(idsOf(process, { account, includeSent })).toEqual(expected.slice(0, 2000));
    }
  }
  for (const process of running) process.die();
}, 60_000);

test("flushes make runs, eight of one level become one, and no block is left over", () => {
  const world = new World(4);
  const process = world.start();
  const ids = Array.from({ length: 4 * 8 * 8 * 2 + 4 * 3 + 1 }, () => say(process));
  process.settle();
  expect(runsOf(world).map(({ level }) => level)).toEqual([2n, 2n, 0n, 0n, 0n]);
  expect(idsOf(process, { account: "bob" })).toEqual(ids);
  const index = openIndex(indexPathOf(world.path));
  const blocks = index.query<{ runs: bigint; wrong: bigint }, []>(
    `SELECT count(DISTINCT number / 4194304) AS runs, count(*) FILTER (WHERE number / 4194304 NOT IN
     (SELECT number FROM run)) AS wrong FROM block`,
  );
  expect(blocks.get()).toEqual({ runs: 5n, wrong: 0n });
  index.close();
  process.die();
});

test("one process compacts at a time; if it dies, another goes on after the lease, even mid-merge", () => {
  const world = new World(4);
  const [first, second] = [world.start(), world.start()];
  const ids = Array.from({ length: 4 * 8 }, () => say(first));
  while (runsOf(world).length < 8) first.keeper.compact();
  // This one begins the merge; the next would end it.
  expect(first.keeper.compact()).toBe(true);
  expect(second.keeper.compact()).toBe(false);
  expect(runsOf(world)).toHaveLength(8);
  world.nowMs += 6_000;
  second.settle();
  expect(runsOf(world)).toEqual([{ level: 1n, messages: 32n }]);
  // The first one wakes up: it holds nothing any more.
  expect(first.keeper.compact()).toBe(false);
  expect(runsOf(world)).toHaveLength(1);
  for (const process of [first, second]) {
    expect(idsOf(process, { account: "bob" })).toEqual(ids);
    process.die();
  }
});

test("a compactor that slept while another one flushed forgets what it had read", () => {
  const world = new World(4);
  const [first, second] = [world.start(), world.start()];
  const ids = [say(first), say(first), say(first)];
  first.settle();
  world.nowMs += 6_000;
  ids.push(say(second));
  second.settle();
  world.nowMs += 6_000;
  ids.push(say(second));
  first.settle();
  expect(runsOf(world)).toEqual([{ level: 0n, messages: 4n }]);
  expect(idsOf(second, { account: "bob" })).toEqual(ids);
  for (const process of [first, second]) process.die();
});

/** 500 talks from seven to thirteen, each with a clientId of its own. */
function sayMany(process: Process, batch: number): void {
  const talks = Array.from({ length: 500 }, (_, i) =>
    talk({ sender: `s${i % 7}`, dest: `d${i % 13}`, clientId: `${batch}-${i}` }),
  );
  commit(process, talks.map(talkJob));
}

function tablesOf(world: World): { runs: bigint; blocksOfNone: bigint } | null {
  const index = openIndex(indexPathOf(world.path));
  const row = index
    .query<{ runs: bigint; blocksOfNone: bigint }, []>(
      `SELECT (SELECT count(*) FROM run) AS runs, count(*) AS blocksOfNone FROM block
       WHERE number / 4194304 NOT IN (SELECT number FROM run)`,
    )
    .get();
  index.close();
  return row;
}

/** Of one account, page by page. */
function allIdsOf(process: Process, account: string): bigint[] {
  const seen: bigint[] = [];
  for (let after = 1n; ;) {
    const page = idsOf(process, { account, after });
    if (page.length === 0) return seen;
    seen.push(...page);
    after = page.at(-1) ?? after;
  }
}

/**
 * Into the middle of a list: a slice has 16,384 postings, and the block that is open then belongs to the next one, too.
 */
function foldUntilSliced(world: World, process: Process): void {
  while ((tablesOf(world)?.blocksOfNone ?? 0n) === 0n) expect(process.keeper.compact()).toBe(true);
}

test("a flush that died between two slices leaves blocks that are swept, and is done again", () => {
  const world = new World(20_000);
  const first = world.start();
  for (let batch = 0; batch < 40; batch++) sayMany(first, batch);
  foldUntilSliced(world, first);
  expect(tablesOf(world)?.runs).toBe(0n);
  first.die();
  world.nowMs += 6_000;
  const second = world.start();
  second.settle();
  expect(tablesOf(world)).toEqual({ runs: 1n, blocksOfNone: 0n });
  expect(new Set(allIdsOf(second, "d3")).size).toBe(40 * Math.ceil((500 - 3) / 13));
  second.die();
});

test("a compactor that slept between two slices of a flush, while another one flushed, begins anew", () => {
  const world = new World(20_000);
  const [first, second] = [world.start(), world.start()];
  for (let batch = 0; batch < 40; batch++) sayMany(first, batch);
  foldUntilSliced(world, first);
  world.nowMs += 6_000;
  second.settle();
  expect(tablesOf(world)).toEqual({ runs: 1n, blocksOfNone: 0n });
  expect(first.keeper.compact()).toBe(false);
  world.nowMs += 6_000;
  for (let batch = 40; batch < 80; batch++) sayMany(first, batch);
  first.settle();
  expect(tablesOf(world)).toEqual({ runs: 2n, blocksOfNone: 0n });
  const seen = allIdsOf(second, "d3");
  expect(seen).toHaveLength(80 * Math.ceil((500 - 3) / 13));
  expect(new Set(seen).size).toBe(seen.length);
  for (const process of [first, second]) process.die();
});

test("a merge that died between two slices leaves blocks that are swept, and is done again", () => {
  const world = new World(5_000);
  const first = world.start();
  for (let batch = 0; batch < 80; batch++) sayMany(first, batch);
  const isMerging = (): boolean => {
    const tables = tablesOf(world);
    return tables?.runs === 8n && tables.blocksOfNone > 0n;
  };
  while (!isMerging()) expect(first.keeper.compact()).toBe(true);
  first.die();
  world.nowMs += 6_000;
  const second = world.start();
  second.settle();
  expect(tablesOf(world)).toEqual({ runs: 1n, blocksOfNone: 0n });
  const seen = allIdsOf(second, "d3");
  expect(seen).toHaveLength(80 * Math.ceil((500 - 3) / 13));
  expect(new Set(seen).size).toBe(seen.length);
  const [code] = commit(second, [talkJob(talk({ sender: "s2", dest: "d9", clientId: "7-9" }))])[0] ?? [];
  expect(code).toBe(outcome.repeatedElsewhere);
  second.die();
});

test("kill -9 in the middle of a flush or a merge loses nothing and repeats nothing", async () => {
  const world = new World(64);
  const acknowledged: string[] = [];
  // A run of 64 has three blocks; the ninth run is followed by a merge into six.
  for (const killAt of [1, 2, 3, 4, 13, 27, 28, 29, 31, 33]) {
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "compaction-child.ts"), world.path, `${killAt}`], {
      stdout: "pipe",
      stderr: "inherit",
    });
    const lines = (await new Response(child.stdout).text()).trim().split("\n");
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    expect(lines).toHaveLength(600);
    acknowledged.push(...lines);
    // Past the lease of the dead. The heir's own lies too far in the future for the next child to respect it.
    world.nowMs = Date.now() + 6_000;
    const heir = world.start();
    heir.keeper.compact();
    if (killAt % 2 === 0) heir.settle();
    expect(allIdsOf(heir, "bob").map(String)).toEqual(acknowledged);
    const [code, id] = commit(heir, [talkJob(talk({ clientId: `${child.pid}-2-50` }))])[0] ?? [];
    expect([code, `${id}`]).toEqual([outcome.repeatedElsewhere, lines[250] ?? ""]);
    heir.die();
  }
}, 60_000);

test("a clientId is found in the memtable, in runs and in merged runs, and by a process that starts later", () => {
  const world = new World(4);
  const first = world.start();
  const keyed = Array.from({ length: 4 * 9 + 2 }, (_, i) => talk({ clientId: `k${i}`, body: `b${i}` }));
  const stored = commit(first, keyed.map(talkJob));
  first.settle();
  const second = world.start();
  for (const process of [first, second]) {
    const again = commit(process, keyed.map(talkJob));
    expect(again.map(([, ...numbers]) => numbers)).toEqual(stored.map(([, ...numbers]) => numbers));
    expect(commit(process, [talkJob(talk({ clientId: "k3", body: "other" }))])[0]?.[0]).toBe(outcome.conflict);
    process.die();
  }
});

test("what others committed and flushed while a process slept is known to it", () => {
  const world = new World(4);
  const [first, second] = [world.start(), world.start()];
  say(first, { clientId: "early" });
  say(second);
  const ids = Array.from({ length: 30 }, (_, i) => say(second, { clientId: `k${i}` }));
  second.settle();
  const [code, id, , previous] = commit(first, [talkJob(talk({ clientId: "k7" }))])[0] ?? [];
  expect([code, id, previous]).toEqual([outcome.repeatedElsewhere, ids[7], ids[6]]);
  const [, , , before] = commit(first, [talkJob(talk())])[0] ?? [];
  expect(before).toBe(ids[29]);
  expect(idsOf(first, { account: "bob" })).toHaveLength(33);
  first.die();
  second.die();
});

test("while nobody compacts, writers and readers refuse at a bound of memory, and go on after a flush", () => {
  const world = new World(10, 100);
  const process = world.start();
  const ids = Array.from({ length: 100 }, () => say(process));
  expect(() => say(process)).toThrow(/lags behind the log/);
  expect(() => process.writer.renew()).toThrow(/lags behind the log/);
  const late = world.start();
  expect(() => idsOf(late, { account: "bob" })).toThrow(/lags behind the log/);
  process.settle();
  for (const each of [process, late]) {
    ids.push(say(each));
    expect(idsOf(each, { account: "bob" })).toEqual(ids);
    each.die();
  }
});

test("when the retention has deleted messages, their runs go, and nothing names them", () => {
  const world = new World(4);
  const process = world.start();
  const look = (): void => void process.writer.look(15 * 86_400_000);
  look();
  const old = Array.from({ length: 4 * 3 + 2 }, () => say(process));
  const oldKeyed = say(process, { clientId: "k", dest: "eve" });
  process.settle();
  world.nowMs += 60_000;
  look();
  world.nowMs += 16 * 86_400_000;
  const kept = Array.from({ length: 5 }, () => say(process));
  process.settle();
  expect(runsOf(world)).toHaveLength(5);
  look();
  while (process.writer.purge());
  process.settle();
  // The run in which old and kept ones meet stays.
  expect(runsOf(world).map(({ messages }) => messages)).toEqual([4n, 4n]);
  expect(idsOf(process, { account: "bob", after: old[0] ?? 0n })).toEqual(kept);
  const [code, id, , previous] = commit(process, [talkJob(talk({ clientId: "k", dest: "eve" }))])[0] ?? [];
  expect([code, previous]).toEqual([outcome.stored, 0n]);
  expect(id).toBeGreaterThan(oldKeyed);
  process.die();
});
