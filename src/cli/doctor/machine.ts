// Whether this machine, or what confines this process on it, leaves room for the server.

import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { dirname, join } from "node:path";
import { descriptorsMax, descriptorsWanted } from "../../base/descriptors.ts";
import { silentLog } from "../../base/log.ts";
import { limitsOf } from "../serve/limits.ts";
import { type Finding, ok, problem, type Subject, warning } from "./finding.ts";

/** With fewer, listeners, stores, links and logs leave nothing for connections (see GatewayRole). */
const descriptorsMin = 256;
/** The length of the queue of new connections that the platform asks for. */
const backlog = 512;
const mib = 1024 * 1024;
/** What an idle server takes, and what its work takes for a moment. */
const ownBytes = 192 * mib;

/** Compares the limit of open files with what the server is to hold. */
export function checkDescriptors(): readonly Finding[] {
  const limit = descriptorsMax();
  if (limit === undefined) return [ok("no limit is known")];
  const remedy = "raise the limit (ulimit -n, LimitNOFILE)";
  if (limit < descriptorsMin) return [problem(`${limit} leave no room for connections; ${remedy}`)];
  if (limit < descriptorsWanted) return [warning(`${limit}, and each connection needs one; ${remedy}`)];
  return [ok(`${limit}`)];
}

/** Compares the memory that this process may take with what its queues may hold. */
export function checkMemory({ values, role }: Subject): readonly Finding[] {
  const { values: limits } = limitsOf(values, role, silentLog);
  const isForClients = role === "standalone" || role === "gateway";
  const queueBytes = isForClients ? limits.unsentBytesInAll : role === "discovery" ? 0 : limits.unsentBytesPerLink;
  const limit = memoryLimit();
  const sentence = `${Math.floor(limit / mib)} MiB for this process`;
  if (limit < ownBytes)
    return [problem(`${sentence}, of which the server alone takes up to ${ownBytes / mib}; allow more (MemoryMax)`)];
  if (limit >= ownBytes + queueBytes) return [ok(sentence)];
  const name = isForClients ? "unsent-bytes-in-all" : "unsent-bytes-per-link";
  return [
    warning(
      `${sentence}: the server takes up to ${ownBytes / mib}, and what waits to be sent up to ` +
        `${Math.ceil(queueBytes / mib)}; allow more (MemoryMax), or lower --limit ${name}`,
    ),
  ];
}

/** The machine's memory, or the lowest limit of this process's control groups if that is less; in bytes. */
function memoryLimit(): number {
  const groups = textOf("/proc/self/cgroup");
  const unified = /^0::(\/.*)$/m.exec(groups)?.[1];
  const former = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(\/.*)$/m.exec(groups)?.[1];
  return Math.min(
    totalmem(),
    ...limitsAbove("/sys/fs/cgroup", unified, "memory.max"),
    ...limitsAbove("/sys/fs/cgroup", unified, "memory.high"),
    ...limitsAbove("/sys/fs/cgroup/memory", former, "memory.limit_in_bytes"),
  );
}

/** The limits of a control group and of those that hold it. In a container, the path may begin above its root. */
function limitsAbove(root: string, group: string | undefined, file: string): number[] {
  const found: number[] = [];
  for (let at = group; at !== undefined; at = at === "/" ? undefined : dirname(at)) {
    const text = textOf(join(root, at, file)).trim();
    if (/^\d+$/.test(text)) found.push(Number(text));
  }
  return found;
}

/** Compares the kernel's longest queue of new connections with what the server asks for. */
export function checkBacklog(): readonly Finding[] {
  const text = textOf("/proc/sys/net/core/somaxconn").trim();
  if (!/^\d+$/.test(text) || Number(text) >= backlog) return [ok(text || "not known")];
  return [
    warning(
      `net.core.somaxconn is ${text}: when many clients return at once, the kernel drops connections beyond ${text} ` +
        `that wait to be accepted; set it to ${backlog} or more`,
    ),
  ];
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
