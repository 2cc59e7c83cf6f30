// The removal of files that are gone, with a store and a place of the test.

import { expect, test } from "bun:test";
import { MediaSweep } from "../../src/media/media-sweep.ts";
import { MediaUnavailable } from "../../src/media/media-place.ts";
import type { GoneMedia } from "../../src/store/media.ts";
import { smallestIdAt } from "../../src/store/snowflake.ts";
import { silentLog } from "../../src/base/log.ts";

const hourMs = 3_600_000;
const startMs = Date.UTC(2026, 5, 1);

/** A round is begun by the test alone. */
function stage(count: number) {
  const rows = Array.from({ length: count }, (_, at): GoneMedia => {
    return { number: BigInt(at + 1), id: `file ${at}`, version: smallestIdAt(startMs) };
  });
  const uploaded = new Set(rows.map(({ id }) => id));
  const state = { nowMs: startMs, removals: 0, isAway: false };
  const store = {
    gone: (after: bigint, limit: number) =>
      Promise.resolve(rows.filter(({ number }) => number > after).slice(0, limit)),
    forget: (ids: readonly string[]) => {
      for (const id of ids)
        rows.splice(
          rows.findIndex((row) => row.id === id),
          1,
        );
      return Promise.resolve();
    },
  };
  const place = {
    remove: (id: string) => {
      if (state.isAway) return Promise.reject(new MediaUnavailable("away"));
      state.removals++;
      uploaded.delete(id);
      return Promise.resolve();
    },
  };
  const sweep = new MediaSweep(store, place, {
    timers: { after: () => () => undefined, soon: () => undefined },
    clock: { wallMs: () => state.nowMs },
    log: silentLog,
  });
  return { rows, uploaded, state, sweep };
}

test("a file that is gone is removed at once, and again when its ticket has ended; then it is forgotten", async () => {
  const { rows, uploaded, state, sweep } = stage(250);
  await sweep.sweep();
  expect([uploaded.size, state.removals, rows.length]).toEqual([0, 250, 250]);
  // Somebody has a ticket still.
  uploaded.add("file 7");
  state.nowMs += hourMs;
  await sweep.sweep();
  expect([uploaded.size, state.removals]).toEqual([1, 250]);
  state.nowMs += hourMs;
  await sweep.sweep();
  expect([uploaded.size, state.removals, rows.length]).toEqual([0, 500, 0]);
});

test("what cannot be removed is neither forgotten nor taken for removed", async () => {
  const { rows, uploaded, state, sweep } = stage(3);
  state.isAway = true;
  await sweep.sweep();
  state.nowMs += 2 * hourMs;
  await sweep.sweep();
  expect([uploaded.size, rows.length]).toEqual([3, 3]);
  state.isAway = false;
  await sweep.sweep();
  expect([uploaded.size, rows.length]).toEqual([0, 0]);
});
