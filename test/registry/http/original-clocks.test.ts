// A node beside one of the original implementation whose clock is another one: each write counts, whichever of the two
// it is made at, and what is older stays older.

import { afterEach, describe, expect, test } from "bun:test";
import { FakeOriginalNode } from "./fake-original-node.ts";
import { askUrl, at, chat1, encode, endAll, endLater, eventually, TestNode, type Values } from "./support.ts";

afterEach(endAll);

const registration = { ...chat1, region: "r1", status: "1", addrs: "tcp://10.0.0.1:8100", version: "1" };

/** A gate that is passed once it is opened. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

/** Two nodes of one zone that know each other, ours with a clock that is ahead by `aheadMs`. */
async function pair(aheadMs: number): Promise<{ node: TestNode; original: FakeOriginalNode }> {
  const original = new FakeOriginalNode();
  endLater(() => original.stop());
  original.nowMs = () => Date.now() - aheadMs;
  const node = await TestNode.start({ peers: [original.address] });
  original.peers = [node.address];
  await eventually("the original node to be asked", () => original.called("register").length > 0);
  return { node, original };
}

const write = (original: FakeOriginalNode, endpoint: string, values: Values): Promise<{ code: unknown }> =>
  askUrl(`http://${original.address}/discovery/${endpoint}`, {
    method: "POST",
    body: new URLSearchParams(encode(values)),
  });

/** Lets ours learn the other clock as exactly as it can: by a renewal. */
async function compareClocks(node: TestNode, original: FakeOriginalNode): Promise<void> {
  const hostname = "by-the-way";
  await node.register({ hostname });
  await eventually("the registration there", () => original.get(hostname) !== undefined);
  await node.renew({ hostname });
  await eventually("a renewal there", () => original.called("renew").length > 0);
  await node.cancel({ hostname });
  await eventually("the cancellation there", () => original.get(hostname) === undefined);
}

/** Both nodes have chat-1, in the same version and with that status and version of its program. */
async function untilBoth(node: TestNode, original: FakeOriginalNode, status: number, version = "1"): Promise<void> {
  const here = async (): Promise<unknown[]> => {
    const instance = await node.instance();
    return ["status", "version", "dirty_timestamp"].map((key) => at(instance, key));
  };
  await eventually(`status ${status}, version ${version} at both`, async () => {
    const there = original.get("chat-1");
    return (
      there?.status === status &&
      there.version === version &&
      Bun.deepEquals(await here(), [status, version, there.dirty_timestamp])
    );
  });
}

for (const aheadMs of [2_000, 0, -2_000]) {
  describe(`a node whose clock is ${aheadMs} ms ahead`, () => {
    test("keeps a set that is made there right after the registration here", async () => {
      const { node, original } = await pair(aheadMs);
      await node.register();
      await untilBoth(node, original, 1);
      expect((await write(original, "set", { ...chat1, status: "2", metadata: '{"k":"v"}' })).code).toBe(0);
      await untilBoth(node, original, 2);
      expect(at(await node.instance(), "metadata")).toEqual({ k: "v" });
      // A renewal would bring back what a node takes for newer.
      await node.renew();
      await write(original, "renew", chat1);
      await untilBoth(node, original, 2);
    });

    test("lists at once what was cancelled here and is registered there", async () => {
      const { node, original } = await pair(aheadMs);
      await node.register();
      await untilBoth(node, original, 1);
      await node.cancel();
      await eventually("the cancellation there", () => original.get("chat-1") === undefined);
      await write(original, "register", { ...registration, version: "2" });
      await untilBoth(node, original, 1, "2");
    });

    test("takes what is registered there anew", async () => {
      const { node, original } = await pair(aheadMs);
      await node.register();
      await untilBoth(node, original, 1);
      await write(original, "register", { ...registration, version: "2" });
      await untilBoth(node, original, 1, "2");
    });

    test("keeps what was cancelled here and is registered there while the cancellation is on its way", async () => {
      const { node, original } = await pair(aheadMs);
      await node.register();
      await untilBoth(node, original, 1);
      const late = gate();
      original.script = async ({ endpoint, parameters }) => {
        if (endpoint === "cancel" && parameters.get("replication") === "true") await late.passed;
        return undefined;
      };
      await node.cancel();
      await eventually("the cancellation to be sent", () => original.called("cancel").length === 1);
      await write(original, "register", { ...registration, version: "2" });
      late.open();
      await eventually("the registration to be told back", () => original.called("register").length >= 3);
      await untilBoth(node, original, 1, "2");
    });

    test("keeps what was cancelled there and is registered here while the cancellation is on its way", async () => {
      const { node, original } = await pair(aheadMs);
      await node.register();
      await untilBoth(node, original, 1);
      const [late, held] = [gate(), gate()];
      original.beforeForward = () => late.passed;
      const cancelling = write(original, "cancel", chat1);
      await eventually("the cancellation there", () => original.get("chat-1") === undefined);
      original.script = async ({ endpoint }) => {
        if (endpoint === "register") await held.passed;
        return undefined;
      };
      const before = original.called("register").length;
      await node.register({ version: "2" });
      await eventually("the registration to be sent", () => original.called("register").length > before);
      late.open();
      expect((await cancelling).code).toBe(0);
      held.open();
      await untilBoth(node, original, 1, "2");
    });

    test("takes out what is cancelled there once that node has heard of it", async () => {
      const { node, original } = await pair(aheadMs);
      await node.register();
      await untilBoth(node, original, 1);
      // The answer to the registration is heard a moment after it is made.
      await node.renew();
      await eventually("a renewal there", () => original.called("renew").length > 0);
      await write(original, "cancel", chat1);
      await eventually("the cancellation here", async () => (await node.instance()) === undefined);
    });

    test("is not changed by a set there that arrives after a later one here", async () => {
      const { node, original } = await pair(aheadMs);
      await compareClocks(node, original);
      await node.register();
      await untilBoth(node, original, 1);
      const late = gate();
      original.beforeForward = () => late.passed;
      const setting = write(original, "set", { ...chat1, status: "2" });
      await eventually("the set there", () => original.get("chat-1")?.status === 2);
      // Longer than it takes to compare clocks.
      await Bun.sleep(100);
      await node.set({ status: "1", metadata: '{"later":"here"}' });
      late.open();
      await setting;
      await untilBoth(node, original, 1);
      expect(at(await node.instance(), "metadata")).toEqual({ later: "here" });
    });

    test("does not list again what was registered there before it was cancelled here", async () => {
      const { node, original } = await pair(aheadMs);
      await compareClocks(node, original);
      await node.register();
      await untilBoth(node, original, 1);
      const late = gate();
      original.beforeForward = () => late.passed;
      const registering = write(original, "register", registration);
      await eventually("the registration there", () => original.called("register").length > 0);
      await Bun.sleep(100);
      await node.cancel();
      await eventually("the cancellation there", () => original.get("chat-1") === undefined);
      late.open();
      expect((await registering).code).toBe(0);
      expect(await node.instance()).toBeUndefined();
    });
  });
}

test("beside two original nodes, one of them 2 s ahead: the later set counts, wherever it is made", async () => {
  const [fast, right] = [new FakeOriginalNode(), new FakeOriginalNode()];
  for (const original of [fast, right]) endLater(() => original.stop());
  [fast.nowMs, right.nowMs] = [() => Date.now() + 2_000, () => Date.now()];
  const both = await TestNode.start({ peers: [fast.address, right.address] });
  [fast.peers, right.peers] = [
    [both.address, right.address],
    [both.address, fast.address],
  ];
  for (const original of [fast, right])
    await eventually("it to be asked", () => original.called("register").length > 0);
  await compareClocks(both, fast);
  await compareClocks(both, right);
  await both.register();
  await untilBoth(both, fast, 1);
  await untilBoth(both, right, 1);
  for (const [where, status] of [
    [both, 2],
    [right, 1],
    [both, 2],
    [fast, 1],
    [both, 2],
    [right, 1],
  ] as const) {
    const set = { ...chat1, status: String(status) };
    if (where instanceof TestNode) await where.set({ status: set.status });
    else await write(where, "set", set);
    await untilBoth(both, fast, status);
    await untilBoth(both, right, status);
  }
});

test("an original node that shows a senseless clock decides nothing: its sets count by their time", async () => {
  const { node, original } = await pair(0);
  original.script = ({ endpoint }) => {
    if (endpoint !== "renew") return undefined;
    const known = original.get("chat-1");
    return known && Response.json({ code: 0, message: "0", ttl: 1, data: { ...known, renew_timestamp: 1 } });
  };
  await node.register();
  await untilBoth(node, original, 1);
  original.script = (call) => {
    if (call.endpoint !== "renew") return undefined;
    call.parameters.set("dirty_timestamp", "0");
    return new Response('{"code":0,"message":"0","data":{"renew_timestamp":1}}');
  };
  await node.renew();
  await eventually("a renewal there", () => original.called("renew").length > 0);
  const dirty = original.get("chat-1")?.dirty_timestamp ?? 0n;
  const old = { ...chat1, status: "2", replication: "true", set_timestamp: String(dirty - 1_000_000_000n) };
  expect((await node.set(old)).code).toBe(0);
  expect(at(await node.instance(), "status")).toBe(1);
});
