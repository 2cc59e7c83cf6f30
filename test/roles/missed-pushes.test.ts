import { expect, test } from "bun:test";
import { FanOut } from "../../src/roles/chat/fan-out.ts";
import { MissedPushes } from "../../src/roles/chat/missed-pushes.ts";
import type { Located, PushHead } from "../../src/service/dispatcher.ts";
import { GroupAudience } from "../../src/roles/chat/group-audience.ts";
import { membershipOf } from "../../src/store/store.ts";
import { MemorySessions } from "../../src/session/memory-sessions.ts";
import { type Sessions, SessionsUnavailable } from "../../src/session/sessions.ts";
import { Command } from "../../src/wire/commands.ts";
import { ManualTimers } from "../support/manual-timers.ts";

/** Everybody is online, with sessions that are away until the test says otherwise. */
async function fixture() {
  const memory = new MemorySessions();
  const accounts = ["ann", "bob", "cid"];
  for (const account of accounts)
    await memory.put("app", account, { device: "", channelId: account, gateway: "g", incarnation: "1" });
  const state = { isAway: true };
  const sessions: Sessions = Object.create(memory, {
    locate: {
      value: (app: string, asked: readonly string[]) =>
        state.isAway ? Promise.reject(new SessionsUnavailable("away")) : memory.locate(app, asked),
    },
  });
  const store = {
    membership: () => Promise.resolve(membershipOf(1n, accounts, [], 1n)),
    watchReplacement: () => () => {},
  };
  const told: string[] = [];
  const dispatcher = {
    push: ({ command }: PushHead, _: Uint8Array, located: Located) => {
      for (const { channelId } of located.flat()) told.push(`${command} ${channelId}`);
    },
  };
  const timers = new ManualTimers();
  const fanOut = new FanOut({ dispatcher, sessions, bytesMax: 1_000, soon: timers.soon });
  const missed = new MissedPushes({ audience: new GroupAudience(store, sessions), fanOut }, "all", timers);
  return { missed, state, timers, told };
}

test("accounts that have missed a push get one hint to look once the sessions are back", async () => {
  const { missed, state, timers, told } = await fixture();
  missed.add("app", ["ann", "bob"]);
  missed.add("app", ["bob"]);
  await timers.pass(5_000, 1_000);
  expect(told).toEqual([]);
  state.isAway = false;
  await timers.pass(5_000, 1_000);
  expect(told.toSorted()).toEqual([`${Command.Sync} ann`, `${Command.Sync} bob`]);
  expect(timers.pending).toBe(0);
});

test("so are the members of a group", async () => {
  const { missed, state, timers, told } = await fixture();
  missed.addGroup("app", "group", 1n);
  await timers.pass(2_000, 1_000);
  state.isAway = false;
  await timers.pass(2_000, 1_000);
  expect(told.toSorted()).toEqual([`${Command.Sync} ann`, `${Command.Sync} bob`, `${Command.Sync} cid`]);
});
