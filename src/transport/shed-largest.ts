// What waits unsent for all connections together is bounded: a process must not run out of memory because thousands of peers
// read slowly, each of them within its own bound.

import type { Member } from "./connection-group.ts";

/**
 * Ends connections, the ones for which the most waits first, until what waits for the rest is at most `bytesMax`.
 * @returns how many were ended, and how many bytes waited for all of them before.
 */
export function shedLargest(
  connections: Iterable<Member>,
  bytesMax: number,
): { readonly ended: number; readonly bytes: number } {
  const waiting: { readonly connection: Member; readonly bytes: number }[] = [];
  let bytes = 0;
  for (const connection of connections) {
    const { unsentBytes } = connection;
    if (unsentBytes === 0) continue;
    bytes += unsentBytes;
    waiting.push({ connection, bytes: unsentBytes });
  }
  if (bytes <= bytesMax) return { ended: 0, bytes };
  waiting.sort((one, other) => other.bytes - one.bytes);
  let left = bytes;
  let ended = 0;
  for (const largest of waiting) {
    if (left <= bytesMax) break;
    largest.connection.shed();
    left -= largest.bytes;
    ended++;
  }
  return { ended, bytes };
}
