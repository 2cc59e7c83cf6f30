// A registry node whose wall clock leaps and comes back, or is set back: what it wrote meanwhile is not refused for
// good, by itself or by others, and no service is refused because of it.

import { limitTable } from "../../src/base/limits/table.ts";
import { beforeEach, expect, test } from "bun:test";
import { HybridClock } from "../../src/registry/table/hybrid-clock.ts";
import { Code } from "../../src/registry/codes.ts";
import { Office } from "./office.ts";
import { cancelled, identityOf, living, nanoseconds } from "./support.ts";

const dayMs = 86_400_000;
const identity = identityOf({ hostname: "chat-1" });

let office: Office;
beforeEach(() => {
  office = new Office();
});

/** Runs `work` while the wall clock is `ms` ahead. */
function ahead(ms: number, work: () => void): void {
  office.time.wallSteppedMs += ms;
  work();
  office.time.wallSteppedMs -= ms;
}

const isRefusedByOthers = (): boolean =>
  new HybridClock(office.clock, limitTable.timestampAhead.initial).isTooFarAhead(office.entry().dirty);

test("after a leap of 30 days a new service is listed, with a version that others take", () => {
  ahead(30 * dayMs, () => office.register({ hostname: "other" }));
  expect(office.register()).toEqual({ code: Code.Ok });
  expect(office.table.get(identity)?.instance).toBeDefined();
  expect(isRefusedByOthers()).toBe(false);
});

test("what was registered during a leap can be registered again, set and cancelled", () => {
  for (const write of [() => office.register({ version: "2" }), () => office.set([{ hostname: "chat-1" }])]) {
    ahead(30 * dayMs, () => office.register());
    expect(write()).toEqual({ code: Code.Ok });
    expect(isRefusedByOthers()).toBe(false);
  }
  ahead(30 * dayMs, () => office.register());
  expect(office.cancel()).toEqual({ code: Code.Ok });
  expect(office.table.get(identity)?.instance).toBeUndefined();
});

test("what was cancelled during a leap can be registered again", () => {
  office.register();
  ahead(30 * dayMs, () => office.cancel());
  expect(office.register()).toEqual({ code: Code.Ok });
  expect(office.table.get(identity)?.instance).toBeDefined();
});

test("what was registered during a leap gets a version of now; cancellations of that time are forgotten", () => {
  office.register({ hostname: "before" });
  ahead(30 * dayMs, () => {
    office.register();
    office.register({ hostname: "gone" });
    office.cancel({ hostname: "gone" });
  });
  expect(office.table.restamp().map(({ identity: { hostname } }) => hostname)).toEqual(["chat-1"]);
  expect(isRefusedByOthers()).toBe(false);
  expect(office.table.get(identityOf({ hostname: "gone" }))).toBeUndefined();
  expect(office.table.restamp()).toEqual([]);
});

test("what readers compare with does not go back", () => {
  ahead(30 * dayMs, () => office.register());
  const { latest } = office;
  office.register({ version: "2" });
  expect(office.latest).toBeGreaterThan(latest);
});

test("a clock that is set back by less than what others take goes on above its last version", () => {
  office.register();
  const { dirty } = office.entry();
  office.time.wallSteppedMs -= limitTable.timestampAhead.initial / 2;
  office.register({ version: "2" });
  expect(office.entry().dirty).toBeGreaterThan(dirty);
  expect(office.entry().dirty - dirty).toBeLessThan(nanoseconds(1));
});

test("a snapshot written during a leap is shown, with a version of now", () => {
  const future = new HybridClock(office.clock, limitTable.timestampAhead.initial).next() + nanoseconds(365 * dayMs);
  office.table.restore(living(future));
  office.table.restore(cancelled(future, { hostname: "gone" }));
  expect(office.table.get(identity)).toMatchObject({ isStale: true, instance: { hostname: "chat-1" } });
  expect(office.table.get(identityOf({ hostname: "gone" }))).toBeUndefined();
  expect(office.register({ version: "2" })).toEqual({ code: Code.Ok });
  expect(office.entry()).toMatchObject({ isStale: false, instance: { version: "2" } });
  expect(isRefusedByOthers()).toBe(false);
});

test("a node that starts with its clock years behind shows its snapshot, and takes later changes", () => {
  const version = new HybridClock(office.clock, limitTable.timestampAhead.initial).next();
  ahead(-20 * 365 * dayMs, () => {
    office.table.restore(living(version));
    expect(office.table.live).toBe(1);
    expect(office.table.get(identity)?.isStale).toBe(true);
  });
  expect(office.table.merge(living(version))).toBe("newer");
  expect(office.entry()).toMatchObject({ dirty: version, isStale: false });
});
