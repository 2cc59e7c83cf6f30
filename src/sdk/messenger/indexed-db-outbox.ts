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
export function openIndexedDbOutbox({ account, device }: OutboxOwner): OutboxStorage {
  return new IndexedDbOutbox(JSON.stringify([account, device]));
}

class IndexedDbOutbox implements OutboxStorage {
  private readonly owner: string;
  private database: Promise<IDBDatabase> | undefined;

  constructor(owner: string) {
    this.owner = owner;
  }

  async load(): Promise<readonly OutboxEntry[]> {
    const own = IDBKeyRange.bound([this.owner], [this.owner, []]);
    const found: Kept[] = await this.transact("readonly", (store) => store.getAll(own));
    return found.map(({ entry }) => entry).toSorted((one, other) => one.addedAt - other.addedAt);
  }

  async put(entry: OutboxEntry): Promise<void> {
    const { owner } = this;
    const kept: Kept = { owner, clientId: entry.clientId, entry };
    await this.transact("readwrite", (store) => store.put(kept));
  }

  async remove(clientId: string): Promise<void> {
    await this.transact("readwrite", (store) => store.delete([this.owner, clientId]));
  }

  async close(): Promise<void> {
    const database = await this.database?.catch(() => undefined);
    this.database = undefined;
    database?.close();
  }

  /** Resolves once the transaction is complete: on the disk, where the browser can tell. */
  private async transact<T>(mode: IDBTransactionMode, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const database = await this.open();
    return new Promise((resolve, reject) => {
      const transaction = database.transaction(entries, mode, { durability: "strict" });
      const request = ask(transaction.objectStore(entries));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  }

  private open(): Promise<IDBDatabase> {
    this.database ??= new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(databaseName, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(entries, { keyPath: ["owner", "clientId"] });
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const database = request.result;
        // Another version of the page, or whoever clears the site's data, waits for this. The next use opens it again.
        database.onclose = database.onversionchange = () => {
          this.database = undefined;
          database.close();
        };
        resolve(database);
      };
    });
    this.database.catch(() => (this.database = undefined));
    return this.database;
  }
}
