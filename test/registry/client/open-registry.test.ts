// A client that requires a key uses no node of the registry that takes writes without one, and shows no token to it.

import { afterEach, describe, expect, test } from "bun:test";
import { OpenRegistry } from "../../../src/registry/client/node-client.ts";
import { until } from "../../../scripts/harness/until.ts";
import { endAll as endNodes, TestNode } from "../http/support.ts";
import { type Call, coded, type FakeRegistry, instanceJson, never } from "./fake-registry.ts";
import { chat, client, endAll, fakeNode, told, untilWith } from "./naming-client.ts";

afterEach(async () => {
  await endAll();
  await endNodes();
});

const isShown = ({ headers }: Call): boolean => headers.get("authorization") !== null;

/** A node that takes writes with the token alone, for as long as `key.isNeeded`. */
function keyedNode(): { readonly node: FakeRegistry; readonly key: { isNeeded: boolean } } {
  const node = fakeNode();
  const key = { isNeeded: true };
  node.script = (call) => (key.isNeeded && call.method === "POST" && !isShown(call) ? coded(-401) : undefined);
  return { node, key };
}

const sentence = (...nodes: readonly FakeRegistry[]): string =>
  `${nodes.map(({ url }) => url).join(", ")}: this node of the registry accepts writes without a key from everybody` +
  ": start it with the --cluster-key-file of the cluster, " +
  "or this process with --insecure if it cannot have one (bilibili/discovery)";

describe("a node that takes writes without a key", () => {
  test("is asked for nothing and shown no token", async () => {
    const node = fakeNode();
    node.list("chat", [instanceJson("chat", "evil")], 1n);
    const { naming, timers } = client([node], { requiresKey: true });
    const lists = told(naming, "chat");
    await expect(naming.find("chat")).rejects.toThrow(sentence(node));
    naming.register(chat).catch(() => undefined);
    await untilWith(timers, "several tries", () => node.called("renew").length > 5);
    expect(node.calls.filter(({ endpoint }) => endpoint !== "renew")).toEqual([]);
    expect(node.calls.some(isShown)).toBe(false);
    expect(lists).toEqual([]);
    expect(naming.trouble).toBe(sentence(node));
    expect(naming.isAnswered).toBe(false);
    expect(await naming.whoLists("chat", "evil")).toEqual({ listing: [], lacking: [] });
  });

  test("is left for another one that needs the key", async () => {
    const open = fakeNode();
    const { node } = keyedNode();
    node.list("chat", [instanceJson("chat", "c1")], 1n);
    const { naming, timers } = client([open, node], { requiresKey: true });
    const lists = told(naming, "chat");
    let isRegistered = false;
    const registering = naming.register(chat).then(() => (isRegistered = true));
    await untilWith(timers, "the list and the registration", () => lists.length > 0 && isRegistered);
    await registering;
    expect(lists).toEqual([["c1"]]);
    expect([...node.registered]).toEqual(["chat chat-1"]);
    expect(open.calls.every((call) => call.endpoint === "renew" && !isShown(call))).toBe(true);
  });

  test("is found out when it comes back without the key that it had", async () => {
    const { node, key } = keyedNode();
    const { naming, timers } = client([node], { requiresKey: true });
    node.list("chat", [instanceJson("chat", "c1")], 1n);
    const lists = told(naming, "chat");
    await until(() => lists.length === 1, "the list");
    expect(naming.trouble).toBe("");
    key.isNeeded = false;
    node.list("chat", [instanceJson("chat", "evil")], 2n);
    await until(() => lists.length === 2, "a poll that was under way is answered");
    await until(() => node.held === 1, "the next poll waits");
    // Its connection breaks, as it does when it restarts.
    node.release(-500);
    await untilWith(timers, "it is asked again", () => naming.trouble === sentence(node));
    node.list("chat", [instanceJson("chat", "evil-2")], 3n);
    await Bun.sleep(20);
    expect(lists.length).toBe(2);
    key.isNeeded = true;
    await untilWith(timers, "it is used again", () => lists.length === 3);
    expect(naming.trouble).toBe("");
  });

  test("is refused at a start, also when another one needs the key and a third one does not answer", async () => {
    const open = fakeNode();
    const silent = fakeNode();
    silent.script = () => never();
    const { naming, timers } = client([keyedNode().node, open, silent], { requiresKey: true });
    let error: unknown;
    const refused = naming.refuseOpenNodes().catch((reason: unknown) => (error = reason));
    await untilWith(timers, "the silent one is given up", () => error !== undefined);
    await refused;
    expect(error).toBeInstanceOf(OpenRegistry);
    expect(error).toMatchObject({ message: sentence(open) });
  });

  test("is used where no key is required", async () => {
    const node = fakeNode();
    const { naming } = client([node], { requiresKey: false });
    await naming.refuseOpenNodes();
    await naming.register(chat);
    expect(node.called("renew")).toEqual([]);
    expect(naming.trouble).toBe("");
  });
});

test("nodes that are away or starting stop nobody at a start", async () => {
  const starting = fakeNode();
  starting.script = () => coded(-500);
  await client([starting, "http://127.0.0.1:1"], { requiresKey: true }).naming.refuseOpenNodes();
});

test("probing for an open registry changes nothing at a node of this implementation", async () => {
  for (const clusterKeys of [[], [new TextEncoder().encode("the key of this cluster")]]) {
    const node = await TestNode.start({ clusterKeys });
    const before = (await node.ask("/discovery/fetch/all")).text.replace(/"renew_timestamp":\d+/g, "");
    const { naming } = client([node.url], { requiresKey: true });
    const outcome = await naming.refuseOpenNodes().then(
      () => "taken",
      (error: unknown) => (error instanceof OpenRegistry ? "refused" : "failed"),
    );
    expect(outcome).toBe(clusterKeys.length === 0 ? "refused" : "taken");
    expect((await node.ask("/discovery/fetch/all")).text.replace(/"renew_timestamp":\d+/g, "")).toBe(before);
  }
});

test("where nodes are not learned, one that passes for a node of the registry is never asked", async () => {
  const [node, fake] = [fakeNode(), fakeNode()];
  node.list("infra.discovery", [instanceJson("infra.discovery", "fake", { addrs: [fake.url] })], 1n);
  node.list("chat", [instanceJson("chat", "c1")], 1n);
  const { naming, timers } = client([node], { learnsNodes: false });
  const lists = told(naming, "chat");
  await until(() => lists.length === 1, "the list");
  await naming.register(chat);
  await node.stop();
  await untilWith(timers, "polls have failed", () => !naming.isAnswered);
  timers.advance(60_000);
  await Bun.sleep(20);
  expect(fake.calls).toEqual([]);
});
