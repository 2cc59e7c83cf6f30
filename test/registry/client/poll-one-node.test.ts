// What a client makes of the answers of one node to its polls.

import { afterEach, describe, expect, test } from "bun:test";
import { absenceMs, pollMsMax, stillAnswersMax, stillWindowMs } from "../../../src/registry/client/poll-loop.ts";
import { discoveryAppid, Status } from "../../../src/registry/instance.ts";
import type { ManualTimers } from "../../support/manual-timers.ts";
import { until } from "../../../scripts/harness/until.ts";
import { coded, type FakeRegistry, instanceJson, never } from "./fake-registry.ts";
import { client, endAll, fakeNode, pass, told, untilWith } from "./naming-client.ts";

afterEach(endAll);

describe("one node", () => {
  test("is asked for all subscriptions in one poll, as the API wants it", async () => {
    const node = fakeNode();
    const { naming } = client([node]);
    told(naming, "chat");
    told(naming, "login");
    await until(() => node.held === 1, "a poll");
    expect(node.calls.length).toBe(1);
    const [call] = node.calls;
    expect(call?.endpoint).toBe("polls");
    expect(call?.parameters.getAll("appid")).toEqual([discoveryAppid, "chat", "login"]);
    expect(call?.parameters.getAll("latest_timestamp")).toEqual(["0", "0", "0"]);
    expect(call?.parameters.get("env")).toBe("test");
    expect(call?.parameters.get("hostname")).toBe("client-1");
    expect(call?.parameters.get("accept_empty")).toBe("true");
    expect(call?.headers.get("x1-bmspy-timeout")).toBe("40000");
    expect(call?.headers.get("authorization")).toBe("Bearer the token");
  });

  test("tells a list when it is known, after every change, and when it is empty", async () => {
    const node = fakeNode();
    node.list("chat", [instanceJson("chat", "a")], 10n);
    const { naming } = client([node]);
    const lists = told(naming, "chat");
    await until(() => lists.length === 1, "the first list");
    node.list("chat", [instanceJson("chat", "a"), instanceJson("chat", "b")], 20n);
    await until(() => lists.length === 2, "the second list");
    node.list("chat", [], 30n);
    await until(() => lists.length === 3, "the empty list");
    expect(lists).toEqual([["a"], ["a", "b"], []]);
  });

  test("gets timestamps back to the last digit", async () => {
    const node = fakeNode();
    node.list("chat", [instanceJson("chat", "a")], 1_790_000_000_000_000_001n);
    const { naming } = client([node]);
    told(naming, "chat");
    await until(() => node.held === 1 && node.calls.length === 2, "the second poll");
    expect(node.calls[1]?.parameters.getAll("latest_timestamp")).toEqual(["0", "1790000000000000001"]);
    expect((await naming.find("chat"))[0]?.dirtyTimestamp).toBe(1_790_000_000_000_000_001n);
  });

  test("tells nothing when a list comes again as it was, and instances that are not UP to nobody", async () => {
    const node = fakeNode();
    const { naming } = client([node]);
    const lists = told(naming, "chat");
    const waiting = instanceJson("chat", "w", { status: Status.Waiting });
    node.list("chat", [instanceJson("chat", "a"), waiting], 10n);
    await until(() => lists.length === 1, "the first list");
    await until(() => node.held === 1, "a poll");
    node.list("chat", [instanceJson("chat", "a", { dirty_timestamp: 5 })], 20n);
    await until(() => node.held === 1, "the next poll");
    node.list("chat", [instanceJson("chat", "a", { metadata: { id: "a", weight: "2" } })], 30n);
    await until(() => lists.length === 2, "the second list");
    expect(lists).toEqual([["a"], ["a"]]);
  });

  test("is asked anew when a subscription comes or goes", async () => {
    const node = fakeNode();
    const { naming } = client([node]);
    told(naming, "chat");
    await until(() => node.held === 1, "a poll");
    told(naming, "login");
    told(naming, "gateway");
    await until(() => node.calls.length === 2 && node.held === 1, "the second poll");
    expect(node.calls[1]?.parameters.getAll("appid")).toEqual([discoveryAppid, "chat", "login", "gateway"]);
    naming.unsubscribe("login");
    await until(() => node.calls.length === 3 && node.held === 1, "the third poll");
    expect(node.calls[2]?.parameters.getAll("appid")).toEqual([discoveryAppid, "chat", "gateway"]);
  });

  test("does not reach a listener that has unsubscribed", async () => {
    const node = fakeNode();
    const { naming } = client([node]);
    const chats = told(naming, "chat");
    const logins = told(naming, "login");
    await until(() => node.held === 1, "a poll");
    naming.unsubscribe("chat");
    await until(() => node.calls.length === 2 && node.held === 1, "the second poll");
    node.list("chat", [instanceJson("chat", "a")], 10n);
    node.list("login", [instanceJson("login", "l")], 10n);
    await until(() => logins.length === 1, "the other's list");
    expect(chats).toEqual([]);
  });

  test("may be subscribed to itself", async () => {
    const node = fakeNode();
    node.list(discoveryAppid, [instanceJson(discoveryAppid, "d", { addrs: [node.url] })], 10n);
    const { naming } = client([node]);
    told(naming, "chat");
    await until(() => node.calls.length === 2 && node.held === 1, "the second poll");
    const lists = told(naming, discoveryAppid);
    await until(() => lists.length === 1, "its list");
    expect(lists).toEqual([["d"]]);
  });

  test("refuses a second subscription of one service", () => {
    const { naming } = client([fakeNode()]);
    told(naming, "chat");
    expect(() => told(naming, "chat")).toThrow("subscribed already");
  });

  test("is polled again at once after -304", async () => {
    const node = fakeNode();
    const { naming } = client([node]);
    told(naming, "chat");
    await until(() => node.held === 1, "a poll");
    node.release(-304);
    await until(() => node.calls.length === 2 && node.held === 1, "the second poll");
  });

  for (const [what, answer] of [
    ["-304", () => coded(-304)],
    ["the same list", () => Response.json({ code: 0, message: "0", data: {} })],
    ["-500", () => coded(-500)],
  ] as const) {
    test(`that always answers ${what} at once is asked with pauses`, async () => {
      const node = fakeNode();
      node.script = answer;
      const { naming, timers, waits } = client([node]);
      told(naming, "chat");
      const pausesAfter = what === "-500" ? 2 : stillAnswersMax + 1;
      for (let round = 1; round <= 3; round++) {
        const before = node.calls.length;
        // The next rotation, the still window and the pause, and not the limit of a request under way.
        const isPausing = (): boolean => timers.pending === 3 && !waits(pollMsMax);
        await until(() => node.calls.length - before >= (round === 1 ? pausesAfter : 1) && isPausing(), "a pause");
        await Bun.sleep(20);
        expect(node.calls.length - before).toBeLessThanOrEqual(pausesAfter);
        timers.advance(2 * stillWindowMs);
      }
    });
  }

  test("that answers nothing within 40 s has failed", async () => {
    const node = fakeNode();
    node.script = never;
    const { naming, timers } = client([node]);
    told(naming, "chat");
    await until(() => node.calls.length === 1, "a poll");
    timers.advance(pollMsMax - 1);
    await Bun.sleep(10);
    expect(node.calls.length).toBe(1);
    timers.advance(1);
    await until(() => node.calls.length === 2, "the second poll");
  });

  describe("that restarted and does not know a service", () => {
    /** A client that was given `a`, and its node after the restart. */
    async function restart(): Promise<{ lists: string[][]; timers: ManualTimers; restarted: FakeRegistry }> {
      const node = fakeNode();
      node.list("chat", [instanceJson("chat", "a")], 10n);
      const { naming, timers, waits } = client([node]);
      const lists = told(naming, "chat");
      await until(() => lists.length === 1 && node.held === 1, "the list");
      await node.stop();
      const restarted = fakeNode(node.port);
      restarted.list(discoveryAppid, [instanceJson(discoveryAppid, "d", { addrs: [node.url] })], 10n);
      await untilWith(timers, "the wait", () => restarted.held === 1 && waits(absenceMs));
      return { lists, timers, restarted };
    }

    test("is believed once a lease's time has passed", async () => {
      const { lists, timers, restarted } = await restart();
      await pass(timers, restarted, absenceMs - 5_000);
      expect(lists).toEqual([["a"]]);
      await untilWith(timers, "the empty list", () => lists.length === 2);
      expect(lists).toEqual([["a"], []]);
    });

    test("is not, when the service comes back before", async () => {
      const { lists, timers, restarted } = await restart();
      restarted.list("chat", [instanceJson("chat", "b")], 5n);
      await until(() => lists.length === 2, "the list");
      await until(() => restarted.held === 1, "a poll");
      await pass(timers, restarted, 2 * absenceMs);
      expect(lists).toEqual([["a"], ["b"]]);
    });

    test("is asked for it from 0, even when no poll failed in between", async () => {
      const node = fakeNode();
      node.list("chat", [instanceJson("chat", "a")], 10n);
      const { naming } = client([node]);
      const lists = told(naming, "chat");
      await until(() => lists.length === 1 && node.held === 1, "the list");
      node.forget("chat");
      node.list(discoveryAppid, [instanceJson(discoveryAppid, "d", { addrs: [node.url] })], 10n);
      await until(() => node.calls.length === 3 && node.held === 1, "the poll after the answer that does not know it");
      expect(node.calls[2]?.parameters.getAll("latest_timestamp")).toEqual(["10", "0"]);
      node.list("chat", [instanceJson("chat", "b")], 5n);
      await until(() => lists.length === 2, "the new list");
      expect(lists).toEqual([["a"], ["b"]]);
    });
  });
});
