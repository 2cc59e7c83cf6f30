// The client in Python of scripts/examples, which proto/README.md alone has to suffice for, against a server that is
// killed and comes back.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { ServerProcess } from "../../scripts/harness/server-process.ts";
import { until } from "../../scripts/harness/until.ts";
import { endsWithParent } from "../../scripts/harness/with-parent.ts";
import { secretFromText } from "../../src/auth/secret.ts";
import { signToken } from "../../src/auth/token.ts";
import { TestAuthority } from "../support/certificates.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const path = join(import.meta.dir, "../../scripts/examples/client.py");
const linesMax = 400;
const testMsMax = 120_000;
const isInstalled =
  Bun.which("python3") !== null &&
  Bun.spawnSync(["python3", "-c", "import sys; sys.exit(sys.version_info < (3, 9))"]).exitCode === 0;

/** Something that the client printed. */
interface Line {
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

/** A client as a process, which takes commands. */
class PythonClient {
  private readonly child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  private rest = "";
  readonly lines: Line[] = [];
  readonly exited: Promise<number>;

  /** `authority`: the file of the certificates by which it verifies servers, instead of the system's. */
  constructor(url: string, token: string, authority?: string) {
    const trust = authority === undefined ? {} : { SSL_CERT_FILE: authority };
    const env = { PATH: process.env["PATH"] ?? "", ROOST_TOKEN: token, ...trust };
    const command = [...endsWithParent(), "python3", path, url];
    this.child = Bun.spawn(command, { env, stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    this.exited = this.child.exited;
    void this.read();
  }

  tell(command: string): void {
    void this.child.stdin.write(`${command}\n`);
  }

  of(name: string): readonly Line["values"][] {
    return this.lines.filter((line) => line.name === name).map(({ values }) => values);
  }

  /** Waits until it has printed so many lines of that name; their values. */
  async wait(name: string, count: number): Promise<readonly Line["values"][]> {
    await until(() => this.of(name).length >= count, `${count} lines ${name}, of ${JSON.stringify(this.lines)}`);
    return this.of(name);
  }

  /** Ends its input, and so the client. */
  async close(): Promise<void> {
    await this.child.stdin.end();
    await this.exited;
  }

  private async read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.child.stdout) {
      const whole = `${this.rest}${decoder.decode(chunk, { stream: true })}`.split("\n");
      this.rest = whole.pop() ?? "";
      for (const line of whole) {
        const [name = "", ...values] = line.split(" ");
        this.lines.push({ name, values: JSON.parse(values.join(" ")) });
      }
    }
  }
}

test("it has at most 400 lines, and imports the standard library alone", () => {
  const text = readFileSync(path, "utf8");
  expect(text.trimEnd().split("\n").length).toBeLessThanOrEqual(linesMax);
  const imported = Array.from(text.matchAll(/^(?:import|from) (.*?)(?: import .*)?$/gm), ([, names = ""]) => names);
  const standard = "asyncio, json, os, random, re, ssl, struct, sys, uuid";
  expect(imported).toEqual([standard, "urllib.parse"]);
});

describe.skipIf(!isInstalled)(`the client in Python${isInstalled ? "" : " (skipped: no Python 3.9)"}`, () => {
  const folder = temporaryFolder("roost-python-");
  let words: readonly string[];
  let server: ServerProcess;
  const clients: PythonClient[] = [];

  beforeAll(async () => {
    const [port] = await freePorts(1);
    words = ["--tcp", `127.0.0.1:${port}`];
    server = await ServerProcess.start(folder, words);
  }, testMsMax);
  afterAll(async () => {
    await Promise.all(clients.map((each) => each.close()));
    await server.end("SIGTERM");
  });

  async function tokenOf(account: string): Promise<string> {
    const secret = secretFromText(readFileSync(join(folder, "data/secret"), "utf8").trim(), "data/secret");
    return signToken(secret, { account, app: "default", ttlSeconds: 3600 });
  }

  async function client(account: string): Promise<PythonClient> {
    const made = new PythonClient(server.tcp, await tokenOf(account));
    clients.push(made);
    await made.wait("online", 1);
    return made;
  }

  test(
    "talks and receives, alone and in a group, until it has left it",
    async () => {
      const [ann, ben] = await Promise.all([client("ann"), client("ben")]);
      ann.tell("talk ben good morning \u{1f426}");
      expect(await ben.wait("message", 1)).toMatchObject([
        { sender: "ann", group: "", body: "good morning \u{1f426}" },
      ]);
      ann.tell("create tea ben nobody-yet");
      const group = String((await ann.wait("done", 2))[1]?.["result"]);
      expect((await ben.wait("chat.group.create", 1))[0]).toMatchObject({ group });
      ben.tell(`say ${group} tea?`);
      // What one says oneself is the message before the next one: it is no gap.
      await ben.wait("done", 1);
      ann.tell(`say ${group} at five`);
      expect((await ben.wait("message", 2))[1]).toMatchObject({ sender: "ann", group, body: "at five" });
      expect(await ann.wait("message", 1)).toMatchObject([{ sender: "ben", group, body: "tea?" }]);
      ben.tell(`leave ${group}`);
      expect(await ann.wait("chat.group.quit", 1)).toEqual([{ group, account: "ben" }]);
      ben.tell(`say ${group} still here?`);
      expect(String((await ben.wait("refused", 1))[0]?.["reason"])).toStartWith("106 ");
    },
    testMsMax,
  );

  test(
    "what came while it was away comes once, in order, however much, and is acknowledged",
    async () => {
      const cat = await client("cat");
      await (await client("dan")).close();
      // More than one request's contents.
      const bodies = Array.from({ length: 250 }, (_, at) => `message ${at}`);
      for (const body of bodies) cat.tell(`talk dan ${body}`);
      await cat.wait("done", bodies.length);
      const dan = await client("dan");
      expect((await dan.wait("message", bodies.length)).map(({ body }) => body)).toEqual(bodies);
      dan.tell("talk cat thanks");
      await cat.wait("message", 1);
      await dan.close();
      const again = await client("dan");
      again.tell("talk cat nothing new");
      await cat.wait("message", 2);
      expect(again.of("message")).toEqual([]);
    },
    testMsMax,
  );

  test(
    "a server that is killed and comes back loses and doubles nothing",
    async () => {
      const [eve, fay] = await Promise.all([client("eve"), client("fay")]);
      const bodies = Array.from({ length: 500 }, (_, at) => `message ${at}`);
      for (const body of bodies) eve.tell(`talk fay ${body}`);
      await fay.wait("message", 10);
      await server.end("SIGKILL");
      await Promise.all([eve.wait("offline", 1), fay.wait("offline", 1)]);
      server = await ServerProcess.start(folder, words);
      await Promise.all([eve.wait("online", 2), fay.wait("online", 2)]);
      await eve.wait("done", bodies.length);
      expect((await fay.wait("message", bodies.length)).map(({ body }) => body)).toEqual(bodies);
      eve.tell("talk fay the last one");
      await fay.wait("message", bodies.length + 1);
      expect(fay.of("message")).toHaveLength(bodies.length + 1);
    },
    testMsMax,
  );

  test(
    "a newer one of the same device ends it for good, and so does a token that is not valid",
    async () => {
      const older = await client("gil");
      const newer = await client("gil");
      expect(await older.exited).toBe(1);
      expect(String(older.of("over")[0]?.["reason"])).toStartWith("4001 ");
      expect(newer.of("over")).toEqual([]);
      const refused = new PythonClient(server.tcp, "nonsense");
      expect(await refused.exited).toBe(1);
      expect((await refused.wait("over", 1))[0]).toEqual({ reason: "105 this is not a token" });
    },
    testMsMax,
  );

  test(
    "inside TLS it verifies the server, and comes back to one that has left",
    async () => {
      const authority = new TestAuthority(folder);
      const { certificate, key } = authority.leaf();
      const secure = [...words, "--tls-cert", certificate, "--tls-key", key];
      await server.end("SIGTERM");
      server = await ServerProcess.start(folder, secure);
      const token = await tokenOf("hal");
      const [trusting, doubting] = [authority.root, undefined].map((root) => new PythonClient(server.tcp, token, root));
      if (trusting === undefined || doubting === undefined) throw new Error("there are two clients");
      clients.push(trusting, doubting);
      await trusting.wait("online", 1);
      expect(String((await doubting.wait("offline", 1))[0]?.["reason"])).toContain("CERTIFICATE_VERIFY_FAILED");
      await server.end("SIGTERM");
      server = await ServerProcess.start(folder, secure);
      await trusting.wait("online", 2);
      expect(String(trusting.of("offline")[0]?.["reason"])).toStartWith("1012 ");
      expect(doubting.of("online")).toEqual([]);
    },
    testMsMax,
  );
});
