// A storage of an outbox that keeps nothing, of which tests replace parts.

import type { OutboxStorage } from "../../../src/sdk/messenger/outbox-storage.ts";

export function openMemoryOutbox(): OutboxStorage {
  const done = (): Promise<void> => Promise.resolve();
  return { load: () => Promise.resolve([]), put: done, remove: done, close: done };
}
