// An outbox in the IndexedDB of the page's origin: it outlives the page and the browser.

import type { OutboxEntry, OutboxOwner, OutboxStorage } from "./outbox-storage.ts";

const databaseName = "roost-outbox";
const entries = "entry";

interface Kept {
  readonly owner: string;
  readonly clientId: string;
  readonly entry: OutboxEntry;
}

/** Opens the owner's part of the database `roost-outbox`; other owners' entries are not touched. */
export function openIndexedDbOutbox({ server, account, device }: OutboxOwner): OutboxStorage {
  const owner = JSON.stringify([server, account, device]);
  let database: Promise<IDBDatabase> | undefined;

  const open = (): Promise<IDBDatabase> => {
    database ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(databaseName, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(entries, { keyPath: ["owner", "clientId"] });
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const { result } = request;
        // Another version of the page, or whoever clears the site's data, waits for this. The next use opens it again.
        result.onclose = result.onversionchange = () => {
          database = undefined;
          result.close();
        };
        resolve(result);
      };
    });
    database.catch(() => (database = undefined));
    return database;
  };

  /** Resolves once the transaction is complete: if it is strict, on the disk, where the browser can tell. */
  const transact = async <T>(
    mode: IDBTransactionMode,
    ask: (store: IDBObjectStore) => IDBRequest<T>,
    durability: IDBTransactionDurability = "strict",
  ): Promise<T> => {
    const opened = await open();
    return new Promise((resolve, reject) => {
      const transaction = opened.transaction(entries, mode, { durability });
      const request = ask(transaction.objectStore(entries));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  };

  return {
    load: async () => {
      const found: Kept[] = await transact("readonly", (store) =>
        store.getAll(IDBKeyRange.bound([owner], [owner, []])),
      );
      return found.map(({ entry }) => entry).toSorted((one, other) => one.addedAt - other.addedAt);
    },
    put: async (entry) => {
      const kept: Kept = { owner, clientId: entry.clientId, entry };
      await transact("readwrite", (store) => store.put(kept));
    },
    // What a loss of power brings back is sent again with its clientId.
    remove: (clientId) => transact("readwrite", (store) => store.delete([owner, clientId]), "relaxed"),
    close: async () => {
      const opened = await database?.catch(() => undefined);
      database = undefined;
      opened?.close();
    },
  };
}
