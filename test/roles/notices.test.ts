import { expect, test } from "bun:test";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { RareLog } from "../../src/base/rare-log.ts";
import type { Located, PushHead } from "../../src/service/dispatcher.ts";
import { FanOut } from "../../src/roles/chat/fan-out.ts";
import { FanOutAllowance } from "../../src/roles/chat/fan-out-allowance.ts";
import { GroupAudience } from "../../src/roles/chat/group-audience.ts";
import { Notices } from "../../src/roles/chat/notices.ts";
import { membershipOf } from "../../src/store/store.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { Command } from "../../src/wire/commands.ts";
import { bound } from "../support/bounds.ts";
import { testLimits } from "../support/limits.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { systemTimers } from "../../src/base/timers.ts";

/** A group of `members` who are all online; their notices are noted as `<receiver>: <body>`. */
async function fixture(members: number, noticeMembers = 500) {
  const accounts = Array.from({ length: members }, (_, at) => `m${at}`);
  const sessions = new MemorySessions();
  for (const account of [...accounts, "dave"])
    await sessions.put("app", account, { device: "", channelId: account, gateway: "g", incarnation: "1" });
  const store = {
    membership: () => Promise.resolve(membershipOf(1n, accounts, [], 1n)),
    watchReplacement: () => () => {},
  };
  const audience = new GroupAudience(store, sessions);
  await audience.online("app", "group", 1n);
  const told: string[] = [];
  const dispatcher = {
    push: (_: PushHead, body: Uint8Array, located: Located) => {
      for (const { channelId } of located.flat()) told.push(`${channelId}: ${String(Buffer.from(body))}`);
    },
  };
  const limits = testLimits({ noticeMembers });
  const timers = new ManualTimers();
  const allowance = new FanOutAllowance(limits, timers);
  const fanOut = new FanOut({ dispatcher, sessions, bytesMax: 1_000_000, soon: systemTimers.soon });
  const parts = { audience, allowance, fanOut, limits, rareLog: new RareLog(silentLog, systemClock) };
  const notices = new Notices(parts, timers);
  const tell = (isMember: boolean, account = "dave", dest = "group"): void => {
    const body = Buffer.from(`${account} ${isMember ? "joined" : "left"}`);
    const head = { command: Command.GroupJoin, channelId: "", sequence: 1, dest };
    notices.send({ app: "app", head, account, payer: account, version: 1n, isMember, body });
  };
  const settled = async (): Promise<string[]> => {
    await fanOut.settled();
    return told.splice(0);
  };
  const pass = (ms: number): void => timers.advance(ms);
  return { tell, settled, pass, notices, limits, allowance, timers };
}

bound("noticeMembers", {
  at: async () => {
    const { tell, settled } = await fixture(3, 3);
    tell(true);
    expect(await settled()).toEqual(["dave: dave joined", "m0: dave joined", "m1: dave joined", "m2: dave joined"]);
  },
  above: async () => {
    const { tell, settled, limits } = await fixture(4, 3);
    tell(true);
    expect(await settled()).toEqual(["dave: dave joined"]);
    expect(limits.reached.get("noticeMembers")).toBe(1);
  },
});

test("members hear of an account's joins and leaves once a second, and only how they ended", async () => {
  const { tell, settled, pass } = await fixture(1);
  tell(true);
  expect(await settled()).toEqual(["dave: dave joined", "m0: dave joined"]);
  for (let turn = 0; turn < 100; turn++) {
    tell(false);
    tell(true);
  }
  tell(false);
  expect(await settled()).toEqual([]);
  pass(1_000);
  expect(await settled()).toEqual(["dave: dave left", "m0: dave left"]);
  pass(10_000);
  expect(await settled()).toEqual([]);
});

test("who has left and come back within a second has not left", async () => {
  const { tell, settled, pass, timers } = await fixture(1);
  tell(true);
  await settled();
  tell(false);
  tell(true);
  pass(1_000);
  expect(await settled()).toEqual([]);
  tell(false);
  pass(1_000);
  expect(await settled()).toEqual(["dave: dave left", "m0: dave left"]);
  pass(2_000);
  expect(timers.pending).toBe(0);
});

test("notices of other accounts and other groups go out at once", async () => {
  const { tell, settled } = await fixture(1);
  tell(true);
  tell(true, "m0");
  tell(true, "dave", "another");
  expect((await settled()).toSorted()).toEqual([
    "dave: dave joined",
    "dave: dave joined",
    "m0: dave joined",
    "m0: dave joined",
    "m0: m0 joined",
  ]);
});

test("a waiting notice goes out when it must", async () => {
  const { tell, settled, notices } = await fixture(1);
  tell(true);
  tell(false);
  await settled();
  notices.flush();
  expect(await settled()).toEqual(["dave: dave left", "m0: dave left"]);
});

test("who makes a change pays for its notices", async () => {
  const { tell, settled, limits } = await fixture(10);
  tell(true);
  await settled();
  expect(limits.use("fanOutAtOnce")).toBe(11);
});
