// The server under test: one that runs already, or ours, started here as a process of its own on free ports.

import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const startMsMax = 20_000;

/** A process of the server. */
export interface TargetProcess {
  readonly name: string;
  readonly pid: number;
}

/** Where to connect and how to sign tokens. */
export interface Target {
  readonly tcp: { readonly host: string; readonly port: number };
  readonly secret: Uint8Array;
  readonly app: string;
  /** None: a server that was not started here; then nothing is known of them. */
  readonly processes: readonly TargetProcess[];
  readonly store: string;
}

/** A server that this bench started. */
export interface StartedServer extends Target {
  /** From exec to the first 200 of /health. */
  readonly readyMs: number;
  stop(): Promise<void>;
}

/** Reads `tcp://host:port`. */
export function parseTcpUrl(url: string): Target["tcp"] {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== "tcp:" || port === "") throw new Error(`${url} is not tcp://host:port`);
  return { host: hostname, port: Number(port) };
}

/** The command that starts roost: the executable that ROOST_BINARY names, or the one built here, else the source. */
export function roostCommand(): string[] {
  const binary = process.env["ROOST_BINARY"] ?? join(root, "dist", "roost");
  return existsSync(binary) ? [binary] : [process.execPath, join(root, "src", "main.ts")];
}

/** A port that nobody listens on now. */
export function freePort(): number {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop(true);
  return port;
}

/** Starts ours with its data in a temporary folder; full durability, as it is by default. */
export async function startServer(): Promise<StartedServer> {
  const folder = mkdtempSync(join(tmpdir(), "roost-bench-"));
  const secret = "a secret of the bench, and of nobody else";
  const [tcpPort, monitorPort] = [freePort(), freePort()];
  const startedMs = performance.now();
  const child = Bun.spawn(
    [...roostCommand(), "--ws", "off", "--tcp", `127.0.0.1:${tcpPort}`, "--monitor", `127.0.0.1:${monitorPort}`],
    {
      cwd: folder,
      env: { ROOST_SECRET: secret, ROOST_LOG_LEVEL: "warn" },
      stdin: "ignore",
      stdout: "ignore",
      stderr: "inherit",
    },
  );
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  for (;;) {
    if (child.exitCode !== null || performance.now() - startedMs > startMsMax) {
      await stop();
      throw new Error(`the server did not become ready within ${startMsMax} ms (exit status ${child.exitCode})`);
    }
    const isReady = await fetch(`http://127.0.0.1:${monitorPort}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) break;
    await Bun.sleep(1);
  }
  return {
    tcp: { host: "127.0.0.1", port: tcpPort },
    secret: new TextEncoder().encode(secret),
    app: "bench",
    processes: [{ name: "standalone", pid: child.pid }],
    store: "sqlite",
    readyMs: performance.now() - startedMs,
    stop,
  };
}
