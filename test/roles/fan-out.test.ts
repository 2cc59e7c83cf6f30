import { expect, test } from "bun:test";
import type { Located, PushHead } from "../../src/service/dispatcher.ts";
import { type Delivery, FanOut } from "../../src/roles/chat/fan-out.ts";
import type { Location } from "../../src/session/sessions.ts";
import { Command } from "../../src/wire/commands.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { Random, testSeed } from "../support/random.ts";
import { Turns } from "../support/turns.ts";

const names = (count: number): string[] => Array.from({ length: count }, (_, at) => `m${at}`);
const locationOf = (account: string): Location => ({ device: "", channelId: account, gateway: "g", incarnation: "1" });

/** Somebody is online once, under the account's name; what is pushed is noted as text and receivers. */
function fixture(options: { readonly bytesMax?: number; readonly isAsync?: boolean } = {}) {
  const turns = new Turns();
  const pushed: { readonly text: string; readonly to: readonly string[] }[] = [];
  const settled: { readonly text: string; readonly cost: number; readonly error?: unknown }[] = [];
  const locate = (_app: string, accounts: readonly string[]): Located | Promise<Located> => {
    const located = accounts.map((account) => [locationOf(account)]);
    return options.isAsync === true ? Promise.resolve(located) : located;
  };
  const dispatcher = {
    push: (_head: PushHead, body: Uint8Array, located: Located) =>
      void pushed.push({ text: String(Buffer.from(body)), to: located.flat().map(({ channelId }) => channelId) }),
  };
  const { bytesMax = 1_000_000 } = options;
  const fanOut = new FanOut({ dispatcher, sessions: { locate }, bytesMax, soon: turns.soon });
  const delivery = (
    sender: string,
    group: string,
    text: string,
    accounts: readonly string[] | Promise<readonly string[]>,
    bytes = text.length,
  ): Delivery => {
    let error: unknown;
    return {
      app: "app",
      head: { command: Command.GroupTalk, channelId: "", sequence: 1, dest: group },
      payer: sender,
      audience: accounts instanceof Promise ? undefined : BigInt(accounts.length),
      bytes,
      body: () => Buffer.from(text),
      accounts: () => accounts,
      done: (cost) => void settled.push(error === undefined ? { text, cost } : { text, cost, error }),
      failed: (met) => void (error = met),
    };
  };
  const add = (...parts: Parameters<typeof delivery>): void => fanOut.add(delivery(...parts));
  return { turns, pushed, settled, fanOut, add };
}

test("a delivery to a few leaves in the turn in which it was added", async () => {
  const { pushed, settled, add, fanOut } = fixture();
  add("alice", "group", "hello", names(100));
  await Promise.resolve();
  expect(pushed).toEqual([{ text: "hello", to: names(100) }]);
  expect(settled).toEqual([{ text: "hello", cost: 100 }]);
  expect(fanOut.bytes).toBe(0);
});

test("a delivery to thousands takes several turns, each of them bounded, and reaches all in order", async () => {
  const { turns, pushed, settled, add } = fixture();
  add("alice", "group", "hello", names(3_000));
  await Promise.resolve();
  const sizes = (): number => pushed.reduce((sum, { to }) => sum + to.length, 0);
  let before = 0;
  do {
    expect(sizes() - before).toBeLessThanOrEqual(512);
    before = sizes();
  } while (turns.end());
  expect(pushed.flatMap(({ to }) => to)).toEqual(names(3_000));
  expect(settled).toEqual([{ text: "hello", cost: 3_000 }]);
});

test("a large body costs more, and goes to fewer in a turn", async () => {
  const { turns, pushed, settled, add } = fixture();
  add("alice", "group", "hello", names(300), 200 * 1024);
  await Promise.resolve();
  for (const { to } of pushed) expect(to.length).toBeLessThan(100);
  expect(pushed.length).toBeLessThan(10);
  turns.endAll();
  expect(pushed.flatMap(({ to }) => to)).toEqual(names(300));
  expect(settled).toEqual([{ text: "hello", cost: 300 * 51 }]);
});

test("one sender's hundred deliveries do not keep another's one", async () => {
  const { turns, pushed, add } = fixture();
  for (let group = 0; group < 100; group++) add("mallory", `g${group}`, "junk", names(1_000));
  add("bob", "friends", "hello", names(10));
  await Promise.resolve();
  let turn = 0;
  while (!pushed.some(({ text }) => text === "hello")) {
    if (!turns.end()) throw new Error("it never leaves");
    turn++;
  }
  expect(turn).toBeLessThanOrEqual(2);
});

test("what waits of a group leaves in the order of adding, for any sender and any time of the look-ups", async () => {
  for (const isAsync of [false, true]) {
    const random = new Random(testSeed("fan-out"));
    const { turns, pushed, settled, add, fanOut } = fixture({ isAsync });
    const added = new Map<string, string[]>();
    for (let number = 0; number < 300; number++) {
      const group = `g${random.below(5)}`;
      const accounts = names(random.once(3) ? 1 + random.below(900) : 700);
      const found = random.once(4) ? Bun.sleep(random.below(3)).then(() => accounts) : accounts;
      add(`s${random.below(3)}`, group, `${group} ${number}`, found);
      for (const account of accounts) {
        const key = `${group} ${account}`;
        added.set(key, [...(added.get(key) ?? []), `${group} ${number}`]);
      }
      if (random.once(5)) turns.end();
      if (random.once(20)) await Bun.sleep(0);
    }
    while (fanOut.bytes > 0) {
      turns.endAll();
      await Bun.sleep(0);
    }
    await fanOut.settled();
    const got = new Map<string, string[]>();
    for (const { text, to } of pushed) {
      for (const account of to) {
        const key = `${text.split(" ")[0]} ${account}`;
        got.set(key, [...(got.get(key) ?? []), text]);
      }
    }
    expect(got).toEqual(added);
    expect(settled).toHaveLength(300);
    expect(fanOut.bytes).toBe(0);
  }
});

test("a delivery whose receivers cannot be found fails, and delays no other one", async () => {
  const { pushed, settled, add, fanOut } = fixture();
  const away = new Error("the store is away");
  add("alice", "group", "lost", Promise.reject(away));
  add("alice", "group", "next", names(2));
  expect(pushed).toHaveLength(0);
  await fanOut.settled();
  expect(pushed).toEqual([{ text: "next", to: names(2) }]);
  expect(settled).toEqual([
    { text: "lost", cost: 0, error: away },
    { text: "next", cost: 2 },
  ]);
});

/** Deliveries that wait because nobody knows yet for whom they are. */
function holding(count: number) {
  const { fanOutBytes } = testLimits({ fanOutBytes: 1_000 }).values;
  const { add, fanOut } = fixture({ bytesMax: fanOutBytes });
  const known = Promise.withResolvers<readonly string[]>();
  for (let number = 0; number < count; number++) add("alice", "group", "x", known.promise, 500);
  return { fanOut, known };
}

bound("fanOutBytes", {
  at: () => expect(holding(1).fanOut.hasRoom).toBe(true),
  above: async () => {
    const { fanOut, known } = holding(2);
    expect(fanOut.hasRoom).toBe(false);
    known.resolve([]);
    await fanOut.settled();
    expect(fanOut.hasRoom).toBe(true);
  },
});

test("what is added together is delivered together: each receiver is looked up and written to once", async () => {
  const { turns, pushed, add } = fixture();
  for (let number = 0; number < 40; number++) add("alice", "group", `${number}`, names(1_000));
  await Promise.resolve();
  turns.endAll();
  // Forty to some of them, then forty to the next ones.
  const [first] = pushed;
  if (first === undefined) throw new Error("something was pushed");
  expect(pushed.slice(0, 40).map(({ text }) => text)).toEqual(Array.from({ length: 40 }, (_, number) => `${number}`));
  for (const { to } of pushed.slice(0, 40)) expect(to).toEqual(first.to);
  expect(pushed[40]?.to[0]).toBe(`m${first.to.length}`);
});

test("a delivery that is added meanwhile goes with those on their way, and once round to everybody", async () => {
  const { turns, pushed, settled, add } = fixture();
  add("alice", "group", "first", names(1_000));
  await Promise.resolve();
  add("bob", "group", "second", names(1_000));
  turns.endAll();
  // Some slices get both, the first one of them before the first delivery has been round.
  const at = pushed.findIndex(({ text }) => text === "second");
  expect(pushed[at - 1]?.text).toBe("first");
  expect(pushed[at - 1]?.to).toEqual(pushed[at]?.to ?? []);
  expect(pushed.findLastIndex(({ text }) => text === "first")).toBeGreaterThan(at);
  for (const text of ["first", "second"]) {
    const to = pushed.filter((push) => push.text === text).flatMap((push) => push.to);
    expect(to.toSorted()).toEqual(names(1_000).toSorted());
  }
  expect(settled).toEqual([
    { text: "first", cost: 1_000 },
    { text: "second", cost: 1_000 },
  ]);
});
