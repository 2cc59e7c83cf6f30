import { expect, test } from "bun:test";
import { PendingRequests } from "../../src/routing/pending-requests.ts";

test("a ticket finds its owner once", () => {
  const pending = new PendingRequests<string>(4);
  const ticket = pending.take("alice", 7, "chat.user.talk");
  expect(pending.release(ticket)).toBe("alice");
  expect(pending.release(ticket)).toBeUndefined();
  expect(pending.size).toBe(0);
});

test("no more requests than its capacity are pending, and a freed slot serves again", () => {
  const pending = new PendingRequests<number>(3);
  const tickets = [1, 2, 3].map((owner) => pending.take(owner, owner, "c"));
  expect(pending.take(4, 4, "c")).toBe(-1);
  expect(pending.release(tickets[1] ?? -1)).toBe(2);
  expect(pending.take(4, 4, "c")).toBeGreaterThan(0);
});

test("a late answer never reaches the slot's next owner", () => {
  const pending = new PendingRequests<string>(1);
  const late = pending.take("alice", 1, "c");
  pending.drain(() => undefined);
  const ticket = pending.take("bob", 1, "c");
  expect(pending.release(late)).toBeUndefined();
  expect(pending.release(ticket)).toBe("bob");
});

test("tickets are positive 32-bit numbers through all generations of a slot", () => {
  const pending = new PendingRequests<number>(1);
  for (let turn = 0; turn < 70_000; turn++) {
    const ticket = pending.take(turn, 0, "c");
    expect(ticket).toBeGreaterThan(0);
    expect(ticket).toBeLessThan(2 ** 32);
    expect(pending.release(ticket)).toBe(turn);
  }
});

test("a drain tells of every unanswered request, and of no other", () => {
  const pending = new PendingRequests<string>(10);
  const answered = pending.take("a", 1, "x");
  pending.take("b", 2, "y");
  pending.take("c", 3, "z");
  pending.release(answered);
  const told: unknown[] = [];
  pending.drain((owner, sequence, command) => told.push([owner, sequence, command]));
  expect(told).toEqual([
    ["b", 2, "y"],
    ["c", 3, "z"],
  ]);
  expect(pending.size).toBe(0);
});
