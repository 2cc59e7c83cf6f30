// Ours in one process, started as a process of its own on free ports, with its data in a temporary folder and full
// durability, as it is by default.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "../../scripts/harness/free-ports.ts";
import { endOf, hasEnded, makeFolder, removeFolder, spawnChild } from "./lifetime.ts";
import { benchApp, type Server } from "./target.ts";
import { tlsWords } from "./tls-words.ts";

const root = join(import.meta.dir, "../..");
const startMsMax = 20_000;
/** A question for its health that is not answered by then is asked anew. */
const healthMsMax = 5_000;
const host = "127.0.0.1";
/** Until a server whose data stay has ended in order. */
const endMsMax = 20_000;

/** A server that this bench started. */
export interface StartedServer extends Server {
  /** From exec to the first 200 of /health. */
  readonly readyMs: number;
  stop(): Promise<void>;
}

/** The command that starts roost: the executable that ROOST_BINARY names, or the one built here, else the source. */
export function roostCommand(): string[] {
  const binary = process.env["ROOST_BINARY"] ?? join(root, "dist", "roost");
  return existsSync(binary) ? [binary] : [process.execPath, join(root, "src", "main.ts")];
}

/** What a server has that others have not. */
export interface ServerWish {
  /** Files that it may have open; undefined: as many as this process. */
  readonly openFiles?: number;
  /** Limits that differ from the initial ones, `name=value,…`; a release that does not know them ignores them. */
  readonly limits?: string;
  /** Further words of its command line. */
  readonly words?: readonly string[];
  /** Its listeners for clients take TLS, with a certificate that is made for it. */
  readonly isSecure?: boolean;
  /** Where it starts, with its data in `data/`, which stay when it ends; undefined: a folder of its own. */
  readonly folder?: string;
}

/** The command under a limit of open files. */
export function withOpenFiles(command: readonly string[], openFiles: number | undefined): string[] {
  if (openFiles === undefined) return [...command];
  return ["bash", "-c", 'ulimit -n "$0" && exec "$@"', String(openFiles), ...command];
}

/** Starts it, and waits until it is ready. */
export async function startServer({
  openFiles,
  limits,
  words = [],
  isSecure = false,
  folder: kept,
}: ServerWish = {}): Promise<StartedServer> {
  const [ws = 0, tcp = 0, monitor = 0, api = 0] = await freePorts(4);
  const folder = kept ?? makeFolder();
  const secret = "a secret of the bench, and of nobody else";
  const listeners = ["--ws", `${host}:${ws}`, "--tcp", `${host}:${tcp}`, "--monitor", `${host}:${monitor}`];
  if (isSecure) listeners.push(...(await tlsWords(folder, host)));
  const keyFile = join(folder, "data", "api-key");
  const startedMs = performance.now();
  const child = spawnChild(withOpenFiles([...roostCommand(), ...listeners, ...words], openFiles), {
    cwd: folder,
    env: {
      ROOST_SECRET: secret,
      ROOST_LOG_LEVEL: "error",
      // A release without the API ignores it.
      ROOST_API: `${host}:${api}`,
      ...(limits === undefined ? {} : { ROOST_LIMIT: limits }),
    },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  const ending = { isWanted: false };
  const stop = async (): Promise<void> => {
    ending.isWanted = true;
    child.kill(kept === undefined ? "SIGKILL" : "SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), endMsMax);
    await child.exited;
    clearTimeout(late);
    if (kept === undefined) removeFolder(folder);
  };
  for (;;) {
    if (hasEnded(child)) {
      await stop();
      throw new Error(`the server ended before it was ready (${endOf(child)})`);
    }
    if (performance.now() - startedMs > startMsMax) {
      await stop();
      throw new Error(`the server did not become ready within ${startMsMax} ms`);
    }
    const isReady = await fetch(`http://${host}:${monitor}/health`, { signal: AbortSignal.timeout(healthMsMax) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) break;
    await Bun.sleep(1);
  }
  return {
    endpoints: isSecure
      ? {
          tls: { transport: "tls", host, port: tcp, path: "/" },
          wss: { transport: "wss", host, port: ws, path: "/" },
        }
      : {
          tcp: { transport: "tcp", host, port: tcp, path: "/" },
          ws: { transport: "ws", host, port: ws, path: "/" },
        },
    secret,
    app: benchApp,
    processes: [{ name: "standalone", pid: child.pid }],
    ...(existsSync(keyFile) ? { api: { port: api, key: readFileSync(keyFile, "utf8").trim() } } : {}),
    topology: "standalone",
    store: "sqlite",
    died: child.exited.then(() => {
      if (ending.isWanted) return new Promise<never>(() => undefined);
      throw new Error(`the server ended in the middle of the run (${endOf(child)})`);
    }),
    readyMs: performance.now() - startedMs,
    stop,
  };
}
