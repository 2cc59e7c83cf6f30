import { afterEach, describe, expect, test } from "bun:test";
import { registryAnswerBytesMax } from "../../../src/base/limits.ts";
import { silentLog } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { HttpNaming, rotationMs } from "../../../src/registry/client/http-naming.ts";
import type { Registration } from "../../../src/registry/client/naming.ts";
import { requestMsMax } from "../../../src/registry/client/node-client.ts";
import { absenceMs, pollMsMax, stillAnswersMax, stillWindowMs } from "../../../src/registry/client/poll-loop.ts";
import { cancelMsMax, renewIntervalMs, retryMsMax } from "../../../src/registry/client/registration-loop.ts";
import { discoveryAppid, type Instance, Status } from "../../../src/registry/instance.ts";
import { ManualTimers } from "../../support/manual-timers.ts";
import { until } from "../../support/until.ts";
import { coded, FakeRegistry, instanceJson, never } from "./fake-registry.ts";

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

function fakeNode(port = 0): FakeRegistry {
  const node = new FakeRegistry(port);
  ends.push(() => node.stop());
  return node;
}

interface Client {
  readonly naming: HttpNaming;
  readonly timers: ManualTimers;
  /** True while a timer of that length runs. */
  readonly waits: (delayMs: number) => boolean;
}

function client(nodes: readonly (FakeRegistry | string)[]): Client {
  const timers = new ManualTimers();
  const delaysMs = new Map<symbol, number>();
  const naming = new HttpNaming({
    nodes: nodes.map((node) => (typeof node === "string" ? node : node.url)),
    ...{ env: "test", zone: "z1", region: "r", hostname: "client-1", tokens: ["the token"] },
    ...{ random: seededRandom(1), log: silentLog },
    after: (delayMs, action) => {
      const timer = Symbol("timer");
      delaysMs.set(timer, delayMs);
      const cancel = timers.after(delayMs, () => {
        delaysMs.delete(timer);
        action();
      });
      return () => {
        delaysMs.delete(timer);
        cancel();
      };
    },
  });
  ends.push(() => naming.close());
  return { naming, timers, waits: (delayMs) => [...delaysMs.values()].includes(delayMs) };
}

/** What a subscriber was told: host names of each list. */
function told(naming: HttpNaming, service: string): string[][] {
  const lists: string[][] = [];
  naming.subscribe(service, (instances) => lists.push(namesOf(instances)));
  return lists;
}

/** How long a node lets a poll wait. */
const heldMs = 30_000;

const namesOf = (instances: readonly Instance[]): string[] => instances.map(({ hostname }) => hostname);

/** Waits for something while timers run on, for what takes an unknown number of tries. */
async function untilWith(timers: ManualTimers, what: string, isSo: () => boolean): Promise<void> {
  await until(() => {
    if (isSo()) return true;
    timers.advance(100);
    return false;
  }, what);
}

/** Lets time pass at a client whose only poll waits at this node, which has no news and ends it every 30 s. */
async function pass(timers: ManualTimers, node: FakeRegistry, byMs: number): Promise<void> {
  for (let leftMs = byMs; leftMs > 0; leftMs -= heldMs) {
    timers.advance(Math.min(leftMs, heldMs));
    node.release(-304);
    await until(() => node.held === 1, "the next poll");
  }
}

/** The one of two nodes that polls go to, and the other. */
async function pollsAt(one: FakeRegistry, other: FakeRegistry): Promise<[FakeRegistry, FakeRegistry]> {
  await until(() => one.held + other.held === 1, "a poll");
  return one.held === 1 ? [one, other] : [other, one];
}

const chat: Registration = {
  service: "chat",
  id: "chat-1",
  addrs: ["tcp://127.0.0.1:1", "http://127.0.0.1:2"],
  version: "7",
  status: Status.Up,
  metadata: new Map([["state", "young"]]),
};

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

  test("is not told of by whoever unsubscribed", async () => {
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
    test(`that answers ${what} at once for ever is not asked without a pause`, async () => {
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
    /** A client that was told `a`, and its node after the restart. */
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

describe("several nodes", () => {
  test("stand in for each other, with timestamps from 0", async () => {
    const [one, other] = [fakeNode(), fakeNode()];
    for (const node of [one, other]) node.list("chat", [instanceJson("chat", "a")], 50n);
    const { naming } = client([one, other]);
    const lists = told(naming, "chat");
    const [first, second] = await pollsAt(one, other);
    expect(first.calls.at(-1)?.parameters.getAll("latest_timestamp")).toEqual(["0", "50"]);
    second.list("chat", [instanceJson("chat", "b")], 7n);
    await first.stop();
    await until(() => lists.length === 2, "the other's list");
    expect(second.calls[0]?.parameters.getAll("latest_timestamp")).toEqual(["0", "0"]);
    expect(lists).toEqual([["a"], ["b"]]);
  });

  const faults: Record<string, () => Response | Promise<Response>> = {
    "-500": () => coded(-500),
    "an HTTP error": () => new Response(JSON.stringify({ code: 0, data: {} }), { status: 503 }),
    "an empty body": () => new Response(""),
    "no JSON": () => new Response("<html>"),
    "no UTF-8": () => new Response(new Uint8Array([0x7b, 0xff, 0x7d])),
    "a redirect": () => Response.redirect("http://127.0.0.1:1/"),
    "no code": () => Response.json({ data: {} }),
    "a null service": () => Response.json({ code: 0, data: { chat: null } }),
    "an instance without a zone": () =>
      Response.json({ code: 0, data: { chat: { instances: { z: [{ appid: "chat" }] }, latest_timestamp: 1 } } }),
    "something packed": () =>
      new Response(Bun.gzipSync(Buffer.from('{"code":0,"data":{}}')), { headers: { "content-encoding": "gzip" } }),
    "more than is read": () => new Response(" ".repeat(registryAnswerBytesMax + 1)),
  };
  for (const [what, fault] of Object.entries(faults)) {
    test(`one that answers ${what} is left for the next`, async () => {
      const [one, other] = [fakeNode(), fakeNode()];
      const { naming, timers } = client([one, other]);
      const lists = told(naming, "chat");
      const [first, second] = await pollsAt(one, other);
      second.list("chat", [instanceJson("chat", "b")], 7n);
      first.script = fault;
      first.release(-304);
      await untilWith(timers, "the other's list", () => lists.length === 1);
      expect(lists).toEqual([["b"]]);
    });
  }

  test("all away: the last list stays, and is there again when one comes back", async () => {
    const node = fakeNode();
    node.list("chat", [instanceJson("chat", "a")], 10n);
    const { naming, timers } = client([node, "http://127.0.0.1:1"]);
    const lists = told(naming, "chat");
    await untilWith(timers, "the list", () => lists.length === 1 && node.held === 1);
    await node.stop();
    for (let round = 0; round < 20; round++) {
      timers.advance(1_000);
      await Bun.sleep(2);
    }
    expect(lists).toEqual([["a"]]);
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
    const back = fakeNode(node.port);
    back.list("chat", [instanceJson("chat", "c")], 1n);
    await untilWith(timers, "the new list", () => lists.length === 2);
    expect(lists[1]).toEqual(["c"]);
  });

  test("findNow asks although a list is known, and lets nothing from before stand in", async () => {
    const node = fakeNode();
    node.list("chat", [instanceJson("chat", "a")], 10n);
    const { naming, timers } = client([node, "http://127.0.0.1:1"]);
    const lists = told(naming, "chat");
    await untilWith(timers, "the list", () => lists.length === 1 && node.held === 1);
    node.script = ({ endpoint }) => (endpoint === "fetch" ? coded(-404) : undefined);
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
    expect(await naming.findNow("chat")).toEqual([]);
    node.script = ({ endpoint }) => (endpoint === "fetch" ? coded(-500) : undefined);
    await expect(naming.findNow("chat")).rejects.toThrow("no registry node answers for chat");
    node.script = () => undefined;
    expect(namesOf(await naming.findNow("chat"))).toEqual(["a"]);
    await node.stop();
    await expect(naming.findNow("chat")).rejects.toThrow("no registry node answers for chat");
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
    await naming.close();
    await expect(naming.findNow("chat")).rejects.toThrow("closed");
  });

  test("all starting: the last list stays, however long that takes, for subscribers and for find", async () => {
    const [one, other] = [fakeNode(), fakeNode()];
    for (const node of [one, other]) node.list("chat", [instanceJson("chat", "a")], 10n);
    const { naming, timers } = client([one, other]);
    const lists = told(naming, "chat");
    const [first] = await pollsAt(one, other);
    await until(() => lists.length === 1 && first.held === 1, "the list");
    for (const node of [one, other]) node.script = () => coded(-500);
    first.release(-500);
    const asked = (): number => one.calls.length + other.calls.length;
    for (let round = 0; round < 20; round++) {
      const before = asked();
      await untilWith(timers, "another try", () => asked() > before);
      timers.advance(absenceMs);
    }
    expect(lists).toEqual([["a"]]);
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
    for (const node of [one, other]) {
      node.script = () => undefined;
      node.list("chat", [instanceJson("chat", "a"), instanceJson("chat", "b")], 5n);
    }
    await untilWith(timers, "the new list", () => lists.length === 2);
    expect(lists[1]).toEqual(["a", "b"]);
  });

  test("give a service up only by what they say of it, not by falling silent after it was unknown", async () => {
    const node = fakeNode();
    node.list("chat", [instanceJson("chat", "a")], 10n);
    const { naming, timers, waits } = client([node]);
    const lists = told(naming, "chat");
    await until(() => lists.length === 1 && node.held === 1, "the list");
    await node.stop();
    const restarted = fakeNode(node.port);
    restarted.list(discoveryAppid, [instanceJson(discoveryAppid, "d", { addrs: [node.url] })], 10n);
    await untilWith(timers, "the wait", () => restarted.held === 1 && waits(absenceMs));
    await restarted.stop();
    for (let round = 0; round < 20; round++) {
      timers.advance(absenceMs / 10);
      await Bun.sleep(2);
    }
    expect(lists).toEqual([["a"]]);
  });

  test("take turns every half hour", async () => {
    const [one, other] = [fakeNode(), fakeNode()];
    const { naming, timers } = client([one, other]);
    told(naming, "chat");
    const [first, second] = await pollsAt(one, other);
    await pass(timers, first, rotationMs - heldMs);
    timers.advance(heldMs);
    first.release(-304);
    await until(() => second.held === 1, "a poll at the other");
    expect(second.calls[0]?.parameters.getAll("latest_timestamp")).toEqual(["0", "0"]);
  });

  test("are learned from the registry, those of the own zone first", async () => {
    const [seed, near, far] = [fakeNode(), fakeNode(), fakeNode()];
    seed.list(
      discoveryAppid,
      [
        instanceJson(discoveryAppid, "far", { zone: "z2", addrs: [far.url] }),
        instanceJson(discoveryAppid, "near", { addrs: ["grpc://127.0.0.1:1", near.url] }),
        instanceJson(discoveryAppid, "odd", { addrs: ["http://", "ftp://x"] }),
      ],
      10n,
    );
    const { naming, timers } = client([seed]);
    told(naming, "chat");
    await until(() => seed.calls.length === 2 && seed.held === 1, "the second poll");
    await seed.stop();
    await untilWith(timers, "the near node", () => near.held === 1);
    expect(far.calls.length).toBe(0);
    await near.stop();
    await untilWith(timers, "the far node", () => far.held === 1);
    const back = fakeNode(seed.port);
    await far.stop();
    await untilWith(timers, "the seed", () => back.held === 1);
  });

  test("are each asked once by a find, which rejects when all fail", async () => {
    const [one, other] = [fakeNode(), fakeNode()];
    const { naming } = client([one, other]);
    for (const node of [one, other]) node.script = () => coded(-500);
    const refusal = await naming.find("chat").catch(String);
    expect(refusal).toContain(one.url);
    expect(refusal).toContain(other.url);
    expect([one.calls.length, other.calls.length]).toEqual([1, 1]);
    other.script = () => undefined;
    other.list("chat", [instanceJson("chat", "a")], 10n);
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
    other.script = () => coded(-500);
    expect(namesOf(await naming.find("chat"))).toEqual(["a"]);
  });
});

describe("find", () => {
  test("asks for UP instances, and answers none for a service that is unknown", async () => {
    const node = fakeNode();
    const { naming } = client([node]);
    expect(await naming.find("chat")).toEqual([]);
    expect(Object.fromEntries(node.calls[0]?.parameters ?? [])).toEqual({ env: "test", appid: "chat", status: "1" });
  });

  test("goes on when a node does not answer within its time", async () => {
    const node = fakeNode();
    node.script = never;
    const { naming, timers } = client([node]);
    const answer = naming.find("chat").catch(String);
    await until(() => node.calls.length === 1, "the request");
    timers.advance(requestMsMax);
    expect(await answer).toContain("no answer within");
  });
});

describe("a registration", () => {
  test("says what it is, renews, and is cancelled", async () => {
    const node = fakeNode();
    const { naming, timers, waits } = client([node]);
    const registered = await naming.register(chat);
    const [call] = node.called("register");
    expect([...(call?.parameters ?? [])]).toEqual([
      ["region", "r"],
      ["zone", "z1"],
      ["env", "test"],
      ["appid", "chat"],
      ["hostname", "chat-1"],
      ["addrs", "tcp://127.0.0.1:1"],
      ["addrs", "http://127.0.0.1:2"],
      ["version", "7"],
      ["status", "1"],
      ["metadata", '{"state":"young"}'],
    ]);
    expect(call?.headers.get("authorization")).toBe("Bearer the token");
    for (let renewals = 1; renewals <= 3; renewals++) {
      await until(() => waits(renewIntervalMs), "the interval");
      timers.advance(renewIntervalMs);
      await until(() => node.called("renew").length === renewals, "a renewal");
    }
    await registered.deregister();
    expect(node.registered.size).toBe(0);
    await expect(registered.update({ status: Status.Waiting })).rejects.toThrow("deregistered");
    timers.advance(10 * renewIntervalMs);
    await Bun.sleep(10);
    expect(node.called("renew").length).toBe(3);
    expect(node.called("register").length).toBe(1);
  });

  test("that the registry forgot is made again", async () => {
    const node = fakeNode();
    const { naming, timers, waits } = client([node]);
    await naming.register(chat);
    node.registered.clear();
    await until(() => waits(renewIntervalMs), "the interval");
    timers.advance(renewIntervalMs);
    await until(() => node.registered.size === 1, "the registration");
    expect(node.called("register").length).toBe(2);
  });

  test("goes to another node when one fails, and waits for one to come", async () => {
    const { naming, timers } = client(["http://127.0.0.1:1", "http://127.0.0.1:2"]);
    let isRegistered = false;
    const registering = naming.register(chat).then(() => {
      isRegistered = true;
    }, String);
    for (let round = 0; round < 10; round++) {
      timers.advance(retryMsMax);
      await Bun.sleep(2);
    }
    expect(isRegistered).toBe(false);
    const node = fakeNode();
    const other = client([node, "http://127.0.0.1:1"]);
    const elsewhere = other.naming.register(chat);
    await untilWith(other.timers, "the registration", () => node.registered.size === 1);
    await elsewhere;
    await naming.close();
    expect(await registering).toContain("deregistered");
  });

  for (const code of [-400, -401, -403, -409, -509]) {
    test(`rejects when it is first refused with ${code}, and says why`, async () => {
      const node = fakeNode();
      node.script = ({ endpoint }) => (endpoint === "register" ? coded(code, "not like this") : undefined);
      const { naming } = client([node]);
      await expect(naming.register(chat)).rejects.toThrow("not like this");
      node.script = () => undefined;
      await naming.register(chat);
    });
  }

  test("is updated, the last word winning", async () => {
    const node = fakeNode();
    const { naming } = client([node]);
    const registered = await naming.register(chat);
    const { promise, resolve } = Promise.withResolvers<Response>();
    node.script = ({ endpoint }) =>
      endpoint === "register" && node.called("register").length === 2 ? promise : undefined;
    const updates = [
      registered.update({ metadata: new Map([["state", "1"]]) }),
      (async () => {
        await until(() => node.called("register").length === 2, "the first update");
        const last = [2, 3, 4].map((state) => registered.update({ metadata: new Map([["state", String(state)]]) }));
        last.push(registered.update({ status: Status.Waiting }));
        resolve(coded(0));
        await Promise.all(last);
      })(),
    ];
    await Promise.all(updates);
    const said = node
      .called("register")
      .map(({ parameters }) => [parameters.get("metadata"), parameters.get("status")]);
    expect(said).toEqual([
      ['{"state":"young"}', "1"],
      ['{"state":"1"}', "1"],
      ['{"state":"4"}', "2"],
    ]);
  });

  test("stays as it was while an update is refused, and says it again at the next interval", async () => {
    const node = fakeNode();
    const { naming, timers, waits } = client([node]);
    const registered = await naming.register(chat);
    node.script = ({ endpoint }) => (endpoint === "register" ? coded(-409, "not now") : undefined);
    await expect(registered.update({ status: Status.Waiting })).rejects.toThrow("not now");
    await until(() => node.called("renew").length === 1, "a renewal");
    await until(() => waits(renewIntervalMs), "the interval");
    expect(node.called("register").length).toBe(2);
    timers.advance(renewIntervalMs);
    await until(() => node.called("renew").length === 2, "the next renewal");
    expect(node.called("register").length).toBe(3);
    node.script = () => undefined;
    await until(() => waits(renewIntervalMs), "the interval");
    timers.advance(renewIntervalMs);
    await until(() => node.called("register").length === 4, "the update");
    expect(node.called("register")[3]?.parameters.get("status")).toBe("2");
  });

  test("renews at another node when its own dies", async () => {
    const [one, other] = [fakeNode(), fakeNode()];
    const { naming, timers, waits } = client([one, other]);
    await naming.register(chat);
    const [first, second] = one.registered.size === 1 ? [one, other] : [other, one];
    await first.stop();
    await until(() => waits(renewIntervalMs), "the interval");
    timers.advance(renewIntervalMs);
    await untilWith(timers, "the registration", () => second.registered.size === 1);
  });

  test("is refused twice at once under one id", async () => {
    const { naming } = client([fakeNode()]);
    const registered = await naming.register(chat);
    await expect(naming.register(chat)).rejects.toThrow("already");
    await naming.register({ ...chat, id: "chat-2" });
    await registered.deregister();
    await naming.register(chat);
  });

  test("is cancelled after what is under way, at no more than two nodes that do not answer", async () => {
    const nodes = [fakeNode(), fakeNode(), fakeNode()];
    const { naming, timers } = client(nodes);
    const registered = await naming.register(chat);
    for (const node of nodes) node.script = never;
    const ending = registered.deregister();
    for (let tries = 1; tries <= 2; tries++) {
      await until(() => nodes.flatMap((node) => node.called("cancel")).length === tries, "a cancel");
      timers.advance(cancelMsMax);
    }
    await ending;
    expect(nodes.flatMap((node) => node.called("cancel")).length).toBe(2);
  });
});

describe("closing", () => {
  test("deregisters, ends the poll and leaves no timer", async () => {
    const node = fakeNode();
    const { naming, timers } = client([node]);
    told(naming, "chat");
    await naming.register(chat);
    await until(() => node.held === 1, "a poll");
    await naming.close();
    expect(node.registered.size).toBe(0);
    await until(() => node.held === 0, "no poll");
    expect(timers.pending).toBe(0);
    const calls = node.calls.length;
    await Bun.sleep(20);
    expect(node.calls.length).toBe(calls);
    await expect(naming.find("chat")).rejects.toThrow("closed");
    await expect(naming.register(chat)).rejects.toThrow("closed");
    expect(() => naming.subscribe("login", () => undefined)).toThrow("closed");
  });

  test("rejects what waits", async () => {
    const node = fakeNode();
    node.script = ({ endpoint }) => (endpoint === "cancel" ? undefined : never());
    const { naming, timers } = client([node]);
    const waiting = [naming.find("chat"), naming.register(chat)].map((promise) => promise.catch(String));
    await until(() => node.called("register").length === 1 && node.called("fetch").length === 1, "the requests");
    const closing = naming.close();
    timers.advance(cancelMsMax);
    await closing;
    expect(await Promise.all(waiting)).toEqual([
      "Error: this naming client is closed",
      "Error: chat chat-1 is deregistered",
    ]);
    expect(timers.pending).toBe(0);
  });

  test("lets the process end", async () => {
    const node = fakeNode();
    const program = `
      import { HttpNaming } from ${JSON.stringify(new URL("../../../src/registry/client/http-naming.ts", import.meta.url).pathname)};
      import { silentLog } from ${JSON.stringify(new URL("../../../src/base/log.ts", import.meta.url).pathname)};
      import { systemRandom } from ${JSON.stringify(new URL("../../../src/base/random.ts", import.meta.url).pathname)};
      const naming = new HttpNaming({ nodes: ["${node.url}"], env: "test", zone: "z1", region: "r", hostname: "h",
        tokens: [], random: systemRandom, log: silentLog });
      naming.subscribe("chat", () => undefined);
      await naming.register({ service: "chat", id: "c", addrs: ["tcp://a:1"], version: "", status: 1, metadata: new Map() });
      await Bun.sleep(20);
      await naming.close();
    `;
    const child = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "pipe" });
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(0);
    clearTimeout(timer);
    expect(node.registered.size).toBe(0);
  });

  test("needs no use before, and may come twice", async () => {
    const { naming } = client([fakeNode()]);
    await naming.close();
    await naming.close();
  });
});

test("addresses that are not http://host:port are refused", () => {
  for (const node of ["", "127.0.0.1:7171", "https://a:1", "http://", "http://a:1/path"]) {
    expect(() => client([node])).toThrow("http://host:port");
  }
  expect(() => client([])).toThrow("no registry node");
});
