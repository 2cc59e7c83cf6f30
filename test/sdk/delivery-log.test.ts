import { expect, test } from "bun:test";
import { DeliveryLog } from "../../src/sdk/delivery-log.ts";

test("an id is taken once, before and after the cursor passes it", () => {
  const log = new DeliveryLog();
  expect([log.take(7n), log.take(7n)]).toEqual([true, false]);
  log.advance(7n);
  expect([log.take(7n), log.take(3n), log.take(8n)]).toEqual([false, false, true]);
});

test("a push does not move the cursor, and the cursor never moves back", () => {
  const log = new DeliveryLog();
  log.take(9n);
  expect(log.cursor).toBe(0n);
  log.advance(9n);
  log.advance(4n);
  expect(log.cursor).toBe(9n);
});

test("a message is a hole unless it is delivered, passed, or one's own", () => {
  const log = new DeliveryLog();
  log.advance(10n);
  log.take(12n);
  log.noteSent(14n);
  expect([0n, 10n, 11n, 12n, 13n, 14n].map((id) => log.isBeforeKnown(id))).toEqual([
    true,
    true,
    false,
    true,
    false,
    true,
  ]);
});

test("an own message that is also received is delivered all the same", () => {
  const log = new DeliveryLog();
  log.noteSent(5n);
  expect(log.take(5n)).toBe(true);
  expect([log.takeOwn(5n), log.takeOwn(6n), log.takeOwn(6n)]).toEqual([false, true, false]);
});

test("memory is bounded: the oldest id is forgotten first", () => {
  const log = new DeliveryLog(2);
  for (const id of [1n, 2n, 3n]) log.take(id);
  expect([log.isKnown(1n), log.isKnown(2n), log.isKnown(3n)]).toEqual([false, true, true]);
});
