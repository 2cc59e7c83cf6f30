import { expect, test } from "bun:test";
import { LongHeads } from "../../../src/transport/http/long-heads.ts";
import { Turns } from "../../support/turns.ts";

const long = 13_000;

/** Connections that come with a long head each; who was read, in order. */
function fixture(mayGoOn?: () => boolean) {
  const turns = new Turns();
  const heads = new LongHeads(mayGoOn, turns.soon);
  const read: number[] = [];
  const come = (name: number, bytes = long, address = ""): void => {
    if (heads.mayRead(bytes)) read.push(name);
    else heads.wait({ goOn: () => come(name, bytes, address) }, address);
  };
  return { turns, read, come };
}

test("of long heads a turn reads a bounded share, in the order of their coming", () => {
  const { turns, read, come } = fixture();
  for (let name = 0; name < 300; name++) come(name);
  const most = Math.ceil((256 * 1024) / long);
  expect(read).toHaveLength(most);
  for (let before = read.length; turns.end(); before = read.length)
    expect(read.length - before).toBeLessThanOrEqual(most);
  expect(read).toEqual(Array.from({ length: 300 }, (_, name) => name));
});

test("short ones never wait, and a long one that comes later waits behind those that do", () => {
  const { turns, read, come } = fixture();
  for (let name = 0; name < 30; name++) come(name);
  const before = read.length;
  expect(before).toBeLessThan(30);
  come(1_000, 2_048);
  come(1_001);
  expect(read.slice(before)).toEqual([1_000]);
  turns.endAll();
  expect(read.at(-1)).toBe(1_001);
  // The share is whole again.
  come(1_002);
  expect(read.at(-1)).toBe(1_002);
});

test("one address after the other gets its turn, whatever waits for the others", () => {
  const { turns, read, come } = fixture();
  for (let name = 0; name < 200; name++) come(name, long, "203.0.113.1");
  const before = read.length;
  come(1_000, long, "203.0.113.2");
  come(1_001, long, "203.0.113.2");
  turns.end();
  expect(read.slice(before, before + 5)).toEqual([before, 1_000, before + 1, 1_001, before + 2]);
});

test("none is read while what they ask for cannot be worked on, and short ones are", () => {
  let room = 2;
  const { turns, read, come } = fixture(() => room > read.length);
  for (let name = 0; name < 5; name++) come(name);
  expect(read).toEqual([0, 1]);
  turns.end();
  expect(read).toEqual([0, 1]);
  come(1_000, 2_048);
  room = 5;
  turns.end();
  expect(read).toEqual([0, 1, 1_000, 2, 3]);
  room = 6;
  turns.endAll();
  expect(read).toEqual([0, 1, 1_000, 2, 3, 4]);
});
