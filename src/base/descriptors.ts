// How many files and sockets the system lets this process have open at a time.

import { readFileSync } from "node:fs";

/** The soft limit (`ulimit -n`); undefined if it is unlimited, or unknown: some containers hide the file `limits`. */
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
