// The cluster key at the registry's door: writes and other nodes have to show a token made of it, readers do not.

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { registryToken, showsToken } from "../../../src/auth/registry-token.ts";
import { silentLog } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { HttpNaming } from "../../../src/registry/client/http-naming.ts";
import { messageText } from "../../../src/registry/http/peer-codec.ts";
import { Status } from "../../../src/registry/instance.ts";
import { living, nodeInfo } from "../support.ts";
import { at, chat1, encode, endAll, endLater, eventually, RawConnection, TestNode } from "./support.ts";

const clusterKey = new TextEncoder().encode("the key of this cluster");
const token = registryToken(clusterKey);
const bearer = (shown: string): { readonly headers: Record<string, string> } => ({
  headers: { authorization: `Bearer ${shown}` },
});

describe("the token", () => {
  test("follows from the key, differs with it, and is not the key", () => {
    expect(registryToken(clusterKey)).toBe(token);
    expect(token).toBe("GIcquh3yuFxM8G_zSKx8SNVuFgZoJ0cMDNVFxi_PvZs");
    expect(registryToken(new TextEncoder().encode("another key of some cluster"))).not.toBe(token);
    expect(token).toMatch(/^[\w-]{43}$/);
  });

  test("is shown by exactly one header", () => {
    expect(showsToken(`Bearer ${token}`, [token])).toBe(true);
    expect(showsToken(`Bearer ${token}`, ["another", token, "a third"])).toBe(true);
    expect(showsToken(`Bearer ${token}`, [])).toBe(false);
    for (const name of ["bearer", "BEARER", "Bearer ", "bEARER   "])
      expect(showsToken(`${name} ${token}`, [token])).toBe(true);
    const wrong = [
      null,
      "",
      "Bearer",
      "Bearer ",
      token,
      `bearer${token}`,
      ` bearer ${token}`,
      `Bearer ${token} `,
      `Bearer ${token}x`,
    ];
    for (const header of [...wrong, `Bearer ${token.slice(1)}`, `Basic ${token}`, `Bearer ${"é".repeat(43)}`])
      expect([header, showsToken(header, [token])]).toEqual([header, false]);
  });
});

describe("with a cluster key", () => {
  let node: TestNode;
  beforeEach(async () => {
    node = await TestNode.start({ clusterKeys: [clusterKey] });
  });
  afterEach(endAll);

  const states = [living(BigInt(Date.now()) * 1_000_000n, { hostname: "of a peer" })];
  const message = { kind: "replicate", node: nodeInfo(), isSpread: false, states, renewals: [] } as const;
  const asPeer = (init: { readonly headers?: Record<string, string> }) =>
    node.postMessage("peer/replicate", messageText(message), init.headers);

  test("every write needs the token: without it, and with a wrong one, nothing happens", async () => {
    expect((await node.register({}, bearer(token))).code).toBe(0);
    const before = (await node.get("fetch/all")).text;
    const strangers = [
      {},
      bearer("wrong"),
      bearer(token.slice(0, -1)),
      bearer(`${token}=`),
      { headers: { authorization: token } },
    ];
    for (const init of strangers) {
      const writes = [
        await node.register({ hostname: "stranger" }, init),
        await node.post("renew", chat1, init),
        await node.post("cancel", chat1, init),
        await node.post("set", { ...chat1, status: "2" }, init),
        await node.register({ replication: "true", hostname: "stranger" }, init),
        await node.post(`register?${encode({ token, authorization: `Bearer ${token}` })}`, chat1, init),
        await asPeer(init),
        await node.post(
          "peer/compare",
          {},
          { body: messageText({ kind: "compare", node: nodeInfo(), digest: "", fromBucket: 0 }), ...init },
        ),
      ];
      for (const { status, code, json } of writes) {
        expect([status, code]).toEqual([200, -401]);
        expect(at(json, "message")).toContain("authorization: Bearer");
        expect(at(json, "data")).toBeUndefined();
      }
    }
    expect((await node.get("fetch/all")).text).toBe(before);
    expect(await node.metric("roost_registry_peers")).toBe(0);
  });

  test("every write is taken with the token", async () => {
    expect((await node.register({}, bearer(token))).code).toBe(0);
    expect((await node.post("renew", chat1, bearer(token))).code).toBe(0);
    expect((await node.post("set", { ...chat1, status: "2" }, bearer(token))).code).toBe(0);
    expect((await asPeer(bearer(token))).code).toBe(0);
    expect(await node.hostnames()).toEqual(["chat-1", "of a peer"]);
    expect((await node.post("cancel", chat1, bearer(token))).code).toBe(0);
  });

  test("reads are open", async () => {
    await node.register({}, bearer(token));
    expect((await node.fetch()).code).toBe(0);
    expect((await node.get("fetchs", { env: "prod", appid: "chat", status: "1" })).code).toBe(0);
    expect((await node.get("fetch/all")).code).toBe(0);
    expect((await node.get("nodes")).code).toBe(0);
    expect((await node.poll()).code).toBe(0);
    expect((await node.polls()).code).toBe(0);
    expect((await node.ask("/health")).status).toBe(200);
    expect((await node.ask("/metrics")).status).toBe(200);
  });

  test("a GET writes nothing, with the token or without", async () => {
    await node.register({}, bearer(token));
    const before = (await node.get("fetch/all")).text;
    const writes = ["register", "renew", "cancel", "set", "peer/replicate", "peer/compare"];
    for (const endpoint of writes) {
      for (const init of [{}, bearer(token)]) {
        const values = { ...chat1, status: "2", addrs: "tcp://a:1", method: "POST", _method: "POST" };
        expect((await node.get(endpoint, values, init)).status).toBe(405);
      }
    }
    expect((await node.get("fetch/all")).text).toBe(before);
  });

  test("the body of a stranger is not waited for", async () => {
    const connection = await RawConnection.open(node);
    connection.write("POST /discovery/peer/replicate HTTP/1.1\r\nhost: localhost\r\ncontent-length: 16000000\r\n\r\n");
    await connection.until('"code":-401');
  });

  test("the token stands in no answer, no health and no metrics", async () => {
    for (const path of ["/health", "/metrics", "/discovery/fetch/all", "/discovery/nodes"])
      expect((await node.ask(path)).text).not.toContain(token);
    expect((await node.register()).text).not.toContain(token);
  });

  test("a naming client with the token registers, and one without learns why it is refused", async () => {
    const naming = (shown: string | undefined): HttpNaming => {
      const client = new HttpNaming({
        ...{
          nodes: [node.url],
          env: "prod",
          zone: "z1",
          region: "r1",
          hostname: "client",
          tokens: () => (shown === undefined ? [] : [shown]),
        },
        requiresKey: false,
        learnsNodes: true,
        random: seededRandom(1),
        log: silentLog,
      });
      endLater(() => client.close());
      return client;
    };
    const registration = {
      service: "chat",
      id: "chat-1",
      addrs: ["tcp://a:1"],
      version: "1",
      status: Status.Up,
      metadata: new Map(),
    };
    const [trusted, stranger] = [naming(token), naming(undefined)];
    const registered = await trusted.register(registration);
    expect(await node.hostnames()).toEqual(["chat-1"]);
    expect((await stranger.find("chat")).map(({ hostname }) => hostname)).toEqual(["chat-1"]);
    let refusal = "";
    await stranger.register({ ...registration, id: "chat-2" }).catch((error: unknown) => (refusal = String(error)));
    expect(refusal).toContain("this registry takes writes only with its key");
    await registered.deregister();
    expect(await node.hostnames()).toEqual([]);
  });
});

describe("with several cluster keys", () => {
  afterEach(endAll);
  const keys = ["one", "two", "three"].map((name) => new TextEncoder().encode(`key ${name} of this cluster`));
  const tokens = keys.map(registryToken);
  const [one = "", two = "", three = ""] = tokens;
  const registration = {
    service: "chat",
    addrs: ["tcp://a:1"],
    version: "1",
    status: Status.Up,
    metadata: new Map(),
  };
  const naming = (nodes: readonly TestNode[], ...shown: readonly string[]): HttpNaming => {
    const client = new HttpNaming({
      nodes: nodes.map(({ url }) => url),
      env: "prod",
      zone: "z1",
      region: "r1",
      hostname: "client",
      tokens: () => shown,
      requiresKey: true,
      learnsNodes: true,
      random: seededRandom(1),
      log: silentLog,
    });
    endLater(() => client.close());
    return client;
  };

  test("the token of each is taken, and no other", async () => {
    const node = await TestNode.start({ clusterKeys: keys.slice(0, 2) });
    expect((await node.register({}, bearer(one))).code).toBe(0);
    expect((await node.post("renew", chat1, bearer(two))).code).toBe(0);
    for (const init of [bearer(three), bearer(`${one}, ${two}`), bearer(one + two), {}])
      expect((await node.post("renew", chat1, init)).code).toBe(-401);
  });

  test("a client registers, renews and leaves with a later key, where a node knows no other one of it", async () => {
    const node = await TestNode.start({ clusterKeys: keys.slice(2) });
    const registered = await naming([node], one, two, three).register({ ...registration, id: "chat-1" });
    expect(await node.hostnames()).toEqual(["chat-1"]);
    await registered.update({ metadata: new Map([["state", "adult"]]) });
    expect(at(await node.instance(), "metadata", "state")).toBe("adult");
    await registered.deregister();
    expect(await node.hostnames()).toEqual([]);
  });

  test("a client that shares no key is refused with the registry's sentence", async () => {
    const node = await TestNode.start({ clusterKeys: keys.slice(2) });
    const refused = naming([node], one, two).register({ ...registration, id: "chat-1" });
    await expect(refused).rejects.toThrow("this registry takes writes only with its key");
  });

  test("nodes that share a key replicate, whichever each shows", async () => {
    const [first, second] = keys;
    if (first === undefined || second === undefined) throw new Error("there are keys");
    for (const [left, right] of [
      [[first], [second, first]],
      [[second, first], [first]],
      [
        [first, second],
        [second, first],
      ],
    ] as const) {
      const a = await TestNode.start({ clusterKeys: left });
      const b = await TestNode.start({ clusterKeys: right, peers: [a.address] });
      await eventually("both to be up", async () =>
        (await Promise.all([a, b].map((node) => node.metric("roost_registry_peers_up")))).every((up) => up === 1),
      );
      // What either takes from a client, the other one receives.
      expect((await a.register({ hostname: "at-a" }, bearer(registryToken(left[0])))).code).toBe(0);
      expect((await b.register({ hostname: "at-b" }, bearer(registryToken(right[0])))).code).toBe(0);
      for (const node of [a, b])
        await eventually("both to be listed", async () => Bun.deepEquals(await node.hostnames(), ["at-a", "at-b"]));
      await endAll();
    }
  });

  test("an instance with a health_url is as good by a later key as by the first", async () => {
    const node = await TestNode.start({ clusterKeys: keys.slice(0, 2) });
    const metadata = JSON.stringify({ health_url: "http://127.0.0.1:1/" });
    expect((await node.register({ addrs: "http://127.0.0.1:1", metadata }, bearer(two))).code).toBe(0);
  });
});

test("without a cluster key everybody writes, whatever is shown", async () => {
  try {
    const node = await TestNode.start();
    expect((await node.register({}, bearer("anything"))).code).toBe(0);
    expect((await node.cancel()).code).toBe(0);
  } finally {
    await endAll();
  }
});
