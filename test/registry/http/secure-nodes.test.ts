// A registry of three nodes over HTTPS: replication, members with long polls, renewed and bad certificates, attempts to
// lead a member to plain text, and the change of a running registry to TLS.

import { afterEach, describe, expect, test } from "bun:test";
import { registryToken } from "../../../src/auth/registry-token.ts";
import { silentLog } from "../../../src/base/log.ts";
import { seededRandom } from "../../../src/base/random.ts";
import { HttpNaming } from "../../../src/registry/client/http-naming.ts";
import { NodeClient } from "../../../src/registry/client/node-client.ts";
import { discoveryAppid, Status } from "../../../src/registry/instance.ts";
import { probeOverHttp } from "../../../src/registry/node/health-checks.ts";
import { systemTimers } from "../../../src/base/timers.ts";
import { readNodePair, type NodeTls } from "../../../src/transport/tls/node-tls.ts";
import { freePorts } from "../../../scripts/harness/free-ports.ts";
import { until } from "../../../scripts/harness/until.ts";
import { type Pair, selfSigned, TestAuthority } from "../../support/certificates.ts";
import { bothPurposes, nodeTls, spoiledTls } from "../../support/node-tls.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { endAll, endLater, eventually, TestNode } from "./support.ts";

afterEach(endAll);

const folder = temporaryFolder("roost-registry-tls-");
const [ours, theirs] = [new TestAuthority(folder), new TestAuthority(folder)];
const issued = (names?: string): Pair => ours.leaf({ extra: bothPurposes, ...(names === undefined ? {} : { names }) });
const pair = issued();
const clusterKeys = [new TextEncoder().encode("the key of this cluster")];
const token = clusterKeys.map(registryToken);
const tlsOf = (isRequired = true): NodeTls => nodeTls(pair, ours.root, isRequired);

/** Starts a node at one of these ports, which knows the others. */
function startAt(ports: readonly number[], at: number, tls?: NodeTls): Promise<TestNode> {
  return TestNode.start({
    listen: { host: "127.0.0.1", port: ports[at] ?? 0 },
    peers: ports.map((port) => `127.0.0.1:${port}`),
    clusterKeys,
    nodeTls: tls,
  });
}

async function startThree(
  tls: () => NodeTls = tlsOf,
): Promise<{ readonly nodes: TestNode[]; readonly tls: NodeTls[] }> {
  const ports = await freePorts(3);
  const given = ports.map(() => tls());
  const nodes = await Promise.all(ports.map((_, at) => startAt(ports, at, given[at])));
  await untilTogether(nodes);
  return { nodes, tls: given };
}

async function untilTogether(nodes: readonly TestNode[]): Promise<void> {
  const addresses = nodes.map(({ address }) => address).toSorted();
  for (const node of nodes)
    await eventually("all nodes", async () =>
      Bun.deepEquals(await node.hostnames({ appid: discoveryAppid }), addresses),
    );
}

function member(nodes: readonly string[], tls: NodeTls | undefined = tlsOf(), hostname = "member"): HttpNaming {
  const naming = new HttpNaming({
    nodes,
    env: "prod",
    zone: "z1",
    region: "r1",
    hostname,
    tokens: () => token,
    requiresKey: true,
    learnsNodes: true,
    random: seededRandom(1),
    log: silentLog,
    tls,
  });
  endLater(() => naming.close());
  return naming;
}

const entryOf = (id: string) => ({
  service: "chat",
  id,
  addrs: ["tcp://127.0.0.1:1"],
  version: "1",
  status: Status.Up,
  metadata: new Map(),
});

const reasonAt = (url: string, tls?: NodeTls): Promise<string> =>
  new NodeClient(systemTimers.after, () => token, false, tls)
    .ask(
      url,
      { method: "GET", endpoint: "nodes", parameters: new URLSearchParams(), limitMs: 5_000 },
      new AbortController().signal,
    )
    .then(
      () => "",
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );

describe("three nodes over HTTPS", () => {
  test("replicate, tell members what changes, and tell nothing to clients of plain text", async () => {
    const { nodes } = await startThree();
    const [first, second, third] = nodes;
    if (first === undefined || second === undefined || third === undefined) throw new Error("three nodes");
    const lists: string[][] = [];
    const reader = member([second.url]);
    reader.subscribe("chat", (instances) => void lists.push(instances.map(({ hostname }) => hostname)));
    await member([first.url], tlsOf(), "writer").register(entryOf("chat-1"));
    await until(() => lists.at(-1)?.includes("chat-1") === true, "the member is told");
    for (const node of nodes) await eventually("it is listed", async () => (await node.hostnames()).includes("chat-1"));
    const answer = await fetch(`http://${first.address}/discovery/fetch/all`);
    expect([answer.status, await answer.text()]).toEqual([
      400,
      "this port speaks HTTPS: begin the URL with https://\n",
    ]);
    expect(await first.metric("roost_node_certificate_expiry_seconds")).toBeGreaterThan(3_600);
  });

  test("renew certificates and authority without a failed request", async () => {
    const { nodes, tls } = await startThree();
    const [first] = nodes;
    if (first === undefined) throw new Error("a node");
    const own = tlsOf();
    const namings = Array.from({ length: 20 }, (_, at) => member([first.url], own, `poller-${at}`));
    const seen = namings.map(() => 0);
    for (const [at, naming] of namings.entries())
      naming.subscribe("chat", (instances) => void (seen[at] = instances.length));
    const others = new TestAuthority(folder);
    const bundle = `${folder}/both.pem`;
    const texts = await Promise.all([ours.root, others.root].map((path) => Bun.file(path).text()));
    await Bun.write(bundle, texts.join(""));
    const steps: { readonly good: Pair; readonly authorities: string }[] = [
      { good: issued(), authorities: ours.root },
      { good: issued(), authorities: bundle },
      { good: others.leaf({ extra: bothPurposes }), authorities: bundle },
      { good: others.leaf({ extra: bothPurposes }), authorities: others.root },
    ];
    const failures: string[] = [];
    let asked = 0;
    const over = new AbortController();
    const asking = Promise.all(
      Array.from({ length: 4 }, async () => {
        while (!over.signal.aborted) {
          asked++;
          for (const { url } of nodes) {
            const reason = await reasonAt(url, own);
            if (reason !== "") failures.push(reason);
          }
        }
      }),
    );
    const writer = member([first.url], own, "writer");
    for (const [at, { good, authorities }] of steps.entries()) {
      // All trust a new authority before the first one shows its certificate, and drop the old one when none does.
      for (const each of [...tls, own]) each.replace(readNodePair({ ...good, authorities }, Date.now()));
      await writer.register(entryOf(`chat-${at}`));
      await until(() => seen.every((count) => count === at + 1), "all polls see it");
      await Bun.sleep(50);
    }
    over.abort();
    await asking;
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(20);
    // Replication goes on with the new authority.
    for (const node of nodes) await eventually("all are listed", async () => (await node.hostnames()).length === 4);
  });

  const expired = { from: "20200101000000Z", to: "20210101000000Z", extra: bothPurposes };
  const bad: readonly [string, () => Pair, RegExp][] = [
    ["another authority's", () => theirs.leaf({ extra: bothPurposes }), /no authority that is known|issued by no auth/],
    ["an expired", () => ours.leaf(expired), /expired/],
    ["another host's", () => issued("DNS:other.example"), /not for/],
    ["a self-signed", () => selfSigned(folder), /sign|authority/],
  ];
  test.each(bad)("refuse %s certificate of a node, as members do", async (_, spoil, sentence) => {
    const spoiled = spoiledTls(pair, spoil(), ours.root);
    const node = await TestNode.start({ nodeTls: spoiled, clusterKeys });
    const url = `https://${node.address}`;
    expect(await reasonAt(url, tlsOf())).toMatch(sentence);
    const lines: string[] = [];
    const log = { ...silentLog, warn: (_text: string, fields?: object) => void lines.push(JSON.stringify(fields)) };
    await TestNode.start({ nodeTls: tlsOf(), clusterKeys, peers: [node.address], log });
    await until(() => lines.some((line) => sentence.test(line)), `the log says ${String(sentence)}`);
  });

  test("are verified whatever the environment says about unverified servers", async () => {
    const node = await TestNode.start({ nodeTls: spoiledTls(pair, theirs.leaf({ extra: bothPurposes }), ours.root) });
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      expect(await reasonAt(`https://${node.address}`, tlsOf())).toMatch(/no authority that is known/);
      expect(await reasonAt(`https://${node.address}`)).toMatch(/no authority that is known/);
      expect(await probeOverHttp(`https://${node.address}/health`, tlsOf())).toBe(false);
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  });

  test("a URL with the wrong scheme is named", async () => {
    const [secure, plain] = [await TestNode.start({ nodeTls: tlsOf() }), await TestNode.start()];
    expect(await reasonAt(`http://${secure.address}`, tlsOf())).toContain("this port speaks HTTPS");
    expect(await reasonAt(`https://${plain.address}`, tlsOf())).toContain("the server does not speak TLS");
    // Without --node-ca, the authorities of the system decide.
    expect(await reasonAt(secure.url)).toMatch(/certificate/);
  });
});

describe("entries that name a node of plain text and one of another authority", () => {
  async function asked(seed: "http" | "https"): Promise<readonly string[]> {
    const node = await TestNode.start({ nodeTls: tlsOf(false), clusterKeys });
    const tokens: string[] = [];
    const said = ({ headers }: Request): Response => {
      tokens.push(headers.get("authorization") ?? "");
      return new Response(JSON.stringify({ code: -401, message: "" }));
    };
    const foreign = theirs.leaf({ extra: bothPurposes });
    const shown = { cert: await Bun.file(foreign.certificate).text(), key: await Bun.file(foreign.key).text() };
    const servers = [undefined, shown].map((tls) =>
      Bun.serve({ port: 0, hostname: "127.0.0.1", ...(tls && { tls }), fetch: said }),
    );
    const headers = { authorization: `Bearer ${token[0] ?? ""}` };
    for (const { url } of servers) {
      endLater(() => Promise.all(servers.map((server) => server.stop(true))).then(() => undefined));
      const entry = { appid: discoveryAppid, hostname: url.host, addrs: [url.origin] };
      expect((await node.register(entry, { headers })).code).toBe(0);
    }
    const naming = member([`${seed}://${node.address}`], tlsOf(false));
    let isTold = false;
    naming.subscribe("chat", () => void (isTold = true));
    await naming.register(entryOf("chat-1"));
    // The same poll tells it of the nodes.
    await until(() => isTold, "the member is told");
    await node.stop();
    // Each goes through all nodes that the member knows.
    for (let count = 0; count < 5; count++) await naming.findNow("chat").catch(() => undefined);
    return tokens;
  }

  test("lead a member with http:// nodes astray", async () => {
    expect((await asked("http")).some((shown) => shown !== "")).toBe(true);
  });

  test("do not lead a member with https:// nodes there", async () => {
    expect(await asked("https")).toEqual([]);
  });
});

test("a running registry changes to TLS, and no registration is lost", async () => {
  const ports = await freePorts(3);
  const nodes = await Promise.all(ports.map((_, at) => startAt(ports, at)));
  await untilTogether(nodes);
  const urls = (scheme: string): string[] => ports.map((port) => `${scheme}://127.0.0.1:${port}`);
  const ids = ["chat-1", "chat-2", "chat-3"];
  const members = ids.map((id) => member(urls("http"), undefined, id));
  await Promise.all(members.map((naming, at) => naming.register(entryOf(ids[at] ?? ""))));
  const missed: string[] = [];
  const allListed = async (): Promise<void> => {
    for (const node of nodes)
      await eventually("all are listed", async () => Bun.deepEquals(await node.hostnames(), ids));
  };
  await allListed();
  const restart = async (tls: () => NodeTls): Promise<void> => {
    for (const at of ports.keys()) {
      await nodes[at]?.stop();
      for (const [other, node] of nodes.entries())
        if (other !== at && !Bun.deepEquals(await node.hostnames(), ids)) missed.push(`at ${other} without ${at}`);
      nodes[at] = await startAt(ports, at, tls());
      await untilTogether(nodes);
      await allListed();
    }
  };
  await restart(() => tlsOf(false));
  // The members restart with https:// nodes, one by one; each registers anew, and replaces its former entry.
  for (const [at, id] of ids.entries()) {
    const next = member(urls("https"), tlsOf(), id);
    await next.register(entryOf(id));
    members[at] = next;
    await allListed();
  }
  await restart(() => tlsOf());
  expect(missed).toEqual([]);
  const found = await members[0]?.findNow("chat");
  expect(found?.map(({ hostname }) => hostname).toSorted()).toEqual(ids);
}, 60_000);

test("health checks verify HTTPS by the authorities of the cluster", async () => {
  const node = await TestNode.start({ nodeTls: tlsOf() });
  const url = `${node.url}/health`;
  expect(await probeOverHttp(url, tlsOf())).toBe(true);
  expect(await probeOverHttp(url)).toBe(false);
  expect(await probeOverHttp(url, nodeTls(theirs.leaf({ extra: bothPurposes }), theirs.root))).toBe(false);
});

test("curl and Python are answered over HTTPS", async () => {
  const node = await TestNode.start({ nodeTls: tlsOf() });
  const ask = async (...command: string[]): Promise<string> => {
    const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
    return new Response(child.stdout).text();
  };
  const url = `${node.url}/discovery/nodes`;
  expect(await ask("curl", "-sS", "--cacert", ours.root, url)).toContain(`"addr":"${node.address}"`);
  const program = `
import ssl, sys, urllib.request
trust = ssl.create_default_context(cafile=sys.argv[1])
print(urllib.request.urlopen(sys.argv[2], context=trust).read().decode())`;
  expect(await ask("python3", "-c", program, ours.root, url)).toContain(`"addr":"${node.address}"`);
});
