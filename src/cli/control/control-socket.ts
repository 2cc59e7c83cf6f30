// The door for operators of a server with a data folder: HTTP on a Unix socket in that folder, which its owner alone
// may open (0600). `POST /control` carries a request, and its answer (observe/control-commands.ts).
//
// The socket is bound in a folder that is closed to others, and moved to its place: nobody can connect before its mode
// is set, and a socket that a killed server left is replaced in one step.

import { chmodSync, mkdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../base/log.ts";
import { controlRequestBytesMax } from "../../base/limits/fixed.ts";
import type { ControlCommands } from "../../observe/control-commands.ts";
import { sentenceOf } from "../failure.ts";

const socketName = "control.sock";
const ownerOnly = 0o600;
const ownerOnlyFolder = 0o700;
/** Whoever answers at a socket that is there already does so within this time. */
const answerMsMax = 1_000;

/** Path of the socket of a data folder. */
export function controlSocketPath(folder: string): string {
  return join(folder, socketName);
}

export interface ControlSocket {
  /** Closes it, and removes the file unless it is another server's by now. */
  close(): Promise<void>;
}

/**
 * Opens the socket of a data folder, which this process holds. A server serves without one: what goes wrong (a full
 * disk, a file system without sockets, a server that answers there) is a line in the log, and the result is undefined.
 */
export async function openControlSocket(
  folder: string,
  commands: ControlCommands,
  log: Log,
): Promise<ControlSocket | undefined> {
  const path = controlSocketPath(folder);
  try {
    if (await isAnswered(path)) throw new Error("another process answers there");
    return open(path, commands, log);
  } catch (error) {
    log.warn("operators cannot ask this process anything, such as roost limits", { path, error: sentenceOf(error) });
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
        log.error("an operator's request was failed by a bug", { error: sentenceOf(bug) });
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
    return new Response("there is POST /control\n", { status: 404 });
  let text: string;
  try {
    text = await request.text();
  } catch (error) {
    // Cut short, or too long.
    return new Response(`${sentenceOf(error)}\n`, { status: 400 });
  }
  return new Response(await commands.obey(text), { headers: { "content-type": "application/json" } });
}

/** True when somebody takes connections at a socket; a file that a killed server left takes none. */
async function isAnswered(path: string): Promise<boolean> {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return false;
  try {
    await fetch("http://roost/", { unix: path, signal: AbortSignal.timeout(answerMsMax) });
    return true;
  } catch (error) {
    // It was connected to, and hangs.
    return error instanceof DOMException && error.name === "TimeoutError";
  }
}
