// Threads whose work nobody waits for.

import { setPriority } from "node:os";

/**
 * Lowers the priority of the calling thread where there are fewer cores than work. On Linux it is that of the thread
 * alone (man7.org/linux/man-pages/man2/setpriority.2.html, "BUGS"); elsewhere nothing changes.
 * @param niceness 1 to 19
 */
export function yieldToOthers(niceness: number): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(niceness);
  } catch {
    // Where that is not permitted, it works without.
  }
}
