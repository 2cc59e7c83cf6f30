// Threads whose work nobody waits for.
//
// On Linux a thread inherits the priority of the one that starts it, and may not raise it. Several threads serve all
// others of the process and are started by whoever needs one first: those of the file pool, which also resolve names
// and compute what WebCrypto is asked for, and those that help to collect garbage. They stay until the process ends, so
// they are started before a thread yields. A thread that compiles ends after some idle seconds, and is started anew.

import { pbkdf2 } from "node:crypto";
import { availableParallelism, setPriority } from "node:os";

/** About a millisecond: the pool starts a thread for each task that comes while its others have work. */
const taskIterations = 2_000;

/** Starts the threads of the file pool, with the priority of the calling thread. */
export async function startFilePool(): Promise<void> {
  const tasks = Array.from({ length: 2 * availableParallelism() }, async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    pbkdf2("", "", taskIterations, 32, "sha256", () => resolve());
    await promise;
  });
  await Promise.all(tasks);
}

/**
 * Lowers the priority of the calling thread where there are fewer cores than work. On Linux it is that of the thread
 * alone (man7.org/linux/man-pages/man2/setpriority.2.html, "BUGS"); elsewhere nothing changes. A thread that uses files
 * or names starts the pool before.
 * @param niceness 1 to 19
 */
export function yieldToOthers(niceness: number): void {
  if (process.platform !== "linux") return;
  // With its helpers, which all threads share.
  Bun.gc(true);
  try {
    setPriority(niceness);
  } catch {
    // Where that is not permitted, it works without.
  }
}
