import { expect, test } from "bun:test";
import { signOut } from "../../src/roles/login/sign-out.ts";
import { SessionsUnavailable } from "../../src/session/sessions.ts";
import { ManualTimers } from "../support/manual-timers.ts";
import { contextOf } from "../support/context.ts";

test("a session is removed once its store is back, if that was away at the sign-out", async () => {
  const removed: string[] = [];
  let isAway = true;
  let asked = 0;
  const remove = async (_app: string, account: string, channelId: string): Promise<boolean> => {
    asked++;
    if (isAway) throw new SessionsUnavailable("away");
    if (account === "eve") throw new Error("a bug");
    removed.push(`${account} ${channelId}`);
    return true;
  };
  const timers = new ManualTimers();
  const bugs: unknown[] = [];
  const handle = signOut({ remove }, timers, (bug) => bugs.push(bug));
  await handle(contextOf({ command: "login.signout", account: "ann", channelId: "c1" }));
  await handle(contextOf({ command: "login.signout", account: "eve", channelId: "c3" }));
  await handle(contextOf({ command: "login.signout", account: "bob", channelId: "c2" }));
  await timers.pass(10_000, 1_000);
  // The first one says of all that the store is still away.
  expect([removed, asked]).toEqual([[], 3 + 10]);
  isAway = false;
  await timers.pass(1_000);
  expect(removed).toEqual(["ann c1", "bob c2"]);
  expect(timers.pending).toBe(0);
  expect(bugs).toHaveLength(1);
});
