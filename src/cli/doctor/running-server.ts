// Finds the server that runs with the options that are examined, if it runs: the doctor must not take its own patient
// for an obstacle.

import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { faultOfContent } from "../../base/lock-file.ts";
import { lockHolder } from "../../base/lock-holder.ts";
import { formatAddress, type SocketAddress } from "../../transport/address.ts";
import { codeOf } from "../failure.ts";
import { environmentName } from "../../options/options.ts";
import { clientListeners, type Listener, memberListeners } from "../serve/listeners.ts";
import { registryAddress } from "../serve/requirements.ts";
import { lookAt } from "./files.ts";
import type { Subject } from "./finding.ts";
import { ownersOf } from "./port-owner.ts";

const answerMsMax = 1_000;

/** The server; `pid` is undefined if the system does not show it. */
interface RunningServer {
  readonly pid: number | undefined;
}

/** All addresses of the options. */
export function listenersOf({ values, role }: Subject): readonly Listener[] {
  switch (role) {
    case "standalone":
      return clientListeners(values);
    case "discovery":
      return [
        { option: "--listen", address: registryAddress(values) },
        { option: "--dns", address: values.optional("dns") },
      ];
    default: {
      const monitor = values.isGiven("monitor") ? values.optional("monitor") : undefined;
      const own = memberListeners({ listen: values.optional("listen"), monitor });
      return role === "gateway" ? [...clientListeners(values).slice(0, 2), ...own] : own;
    }
  }
}

/**
 * Returns the running server: of a data folder the process that has locked it, of other roles one that has their
 * addresses and says the same role, and the same id if one is given; undefined if none does.
 */
export async function runningServer(subject: Subject): Promise<RunningServer | undefined> {
  const { values, role } = subject;
  if (role === "standalone") return lockedBy(join(resolve(values.required("data")), "lock"));
  const id = role !== "discovery" && values.isGiven("id") ? values.required("id") : undefined;
  const isSame = (said: Said): boolean => said.role === role && (id === undefined || said.id === id);
  for (const { option, address } of listenersOf(subject)) {
    if (address === undefined || address.port === 0) continue;
    const own = ownersOf(address.port).find(({ pid }) => isSame(saidByProcess(pid)));
    if (own !== undefined) return own;
    // Of other users' processes the system shows nothing: the monitor, or the API of a registry node, is asked.
    const isAsked = option === "--monitor" || (role === "discovery" && option === "--listen");
    if (isAsked && isSame(await saidByHealth(address))) return { pid: undefined };
  }
  return undefined;
}

/** What a process says of itself. */
interface Said {
  readonly role?: unknown;
  readonly id?: unknown;
}

/** By its command line and its environment, as far as the system shows them. */
function saidByProcess(pid: number): Said {
  const words = partsOf(`/proc/${pid}/cmdline`);
  const variables = partsOf(`/proc/${pid}/environ`);
  const said = (name: "role" | "id"): string | undefined => {
    const at = words.indexOf(`--${name}`);
    const attached = words.find((word) => word.startsWith(`--${name}=`))?.slice(`--${name}=`.length);
    const variable = `${environmentName(name)}=`;
    const value = variables.find((text) => text.startsWith(variable))?.slice(variable.length);
    return (at === -1 ? undefined : words[at + 1]) ?? attached ?? value;
  };
  return { role: said("role"), id: said("id") };
}

/** Returns the texts that a file of the system has with NULs between them. */
function partsOf(path: string): readonly string[] {
  try {
    return readFileSync(path, "utf8").split("\0");
  } catch {
    // The process has ended, or belongs to another user.
    return [];
  }
}

/** Returns the process that holds a lock file exclusively; undefined if none does. Changes nothing. */
export function lockedBy(path: string): RunningServer | undefined {
  const pid = lockHolder(path, "exclusive");
  if (pid !== undefined) return { pid };
  // A process of another container, or of another user.
  return codeOf(readLock(path)).startsWith("SQLITE_BUSY") ? { pid: undefined } : undefined;
}

/** Returns what is wrong with a lock file's content; undefined if nothing is, or none is there. Changes nothing. */
export function faultOfLock(path: string): string | undefined {
  return faultOfContent(readLock(path));
}

/** Reads a lock file as a server does, and returns why that failed. */
function readLock(path: string): unknown {
  // Opening a pipe would wait.
  const found = lookAt(path);
  if (typeof found !== "object" || !found.isFile()) return undefined;
  try {
    using lock = new Database(path, { readonly: true });
    lock.query("SELECT count(*) FROM sqlite_schema").get();
    return undefined;
  } catch (error) {
    return error;
  }
}

async function saidByHealth({ host, port }: SocketAddress): Promise<Said> {
  const reached = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  for (const scheme of ["http", "https"]) {
    try {
      const response = await fetch(`${scheme}://${formatAddress(reached, port)}/health`, {
        signal: AbortSignal.timeout(answerMsMax),
        redirect: "error",
        // Who answers is on this machine, and is told nothing.
        tls: { rejectUnauthorized: false },
      });
      const answer: unknown = await response.json();
      return typeof answer === "object" && answer !== null ? { ...answer } : {};
    } catch {
      // Nobody listens there, or it is another program.
      continue;
    }
  }
  return {};
}
