// A Redis server of a test's own: on a free port of loopback, with a folder of its own, keeping nothing on disk.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { freePorts } from "./free-ports.ts";
import { endsWithParent, removeAfterwards } from "./with-parent.ts";

const program = Bun.which("redis-server") ?? Bun.which("valkey-server");
/** Neither Redis nor Valkey is installed: tests that need one are skipped. */
export const isRedisMissing = program === null;

const startMsMax = 30_000;

/** Files of a server with TLS. */
interface RedisTls {
  readonly certificate: string;
  readonly key: string;
  /** The authorities of clients, which are demanded a certificate if `isMutual`. */
  readonly authorities: string;
  readonly isMutual: boolean;
  /** This harness does not verify the server: its certificate is bad. */
  readonly isTrusted?: boolean;
}

export class RedisServer {
  readonly port: number;
  readonly password: string;
  private readonly tls: RedisTls | undefined;
  readonly folder = mkdtempSync(join(tmpdir(), "roost-redis-"));
  private readonly more: readonly string[];
  private child: Subprocess | undefined;

  private constructor(port: number, password: string, tls: RedisTls | undefined, more: readonly string[]) {
    this.tls = tls;
    this.more = more;
    this.port = port;
    this.password = password;
    removeAfterwards(this.folder);
  }

  /** Starts one that answers. `more`: words of its command line that come before its own. */
  static async start(password = "", tls?: RedisTls, more: readonly string[] = []): Promise<RedisServer> {
    const server = new RedisServer((await freePorts(1))[0] ?? 0, password, tls, more);
    await server.startAgain();
    return server;
  }

  url(database = 0): string {
    const user = this.password === "" ? "" : `:${encodeURIComponent(this.password)}@`;
    return `${this.tls === undefined ? "redis" : "rediss"}://${user}127.0.0.1:${this.port}/${database}`;
  }

  /** Starts it on its port, after `kill`: empty, unless it was told to save. */
  async startAgain(): Promise<void> {
    const port = String(this.port);
    const { tls } = this;
    const words = ["--bind", "127.0.0.1", "--dir", this.folder, "--save", ""];
    if (tls === undefined) words.push("--port", port);
    else {
      words.push("--port", "0", "--tls-port", port, "--tls-auth-clients", tls.isMutual ? "yes" : "no");
      words.push("--tls-cert-file", tls.certificate, "--tls-key-file", tls.key);
      words.push("--tls-ca-cert-file", tls.authorities);
    }
    if (this.password !== "") words.push("--requirepass", this.password);
    const child = Bun.spawn([...endsWithParent(), program ?? "", ...this.more, ...words], {
      stdout: "ignore",
      stderr: "ignore",
    });
    this.child = child;
    const endMs = performance.now() + startMsMax;
    while (performance.now() < endMs && child.exitCode === null) {
      try {
        if ((await this.send("PING", [])) === "PONG") return;
      } catch (error) {
        if (performance.now() > endMs) throw error;
      }
      await Bun.sleep(20);
    }
    throw new Error(`redis-server did not start on port ${this.port}`);
  }

  /** One command over a connection of its own. */
  async send(command: string, words: string[], database = 0): Promise<unknown> {
    const client = new Bun.RedisClient(this.url(database), {
      autoReconnect: false,
      connectionTimeout: 2_000,
      ...(this.tls && {
        tls: {
          ca: readFileSync(this.tls.authorities, "utf8"),
          cert: readFileSync(this.tls.certificate, "utf8"),
          key: readFileSync(this.tls.key, "utf8"),
          rejectUnauthorized: this.tls.isTrusted !== true,
        },
      }),
    });
    try {
      await client.connect();
      return await client.send(command, words);
    } finally {
      client.close();
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  /** kill -9, and its end awaited. */
  async kill(): Promise<void> {
    this.child?.kill("SIGKILL");
    await this.child?.exited;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
