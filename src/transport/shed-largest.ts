// Bounds the unsent bytes of all connections together: thousands of peers that read slowly, each within its own bound,
// must not exhaust the memory of the process.

import type { Member } from "./connection-group.ts";

/**
 * Ends the connections with the most unsent bytes until the rest have at most `bytesMax`.
 * @returns the number of connections ended, and the unsent bytes of all of them before.
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
