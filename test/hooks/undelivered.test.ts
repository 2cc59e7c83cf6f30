// Messages that nobody has received, and accounts that come and go, as a service that wakes phones is told.

import { afterEach, expect, test } from "bun:test";
import { until } from "../../scripts/harness/until.ts";
import { draft } from "../store/samples.ts";
import { temporaryPaths } from "../support/temporary-folder.ts";
import { fastPace, HookStage } from "./hook-stage.ts";

const freshPath = temporaryPaths("hook-undelivered-");
let stage: HookStage;
afterEach(async () => {
  await stage.close();
  expect(stage.bugs).toEqual([]);
  expect(stage.receiver.invalid).toEqual([]);
});
const open = async (): Promise<void> => {
  stage = await HookStage.open(freshPath());
};
const signIn = (account: string) =>
  stage.sessions.put("app", account, { device: "d", channelId: account, gateway: "gate", incarnation: "1" });
const told = () =>
  stage.receiver.events.map(({ type, data }) => {
    const { message } = data;
    const body = typeof message === "object" && message !== null && "body" in message ? message.body : undefined;
    return [type, data["account"], body, data["mentioned"], data["unread"]];
  });

test("a message to somebody without a connection is told at once, with the unread count", async () => {
  await open();
  await signIn("cid");
  await stage.start({ events: ["message.undelivered"] }, { pace: { ...fastPace, acknowledgeMs: 60_000 } });
  await stage.say({ body: "one" });
  await until(() => told().length === 1, "it is told");
  await stage.say({ dest: "cid", body: "to somebody who is there" });
  await stage.say({ body: "two" });
  await until(() => told().length === 2, "the next one is told");
  expect(told()).toEqual([
    ["message.undelivered", "bob", "one", false, 1],
    ["message.undelivered", "bob", "two", false, 2],
  ]);
  expect(stage.receiver.events[0]?.id).toMatch(/^\d+\/bob$/);
});

test("what a connected device does not acknowledge is told after a while, what it does is not", async () => {
  await open();
  await signIn("bob");
  await stage.start({ events: ["message.undelivered"] }, { pace: { ...fastPace, acknowledgeMs: 400 } });
  const received = await stage.say({ body: "received" });
  await stage.store.acknowledge("app", "bob", "d", received);
  await stage.say({ body: "lost" });
  await until(() => told().length > 0, "it is told");
  expect(told()).toEqual([["message.undelivered", "bob", "lost", false, expect.any(Number)]]);
});

test("members of a group are told of, but for the sender, who muted it, and who is there", async () => {
  await open();
  await stage.store.createGroup(draft({ app: "app", members: ["bob", "cid", "dot", "eve"] }));
  await stage.store.set({ app: "app", account: "dot", toGroup: true, dest: "g1", isMuted: true });
  await signIn("eve");
  await stage.start({ events: ["message.undelivered"] }, { pace: { ...fastPace, acknowledgeMs: 60_000 } });
  await stage.say({ toGroup: true, dest: "g1", body: "all", mentions: ["cid"] });
  await until(() => told().length === 2, "both are told of");
  expect(new Set(told().map(([, account, , mentioned]) => `${String(account)} ${String(mentioned)}`))).toEqual(
    new Set(["bob false", "cid true"]),
  );
});

test("after a restart what waited to be acknowledged is looked up again", async () => {
  await open();
  await signIn("bob");
  const first = await stage.start(
    { events: ["message.undelivered"] },
    { pace: { ...fastPace, acknowledgeMs: 60_000 } },
  );
  await stage.say({ body: "one" });
  await Bun.sleep(100);
  await first.stop();
  await stage.sessions.remove("app", "bob", "bob");
  stage.node();
  await until(() => told().length === 1, "it is told");
});

test("accounts that come and go are told", async () => {
  await open();
  await stage.start({ events: ["account.online", "account.offline"] });
  await signIn("bob");
  await stage.sessions.remove("app", "bob", "bob");
  await until(() => told().length === 2, "both are told");
  expect(told().map(([type, account]) => [type, account])).toEqual([
    ["account.online", "bob"],
    ["account.offline", "bob"],
  ]);
});
