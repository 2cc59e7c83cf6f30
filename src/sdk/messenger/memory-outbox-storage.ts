// An outbox that ends with the process or the page.

import type { OutboxStorage } from "./outbox-storage.ts";

/** Keeps nothing: the entries are in the outbox itself. */
export function openMemoryOutbox(): OutboxStorage {
  const done = (): Promise<void> => Promise.resolve();
  return { load: () => Promise.resolve([]), put: done, remove: done, close: done };
}
