// Which of several registry nodes a command believes: the first good answer, and dead nodes are not waited for.

import { afterEach, expect, test } from "bun:test";
import { RegistryNodes } from "../../src/cli/registry-listing.ts";
import { NodeClient } from "../../src/registry/client/node-client.ts";
import { systemTimers } from "../../src/base/timers.ts";

const running: { stop(force: boolean): unknown }[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop(true);
});

const instance = (hostname: string, stale: object): object => ({
  region: "r",
  zone: "z",
  env: "e",
  appid: "shop",
  hostname,
  addrs: [],
  version: "",
  metadata: {},
  status: 1,
  reg_timestamp: 1,
  up_timestamp: 1,
  renew_timestamp: 1,
  dirty_timestamp: 1,
  latest_timestamp: 1,
  ...stale,
});

/** A node that lists these; one that is stale says so. Of no name at all: it never answers. */
function node(hostnames: readonly string[] | undefined, stale: object = {}) {
  const asked: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: ({ url }) => {
      const { pathname } = new URL(url);
      asked.push(pathname);
      if (hostnames === undefined) return new Promise<Response>(() => undefined);
      const data = pathname.endsWith("/nodes")
        ? []
        : { shop: hostnames.map((name) => instance(name.replace("?", ""), name.endsWith("?") ? { stale: true } : {})) };
      return Response.json({ code: 0, message: "0", ttl: 1, data, ...stale });
    },
  });
  running.push(server);
  return { url: `http://127.0.0.1:${server.port}`, asked };
}

function asking(...nodes: { readonly url: string }[]): RegistryNodes {
  return new RegistryNodes(
    new NodeClient(systemTimers.after, () => [], false),
    nodes.map(({ url }) => url),
  );
}
const isStale = { stale: true };

test("a node that never answers is not waited for, and is asked last the next time", async () => {
  const [silent, good] = [node(undefined), node(["a"])];
  const nodes = asking(silent, good);
  expect((await nodes.listing()).node).toBe(good.url);
  const before = silent.asked.length;
  expect((await nodes.listing()).node).toBe(good.url);
  expect(silent.asked.length).toBe(before);
});

test("a node that shows what it knew before it ended counts only where no other one answers", async () => {
  const [stale, good] = [node(["old"], isStale), node(["new"])];
  const believed = await asking(stale, good).listing();
  expect([believed.node, believed.isStale]).toEqual([good.url, false]);
  const dead = { url: "http://127.0.0.1:1" };
  const only = await asking(dead, stale).listing();
  expect([only.node, only.isStale, only.instances.map(({ hostname }) => hostname)]).toEqual([stale.url, true, ["old"]]);
  await expect(asking(dead, dead).listing()).rejects.toThrow("no registry node answers: http://127.0.0.1:1: ");
});

test("instances that have fallen silent are marked in the list", async () => {
  const { stale } = await asking(node(["a", "b?"])).listing();
  expect([...stale].map(({ hostname }) => hostname)).toEqual(["b"]);
});
