// Webhooks from a store to a receiver on a socket, as tests for every engine, which gives a factory.

import { afterEach, describe, expect, test } from "bun:test";
import type { HookStore } from "../../src/store/hooks.ts";
import { StoreUnavailable } from "../../src/store/store.ts";
import { until } from "../../scripts/harness/until.ts";
import type { StorePlace } from "../store/opened-store.ts";
import { fastPace, HookStage } from "./hook-stage.ts";
import { Receiver } from "./receiver.ts";

export function deliverySuite(engine: string, makePlace: () => Promise<StorePlace>): void {
  describe(`${engine}, deliveries`, () => {
    let stage: HookStage;
    let receiver: Receiver;
    const others: Receiver[] = [];
    afterEach(async () => {
      await stage.close();
      for (const other of others.splice(0)) await other.stop();
      expect(stage.bugs).toEqual([]);
      expect(receiver.invalid).toEqual([]);
    });
    const open = async (): Promise<void> => {
      stage = await HookStage.open(await makePlace());
      ({ receiver } = stage);
    };
    const otherReceiver = (): Receiver => {
      const other = new Receiver();
      others.push(other);
      return other;
    };
    const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => `${at}`);
    const hooks = () => stage.store.backEnd.hooks;
    /** Why the first batch of an endpoint waits. */
    const reasonOf = async (name = "crm"): Promise<string> => {
      const endpoint = (await hooks().endpoints()).find((each) => each.name === name);
      const [batch] = await hooks().waiting(endpoint?.id ?? 0n);
      return batch?.reason ?? "";
    };

    test("what is stored is told in order, in batches, each with a valid signature", async () => {
      await open();
      await stage.start();
      for (let at = 0; at < 2_500; at += 500) await stage.sayAll(numbers(2_500).slice(at, at + 500));
      await until(() => receiver.events.length >= 2_500, "all are told");
      expect(receiver.bodies).toEqual(numbers(2_500));
      expect(receiver.requests.length).toBeLessThan(100);
      expect(receiver.requests.every(({ events }) => events.length <= 1_000)).toBe(true);
      expect(new Set(receiver.requests.map(({ webhookId }) => webhookId)).size).toBe(receiver.requests.length);
      const [first] = receiver.events;
      expect(first).toMatchObject({ type: "message.stored", data: { from: "ann", to: "bob", body: "0", type: 1 } });
      expect(first?.id).toBe(String(first?.data["messageId"]));
    });

    test("an endpoint is told only the events and the app that it asked for", async () => {
      await open();
      await stage.start({ events: ["message.recalled"] });
      await stage.say({ app: "other" });
      const messageId = await stage.say();
      const change = { app: "app", actor: "ann", messageId };
      await stage.store.change({ ...change, kind: "edit", body: "x", extra: "", clientId: "", windowMs: 60_000 });
      await stage.store.change({ ...change, kind: "recall", windowMs: 60_000 });
      await until(() => receiver.events.length > 0, "the recall is told");
      expect(receiver.events.map(({ type, data }) => [type, data["body"]])).toEqual([["message.recalled", ""]]);
    });

    test("a batch keeps its id until it is accepted, and says of its messages what they are by then", async () => {
      await open();
      let messageId = 0n;
      let attempts = 0;
      receiver.judge = async () => {
        attempts++;
        if (attempts === 1)
          await stage.store.change({ app: "app", actor: "ann", messageId, kind: "recall", windowMs: 60_000 });
        return attempts < 4 ? 503 : 200;
      };
      await stage.start({ events: ["message.stored"] });
      messageId = await stage.say({ body: "secret" });
      await until(() => receiver.events.length > 0, "it is told");
      expect(receiver.requests.map(({ status }) => status)).toEqual([503, 503, 503, 200]);
      expect(new Set(receiver.requests.map(({ webhookId }) => webhookId)).size).toBe(1);
      expect(receiver.requests.map(({ events }) => events[0]?.data["body"])).toEqual(["secret", "", "", ""]);
      expect(receiver.events[0]?.data["recalled"]).toBe(true);
    });

    test("an event that the receiver refuses is dead after five times; only its conversation waits", async () => {
      await open();
      receiver.judge = ({ events }) => (events.some(({ data }) => data["body"] === "bad") ? 400 : 200);
      await stage.start({ events: ["message.stored"] }, { pace: { ...fastPace, retryMs: 20, retryMsMax: 400 } });
      const bodies = numbers(40).map((body) => (body === "17" ? "bad" : body));
      const destOf = (at: number): string => (at % 4 === 1 ? "bob" : "cid");
      await stage.sayAll(bodies, destOf);
      const to = (dest: string): unknown[] =>
        receiver.events.filter(({ data }) => data["to"] === dest).map(({ data }) => data["body"]);
      const expected = (dest: string): unknown[] => bodies.filter((body, at) => destOf(at) === dest && body !== "bad");
      await until(() => to("cid").length >= 30, "the other conversation is told");
      // The rest waits behind the event that is tried again.
      expect(to("bob")).toEqual(["1", "5", "9", "13"]);
      await until(() => to("bob").length >= 9, "what waited is told");
      expect(to("cid")).toEqual(expected("cid"));
      expect(to("bob")).toEqual(expected("bob"));
      const alone = receiver.requests.filter(({ events }) => events.length === 1 && events[0]?.data["body"] === "bad");
      expect([alone.length, new Set(alone.map(({ webhookId }) => webhookId)).size]).toEqual([5, 1]);
      const [letter, ...more] = await hooks().dead("app", "crm", 10);
      expect(more).toEqual([]);
      expect(letter).toMatchObject({
        webhookId: alone[0]?.webhookId,
        events: 1,
        attempts: 5,
        reason: "it answered 400",
      });

      receiver.judge = () => 200;
      expect(await hooks().replay("app", "crm")).toBe(1);
      await until(() => to("bob").includes("bad"), "it is replayed");
      await until(async () => (await reasonOf()) === "", "nothing waits");
      expect(await hooks().dead("app", "crm", 10)).toEqual([]);
    });

    test("a batch that fails for a day is given up, and can be replayed", async () => {
      await open();
      receiver.judge = ({ events }) => (events.some(({ data }) => data["body"] === "one") ? 500 : 200);
      await stage.start({ events: ["message.stored"] }, { pace: { ...fastPace, attemptsMax: 4 } });
      await stage.say({ body: "one" });
      await until(async () => (await hooks().dead("app", "crm", 10)).length === 1, "it is given up");
      await stage.say({ body: "two" });
      await until(() => receiver.bodies.includes("two"), "the next one is told");
      expect(receiver.requests.filter(({ status }) => status === 500).length).toBe(4);
      receiver.judge = () => 200;
      await hooks().replay("app", "crm");
      await until(() => receiver.bodies.includes("one"), "it is replayed");
    });

    test("a receiver that hangs, or answers megabytes, costs no other endpoint anything", async () => {
      await open();
      const pending = Promise.withResolvers<number>();
      const slow = otherReceiver();
      slow.judge = ({ events }) =>
        events.some(({ data }) => data["body"] === "large") ? new Response("x".repeat(8_000_000)) : pending.promise;
      await stage.set({ name: "slow", url: slow.url });
      await stage.start({}, { pace: { ...fastPace, answerMs: 500 } });
      await stage.say({ body: "large" });
      await until(() => slow.bodies.length === 1, "it answers megabytes, which is enough");
      for (const body of numbers(5)) await stage.say({ body });
      // On a busy machine an answer may come too late, and an event twice.
      await until(() => new Set(receiver.bodies).size === 6, "the other endpoint is told");
      await until(
        async () => (await reasonOf("slow")).includes("has not answered within 500 ms"),
        "it says why it waits",
      );
      pending.resolve(200);
    });

    test("a redirect is not followed, wherever it leads", async () => {
      await open();
      const inner = otherReceiver();
      receiver.judge = () => Response.redirect(inner.url, 307);
      await stage.start();
      await stage.say();
      await until(() => receiver.requests.length >= 2, "it is tried again");
      expect([inner.requests.length, inner.invalid.length]).toEqual([0, 0]);
      await until(
        async () => (await reasonOf()).startsWith("it answered 307 (redirects are not followed)"),
        "it says why",
      );
    });

    test("an endpoint that was far behind reads by itself and loses nothing", async () => {
      await open();
      let isDown = true;
      receiver.judge = () => (isDown ? 500 : 200);
      const other = otherReceiver();
      await stage.set({ name: "other", url: other.url });
      await stage.start();
      for (let at = 0; at < 6; at++) await stage.sayAll(numbers(500));
      await until(() => other.events.length === 3_000, "the other one is told");
      isDown = false;
      await until(() => receiver.events.length >= 3_000, "all are told");
      expect(receiver.events.map(({ id }) => id)).toEqual(other.events.map(({ id }) => id));
    });

    test("a node that starts again goes on where it was, with the batch that it had frozen", async () => {
      await open();
      let isDown = true;
      receiver.judge = () => (isDown ? 500 : 200);
      const first = await stage.start();
      await stage.say({ body: "one" });
      await until(() => receiver.requests.length > 0, "it is tried");
      await first.stop();
      await stage.say({ body: "two" });
      isDown = false;
      stage.node();
      await until(() => receiver.events.length === 2, "both are told");
      expect(receiver.bodies).toEqual(["one", "two"]);
      const of = receiver.requests.filter(({ events }) => events[0]?.data["body"] === "one");
      expect(new Set(of.map(({ webhookId, events }) => [webhookId, events.length].join(" "))).size).toBe(1);
    });

    test("of two nodes with one store one delivers, and the other takes over when it is gone", async () => {
      await open();
      const first = await stage.start();
      const second = stage.node();
      for (const body of numbers(20)) await stage.say({ body });
      await until(() => receiver.events.length === 20, "all are told");
      expect([first.isDelivering, second.isDelivering]).toEqual([true, false]);
      await first.stop();
      await until(() => second.isDelivering, "the other one delivers");
      await stage.say({ body: "last" });
      await until(() => receiver.bodies.includes("last"), "it tells what follows");
      expect(receiver.bodies).toEqual([...numbers(20), "last"]);
    });

    /** A store as a process has it that is killed or frozen: from then on nothing of it reaches the file. */
    function mortal(store: HookStore, life: { readonly isOver: boolean }): HookStore {
      return new Proxy(store, {
        get(target, key): unknown {
          const value: unknown = Reflect.get(target, key);
          if (typeof value !== "function") return value;
          return (...words: unknown[]): unknown =>
            life.isOver ? Promise.reject(new StoreUnavailable("killed")) : Reflect.apply(value, target, words);
        },
      });
    }

    test("when the node that delivers dies, another one takes over, and nothing is lost or out of order", async () => {
      await open();
      const life = { isOver: false };
      await stage.start({}, { store: mortal(hooks(), life) });
      const second = stage.node();
      let told = 0;
      // It dies while a request is under way.
      receiver.judge = ({ events }) => {
        told += events.length;
        if (told > 30) life.isOver = true;
        return 200;
      };
      const bodies = numbers(60);
      for (const body of bodies.slice(0, 31)) await stage.say({ body });
      await until(() => life.isOver, "the first node is dead");
      for (const body of bodies.slice(31)) await stage.say({ body });
      await until(() => new Set(receiver.bodies).size === 60, "all are told");
      // The first may have told them all before it met the end of its store; its lease ends all the same.
      await until(() => second.isDelivering, "the second node delivers");
      // A set keeps the order in which each came first.
      expect([...new Set(receiver.bodies)]).toEqual(bodies);
    });
  });
}
