// Waits for the moment at which something is due.

/**
 * Resolves at `dueMs`, of `performance.now()`, or soon after, and at once if it has passed. A timer alone may fire up
 * to a millisecond early, and what is asked too early seems to be answered sooner than it was.
 */
export async function untilDue(dueMs: number): Promise<void> {
  for (let restMs = dueMs - performance.now(); restMs > 0; restMs = dueMs - performance.now())
    await (restMs > 1 ? Bun.sleep(restMs - 1) : new Promise(setImmediate));
}
