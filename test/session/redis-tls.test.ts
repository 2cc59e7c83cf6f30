// Sessions over TLS with a real server: what is verified, and what an operator is told.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { until } from "../../scripts/harness/until.ts";
import { silentLog } from "../../src/base/log.ts";
import { openRedisSessions } from "../../src/session/redis/redis-sessions.ts";
import type { Sessions } from "../../src/session/sessions.ts";
import { type Pair, TestAuthority } from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { location } from "./locations.ts";

const folder = temporaryFolder("roost-redis-tls-");
const both = "extendedKeyUsage=serverAuth,clientAuth";

describe.skipIf(isRedisMissing)("a Redis with TLS", () => {
  let ours: TestAuthority;
  let theirs: TestAuthority;
  let client: Pair;
  let server: RedisServer;
  let mutual: RedisServer;
  let expired: RedisServer;
  let otherName: RedisServer;
  let plain: RedisServer;
  beforeAll(async () => {
    [ours, theirs] = [new TestAuthority(folder), new TestAuthority(folder)];
    client = ours.leaf({ extra: both });
    const start = (pair: Pair, isMutual = false): Promise<RedisServer> =>
      RedisServer.start("p@ss", { ...pair, authorities: ours.root, isMutual });
    [server, mutual, plain] = await Promise.all([
      start(ours.leaf({ extra: both })),
      start(ours.leaf({ extra: both }), true),
      RedisServer.start("p@ss"),
    ]);
    [expired, otherName] = await Promise.all([
      RedisServer.start("", {
        ...ours.leaf({ extra: both, from: "20200101000000Z", to: "20210101000000Z" }),
        authorities: ours.root,
        isMutual: false,
        isTrusted: true,
      }),
      RedisServer.start("", {
        ...ours.leaf({ extra: both, names: "DNS:redis.internal" }),
        authorities: ours.root,
        isMutual: false,
        isTrusted: true,
      }),
    ]);
  });
  afterAll(() => Promise.all([server, mutual, expired, otherName, plain].map((each) => each.remove())));

  const open = async (url: string): Promise<Sessions> =>
    openRedisSessions({ url, log: silentLog, refused: () => undefined });
  const refusal = async (url: string): Promise<string> => {
    try {
      await (await open(url)).close();
      return "it was opened";
    } catch (error) {
      return String(error);
    }
  };
  const withCa = (target: { url(): string }, ca = ours.root): string => `${target.url()}?ca=${encodeURIComponent(ca)}`;

  test("is used if its certificate is of the URL's authority, also after it has restarted", async () => {
    const sessions = await open(withCa(server));
    await sessions.put("app", "ann", location());
    await server.kill();
    await until(() => !sessions.isHealthy, "it is away");
    await server.startAgain();
    await until(() => sessions.isHealthy, "it is back");
    await sessions.put("app", "ann", location());
    await sessions.close();
  });

  test("is refused if the certificate is another authority's, for another host or expired", async () => {
    expect(await refusal(server.url())).toMatch(/no authority that is known here.*\?ca=FILE/);
    expect(await refusal(withCa(server, theirs.root))).toMatch(/no authority that is known here.*\?ca=FILE/);
    expect(await refusal(withCa(otherName))).toContain("not for the address at which it was dialled");
    const said = await refusal(withCa(expired));
    expect(said).toContain("has expired");
    expect(said).not.toContain("?ca=FILE");
  });

  test("is verified whatever the environment says about unverified servers", async () => {
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      expect(await refusal(server.url())).toMatch(/no authority that is known here/);
      expect(await refusal(withCa(otherName))).toContain("not for the address at which it was dialled");
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  });

  test("is verified at each connection by the file as it is then", async () => {
    const file = join(folder, "renewed.pem");
    copyFileSync(ours.root, file);
    const sessions = await open(withCa(server, file));
    copyFileSync(theirs.root, file);
    await server.kill();
    await server.startAgain();
    await until(() => !sessions.isHealthy, "it is refused");
    copyFileSync(ours.root, file);
    await until(() => sessions.isHealthy, "it is used");
    await sessions.close();
  });

  test("does not get the password before it is verified, whatever it does to the handshake", async () => {
    const foreign = theirs.leaf();
    const heard: string[] = [];
    const inside = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      tls: { cert: readFileSync(foreign.certificate, "utf8"), key: readFileSync(foreign.key, "utf8") },
      socket: { data: (_, bytes) => void heard.push(bytes.toString("latin1")) },
    });
    /** Leaves the first handshakes without an answer, or ends them; the next ones reach the foreign certificate. */
    const meddle = (count: number, ends: boolean): Bun.TCPSocketListener<{ inner?: Promise<Bun.Socket> }> => {
      let seen = 0;
      return Bun.listen<{ inner?: Promise<Bun.Socket> }>({
        hostname: "127.0.0.1",
        port: 0,
        socket: {
          open(socket) {
            socket.data = {};
            if (seen++ < count) return;
            socket.data.inner = Bun.connect({
              hostname: "127.0.0.1",
              port: inside.port,
              socket: { data: (_, bytes) => void socket.write(bytes) },
            });
          },
          data(socket, bytes) {
            const copy = Buffer.from(bytes);
            heard.push(copy.toString("latin1"));
            if (socket.data.inner !== undefined) void socket.data.inner.then((inner) => inner.write(copy));
            else if (ends) socket.end();
          },
        },
      });
    };
    for (const [count, ends] of [
      [2, false],
      [0, true],
      [1, true],
      [2, true],
      [9, true],
    ] as const) {
      heard.length = 0;
      const middle = meddle(count, ends);
      const sessions = await open(`rediss://:s3cret@127.0.0.1:${middle.port}/0`).catch(() => undefined);
      await sessions?.close();
      middle.stop(true);
      expect(heard.length).toBeGreaterThan(0);
      expect([count, ends, heard.join("|").includes("s3cret")]).toEqual([count, ends, false]);
    }
    inside.stop(true);
  }, 60_000);

  test("that demands a certificate gets one, and says so if there is none", async () => {
    const pair = `&cert=${encodeURIComponent(client.certificate)}&key=${encodeURIComponent(client.key)}`;
    const sessions = await open(`${withCa(mutual)}${pair}`);
    await sessions.put("app", "ann", location());
    await sessions.close();
    expect(await refusal(withCa(mutual))).toContain("it may demand a certificate (?cert=FILE&key=FILE)");
  });

  test("is told from one without TLS", async () => {
    for (const each of [server, mutual])
      expect(await refusal(each.url().replace("rediss:", "redis:"))).toContain("it speaks only TLS; write rediss://");
    expect(await refusal(withCa({ url: () => plain.url().replace("redis:", "rediss:") }))).toContain(
      "it does not speak TLS; write redis://",
    );
  });

  test("bad files and parameters are refused with a sentence that shows no password", async () => {
    const rubbish = join(folder, "rubbish.pem");
    writeFileSync(rubbish, "rubbish");
    const other = ours.leaf({ extra: both });
    const cases: readonly [string, string][] = [
      [`${server.url()}?ca=${folder}/none`, "no such file"],
      [`${server.url()}?ca=${rubbish}`, "has no certificate"],
      [`${withCa(server)}&cert=${client.certificate}`, "is given without its key"],
      [`${withCa(server)}&cert=${client.certificate}&key=${other.key}`, "does not fit"],
      [`${withCa(server)}&cert=${client.certificate}&key=${rubbish}`, "has no private key"],
      [`${server.url()}?tls=1`, "the URL's parameter tls is unknown"],
      [`${plain.url()}?ca=${ours.root}`, "is for TLS: write rediss://"],
      [`${withCa(server)}&ca=${theirs.root}`, "the URL's parameter ca is given twice"],
    ];
    for (const [url, sentence] of cases) {
      const said = await refusal(url);
      expect(said).toContain(sentence);
      expect(said).not.toContain("p@ss");
    }
  });
});
