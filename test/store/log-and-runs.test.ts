// The log and its index answer alike, whatever has been flushed and merged, in every process.

import { expect, test } from "bun:test";
import { outcome, talkJob } from "../../src/store/jobs.ts";
import { indexPathOf, removeIndex } from "../../src/store/sqlite/index/index-file.ts";
import type { Talk } from "../../src/store/store.ts";
import { Random, testSeed } from "../support/random.ts";
import type { Process } from "./log-process.ts";
import { commit, idsOf, storedCodes } from "./log-process.ts";
import { draft, talk } from "./samples.ts";
import { runsOf, say, worlds } from "./log-and-runs.ts";

const newWorld = worlds();

test("whatever is flushed and merged, by whom and however they die, the answers are those of a plain list", () => {
  const random = new Random(testSeed("log and runs"));
  const accounts = ["ann", "bob", "eve", "joe", "zoe"] as const;
  const groups = ["g0", "g1", "g2"] as const;
  const world = newWorld(1 + random.below(6));
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

test("a clientId is found in the memtable, in runs and in merged runs, and by a process that starts later", () => {
  const world = newWorld(4);
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
  const world = newWorld(4);
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
  const world = newWorld(10, { memtableMessagesMax: 100 });
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
  const world = newWorld(4);
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
