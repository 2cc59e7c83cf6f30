// Nodes of the registry as processes: what the guide (src/registry/README.md) promises, and that any one of them may
// die.

import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { DiscoveryProcess, run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";

let folder: string;
const nodes: DiscoveryProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "roost-discovery-"));
});
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.end("SIGKILL")));
  rmSync(folder, { recursive: true, force: true });
});

async function start(words: readonly string[]): Promise<DiscoveryProcess> {
  const node = await DiscoveryProcess.start(folder, words);
  nodes.push(node);
  return node;
}

/** Three nodes that know of each other; `words` of one are the same at each start. */
class Cluster {
  readonly addresses: readonly string[];
  readonly processes: (DiscoveryProcess | undefined)[] = [];
  private readonly extra: readonly string[];

  private constructor(addresses: readonly string[], extra: readonly string[]) {
    this.addresses = addresses;
    this.extra = extra;
  }

  static async start(extra: readonly string[] = []): Promise<Cluster> {
    const cluster = new Cluster(
      (await freePorts(3)).map((port) => `127.0.0.1:${port}`),
      extra,
    );
    await Promise.all(cluster.addresses.map((_, index) => cluster.startNode(index)));
    await Promise.all(cluster.addresses.map((_, index) => cluster.isReadable(index)));
    return cluster;
  }

  url(index: number): string {
    return `http://${this.addresses[index]}`;
  }

  async startNode(index: number): Promise<void> {
    const address = this.addresses[index] ?? "";
    const snapshot = this.extra.map((word) => word.replace("{node}", String(index)));
    this.processes[index] = await start(["--listen", address, "--peers", this.addresses.join(","), ...snapshot]);
  }

  async kill(index: number): Promise<void> {
    await this.processes[index]?.end("SIGKILL");
    this.processes[index] = undefined;
  }

  async isReadable(index: number): Promise<void> {
    await until(async () => (await fetch(`${this.url(index)}/health`)).ok, `node ${index} is readable`);
  }
}

const instance = { zone: "z1", env: "prod", appid: "chat" };

async function post(url: string, endpoint: string, form: Record<string, string>): Promise<number> {
  const response = await fetch(`${url}/discovery/${endpoint}`, { method: "POST", body: new URLSearchParams(form) });
  return codeOf(await response.json());
}

async function register(url: string, hostname: string): Promise<number> {
  return post(url, "register", { ...instance, hostname, status: "1", addrs: "tcp://10.0.0.1:80" });
}

function codeOf(answer: unknown): number {
  if (typeof answer !== "object" || answer === null || !("code" in answer) || typeof answer.code !== "number")
    throw new Error(`not an answer: ${JSON.stringify(answer)}`);
  return answer.code;
}

/** The hostnames of the service, as one node lists them. */
async function listed(url: string): Promise<string[]> {
  const text = await (await fetch(`${url}/discovery/fetch?env=prod&appid=chat&status=3`)).text();
  return [...text.matchAll(/"hostname":"([^"]*)"/g)].map(([, name = ""]) => name).toSorted();
}

async function allList(cluster: Cluster, hostnames: readonly string[]): Promise<void> {
  for (const [index, running] of cluster.processes.entries()) {
    if (running === undefined) continue;
    await until(
      async () => Bun.deepEquals(await listed(cluster.url(index)), hostnames),
      `node ${index} lists ${hostnames.join()}`,
    );
  }
}

test("what is registered on one node is seen on all, whichever node dies and comes back", async () => {
  const cluster = await Cluster.start();
  const registered: string[] = [];
  for (const victim of [0, 1, 2]) {
    const other = (victim + 1) % 3;
    const before = `before-${victim}`;
    expect(await register(cluster.url(victim), before)).toBe(0);
    registered.push(before);
    await allList(cluster, registered.toSorted());

    await cluster.kill(victim);
    const meanwhile = `meanwhile-${victim}`;
    expect(await register(cluster.url(other), meanwhile)).toBe(0);
    expect(await post(cluster.url(other), "cancel", { ...instance, hostname: before })).toBe(0);
    registered.splice(registered.indexOf(before), 1, meanwhile);
    await allList(cluster, registered.toSorted());
    const shown = await run(
      ["nodes", "--discovery", [victim, other].map((index) => cluster.url(index)).join()],
      folder,
    );
    expect(shown).toMatchObject({ status: 0, err: "" });
    expect(shown.out).toContain(meanwhile);
    expect(shown.out).toMatch(
      /^SERVICE +ID +ENV +ZONE +ADDRESS +STATE +VERSION +LOAD +CLIENTS +MONITOR +RENEWED +AGE\n/,
    );

    await cluster.startNode(victim);
    await cluster.isReadable(victim);
    await allList(cluster, registered.toSorted());
  }
}, 120_000);

test("after all were killed, a snapshot is shown as stale until the services are back", async () => {
  const cluster = await Cluster.start(["--snapshot", join(folder, "snapshot-{node}")]);
  expect(await register(cluster.url(0), "one")).toBe(0);
  await allList(cluster, ["one"]);
  const isKept = (index: number): boolean => {
    try {
      return readFileSync(join(folder, `snapshot-${index}`), "utf8").includes('"one"');
    } catch {
      return false;
    }
  };
  await until(() => [0, 1, 2].every(isKept), "all have written their snapshots");
  for (const index of [0, 1, 2]) await cluster.kill(index);

  await Promise.all([0, 1, 2].map((index) => cluster.startNode(index)));
  await allList(cluster, ["one"]);
  const stale = await (await fetch(`${cluster.url(1)}/discovery/fetch?env=prod&appid=chat&status=1`)).text();
  expect(stale).toContain('"stale":true');
  expect(await post(cluster.url(2), "renew", { ...instance, hostname: "one" })).toBe(0);
  expect(await register(cluster.url(0), "two")).toBe(0);
  await allList(cluster, ["one", "two"]);
}, 120_000);

test("after all nodes were killed without a snapshot, a renewing instance has to register again", async () => {
  const cluster = await Cluster.start();
  expect(await register(cluster.url(0), "one")).toBe(0);
  for (const index of [0, 1, 2]) await cluster.kill(index);
  await Promise.all([0, 1, 2].map((index) => cluster.startNode(index)));
  expect(await post(cluster.url(1), "renew", { ...instance, hostname: "one" })).toBe(-404);
  expect(await register(cluster.url(1), "one")).toBe(0);
  await Promise.all([0, 1, 2].map((index) => cluster.isReadable(index)));
  await allList(cluster, ["one"]);
}, 60_000);

test("a signal says goodbye to the other nodes, and ends with status 0", async () => {
  const cluster = await Cluster.start();
  expect(await cluster.processes[2]?.end("SIGTERM")).toBe(0);
  await until(async () => {
    const text = await (await fetch(`${cluster.url(0)}/discovery/nodes`)).text();
    const all = await (await fetch(`${cluster.url(0)}/discovery/fetch/all`)).text();
    return !all.includes(`"hostname":"${cluster.addresses[2]}"`) && text.includes(cluster.addresses[1] ?? "");
  }, "the node is no longer listed");
}, 60_000);

test("with a cluster key, writes need it, and nodes that share it replicate", async () => {
  writeFileSync(join(folder, "key"), "a key that nodes share\n", { mode: 0o600 });
  const cluster = await Cluster.start(["--cluster-key-file", "key"]);
  expect(await register(cluster.url(0), "one")).toBe(-401);
  const listings = await Promise.all(
    [0, 1, 2].map((index) => run(["nodes", "--discovery", cluster.url(index)], folder)),
  );
  for (const { out } of listings) expect(out.match(/^infra\.discovery .* up /gm)).toHaveLength(3);
}, 60_000);

test("what would be unsafe or makes no sense is refused with a sentence", async () => {
  const refused = async (words: readonly string[], sentence: RegExp): Promise<void> => {
    const { status, err } = await run(["serve", "--role", "discovery", ...words], folder);
    expect(err).toMatch(sentence);
    expect(err).toMatch(/^roost: .*\n$/);
    expect(status).toBeOneOf([1, 2]);
  };
  writeFileSync(join(folder, "rules.json"), "{}");
  writeFileSync(join(folder, "notes.txt"), "my notes\n");
  const anywhere = ["--listen", "127.0.0.1:0"];
  await refused(["--listen", "0.0.0.0:0"], /--cluster-key-file.*--insecure/);
  await refused([...anywhere, "--ws", "127.0.0.1:0"], /--ws does not apply to --role discovery/);
  await refused([...anywhere, "--cluster-key", "short"], /at least 16 bytes/);
  await refused([...anywhere, "--peers", "nonsense"], /--peers/);
  await refused([...anywhere, "--lookup", "missing.json"], /missing\.json/);
  await refused([...anywhere, "--lookup", "rules.json"], /rules\.json/);
  await refused([...anywhere, "--snapshot", "notes.txt"], /notes\.txt is not a registry snapshot/);
  await refused([...anywhere, "--domain", "not a domain"], /domain/);
  expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("my notes\n");
  const first = await start([]);
  await refused(["--listen", first.url.slice("http://".length)], /another program listens there/);
}, 60_000);

test("roost nodes says which nodes do not answer", async () => {
  const [port = 0] = await freePorts(1);
  const other = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.end("-ERR unknown command\r\n") },
  });
  const [nobody, stranger] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${other.port}`];
  try {
    const { status, err } = await run(["nodes", "--discovery", `${nobody},${stranger}`], folder);
    expect([status, err]).toEqual([
      1,
      `roost: no registry node answers: ${nobody}: connection refused; ` +
        `${stranger}: the answer is not HTTP; name others with --discovery\n`,
    ]);
  } finally {
    other.stop(true);
  }
});
