// The rows that messages become, and where they are.

import { expect, test } from "bun:test";
import type { ChatMessage } from "../../src/sdk/messenger/messenger.ts";
import { type Row, Rows } from "../../src/web/state/rows.ts";
import { Random, testSeed } from "../support/random.ts";
import { anchorAt, RowPositions, topFor } from "../../src/web/views/row-positions.ts";

const noon = Date.UTC(2026, 5, 15, 12);
const minute = 60_000;

function message(id: number, sender: string, ms: number, more: Partial<ChatMessage> = {}): ChatMessage {
  const empty = { type: 1, extra: "", mentions: [], replyTo: 0n, media: [], reactions: [] };
  const facts = { isEdited: false, isRecalled: false, state: "stored", clientId: "" } as const;
  return { id: BigInt(id), sender, sendTime: BigInt(ms) * 1_000_000n, body: `m${id}`, ...empty, ...facts, ...more };
}

/** All rows of parts of messages. */
const rowsOf = (rows: Rows, ...parts: readonly (readonly ChatMessage[])[]): readonly Row[] => rows.of(parts).flat();
const shown = (rows: readonly Row[]): readonly string[] =>
  rows.map(({ kind, message: one, isFirst }) => (kind === "message" ? `${isFirst ? "+" : ""}${one?.id}` : kind));

test("messages of one author within five minutes are one group; a day and what is new begin another", () => {
  const rows = rowsOf(new Rows("ann", 3n), [
    message(1, "bob", noon),
    message(2, "bob", noon + 4 * minute),
    message(3, "bob", noon + 10 * minute),
    message(4, "ann", noon + 11 * minute),
    message(5, "bob", noon + 12 * minute),
    message(6, "bob", noon + 13 * minute),
    message(7, "bob", noon + 24 * 60 * minute),
  ]);
  expect(shown(rows)).toEqual(["day", "+1", "2", "+3", "+4", "new", "+5", "6", "day", "+7"]);
});

test("a day comes once, whatever clocks say", () => {
  const day = 24 * 60 * minute;
  const rows = rowsOf(new Rows("ann", undefined), [
    message(1, "bob", noon),
    message(2, "bob", noon + day),
    message(3, "bob", noon),
    message(0, "ann", noon - 3 * day, { clientId: "a", state: "sending" }),
    message(0, "ann", noon + 3 * day, { clientId: "b", state: "failed" }),
  ]);
  expect(shown(rows).filter((kind) => kind === "day")).toEqual(["day", "day"]);
});

test("nothing is called new where all was read", () => {
  expect(shown(rowsOf(new Rows("ann", undefined), [message(1, "bob", noon)]))).toEqual(["day", "+1"]);
});

test("an unchanged message keeps its row, and a stored one the key that it had in the outbox", () => {
  const rows = new Rows("ann", undefined);
  const first = message(1, "bob", noon);
  const pending = [message(0, "ann", noon, { clientId: "c", state: "sending" })];
  const [, before, waiting] = rowsOf(rows, [first], pending);
  const [, after, stored] = rowsOf(rows, [first, message(2, "ann", noon, { clientId: "c" })]);
  expect(after === before).toBe(true);
  expect([waiting?.key, stored?.key]).toEqual(["c", "c"]);
});

test("rows made step by step are those made at once, whatever comes, changes and goes, and keep their heights", () => {
  const random = new Random(testSeed("rows"));
  const below = (bound: number): number => random.below(bound);
  const middle = 1_000_000;
  const rows = new Rows("p0", BigInt(middle));
  let positions: RowPositions | undefined;
  let parts: readonly (readonly ChatMessage[])[] = [];
  let [oldest, newest] = [middle, middle];
  const one = (id: number): ChatMessage =>
    message(id, `p${below(3)}`, noon + (id - middle) * 7 * minute + below(600_000));
  const page = (count: number): readonly ChatMessage[] => {
    oldest -= count;
    return Array.from({ length: count }, (_, at) => one(oldest + at));
  };
  const ends = (part: readonly ChatMessage[] = []): boolean => part[0]?.state === "sending";
  for (let step = 0; step < 300; step++) {
    const at = below(parts.length || 1);
    const part = parts[at] ?? [];
    const inPart = below(part.length || 1);
    const waiting = ends(parts.at(-1)) ? (parts.at(-1) ?? []) : [];
    const stored = ends(parts.at(-1)) ? parts.slice(0, -1) : parts;
    const changes = [
      () => [page(1 + below(20)), ...parts],
      () => [...stored.slice(0, -1), [...(stored.at(-1) ?? []), one(++newest)], waiting],
      () => [...stored, [one(++newest)], waiting],
      () => parts.with(at, part.toSpliced(inPart, 1)),
      () => parts.with(at, part.toSpliced(inPart, 1, ...part.slice(inPart, inPart + 1).map((old) => ({ ...old })))),
      () => [...stored, [...waiting, message(0, "p0", noon, { clientId: `c${step}`, state: "sending" })]],
      () => stored,
    ];
    parts = parts.length === 0 ? [page(3)] : (changes[below(changes.length)]?.() ?? []);
    parts = parts.filter(({ length }) => length > 0);
    const made = rows.of(parts);
    const all = made.flat();
    // Made at once: of copies, which nothing is known of.
    expect(shown(all)).toEqual(shown(rowsOf(new Rows("p0", BigInt(middle)), parts.flat())));
    positions = new RowPositions(made, positions);
    expect(positions.length).toBe(all.length);
    for (let i = 0; i < 20; i++) positions.measured(below(all.length + 1), 20 + below(100));
    const anew = new RowPositions([all]);
    const places = all.map((_, i) => i);
    expect(places.map((i) => positions?.row(i))).toEqual([...all]);
    expect(places.map((i) => positions?.topOf(i))).toEqual(places.map((i) => anew.topOf(i)));
    expect(positions.total).toBe(anew.total);
    expect(places.every((i) => positions?.at(positions.topOf(i)) === i)).toBe(true);
    const wanted = all[below(Math.max(1, all.length))]?.key ?? "";
    expect(positions.indexOf(wanted)).toBe(all.findIndex(({ key }) => key === wanted));
  }
});

test("of many messages, an older page and a newer message make rows of their own and of the part beside them", () => {
  const rows = new Rows("ann", undefined);
  const page = (first: number): readonly ChatMessage[] =>
    Array.from({ length: 200 }, (_, at) => message(first + at, "bob", noon + first + at));
  const later = Array.from({ length: 50 }, (_, at) => page(1_000 + at * 200));
  const former = rows.of(later);
  const last = [...(later.at(-1) ?? []), message(20_000, "bob", noon + 20_000)];
  const now = rows.of([page(800), ...later.slice(0, -1), last]);
  expect(now.map(({ length }) => length)).toEqual([201, ...Array<number>(49).fill(200), 201]);
  expect(now.slice(2, -1).every((part, at) => part === former[at + 1])).toBe(true);
  expect(now[1]?.slice(1).every((row, at) => row === former[0]?.[at + 2])).toBe(true);
  expect(now.at(-1)?.slice(0, -1)).toEqual([...(former.at(-1) ?? [])]);
});

test("what is read stays in its place when older messages come above it, and when heights turn out different", () => {
  const rows = new Rows("ann", undefined);
  const newer = Array.from({ length: 50 }, (_, at) => message(1_000 + at, "bob", noon + at * 1_000));
  const before = new RowPositions(rows.of([newer]));
  const top = before.topOf(20) + 5;
  const anchor = anchorAt(top, before, 300);
  const older = Array.from({ length: 200 }, (_, at) => message(1 + at, "bob", noon - minute + at));
  const after = new RowPositions(rows.of([older, newer]));
  const kept = (positions: RowPositions): number => {
    const key = before.row(20)?.key ?? "";
    return topFor(anchor, positions, 300) - positions.topOf(positions.indexOf(key));
  };
  expect(kept(after)).toBe(5);
  for (let at = 0; at < 100; at++) after.measured(at, 77);
  expect(kept(after)).toBe(5);
});

test("who was at the end stays there; a row that is gone counts as the end", () => {
  const positions = new RowPositions(
    new Rows("ann", undefined).of([Array.from({ length: 30 }, (_, at) => message(at + 1, "bob", noon + at))]),
  );
  const last = positions.total - 300;
  expect(anchorAt(last, positions, 300)).toBe("end");
  expect(topFor("end", positions, 300)).toBe(last);
  expect(topFor({ key: "no such row", offset: 3 }, positions, 300)).toBe(last);
});

test("the row at a height is found among 100,000, in front of them and behind them, too", () => {
  const pages = Array.from({ length: 500 }, (_, page) =>
    Array.from({ length: 200 }, (__, at) => message(page * 200 + at + 1, `p${at % 3}`, noon + page * 200 + at)),
  );
  const positions = new RowPositions(new Rows("ann", undefined).of(pages));
  for (const at of [0, 1, 2, 50_000, 99_999, 100_000]) expect(positions.at(positions.topOf(at))).toBe(at);
  expect([positions.at(-100), positions.at(positions.total + 100)]).toEqual([0, 100_000]);
});
