// roost doctor of each role of a cluster, beside the running processes and with what can be wrong around them.

import { SQL } from "bun";
import { afterEach, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { run } from "../../scripts/harness/server-process.ts";
import { TestAuthority } from "../support/certificates.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { findingsIn, type ShownFinding } from "../support/doctor.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const bothPurposes = "extendedKeyUsage=serverAuth,clientAuth";
const folder = temporaryFolder("roost-doctor-cluster-");
const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

interface Examined {
  readonly status: number;
  readonly of: (check: string) => readonly ShownFinding[];
  readonly bad: readonly ShownFinding[];
}

async function examined(words: readonly string[]): Promise<Examined> {
  const { status, out, err } = await run(["doctor", "--json", ...words], folder);
  expect(err).toBe("");
  const findings = findingsIn(out);
  return {
    status,
    of: (check) => findings.filter((finding) => finding.check === check),
    bad: findings.filter(({ level }) => level !== "ok"),
  };
}

const shownAs = (level: string, text: RegExp) => expect.objectContaining({ level, text: expect.stringMatching(text) });

/** What a process of the cluster was started with. */
function wordsOf({ cluster }: ClusterStage, name: string): string[] {
  return [...(name.startsWith("discovery") ? ["--role", "discovery"] : []), ...cluster.words(name)];
}

async function started(): Promise<ClusterStage> {
  const stage = await ClusterStage.start({ discovery: 2 });
  endings.push(() => stage.close());
  return stage;
}

test("a cluster that runs is well in the eyes of each of its processes", async () => {
  const stage = await started();
  for (const name of stage.cluster.names()) {
    const { status, bad, of } = await examined(wordsOf(stage, name));
    expect([name, status, bad]).toEqual([name, 0, []]);
    const { pid } = stage.cluster.process(name) ?? {};
    if (!/^(login|chat)/.test(name))
      expect(of("addresses")).toContainEqual(shownAs("ok", new RegExp(`the server runs \\(process ${pid}\\)$`)));
  }
  // Another gateway with the same ports is not the one that runs.
  const words = stage.cluster.words("gateway-1").map((word) => (word === "gateway-1" ? "gateway-9" : word));
  const { status, of } = await examined(words);
  expect([status, of("addresses")]).toEqual([
    1,
    [
      shownAs("problem", /^--ws: cannot listen at .*: the process \d+ \(\S+\) listens there/),
      shownAs("problem", /^--tcp: cannot listen at .*: the process \d+ \(\S+\) listens there/),
    ],
  ]);
}, 60_000);

test("a chat node that hangs is named, and the others are asked beside it", async () => {
  const stage = await started();
  const { pid = 0 } = stage.cluster.process("chat-1") ?? {};
  process.kill(pid, "SIGSTOP");
  endings.push(() => process.kill(pid, "SIGCONT"));
  const { of } = await examined(wordsOf(stage, "chat-1"));
  expect(of("webhooks")).toEqual([
    shownAs("warning", /^the chat node chat-1 at 127\.0\.0\.1:\d+ has not answered within 1\.5 s: it hangs/),
  ]);
}, 60_000);

test("a registry that refuses the key, that is away in part, and away", async () => {
  const stage = await started();
  const { cluster } = stage;
  const key = stage.path("another-key");
  writeFileSync(key, randomBytes(32).toString("base64url"), { mode: 0o600 });
  const refused = /^http:\S+ refuses the cluster key; give this process and the registry the same key$/;
  for (const name of ["login-1", "discovery-1"]) {
    const words = [...wordsOf(stage, name)];
    words[words.indexOf("--cluster-key-file") + 1] = key;
    const { status, of } = await examined(words);
    expect(status).toBe(1);
    expect(of("registry")).toContainEqual(shownAs("problem", refused));
  }
  expect(await cluster.end("discovery-2", "SIGTERM")).toBe(0);
  const half = await examined(wordsOf(stage, "login-1"));
  expect(half.status).toBe(0);
  expect(half.of("registry")).toContainEqual(shownAs("warning", /connection refused; start it, or name others$/));
  expect((await examined(wordsOf(stage, "discovery-1"))).status).toBe(0);
  expect(await cluster.end("discovery-1", "SIGTERM")).toBe(0);
  const none = await examined(wordsOf(stage, "login-1"));
  expect(none.status).toBe(1);
  expect(none.of("registry").map(({ level }) => level)).toEqual(["problem", "problem"]);
}, 60_000);

test("a registry without a key, and what services cannot do without", async () => {
  const stage = await ClusterStage.prepare({}, { slips: { "discovery-1": { "--cluster-key-file": undefined } } });
  endings.push(() => stage.close());
  await stage.cluster.start("discovery-1");
  const { status, of } = await examined(wordsOf(stage, "gateway-1"));
  expect([status, of("registry")]).toEqual([1, [shownAs("problem", /accepts writes without a key from everybody/)]]);
  const bare = await examined(["--role", "chat"]);
  expect(bare.status).toBe(1);
  expect(bare.of("options")).toEqual([
    shownAs("problem", /^--discovery is required/),
    shownAs("problem", /^--sessions is required/),
    shownAs("problem", /^--store is required/),
  ]);
  expect(bare.of("cluster key")).toEqual([shownAs("problem", /^--cluster-key-file is required/)]);
  const open = await examined(["--role", "discovery", "--listen", "0.0.0.0:0"]);
  expect(open.of("cluster key")).toEqual([shownAs("problem", /lets everybody who reaches it write/)]);
  const nameless = await examined([...wordsOf(stage, "login-1"), "--advertise", "no-such-host.invalid"]);
  expect(nameless.of("advertised")).toEqual([shownAs("problem", /no-such-host\.invalid: .*; give a name that others/)]);
  const loop = ["--listen", "0.0.0.0:0", "--advertise", "localhost"];
  const inward = await examined([...wordsOf(stage, "login-1"), ...loop]);
  expect(inward.of("advertised")).toEqual([shownAs("problem", /leads other machines to themselves/)]);
  const rules = stage.path("rules.json");
  writeFileSync(rules, "{");
  const routed = await examined([...wordsOf(stage, "gateway-1"), "--selector", "route", "--route", rules]);
  expect(routed.of("rules")).toEqual([shownAs("problem", /^--route: .*rules\.json: expected JSON/)]);
}, 60_000);

test("a certificate of this node for another name, and a registry in plain text beside it", async () => {
  const authority = new TestAuthority(folder);
  const { certificate, key } = authority.leaf({ names: "DNS:elsewhere.example.org", extra: bothPurposes });
  const pair = ["--node-cert", certificate, "--node-key", key, "--node-ca", authority.root];
  const clusterKey = join(folder, "cluster-key");
  writeFileSync(clusterKey, randomBytes(32).toString("base64url"), { mode: 0o600 });
  const words = ["--role", "login", "--cluster-key-file", clusterKey, "--sessions", `sqlite:${folder}/sessions.db`];
  const { status, of } = await examined([...words, ...pair, "--discovery", "http://192.0.2.1:7171"]);
  expect([status, of("node certificate"), of("registry")]).toEqual([
    1,
    [shownAs("problem", /is for DNS:elsewhere\.example\.org, and others reach this node at 127\.0\.0\.1/)],
    [shownAs("problem", /^--discovery http:\S+ is plain text, and this node requires TLS/)],
  ]);
  const named = await examined([
    ...words,
    ...pair,
    "--advertise",
    "elsewhere.example.org",
    "--discovery",
    "https://127.0.0.1:1",
  ]);
  expect(named.of("node certificate")).toEqual([shownAs("ok", /^for DNS:elsewhere\.example\.org: \d+ days left/)]);
  expect(named.of("registry")).toEqual([shownAs("problem", /^https:\S+ connection refused/)]);
  const server = authority.leaf();
  const served = ["--node-cert", server.certificate, "--node-key", server.key, "--node-ca", authority.root];
  const oneSided = await examined([...words, ...served, "--discovery", "https://127.0.0.1:1"]);
  expect(oneSided.of("node certificate")).toEqual([shownAs("problem", /is not for TLS clients/)]);
}, 60_000);

test("a store, sessions and a registry that take connections and never answer", async () => {
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  endings.push(() => silent.stop(true));
  const at = `127.0.0.1:${silent.port}`;
  const stores = ["--store", `postgres://${at}/roost`, "--sessions", `redis://${at}`];
  const key = ["--cluster-key", "a key that the cluster shares"];
  const { of } = await examined(["--role", "chat", ...stores, ...key, "--discovery", `http://${at}`]);
  expect([of("store"), of("sessions"), of("registry")]).toEqual([
    [shownAs("problem", /^127\.0\.0\.1:\d+\/roost: .*(timeout|no answer)/)],
    [shownAs("problem", /^redis:\S+: it gives no answer, or closes the connection$/)],
    [shownAs("problem", /^http:\S+ no answer within 2000 ms; start it, or name others$/)],
  ]);
}, 60_000);

test.skipIf(isRedisMissing)(
  "sessions in Redis: eviction, a replica, a wrong password, away",
  async () => {
    const redis = await RedisServer.start("the password");
    endings.push(() => redis.remove());
    const judge = async (url: string) => (await examined(["--role", "login", "--sessions", url])).of("sessions");
    expect(await judge(redis.url())).toEqual([shownAs("ok", /^redis:\/\/127\.0\.0\.1:\d+\/0, version \d/)]);
    await redis.send("CONFIG", ["SET", "maxmemory-policy", "allkeys-lru"]);
    expect(await judge(redis.url())).toEqual([shownAs("warning", /maxmemory-policy is allkeys-lru.*set noeviction/)]);
    await redis.send("REPLICAOF", ["127.0.0.1", "1"]);
    expect(await judge(redis.url())).toEqual([shownAs("problem", /is a replica, which takes no writes/)]);
    const wrong = redis.url().replace("the%20password", "another");
    expect(await judge(wrong)).toEqual([shownAs("problem", /WRONGPASS.*check the URL's user, password and database/)]);
    expect(await judge("redis://127.0.0.1:1/0")).toEqual([shownAs("problem", /^redis:\S+: connection refused$/)]);
  },
  60_000,
);

test.skipIf(!hasPostgres)(
  "messages in PostgreSQL: no store yet, a newer one, another program's, no rights, away",
  async () => {
    const server = await PostgresServer.start();
    endings.push(() => server.stop());
    const url = await server.makeDatabase();
    const judge = async (store: string) => (await examined(["--role", "chat", "--store", store])).of("store");
    expect(await judge(url)).toEqual([shownAs("ok", /without a store yet$/)]);
    await using sql = new SQL(url, { max: 1 });
    await sql.unsafe("CREATE SCHEMA roost; CREATE TABLE roost.other (id int)");
    expect(await judge(url)).toEqual([shownAs("problem", /its schema roost is another program's/)]);
    await sql.unsafe("CREATE TABLE roost.migration (number int); INSERT INTO roost.migration VALUES (9999)");
    expect(await judge(url)).toEqual([shownAs("problem", /has schema 9999, and this program knows schemas up to \d+/)]);
    await sql.unsafe("DROP SCHEMA roost CASCADE; CREATE ROLE guest LOGIN PASSWORD 'guest'");
    const guest = new URL(url);
    [guest.username, guest.password] = ["guest", "guest"];
    expect(await judge(guest.href)).toEqual([
      shownAs("problem", /this user may not create one; GRANT CREATE ON DATABASE/),
    ]);
    expect(await judge("postgres://127.0.0.1:1/roost")).toEqual([shownAs("problem", /^127\.0\.0\.1:1\/roost: .+/)]);
  },
  60_000,
);
