// What an operator learns about a wrong URL of a session store, each against what really listens there.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog, silentLog } from "../../src/base/log.ts";
import { lookAtRedis } from "../../src/session/redis/look.ts";
import { openRedisSessions } from "../../src/session/redis/redis-sessions.ts";
import { wrongSetting } from "../../src/session/redis/wrong-setting.ts";
import { SessionsUnavailable } from "../../src/session/sessions.ts";
import { isRedisMissing, RedisServer } from "../../scripts/harness/redis.ts";
import { endings } from "../support/endings.ts";
import { until } from "../../scripts/harness/until.ts";

const undo = endings();

async function failureOf(url: string): Promise<string> {
  try {
    const sessions = await openRedisSessions({ url, log: silentLog });
    undo.push(() => sessions.close());
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Listens, answers each first packet with a text, and ends; returns its port. */
function answering(text: string, tls?: { key: string; cert: string }): number {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    ...(tls === undefined ? {} : { tls }),
    socket: { data: (socket) => void socket.end(text) },
  });
  undo.push(() => server.stop(true));
  return server.port;
}

test("another program that listens there is reported with its answer", async () => {
  const port = answering("HTTP/1.1 400 Bad Request\r\n\r\n");
  expect(await failureOf(`redis://:hush@127.0.0.1:${port}/0`)).toBe(
    `The session store redis://127.0.0.1:${port}/0 refuses this program: the server is not a Redis: ` +
      'it says "HTTP/1.1 400 Bad Request"; correct the URL.',
  );
});

test.skipIf(isRedisMissing)(
  "a Sentinel and a node of a Redis Cluster are named as that, in the log and by doctor",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "roost-sentinel-"));
    undo.push(() => rmSync(folder, { recursive: true }));
    const config = join(folder, "sentinel.conf");
    writeFileSync(config, "");
    for (const [more, sentence] of [
      [[config, "--sentinel"], "it is a Sentinel, which keeps no sessions: name the master"],
      [["--cluster-enabled", "yes"], "it is a node of a Redis Cluster, whose protocol this program does not speak"],
    ] as const) {
      const server = await RedisServer.start("", undefined, more);
      undo.push(() => server.remove());
      expect(await failureOf(server.url())).toContain(`/0 refuses this program: ${sentence}`);
      await expect(lookAtRedis(server.url())).rejects.toThrow(sentence);
    }
  },
);

test("a server that is not there, and a name without an address, are reported in words", async () => {
  const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = taken;
  taken.stop(true);
  for (const [place, reason] of [
    [`127.0.0.1:${port}`, "connection refused"],
    ["nohost.invalid:6379", "host name not found"],
  ] as const) {
    const lines: string[] = [];
    const log = createLog("info", "text", (line) => lines.push(line));
    const sessions = await openRedisSessions({ url: `redis://:hush@${place}/0`, log });
    undo.push(() => sessions.close());
    const line = (): string | undefined => lines.find((each) => each.includes("unavailable"));
    await until(() => line() !== undefined, "a line of the log");
    expect(line()).toContain(`server="redis://${place}/0" reason="${reason}"`);
  }
});

test.skipIf(Bun.which("openssl") === null)("a server with TLS only is told by rediss:// and valkeys://", async () => {
  const folder = mkdtempSync(join(tmpdir(), "roost-tls-"));
  undo.push(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  Bun.spawnSync([...made, "-keyout", key, "-out", cert, "-subj", "/CN=localhost"], { stderr: "ignore" });
  const tls = { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  for (const scheme of ["redis", "valkey"]) {
    const port = answering("+PONG\r\n", tls);
    expect(await failureOf(`${scheme}://127.0.0.1:${port}/0`)).toContain(
      `it speaks only TLS; write ${scheme}s:// in its URL.`,
    );
  }
});

test("files that go bad while a failure is looked into are its reason, and no bug", async () => {
  const port = answering("");
  const url = `rediss://:hush@127.0.0.1:${port}/0?ca=/nowhere/ca.crt`;
  expect(await wrongSetting(url, new Error("Connection closed"))).toBe("cannot read /nowhere/ca.crt: no such file");
});

test("a look tells what is wrong with the URL, whether the server is there or not", async () => {
  const cases = [
    ["rediss://:hush@127.0.0.1:1/0?ca=/nowhere/ca.crt", "cannot read /nowhere/ca.crt: no such file"],
    ["redis://:hush@127.0.0.1:1/0?db=1", "the URL's parameter db is unknown"],
  ] as const;
  for (const [url, sentence] of cases) {
    const looked = lookAtRedis(url);
    expect(looked).rejects.toBeInstanceOf(SessionsUnavailable);
    expect(looked).rejects.toThrow(sentence);
    await looked.catch(() => undefined);
  }
});

describe.skipIf(isRedisMissing)("a Redis", () => {
  async function start(password = ""): Promise<RedisServer> {
    const server = await RedisServer.start(password);
    undo.push(() => server.remove());
    return server;
  }

  test("without TLS is reported with a hint to use redis://", async () => {
    const { port } = await start();
    expect(await failureOf(`rediss://127.0.0.1:${port}/0`)).toContain(
      "it does not speak TLS; write redis:// in its URL.",
    );
  });

  test("with another password is reported with the server's answer and what to check", async () => {
    const { port } = await start("right");
    const failure = await failureOf(`redis://:hush@127.0.0.1:${port}/0`);
    expect(failure).toContain("WRONGPASS");
    expect(failure).toContain("; check the URL's user, password and database.");
    expect(failure).not.toContain("hush");
  });

  test("is used by valkey://, too", async () => {
    const { port } = await start("right");
    expect(await failureOf(`valkey://:right@127.0.0.1:${port}/0`)).toBe("");
  });
});

test("nobody listens: it is tried again, and no start fails", async () => {
  const port = answering("");
  await undo.pop()?.();
  expect(await failureOf(`redis://127.0.0.1:${port}/0`)).toBe("");
});
