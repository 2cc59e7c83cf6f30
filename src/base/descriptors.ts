// The number of files and sockets that this process may open.

import { readFileSync } from "node:fs";

/** A server with fewer can hold few connections: an operator should raise the limit. */
export const descriptorsWanted = 10_000;

/**
 * Returns the soft limit (`ulimit -n`); undefined if it is unlimited, or unknown because a container hides `limits`.
 */
export function descriptorsMax(limits = "/proc/self/limits"): number | undefined {
  let text: string;
  try {
    text = readFileSync(limits, "utf8");
  } catch {
    return undefined;
  }
  const digits = /^Max open files\s+(\d+)/m.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
