import { expect, test } from "bun:test";
import { silentLog, type LogFields } from "../../src/base/log.ts";
import { ClockNotices } from "../../src/store/clock-notices.ts";

const hour = 3_600_000;
const day = 24 * hour;
const wallMs = Date.UTC(2026, 5, 1);

/** Notices by a clock that the test moves, and what they have told. */
function listen(): { notices: ClockNotices; told: string[]; time: { ms: number } } {
  const told: string[] = [];
  const time = { ms: 0 };
  const tell = (sentence: string, fields?: LogFields): void => {
    told.push(`${sentence.split(/[:.;]/)[0]} ${JSON.stringify(fields ?? {})}`);
  };
  const log = { ...silentLog, info: tell, warn: tell };
  return { notices: new ClockNotices(log, { monotonicMs: () => time.ms }), told, time };
}

test("ids that run ahead by more than a minute are logged when that begins and when it ends", () => {
  const { notices, told } = listen();
  for (const aheadMs of [0, 60_000, 90_000, 80_000, 10_000]) notices.sawIds(aheadMs);
  expect(told).toEqual([`The clock is behind the newest message's id {"secondsAhead":90}`]);
  expect(notices.idsAheadMs).toBe(10_000);
  notices.sawIds(0);
  notices.sawIds(0);
  expect(told.slice(1)).toEqual(["The clock has reached the newest message's id {}"]);
  expect(notices.idsAheadMs).toBe(0);
});

test("a wait is logged at once, with how many messages will go and when, then once a day, and at its end", async () => {
  const { notices, told, time } = listen();
  const count = (): Promise<number> => Promise.resolve(1_000_001);
  notices.sawPurge(0, wallMs, count);
  for (let hours = 0; hours < 30; hours++) {
    notices.sawPurge(day, wallMs, count);
    await Bun.sleep(0);
    time.ms += hour;
  }
  const fields = { messages: "more than 1,000,000", notBefore: "2026-06-02T00:00:00.000Z" };
  const begun = `Old messages are not deleted for now ${JSON.stringify(fields)}`;
  expect(told).toEqual([begun, begun]);
  expect(notices.purgeWaitMs).toBe(day);
  notices.sawPurge(0, wallMs, count);
  notices.sawPurge(0, wallMs, count);
  expect(told.slice(2)).toEqual(["Old messages are deleted again {}"]);
});

test("a clock that steps at every look is logged once an hour at most", async () => {
  const { notices, told, time } = listen();
  for (let minutes = 0; minutes < 120; minutes++) {
    notices.sawPurge(minutes % 2 === 0 ? day : 0, wallMs, () => Promise.resolve(3));
    await Bun.sleep(0);
    time.ms += 60_000;
  }
  expect(told.filter((line) => line.includes("not deleted"))).toHaveLength(2);
});

test("ids that are ahead at every other look are logged once an hour at most", () => {
  const { notices, told, time } = listen();
  for (let seconds = 0; seconds < 7_200; seconds += 10) {
    notices.sawIds(seconds % 20 === 0 ? 300_000 : 0);
    time.ms += 10_000;
  }
  expect(told.filter((line) => line.includes("is behind"))).toHaveLength(2);
  expect(told).toHaveLength(4);
});

test("a count that fails is logged, too", async () => {
  const { notices, told } = listen();
  notices.sawPurge(day, wallMs, () => Promise.reject(new Error("the disk is gone")));
  await Bun.sleep(0);
  expect(told[0]).toContain(`"messages":"unknown: the disk is gone"`);
});
