// Where an outbox is kept if the application does not choose.

import { openIndexedDbOutbox } from "./indexed-db-outbox.ts";
import { openMemoryOutbox } from "./memory-outbox-storage.ts";
import type { OpenOutbox } from "./outbox-storage.ts";

/** IndexedDB where there is one, memory elsewhere. */
export const openDefaultOutbox: OpenOutbox = (owner) =>
  typeof indexedDB === "undefined" ? openMemoryOutbox() : openIndexedDbOutbox(owner);
