// Services and tools whose PostgreSQL and Redis are reached over TLS, as processes.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { hasPostgres, PostgresServer } from "../../scripts/harness/postgres.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { run } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { silentLog } from "../../src/base/log.ts";
import { openPostgresStore } from "../../src/store/postgres/open-postgres-store.ts";
import { talk as message } from "../store/samples.ts";
import { TestAuthority } from "../support/certificates.ts";
import { ClusterStage } from "../support/cluster-stage.ts";
import { talk } from "../support/commands.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const folder = temporaryFolder("roost-engines-tls-");
const member = ["--discovery", "http://127.0.0.1:1", "--cluster-key", "x7Hq2LrW9tZk4VbN6cYd"];

describe.skipIf(!hasPostgres || isRedisMissing)("engines with TLS", () => {
  let ours: TestAuthority;
  let theirs: TestAuthority;
  let postgres: PostgresServer;
  let redis: RedisServer;
  let database: string;
  let clientFiles: string;
  beforeAll(async () => {
    [ours, theirs] = [new TestAuthority(folder), new TestAuthority(folder)];
    const both = { extra: "extendedKeyUsage=serverAuth,clientAuth" };
    const [pair, client] = [ours.leaf(both), ours.leaf(both)];
    clientFiles = `&cert=${encodeURIComponent(client.certificate)}&key=${encodeURIComponent(client.key)}`;
    [postgres, redis] = await Promise.all([
      PostgresServer.start(),
      RedisServer.start("hush-hush", { ...ours.leaf(both), authorities: ours.root, isMutual: true }),
    ]);
    database = await postgres.makeDatabase();
    const store = await openPostgresStore({ url: database, log: silentLog, retentionDays: 0 });
    await store.append([message()]);
    await store.close();
    const [cert, key] = [pair.certificate, pair.key].map((path, at) =>
      postgres.file(`tls.${at}`, readFileSync(path, "utf8")),
    );
    postgres.configure(
      ["ssl = on", `ssl_cert_file = '${cert}'`, `ssl_key_file = '${key}'`],
      "local all all trust\nhost postgres all 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 trust\n",
    );
    await until(async () => (await check(storeUrl())).status === 0, "the server speaks TLS");
  }, 120_000);
  afterAll(() => Promise.all([postgres.stop(), redis.remove()]));

  const storeUrl = (root = ours.root, from = database): string =>
    `${from.replace("postgres@", "postgres:hush-hush@")}?sslrootcert=${encodeURIComponent(root)}`;
  const sessionsUrl = (root = ours.root): string => `${redis.url()}?ca=${encodeURIComponent(root)}${clientFiles}`;
  const check = (url: string): ReturnType<typeof run> => run(["check", "--store", url], folder);

  test("serve a cluster, also after they have restarted", async () => {
    const stage = await ClusterStage.start({}, { store: storeUrl(), sessions: sessionsUrl() });
    try {
      const alice = await stage.wire("alice");
      await talk(alice, "bob", "before");
      await Promise.all([postgres.kill(), redis.kill()]);
      await stage.says("login-1", /the session store is unavailable/);
      await Promise.all([postgres.run(), redis.startAgain()]);
      await stage.cluster.ready();
      const carol = await stage.wire("carol");
      await talk(carol, "bob", "after");
      for (const name of stage.cluster.names()) expect(stage.cluster.process(name)?.log).not.toContain("hush-hush");
    } finally {
      await stage.close();
    }
  }, 120_000);

  test("that cannot be verified end a start with status 1 and a sentence", async () => {
    const chat = ["--role", "chat", ...member, "--sessions", sessionsUrl(), "--store"];
    const login = ["--role", "login", ...member, "--sessions"];
    const cases: readonly [readonly string[], string][] = [
      [[...chat, storeUrl(theirs.root)], "no authority that is known here"],
      [[...chat, `${database}?sslmode=verify-full`], "no authority that is known here"],
      [[...chat, storeUrl(`${folder}/none`)], "no such file"],
      [[...chat, database], "no encryption"],
      [[...login, sessionsUrl(theirs.root)], "no authority that is known here"],
      [[...login, sessionsUrl(`${folder}/none`)], "no such file"],
      [[...login, redis.url().replace("rediss:", "redis:")], "it speaks only TLS; write rediss://"],
    ];
    const ends = await Promise.all(cases.map(([words]) => run(words, folder)));
    for (const [at, { status, err }] of ends.entries()) {
      expect([status, err]).toEqual([1, expect.stringContaining(cases[at]?.[1] ?? "")]);
      expect(err).not.toMatch(/hush-hush|this is a bug|^ +at /m);
    }
  }, 120_000);

  test("are verified by the tools, too", async () => {
    const other = await postgres.makeDatabase();
    expect(await run(["backup", "copy", "--store", storeUrl()], folder)).toMatchObject({ status: 0 });
    expect(await run(["restore", "copy", "--store", storeUrl(ours.root, other)], folder)).toMatchObject({ status: 0 });
    expect(await check(storeUrl(ours.root, other))).toMatchObject({ status: 0 });
    const purge = ["purge", "--retention", "1d", "--store"];
    expect(await run([...purge, storeUrl()], folder)).toMatchObject({ status: 0 });
    for (const words of [["check", "--store"], ["backup", "no", "--store"], ["restore", "copy", "--store"], purge]) {
      const { status, err } = await run([...words, storeUrl(theirs.root)], folder);
      expect([words, status, err]).toEqual([words, 1, expect.stringContaining("no authority that is known here")]);
      expect(err).not.toMatch(/hush-hush|this is a bug|^ +at /m);
    }
  }, 120_000);
});
