// The operators' interface of a server with a data folder: HTTP on a Unix socket in that folder, which only its owner
// may open (0600). `POST /control` carries requests and answers (observe/control-commands.ts).
//
// The socket is bound in a private folder and then moved to its path: nobody can connect before its mode is set, and
// the socket of a killed server is replaced atomically.

import { chmodSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../base/log.ts";
import { controlRequestBytesMax } from "../../base/limits/fixed.ts";
import type { ControlCommands } from "../../observe/control-commands.ts";
import { sentenceOf } from "../failure.ts";

const socketName = "control.sock";
const ownerOnly = 0o600;
const ownerOnlyFolder = 0o700;
/** The longest wait for an answer at an existing socket. */
const answerMsMax = 1_000;

/** Returns the path of a data folder's socket. */
export function controlSocketPath(folder: string): string {
  return join(folder, socketName);
}

export interface ControlSocket {
  /** Closes the socket, and removes its file unless another server has replaced it. */
  close(): Promise<void>;
}

/**
 * Opens the socket of a data folder, which this process has locked. A failure (a full disk, a file system without
 * sockets, a server that answers there) is logged, and the result is undefined: the server runs without the socket.
 */
export async function openControlSocket(
  folder: string,
  commands: ControlCommands,
  log: Log,
): Promise<ControlSocket | undefined> {
  const path = controlSocketPath(folder);
  try {
    if (await isAnswered(path)) throw new Error("another process listens there");
    return open(path, commands, log);
  } catch (error) {
    log.warn("commands such as roost limits cannot reach this process", { path, error: sentenceOf(error) });
    return undefined;
  }
}

function open(path: string, commands: ControlCommands, log: Log): ControlSocket {
  const folder = `${path}.new`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: ownerOnlyFolder });
  let server: Bun.Server<undefined> | undefined;
  try {
    const bound = join(folder, socketName);
    server = Bun.serve({
      unix: bound,
      development: false,
      maxRequestBodySize: controlRequestBytesMax,
      error(bug) {
        log.error("an operator's request failed by a bug", { error: sentenceOf(bug) });
        return new Response("internal error\n", { status: 500 });
      },
      fetch: (request) => respond(request, commands),
    });
    chmodSync(bound, ownerOnly);
    const { ino } = statSync(bound);
    renameSync(bound, path);
    const opened = server;
    return {
      async close() {
        await opened.stop(true);
        if (statSync(path, { throwIfNoEntry: false })?.ino === ino) rmSync(path);
      },
    };
  } catch (error) {
    void server?.stop(true);
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function respond(request: Request, commands: ControlCommands): Promise<Response> {
  if (request.method !== "POST" || new URL(request.url).pathname !== "/control")
    return new Response("not found: expected POST /control\n", { status: 404 });
  let text: string;
  try {
    text = await request.text();
  } catch (error) {
    // Truncated, or too long.
    return new Response(`${sentenceOf(error)}\n`, { status: 400 });
  }
  return new Response(await commands.obey(text), { headers: { "content-type": "application/json" } });
}

/** Reports whether a process accepts connections at a socket; the socket of a killed server refuses them. */
async function isAnswered(path: string): Promise<boolean> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false;
  try {
    await fetch("http://roost/", { unix: path, signal: AbortSignal.timeout(answerMsMax) });
    return true;
  } catch (error) {
    // A process that accepts connections, but hangs.
    return error instanceof DOMException && error.name === "TimeoutError";
  }
}
