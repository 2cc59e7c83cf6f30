// Messages that nobody has received, and accounts that come and go, as a service that wakes phones is told: tests for
// every engine.

import { afterEach, describe, expect, test } from "bun:test";
import { until } from "../../scripts/harness/until.ts";
import { draft } from "../store/samples.ts";
import type { StorePlace } from "../store/opened-store.ts";
import { deletedAccount } from "../support/deleted-account.ts";
import { fastPace, HookStage } from "./hook-stage.ts";

export function undeliveredSuite(engine: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${engine}, undelivered`, () => {
    let stage: HookStage;
    afterEach(async () => {
      await stage.close();
      expect(stage.bugs).toEqual([]);
      expect(stage.receiver.invalid).toEqual([]);
    });
    const open = async (): Promise<void> => {
      stage = await HookStage.open(await makePlace());
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

    test("a message is told again neither to whoever has a deleted name since, nor to a former member", async () => {
      await open();
      await stage.store.createGroup(draft({ app: "app", owner: "ann", members: ["bob", "cid", "dot"] }));
      let isUp = false;
      stage.receiver.judge = () => (isUp ? 200 : 503);
      await stage.start({ events: ["message.undelivered"] }, { pace: { ...fastPace, acknowledgeMs: 60_000 } });
      await stage.say({ sender: "ann", toGroup: true, dest: "g1", body: "for members" });
      await until(() => stage.receiver.requests.some(({ events }) => events.length === 3), "it was tried");
      await deletedAccount(stage.store.backEnd.data, "app", "bob");
      await stage.say({ sender: "bob", dest: "ann", body: "of another bob" });
      await stage.store.quit({ app: "app", group: "g1", account: "cid", actor: "cid" });
      const toldOf = ({ events }: Pick<(typeof stage.receiver.requests)[number], "events">) =>
        events.filter(({ data: { message } }) => JSON.stringify(message).includes("for members")).map(({ id }) => id);
      // A try that was on its way when the member left says what was so before.
      const tries = stage.receiver.requests.length;
      await until(
        () => stage.receiver.requests.slice(tries + 1).some((request) => toldOf(request).length > 0),
        "a new try",
      );
      const [endpoint] = await stage.store.backEnd.hooks.endpoints();
      const kept = await stage.store.backEnd.hooks.waiting(endpoint?.id ?? 0n);
      expect(kept.flatMap(({ refs }) => refs).filter((ref) => ref.endsWith("/bob"))).toEqual([]);
      isUp = true;
      await until(() => stage.receiver.requests.some(({ status }) => status === 200), "it is told");
      const accepted = stage.receiver.requests.filter(({ status }) => status === 200);
      expect(accepted.flatMap(toldOf)).toEqual([expect.stringMatching(/^\d+\/dot$/)]);
    });

    test("an endpoint is told that a message is undelivered when it has accepted that it is stored", async () => {
      await open();
      let failures = 0;
      stage.receiver.judge = ({ events }) => {
        const isOfLog = events.some(({ type }) => type === "message.stored");
        // It fails, or refuses one message for good, whose conversation waits.
        if (isOfLog && failures++ < 3) return 503;
        return events.some(({ type, data }) => type === "message.stored" && data["body"] === "refused") ? 422 : 200;
      };
      await stage.start({ events: ["message.stored", "message.undelivered"] }, { pace: fastPace });
      const bodies = Array.from({ length: 40 }, (_, at) => (at === 20 ? "refused" : `${at}`));
      const destOf = (at: number): string => ["bob", "cid", "dot"][at % 3] ?? "";
      await stage.sayAll(bodies, destOf);
      await until(() => told().filter(([type]) => type === "message.undelivered").length === 40, "all are told");
      const known = new Set<unknown>();
      const early: unknown[] = [];
      for (const { type, data } of stage.receiver.events) {
        const { message } = data;
        const id =
          typeof message === "object" && message !== null && "messageId" in message ? message.messageId : undefined;
        if (type === "message.stored") known.add(data["messageId"]);
        else if (!known.has(id)) early.push(id);
      }
      // What was given up is told of all the same.
      expect([known.size, early.length]).toEqual([39, 1]);
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
  });
}
